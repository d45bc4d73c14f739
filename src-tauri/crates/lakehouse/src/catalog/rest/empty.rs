//! Tables on servers that cannot stage one: made empty, and filled by the commit that brings their rows.
//!
//! The table is seen before it is whole. It says itself that it waits for its rows, and for whose: nobody else's run takes it for a
//! finished table, fills it or drops it. Its columns have the ids that the server gave them.

use super::RestCatalog;
use super::service::RefusalKind;
use super::updates::creation;
use super::vending::{Loaded, Origin};
use crate::catalog::common::adoption::table_exists;
use crate::catalog::common::contract::{Draft, Staged};
use crate::metadata::TableMetadata;
use crate::provenance::{PROPERTY_FILLED_BY_PLAN, PROPERTY_FILLED_FROM, PROPERTY_PLAN, holds_rows};
use crate::table::Table;
use icebridge_http::Failure;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

const ATTEMPTS: u32 = 4;

impl RestCatalog {
    /// The empty table of this token: made now, or before by the same run or one that it resumes.
    pub(super) async fn make_empty(
        &self,
        table: &TableIdent,
        token: &str,
        draft: Draft<'_>,
        plan: &str,
    ) -> Result<Staged> {
        let marks = [(PROPERTY_FILLED_BY_PLAN, plan), (PROPERTY_FILLED_FROM, token)];
        let body = creation(&table.name, draft.metadata, &marks)?;
        let path = self.client.tables_path(&table.namespace)?;
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(self.client.retry().backoff(attempt)).await;
            }
            match self.client.post::<Loaded>(&path, &body).await {
                // Asked for once more: the answer to a creation need not lend what opens the files.
                Ok(_) => return self.found_empty(table, token).await,
                Err(Failure::Refused(refusal)) if refusal.is_conflict() => return self.found_empty(table, token).await,
                // Whether it was made shows when it is asked for again: then the name is taken.
                Err(Failure::Unknown(error)) => last = Some(error),
                Err(failure) => return Err(Error::from(failure).about(table)),
            }
        }
        let last = last.unwrap_or_else(|| Error::internal("a table was made without an answer"));
        Err(last.about(table).retryable())
    }

    /// The table of the name, if it waits for the rows of this token; else an error that says whose it is.
    async fn found_empty(&self, table: &TableIdent, token: &str) -> Result<Staged> {
        match self.empty_of(table, token).await? {
            Found::Ours(staged) => Ok(*staged),
            Found::Missing => Err(Error::new(
                Code::CatalogRefused,
                "the catalog says that the name is taken, and has no table of this name",
            )
            .about(table)
            .with_hint("A view or another object may have the name. Map the table to another name.")),
            Found::OfAnotherRun => Err(filled_by_another(table)),
            Found::Whole => Err(table_exists(table)),
        }
    }

    pub(super) async fn empty_of(&self, table: &TableIdent, token: &str) -> Result<Found> {
        let loaded = match self.vending.load(table).await {
            Ok(loaded) => loaded,
            Err(Failure::Refused(refusal)) if refusal.is_missing() => return Ok(Found::Missing),
            Err(failure) => return Err(Error::from(failure).about(table)),
        };
        let metadata = TableMetadata::from_value(loaded.metadata.clone(), &table.to_string())?;
        // Once it is filled it is the plan's table, also on a server that leaves the marks.
        let waits = !metadata.properties.contains_key(PROPERTY_PLAN);
        let Some(from) = metadata.properties.get(PROPERTY_FILLED_FROM).filter(|_| waits) else {
            return Ok(Found::Whole);
        };
        if from != token {
            return Ok(Found::OfAnotherRun);
        }
        if holds_rows(&metadata) {
            return Ok(Found::Whole);
        }
        let location = metadata.location.trim_end_matches('/').to_string();
        if location.is_empty() {
            return Err(
                Error::new(Code::CatalogRefused, "the catalog made the table and gave it no location").about(table)
            );
        }
        let storage = self.vending.storage(&loaded, &Origin::Table(table.clone()))?;
        let metadata = Arc::new(metadata);
        self.empty.lock().unwrap_or_else(PoisonError::into_inner).insert(table.clone(), metadata.clone());
        Ok(Found::Ours(Box::new(Staged { location, storage, empty: Some(metadata) })))
    }

    /// As the server had it when this run made or found it.
    pub(super) fn known_empty(&self, table: &TableIdent) -> Option<Arc<TableMetadata>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }

    /// Whether it is the table that this run fills, and still waits.
    pub(super) fn is_known_empty(&self, existing: &Table) -> bool {
        let waits = existing.metadata.properties.get(PROPERTY_FILLED_FROM);
        let waits = waits.filter(|_| !existing.metadata.properties.contains_key(PROPERTY_PLAN));
        self.known_empty(&existing.ident).is_some_and(|known| {
            known.uuid == existing.metadata.uuid
                && waits.is_some()
                && waits == known.properties.get(PROPERTY_FILLED_FROM)
        })
    }

    pub(super) fn forget_empty(&self, table: &TableIdent) {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner).remove(table);
    }
}

pub(super) fn filled_by_another(table: &TableIdent) -> Error {
    Error::new(Code::CommitConflict, "another run has made this table and is filling it").about(table).with_hint(
        "Wait for it to end, then run the plan again: it adopts the table. If no other run is at work, drop the empty table.",
    )
}

/// What lies under a name.
pub(super) enum Found {
    Missing,
    /// It waits for the rows of the token.
    Ours(Box<Staged>),
    /// It waits for those of another.
    OfAnotherRun,
    /// It is another table, or has rows.
    Whole,
}

/// What a commit that fills the table requires: nobody has written to it or changed its columns or partitions.
pub(super) fn as_it_was(empty: &TableMetadata) -> Vec<Value> {
    let mut all = vec![
        json!({"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": empty.current_snapshot_id}),
        json!({"type": "assert-current-schema-id", "current-schema-id": empty.current_schema_id}),
        json!({"type": "assert-default-spec-id", "default-spec-id": empty.default_spec_id}),
    ];
    // Version 1 need not have one.
    if !empty.uuid.is_empty() {
        all.insert(0, json!({"type": "assert-table-uuid", "uuid": empty.uuid}));
    }
    all
}

/// An error if the table that was to be filled has rows already.
pub(super) fn written_by_others(existing: &Table) -> Result<Option<Table>> {
    if !holds_rows(&existing.metadata) {
        return Ok(None);
    }
    Err(Error::new(Code::TableExists, "another client wrote into the table before it was filled")
        .about(&existing.ident)
        .with_hint("Its rows stay. Drop the table if they are not needed, and run the plan again."))
}
