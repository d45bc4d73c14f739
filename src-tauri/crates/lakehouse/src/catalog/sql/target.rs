//! Writing to a SQL catalog: the metadata.json is a file, and one inserted row makes the table visible.

use super::{SqlCatalog, to_column};
use crate::catalog::common::adoption::{commit_unknown, is_ours, table_exists, target_changed};
use crate::catalog::common::contract::{
    Abilities, Advancing, Catalog, Draft, Publication, Staged, TargetCatalog, Turns,
};
use crate::catalog::common::table_location;
use crate::limits::Limit;
use crate::metadata::TableMetadata;
use crate::table::Table;
use async_trait::async_trait;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::time::Duration;

const ATTEMPTS: u32 = 5;

impl SqlCatalog {
    fn name(&self) -> Result<&str> {
        self.name
            .as_deref()
            .ok_or_else(|| Error::internal("a SQL target without a catalog name").about(&self.spec.name))
    }

    fn warehouse(&self) -> Result<&str> {
        self.warehouse.as_deref().ok_or_else(|| {
            Error::invalid("this catalog was opened as a source and takes no tables").about(&self.spec.name)
        })
    }

    async fn points_to(&self, (namespace, table): (&str, &str), location: &str) -> Result<bool> {
        let found = self.database.metadata_location(self.name()?, namespace, table, self.layout).await?;
        Ok(found.flatten().is_some_and(|found| found == location))
    }

    /// Some, if the name is taken by our own table; an error, if by another.
    async fn taken(&self, table: &TableIdent, location: &str, wanted: Option<&TableMetadata>) -> Result<Option<Table>> {
        let existing = match self.load(table).await {
            Ok(existing) => existing,
            Err(e) if e.code == Code::TableNotFound => return Ok(None),
            // The name is taken all the same; by what cannot be read.
            Err(e) if matches!(e.code, Code::FileMissing | Code::MetadataBroken | Code::Unsupported) => {
                return Err(table_exists(table).with_cause(e));
            }
            Err(e) => return Err(e),
        };
        if existing.metadata_location == location {
            return Ok(Some(existing));
        }
        let ours = match wanted {
            Some(wanted) => is_ours(&existing.metadata, wanted),
            None => {
                let wanted = Table::open(table.clone(), location.to_string(), self.storage.clone()).await?;
                is_ours(&existing.metadata, &wanted.metadata)
            }
        };
        if ours { Ok(Some(existing)) } else { Err(table_exists(table)) }
    }
}

