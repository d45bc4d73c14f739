//! The inventory of a workspace's Unity Catalog: pages go into the local state as they come, in bounded memory. A refresh
//! that was ended in the middle goes on where its rows end; the next one reads whole only what is new or changed.

use super::reach::client;
use crate::LocalState;
use futures::StreamExt;
use icebridge_databricks::inventory::{Cursor, Found, SchemaPosition, SchemaProgress, Scope, TableRow};
use icebridge_model::databricks::{
    FailedObject, TableGrant, TableKind, UnityListRequest, UnityPage, UnityRequest, UnityRow, UnitySummary,
};
use icebridge_model::event::Event;
use icebridge_model::{Code, Error, Result};
use icebridge_store::{SchemaOf, UnityBatch, UnityPlace, UnityWalk};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Rows written at once, at most; a page's end writes them earlier.
const BATCH: usize = 1000;
const EVENT_EVERY: Duration = Duration::from_millis(100);
/// Failures listed by name. A workspace that refuses every table would fill the answer.
const FAILURES: usize = 1000;

pub async fn list(local: &LocalState, request: &UnityListRequest) -> Result<UnityPage> {
    local.store.workspace(&request.workspace).await?;
    local.store.unity_page(request).await
}

pub async fn refresh(local: &LocalState, request: &UnityRequest, cancel: &CancellationToken) -> Result<UnitySummary> {
    let begun = Instant::now();
    let name = request.workspace.as_str();
    let client = client(local, name).await?;
    let wanted: BTreeSet<String> = request.catalogs.iter().map(|name| name.trim().to_string()).collect();
    let scope = json!({ "catalogs": wanted, "grants_and_tags": request.grants_and_tags }).to_string();
    // Grants and tags change without the table's time: with them, every table is read.
    let walk = local.store.unity_begin(name, client.host().origin(), &scope, !request.grants_and_tags).await?;
    let known = if walk.incremental { Some(Arc::new(local.store.unity_known(name).await?)) } else { None };
    let scope = Scope {
        catalogs: Some(wanted.clone()).filter(|names| !names.is_empty()),
        grants_and_tags: request.grants_and_tags,
        known,
        ..Scope::default()
    };
    let mut collector = Collector::new(local, &walk);
    let mut found = client.inventory(scope, cursor(&walk)?);
    loop {
        let next = tokio::select! {
            next = found.next() => next,
            () = cancel.cancelled() => {
                return Err(Error::new(Code::Cancelled, "the inventory of Unity Catalog was cancelled")
                    .about(name)
                    .with_hint("Refresh again: it goes on where it was."));
            }
        };
        let Some(next) = next else { break };
        collector.take(next.map_err(|e| e.about(name))?).await?;
    }
    collector.save(None).await?;
    collector.end(&wanted, begun).await
}

fn cursor(walk: &UnityWalk) -> Result<Cursor> {
    walk.places
        .iter()
        .map(|place| {
            let progress: SchemaProgress = serde_json::from_str(&place.progress)
                .map_err(|e| Error::internal("the place of a walk cannot be understood").with_cause(e))?;
            Ok(SchemaPosition { catalog: place.catalog.clone(), schema: place.schema.clone(), progress })
        })
        .collect()
}

struct Collector<'a> {
    local: &'a LocalState,
    walk: &'a UnityWalk,
    batch: UnityBatch,
    catalogs: BTreeSet<String>,
    schemas: BTreeSet<SchemaOf>,
    summary: UnitySummary,
    last_event: Instant,
}

impl<'a> Collector<'a> {
    fn new(local: &'a LocalState, walk: &'a UnityWalk) -> Self {
        let summary =
            UnitySummary { workspace: walk.workspace.clone(), resumed: walk.resumed, ..UnitySummary::default() };
        Self {
            local,
            walk,
            batch: UnityBatch::default(),
            catalogs: BTreeSet::new(),
            schemas: BTreeSet::new(),
            summary,
            last_event: Instant::now(),
        }
    }

    async fn take(&mut self, found: Found) -> Result<()> {
        match found {
            Found::Catalog(catalog) => {
                self.catalogs.insert(catalog.name);
            }
            Found::Schema(schema) => {
                self.schemas.insert((schema.catalog_name, schema.name));
            }
            Found::Table(row) => {
                self.summary.read += 1;
                let of = (row.table.catalog_name.clone(), row.table.schema_name.clone());
                let row = kept(*row);
                self.emit(&row.full_name);
                self.batch.rows.push((of, row));
            }
            Found::Unchanged { full_name } => {
                self.summary.unchanged += 1;
                self.emit(&full_name);
                self.batch.seen.push(full_name);
            }
            Found::Reached(place) => {
                let complete = matches!(place.progress, SchemaProgress::Done { complete: true });
                let progress = serde_json::to_string(&place.progress)
                    .map_err(|e| Error::internal("the place of a walk cannot be written").with_cause(e))?;
                let (catalog, schema) = (place.catalog, place.schema);
                return self.save(Some(UnityPlace { catalog, schema, progress, complete })).await;
            }
            Found::Failed { object, error } => {
                tracing::warn!(object, %error, "it cannot be listed");
                // It is still there; what is known of it stays as it was.
                self.batch.seen.push(object.clone());
                if self.summary.failed.len() < FAILURES {
                    self.summary.failed.push(FailedObject { object, error: error.or_usual_hint() });
                }
            }
        }
        if self.batch.rows.len() + self.batch.seen.len() >= BATCH {
            self.save(None).await?;
        }
        Ok(())
    }

