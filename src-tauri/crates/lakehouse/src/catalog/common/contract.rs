//! What a catalog is to the rest of the product.

use crate::metadata::TableMetadata;
use crate::storage::Storage;
use crate::table::Table;
use async_trait::async_trait;
use icebridge_http::Transport;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

pub type Secrets = BTreeMap<String, Secret>;

/// A sign-in that is kept elsewhere, such as that to a workspace: it gives a token for each request.
#[async_trait]
pub trait Bearer: Debug + Send + Sync {
    async fn token(&self) -> Result<Secret>;
    /// Called when the catalog refused `stale`. True if there is another token to try.
    async fn renew(&self, stale: &Secret) -> Result<bool>;
    /// What every request carries besides the token, such as the id of the workspace that is meant.
    fn headers(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    /// How the server of the sign-in is reached; the catalog and its storage are reached the same way.
    fn transport(&self) -> Transport;
}

/// Reading. Nothing here writes, so a source cannot be harmed by construction.
#[async_trait]
pub trait Catalog: Debug + Send + Sync {
    fn spec(&self) -> &CatalogSpec;
    async fn namespaces(&self) -> Result<Vec<Vec<String>>>;
    /// All tables (not views), sorted by name.
    async fn tables(&self) -> Result<Vec<TableIdent>>;
    /// As [`Catalog::tables`]; an error where some cannot be listed.
    async fn every_table(&self) -> Result<Vec<TableIdent>> {
        self.tables().await
    }
    /// `table-not-found` if there is none.
    async fn load(&self, table: &TableIdent) -> Result<Table>;
}

/// Where the files of a table about to be made go.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The table's future location, no slash at its end. Its own: nothing else writes below it.
    pub location: String,
    pub storage: Storage,
    /// Some: the catalog cannot stage, and made the table at once, without a row. Its columns have the ids that the catalog
    /// gave them.
    pub empty: Option<Arc<TableMetadata>>,
}

impl Staged {
    /// The place of a table that is there.
    pub fn of(table: &Table) -> Self {
        let location = table.metadata.location.trim_end_matches('/').to_string();
        Self { location, storage: table.storage.clone(), empty: None }
    }
}

/// What a table about to be made will be.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// A metadata document with schema, spec, sort order and properties.
    pub metadata: &'a Value,
    /// The plan whose rows are committed to the table, which may then be made empty first. None: a metadata file is
    /// adopted as it is, or nothing is to be made.
    pub filled_by: Option<&'a str>,
    /// Staging is not tried: what was staged was not taken.
    pub at_once: bool,
}

impl<'a> Draft<'a> {
    /// A place for a metadata file; no table is made.
    pub fn adopted(metadata: &'a Value) -> Self {
        Self { metadata, filled_by: None, at_once: false }
    }
}

/// How a finished copy becomes visible. Both are atomic.
#[derive(Clone, Debug)]
pub enum Publication {
    /// The metadata.json is in place; the catalog adopts it as it is.
    Register { metadata_location: String },
    /// A whole metadata document with one snapshot (or none), to be written to `metadata_location` where the catalog
    /// leaves metadata to its clients, and sent as updates where it does not.
    Create { metadata: Value, metadata_location: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    pub register: bool,
}

#[async_trait]
pub trait TargetCatalog: Catalog {
    fn abilities(&self) -> Abilities;
    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()>;
    /// Decides where the table's files go. `token` (of one state's run) makes the place the same at every resume and different
    /// for everybody else. `unsupported` if the catalog cannot stage and does not say where tables go.
    async fn stage(&self, table: &TableIdent, token: &str, draft: Draft<'_>) -> Result<Staged>;
    /// Drops the empty table that [`TargetCatalog::stage`] made for the token, and leaves its files to the caller. False: it is not
    /// there any more, or has rows.
    async fn drop_empty(&self, _table: &TableIdent, _token: &str) -> Result<bool> {
        Ok(false)
    }
    /// Whether tables are made empty here since the catalog refused to stage one.
    fn makes_empty_tables(&self) -> bool {
        false
    }
    /// It was seen before that the catalog cannot stage: it is not asked again.
    fn make_empty_tables(&self) {}
    /// Finds out whether files could be written where new tables of a namespace would go, as far as that can be known before
    /// one is staged. Changes nothing.
    async fn check_place(&self, _namespace: &[String]) -> Result<()> {
        Ok(())
    }
    /// `table-exists` if another table has the name by then; `commit-unknown` if the answer was lost and asking does not
    /// help. Returns the table as the catalog has it now. Retries conflicts and throttling by itself, each time in its turn.
    async fn publish(&self, table: &TableIdent, publication: &Publication, turns: &mut dyn Turns) -> Result<Table>;
    /// How [`TargetCatalog::advance`] works here.
    fn advancing(&self) -> Advancing {
        Advancing::No
    }
    /// Brings a table that is there to the state of a metadata file in one step, and only while it is still as `from` is. `target-changed` if it does not; `commit-unknown` if the answer was lost and asking does not help.
    async fn advance(&self, from: &Table, _metadata_location: &str, _turns: &mut dyn Turns) -> Result<Table> {
        Err(Error::new(Code::Unsupported, "this kind of catalog takes no later state of a table that it has")
            .about(&from.ident)
            .with_hint("Tables can be kept up with their sources in the embedded catalog, a SQL or a REST catalog."))
    }
}

/// How a catalog takes a later state of a table that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advancing {
    No,
    /// It points to the metadata file from then on.
    ByFile,
    /// It is sent what the metadata file has more, and writes a file of its own.
    ByUpdates,
}

/// Asked before every attempt of a commit, the first one too: a limit on commits counts attempts, not successes.
#[async_trait]
pub trait Turns: Send {
    async fn next(&mut self);
    /// The catalog refused the attempt as a conflict with another commit.
    fn lost(&mut self) {}
}

/// No limit, and a count.
#[async_trait]
impl Turns for u32 {
    async fn next(&mut self) {
        *self += 1;
    }
}