#[async_trait]
impl TargetCatalog for SqlCatalog {
    fn abilities(&self) -> Abilities {
        Abilities { register: true }
    }

    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()> {
        self.warehouse()?;
        let (catalog, wanted) = (self.name()?, to_column(namespace));
        if wanted.is_empty() || namespace.iter().any(String::is_empty) {
            return Err(Error::invalid("a table in a SQL catalog needs a namespace").about(&self.spec.name));
        }
        if namespace.iter().any(|part| part.contains('.')) {
            return Err(Error::invalid("a SQL catalog joins namespaces with dots, so no part may hold one")
                .about(wanted)
                .with_hint("Map the table to a namespace without dots in its parts."));
        }
        let mut attempt = 0;
        loop {
            if self.database.namespaces(catalog).await?.contains(&wanted) {
                return Ok(());
            }
            match self.database.insert_namespace(catalog, &wanted).await {
                Ok(_) => return Ok(()),
                Err(e) if e.retryable && attempt < ATTEMPTS => attempt += 1,
                Err(e) => return Err(e.about(wanted)),
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
    }

    async fn stage(&self, table: &TableIdent, token: &str, _draft: Draft<'_>) -> Result<Staged> {
        let location = table_location::staged(self.warehouse()?, table, token);
        Ok(Staged { location, storage: self.storage.clone(), empty: None })
    }

    async fn check_place(&self, _namespace: &[String]) -> Result<()> {
        self.storage.probe(self.warehouse()?).await
    }

    #[tracing::instrument(name = "publish", skip_all, fields(target_table = %table))]
    async fn publish(&self, table: &TableIdent, publication: &Publication, turns: &mut dyn Turns) -> Result<Table> {
        self.warehouse()?;
        let (location, wanted) = match publication {
            Publication::Register { metadata_location } => (metadata_location, None),
            Publication::Create { metadata, metadata_location } => {
                (metadata_location, Some(TableMetadata::from_value(metadata.clone(), metadata_location)?))
            }
        };
        if let Some(existing) = self.taken(table, location, wanted.as_ref()).await? {
            return Ok(existing);
        }
        if let Publication::Create { metadata, .. } = publication {
            let text = serde_json::to_vec_pretty(metadata)
                .map_err(|e| Error::internal("table metadata to JSON").about(table).with_cause(e))?;
            let text = Bytes::from(text);
            // The place is ours alone: what is there is from an earlier attempt that never became visible.
            if !self.storage.write_new(location, text.clone()).await?
                && self.storage.read(location, Limit::MetadataJson).await? != text
            {
                self.storage.write(location, text).await?;
            }
        }
        // A row that points to nothing would break the catalog for its other readers.
        let published = Table::open(table.clone(), location.clone(), self.storage.clone()).await?;
        let (catalog, namespace) = (self.name()?, to_column(&table.namespace));
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            turns.next().await;
            match self.database.insert_table(catalog, &namespace, &table.name, location, self.layout).await {
                Ok(true) => return Ok(published),
                Ok(false) => {
                    turns.lost();
                    return match self.taken(table, location, wanted.as_ref()).await? {
                        Some(existing) => Ok(existing),
                        // The key is taken and it is no table: a view.
                        None => Err(table_exists(table)),
                    };
                }
                // The next attempt finds the row if this one made it.
                Err(e) if e.retryable => last = Some(e),
                Err(e) => return Err(e.about(table)),
            }
        }
        // The server was reached or not: only the row itself can tell.
        match self.taken(table, location, wanted.as_ref()).await {
            Ok(Some(existing)) => Ok(existing),
            Ok(None) => Err(last.unwrap_or_else(|| commit_unknown(table)).about(table)),
            Err(e) if e.code == Code::TableExists => Err(e),
            Err(e) => Err(commit_unknown(table).with_cause(e)),
        }
    }
    fn advancing(&self) -> Advancing {
        Advancing::ByFile
    }

    #[tracing::instrument(name = "advance", skip_all, fields(target_table = %from.ident))]
    async fn advance(&self, from: &Table, metadata_location: &str, turns: &mut dyn Turns) -> Result<Table> {
        self.warehouse()?;
        let table = &from.ident;
        // A row that points to nothing would break the catalog for its other readers.
        let next = Table::open(table.clone(), metadata_location.to_string(), self.storage.clone()).await?;
        let (catalog, namespace) = (self.name()?, to_column(&table.namespace));
        let name = (namespace.as_str(), table.name.as_str());
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            turns.next().await;
            let pointers = (from.metadata_location.as_str(), metadata_location);
            match self.database.advance_table(catalog, name, pointers, self.layout).await {
                Ok(true) => return Ok(next),
                // An earlier attempt, whose answer was lost, may have done it.
                Ok(false) if self.points_to(name, metadata_location).await? => return Ok(next),
                Ok(false) => {
                    turns.lost();
                    return Err(target_changed(table));
                }
                Err(e) if e.retryable => last = Some(e),
                Err(e) => return Err(e.about(table)),
            }
        }
        match self.points_to(name, metadata_location).await {
            Ok(true) => Ok(next),
            Ok(false) => Err(last.unwrap_or_else(|| commit_unknown(table)).about(table)),
            Err(e) => Err(commit_unknown(table).with_cause(e)),
        }
    }
}