    /// Rows and the place that they reach, in one step.
    async fn save(&mut self, place: Option<UnityPlace>) -> Result<()> {
        let batch = UnityBatch { place, ..std::mem::take(&mut self.batch) };
        self.summary.removed += self.local.store.unity_save(self.walk, batch).await?;
        Ok(())
    }

    fn emit(&mut self, last: &str) {
        if self.last_event.elapsed() < EVENT_EVERY {
            return;
        }
        self.last_event = Instant::now();
        self.local.emit(Event::Unity {
            workspace: self.walk.workspace.clone(),
            schemas: self.schemas.len(),
            tables: self.summary.read + self.summary.unchanged,
            last: last.to_string(),
        });
    }

    async fn end(mut self, wanted: &BTreeSet<String>, begun: Instant) -> Result<UnitySummary> {
        let store = &self.local.store;
        let name = self.walk.workspace.as_str();
        for missing in wanted.difference(&self.catalogs) {
            let error =
                Error::new(Code::CatalogNotFound, "there is no such catalog, or who is signed in may not see it")
                    .about(missing);
            self.summary.failed.push(FailedObject { object: missing.clone(), error: error.or_usual_hint() });
        }
        let in_scope = |catalog: &String| wanted.is_empty() || wanted.contains(catalog);
        let failed: BTreeSet<&str> = self.summary.failed.iter().map(|failed| failed.object.as_str()).collect();
        // A catalog whose schemas could not be listed to the end may still have those that did not come.
        let listed = |catalog: &String| in_scope(catalog) && !failed.contains(catalog.as_str());
        let gone: Vec<SchemaOf> = store
            .unity_schemas(name)
            .await?
            .into_iter()
            .filter(|schema| listed(&schema.0) && !self.schemas.contains(schema))
            .collect();
        self.summary.removed += store.unity_end(self.walk, &gone).await?;
        for ((catalog, _), kind, count) in store.unity_counts(name).await? {
            if !in_scope(&catalog) {
                continue;
            }
            self.summary.tables += count;
            *match kind {
                TableKind::ForeignIceberg => &mut self.summary.foreign_iceberg,
                TableKind::ManagedIceberg => &mut self.summary.managed_iceberg,
                TableKind::SnowflakeOverJdbc => &mut self.summary.snowflake_over_jdbc,
                TableKind::OtherForeign => &mut self.summary.other_foreign,
                TableKind::Delta => &mut self.summary.delta,
                TableKind::View => &mut self.summary.views,
                TableKind::Other => &mut self.summary.other,
            } += count;
        }
        self.summary.catalogs = self.catalogs.len();
        self.summary.schemas = self.schemas.len();
        self.summary.seconds = begun.elapsed().as_secs_f64();
        let body = json!({
            "workspace": name,
            "catalogs": wanted,
            "tables": self.summary.tables,
            "foreign_iceberg": self.summary.foreign_iceberg,
            "read": self.summary.read,
            "unchanged": self.summary.unchanged,
            "removed": self.summary.removed,
            "failed": self.summary.failed.len(),
        });
        store.append("", "", "unity.refreshed", body).await?;
        Ok(self.summary)
    }
}

fn kept(row: TableRow) -> UnityRow {
    let full_name = row.table.full_name();
    let grants = row.grants.map(|grants| {
        grants
            .into_iter()
            .map(|one| TableGrant { principal: one.principal_text(), privileges: one.privileges })
            .collect()
    });
    let tags = row.tags.map(|tags| -> BTreeMap<String, String> {
        tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
    });
    let table = row.table;
    UnityRow {
        full_name,
        kind: row.kind,
        kind_text: row.kind.text().to_string(),
        securable_kind: table.securable_kind().map(|kind| kind.as_str().to_string()),
        format: table.data_source_format.as_ref().map(|format| format.as_str().to_string()),
        table_type: table.table_type.as_ref().map(|kind| kind.as_str().to_string()),
        owner: table.owner,
        comment: table.comment,
        columns: table.columns.len(),
        storage_location: table.storage_location,
        updated_at: table.updated_at,
        grants,
        tags,
        properties: table.properties,
    }
}
