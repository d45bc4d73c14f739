//! Writing to a REST catalog.

use super::empty::{Found, as_it_was, filled_by_another, written_by_others};
use super::service::RefusalKind;
use super::updates::{filling, staging, updates};
use super::vending::{Loaded, Origin};
use super::{NamespacePage, RestCatalog};
use crate::catalog::common::adoption::{commit_unknown, is_ours, table_exists};
use crate::catalog::common::contract::{
    Abilities, Advancing, Catalog, Draft, Publication, Staged, TargetCatalog, Turns,
};
use crate::catalog::common::table_location;
use crate::metadata::TableMetadata;
use crate::storage::Location;
use crate::table::Table;
use async_trait::async_trait;
use icebridge_http::{Failure, Refusal};
use icebridge_model::catalog::CatalogKind;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use uuid::Uuid;

const ATTEMPTS: u32 = 6;

impl RestCatalog {
    async fn stage_at(&self, table: &TableIdent, draft: &Value, location: Option<&str>) -> Result<Loaded, Failure> {
        let body = staging(&table.name, draft, location).map_err(Failure::Failed)?;
        let path = self.client.tables_path(&table.namespace).map_err(Failure::Failed)?;
        // Staging makes nothing visible, so a lost answer is simply asked for again.
        self.client.post_idempotent(&path, &body, self.vending.asks()).await
    }

    /// Where a table goes on a server that cannot stage: below its namespace's location, or below the warehouse.
    async fn plain_place(&self, table: &TableIdent, token: &str, refusal: Box<Refusal>) -> Result<Staged> {
        let namespace: Value =
            self.client.get(&self.client.namespace_path(&table.namespace)?).await.map_err(Error::from)?;
        let inner = TableIdent { namespace: Vec::new(), name: table.name.clone() };
        let location = if let Some(location) = namespace["properties"]["location"].as_str().filter(|l| !l.is_empty()) {
            table_location::staged(location, &inner, token)
        } else {
            let properties = &self.client.properties;
            let known = ["warehouse", "default-base-location"].iter().find_map(|name| properties.get(*name));
            match known.filter(|w| w.contains(['/', ':'])) {
                Some(warehouse) => table_location::staged(warehouse, table, token),
                None => {
                    return Err(Error::new(
                        Code::Unsupported,
                        "the catalog cannot stage a table, and does not say where a new table's files go",
                    )
                    .about(table)
                    .with_hint(
                        "Choose the mode rewrite, which can fill a table that is made empty first, or set the target's property \
                         `warehouse` to the location new tables go below.",
                    )
                    .with_cause(refusal.into_error()));
                }
            }
        };
        Ok(Staged { location, storage: self.vending.shared.clone(), empty: None })
    }

    /// The second and third way, where staging is refused: a place that the server names and that is open from here, else
    /// an empty table.
    async fn without_staging(
        &self,
        table: &TableIdent,
        token: &str,
        draft: Draft<'_>,
        refusal: Box<Refusal>,
    ) -> Result<Staged> {
        let Some(plan) = draft.filled_by else { return self.plain_place(table, token, refusal).await };
        // Managed tables lie where Unity Catalog puts them.
        if self.spec.kind != CatalogKind::Unity
            && let Ok(place) = self.plain_place(table, token, refusal).await
            && place.storage.probe(&place.location).await.is_ok()
        {
            return Ok(place);
        }
        let made = self.make_empty(table, token, draft, plan).await?;
        self.makes_empty.store(true, Ordering::Relaxed);
        Ok(made)
    }

    /// The name is taken at staging: perhaps by the empty table that a run made which this one resumes.
    async fn made_before(&self, table: &TableIdent, token: &str, draft: Draft<'_>) -> Result<Staged> {
        match self.empty_of(table, token).await? {
            Found::Ours(staged) if draft.filled_by.is_some() => {
                self.makes_empty.store(true, Ordering::Relaxed);
                Ok(*staged)
            }
            Found::OfAnotherRun => Err(filled_by_another(table)),
            _ => self.staged_before(table, token),
        }
    }

    /// The name is taken at staging. If that happened between our staging and now, our place is still ours, to be cleared.
    fn staged_before(&self, table: &TableIdent, token: &str) -> Result<Staged> {
        let places = self.staged_places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&(table.clone(), token.to_string())).cloned().ok_or_else(|| table_exists(table))
    }

    /// Some, if the name is taken by our own table; an error, if by another.
    async fn taken(&self, table: &TableIdent, publication: &Publication) -> Result<Option<Table>> {
        let existing = match self.load(table).await {
            // The one that this commit fills.
            Ok(existing) if self.is_known_empty(&existing) => return written_by_others(&existing),
            Ok(existing) => existing,
            Err(e) if e.code == Code::TableNotFound => return Ok(None),
            Err(e) if matches!(e.code, Code::MetadataBroken | Code::Unsupported) => {
                return Err(table_exists(table).with_cause(e));
            }
            Err(e) => return Err(e),
        };
        let ours = match publication {
            Publication::Register { metadata_location } if existing.metadata_location == *metadata_location => true,
            Publication::Register { metadata_location } => {
                let path = metadata_location.clone();
                let mut wanted = Table::open(table.clone(), path.clone(), existing.storage.clone()).await;
                if wanted.is_err() {
                    wanted = Table::open(table.clone(), path, self.vending.shared.clone()).await;
                }
                is_ours(&existing.metadata, &wanted?.metadata)
            }
            Publication::Create { metadata, metadata_location } => {
                is_ours(&existing.metadata, &TableMetadata::from_value(metadata.clone(), metadata_location)?)
            }
        };
        if ours { Ok(Some(existing)) } else { Err(table_exists(table)) }
    }

    /// Where the catalog says that tables of a namespace go, or that all do. A server need not say it.
    async fn future_place(&self, namespace: &[String]) -> Option<String> {
        let path = self.client.namespace_path(namespace).ok()?;
        let of_namespace = match self.client.get::<Value>(&path).await {
            Ok(found) => found["properties"]["location"].as_str().map(str::to_string),
            Err(failure) => {
                tracing::debug!(error = %Error::from(failure), "the namespace does not say where its tables go");
                None
            }
        };
        let of_all = ["default-base-location", "warehouse"].iter().find_map(|name| self.client.properties.get(*name));
        let place = of_namespace.or_else(|| of_all.cloned())?;
        place.contains(":/").then_some(place)
    }

    /// Stages a table of a name that nobody has, and looks at what is lent for it. Nothing comes of a table that is staged and
    /// not committed. A server that does not stage it has said nothing of places.
    async fn check_staged(&self, namespace: &[String]) -> Result<()> {
        if self.makes_empty_tables() {
            return Ok(());
        }
        let name = format!("icebridge_check_{}", Uuid::new_v4().simple());
        let mut table = TableIdent::new(namespace.to_vec(), name);
        let mut staged = self.stage_at(&table, &one_column(), None).await;
        // A namespace that the run will make lies in the catalog as the others do.
        if matches!(&staged, Err(Failure::Refused(refusal)) if refusal.is_missing())
            && let Ok(others) = self.client.pages::<NamespacePage>(&self.client.namespaces_path(), None).await
            && let Some(other) = others.into_iter().find(|one| one.first().is_some_and(|n| n != "information_schema"))
        {
            table.namespace = other;
            staged = self.stage_at(&table, &one_column(), None).await;
        }
        let loaded = match staged {
            Ok(loaded) => loaded,
            Err(failure) => {
                tracing::debug!(error = %Error::from(failure), "where tables go is not known before one is staged");
                return Ok(());
            }
        };
        let Some(location) = loaded.metadata["location"].as_str().filter(|l| !l.is_empty()) else { return Ok(()) };
        let location = location.trim_end_matches('/').to_string();
        let body = staging(&table.name, &one_column(), None)?;
        let origin =
            Origin::Staged { path: self.client.tables_path(&table.namespace)?, body, location: location.clone() };
        match self.vending.storage(&loaded, &origin)?.probe(&location).await {
            // Whoever may write there need not be allowed to list.
            Err(e) if e.code == Code::StorageDenied => Ok(()),
            other => other,
        }
    }

    pub(super) fn refuse_read_only(&self) -> Result<()> {
        if self.client.offers("POST /v1/{prefix}/namespaces/{namespace}/tables", true) {
            return Ok(());
        }
        Err(Error::new(Code::Unsupported, "this catalog's server can be read from, and takes no new tables")
            .with_hint(
                "Name an endpoint that takes tables: Unity Catalog's on Databricks ends in /iceberg-rest, the one that ends in \
                 /iceberg is for reading.",
            ))
    }

    fn request(&self, table: &TableIdent, publication: &Publication) -> Result<(String, Value)> {
        match publication {
            Publication::Register { metadata_location } => {
                let path = format!("{}/register", self.client.namespace_path(&table.namespace)?);
                Ok((path, json!({"name": table.name, "metadata-location": metadata_location})))
            }
            Publication::Create { metadata, .. } => {
                if let Some(empty) = self.known_empty(table) {
                    let body = json!({
                        "identifier": {"namespace": table.namespace, "name": table.name},
                        "requirements": as_it_was(&empty),
                        "updates": filling(metadata, &empty).map_err(|e| e.about(table))?,
                    });
                    return Ok((self.client.table_path(table)?, body));
                }
                let ids = self.staged_ids.lock().unwrap_or_else(PoisonError::into_inner);
                let updates = updates(metadata, ids.get(table).map(String::as_str)).map_err(|e| e.about(table))?;
                let body = json!({
                    "identifier": {"namespace": table.namespace, "name": table.name},
                    "requirements": [{"type": "assert-create"}],
                    "updates": updates,
                });
                Ok((self.client.table_path(table)?, body))
            }
        }
    }
}

fn one_column() -> Value {
    json!({
        "format-version": 2, "current-schema-id": 0, "default-spec-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0,
            "fields": [{"id": 1, "name": "id", "type": "long", "required": false}]}],
        "partition-specs": [{"spec-id": 0, "fields": []}],
    })
}

#[async_trait]
impl TargetCatalog for RestCatalog {
    fn abilities(&self) -> Abilities {
        Abilities { register: self.client.offers("POST /v1/{prefix}/namespaces/{namespace}/register", true) }
    }

    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()> {
        if namespace.is_empty() || namespace.iter().any(String::is_empty) {
            return Err(Error::invalid("a table in a REST catalog needs a namespace").about(&self.spec.name));
        }
        for depth in 1..=namespace.len() {
            let (level, last) = (&namespace[..depth], depth == namespace.len());
            match self.client.get::<Value>(&self.client.namespace_path(level)?).await {
                Ok(_) => continue,
                Err(Failure::Refused(refusal)) if refusal.is_missing() => {}
                // A parent may be hidden from us and the namespace itself not.
                Err(Failure::Refused(refusal)) if !last && refusal.status == 403 => continue,
                Err(failure) => return Err(failure.into()),
            }
            let body = json!({"namespace": level, "properties": {}});
            // Made or not, asking again tells: then it is there already.
            match self.client.post_idempotent::<Value>(&self.client.namespaces_path(), &body, false).await {
                Ok(_) => {}
                Err(Failure::Refused(refusal)) if refusal.status == 409 => {}
                Err(failure) => return Err(Error::from(failure).about(level.join("."))),
            }
        }
        Ok(())
    }

    async fn stage(&self, table: &TableIdent, token: &str, draft: Draft<'_>) -> Result<Staged> {
        if let Some(plan) = draft.filled_by.filter(|_| draft.at_once || self.makes_empty_tables()) {
            return self.make_empty(table, token, draft, plan).await;
        }
        let asked = match self.stage_at(table, draft.metadata, None).await {
            Ok(loaded) => loaded,
            Err(Failure::Refused(refusal)) if refusal.is_conflict() => {
                return self.made_before(table, token, draft).await;
            }
            Err(Failure::Refused(refusal)) if refusal.is_unsupported() => {
                return self.without_staging(table, token, draft, refusal).await;
            }
            Err(failure) => return Err(Error::from(failure).about(table)),
        };
        let theirs = asked.metadata["location"].as_str().map(|l| l.trim_end_matches('/').to_string());
        let theirs = theirs.filter(|l| !l.is_empty()).ok_or_else(|| {
            Error::new(Code::CatalogRefused, "the catalog staged the table but gave it no location").about(table)
        })?;
        // The server's own place may be another at every asking, or one that an earlier run left files in. Beside it, the
        // token makes one that is the same at every resume; a server that does not allow that keeps its own.
        let mut location = theirs.clone();
        let mut loaded = asked;
        let mut chosen = false;
        if let Some((parent, _)) =
            theirs.rsplit_once('/').filter(|(parent, _)| !parent.ends_with('/') && parent.contains('/'))
        {
            let inner = TableIdent { namespace: Vec::new(), name: table.name.clone() };
            let wanted = table_location::staged(parent, &inner, token);
            match self.stage_at(table, draft.metadata, Some(&wanted)).await {
                Ok(answer)
                    if answer.metadata["location"].as_str().map(|l| l.trim_end_matches('/')) == Some(&wanted) =>
                {
                    (location, loaded, chosen) = (wanted, answer, true);
                }
                Ok(answer) => {
                    if let Some(given) = answer.metadata["location"].as_str() {
                        location = given.trim_end_matches('/').to_string();
                        loaded = answer;
                    }
                }
                Err(Failure::Refused(refusal)) => {
                    tracing::debug!(status = refusal.status, "the catalog chooses locations itself");
                }
                Err(failure) => return Err(Error::from(failure).about(table)),
            }
        }
        if let Some(uuid) = loaded.metadata["table-uuid"].as_str() {
            self.staged_ids.lock().unwrap_or_else(PoisonError::into_inner).insert(table.clone(), uuid.to_string());
        }
        let path = self.client.tables_path(&table.namespace)?;
        // A server that chooses places itself refuses to be told even its own.
        let body = staging(&table.name, draft.metadata, chosen.then_some(location.as_str()))?;
        let origin = Origin::Staged { path, body, location: location.clone() };
        let storage = self.vending.storage(&loaded, &origin)?;
        let staged = Staged { location, storage, empty: None };
        let mut places = self.staged_places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert((table.clone(), token.to_string()), staged.clone());
        Ok(staged)
    }

    async fn drop_empty(&self, table: &TableIdent, token: &str) -> Result<bool> {
        // Asked once more, just before: a table that got rows meanwhile stays.
        if !matches!(self.empty_of(table, token).await?, Found::Ours(_)) {
            return Ok(false);
        }
        self.client.delete(&self.client.table_path(table)?).await.map_err(|e| Error::from(e).about(table))?;
        self.forget_empty(table);
        Ok(true)
    }

    fn advancing(&self) -> Advancing {
        let takes_commits = self.client.offers("POST /v1/{prefix}/namespaces/{namespace}/tables/{table}", true);
        if takes_commits { Advancing::ByUpdates } else { Advancing::No }
    }

    #[tracing::instrument(name = "advance", skip_all, fields(target_table = %from.ident))]
    async fn advance(&self, from: &Table, metadata_location: &str, turns: &mut dyn Turns) -> Result<Table> {
        self.advance_by_updates(from, metadata_location, turns).await
    }

    fn makes_empty_tables(&self) -> bool {
        self.makes_empty.load(Ordering::Relaxed)
    }

    fn make_empty_tables(&self) {
        self.makes_empty.store(true, Ordering::Relaxed);
    }

    async fn check_place(&self, namespace: &[String]) -> Result<()> {
        if let Some(place) = self.future_place(namespace).await {
            if !self.vending.asks() {
                return self.vending.shared.probe(&place).await;
            }
            Location::parse(&place)?;
        }
        // A server that does not know of staging would make a table.
        match self.spec.kind {
            CatalogKind::Unity => self.check_staged(namespace).await,
            _ => Ok(()),
        }
    }

    #[tracing::instrument(name = "publish", skip_all, fields(target_table = %table))]
    async fn publish(&self, table: &TableIdent, publication: &Publication, turns: &mut dyn Turns) -> Result<Table> {
        let (path, body) = self.request(table, publication)?;
        if let Some(existing) = self.taken(table, publication).await? {
            return Ok(existing);
        }
        // Why, where only the words of a refusal look like a conflict.
        let mut perhaps_refused = None;
        let (mut last, mut in_doubt) = (None, false);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(self.client.retry().backoff(attempt)).await;
            }
            turns.next().await;
            match self.client.post::<Value>(&path, &body).await {
                Ok(_) => return self.load(table).await.map_err(|e| e.about(table)),
                Err(Failure::Refused(refusal)) if refusal.is_conflict() => {
                    turns.lost();
                    let by_text = refusal.is_conflict_by_text();
                    let error = refusal.into_error();
                    if by_text {
                        perhaps_refused.get_or_insert_with(|| error.clone());
                    }
                    last = Some(error);
                }
                Err(Failure::Unknown(error)) => {
                    in_doubt = true;
                    last = Some(error);
                }
                Err(failure) if in_doubt => last = Some(failure.into()),
                Err(failure) => return Err(Error::from(failure).about(table)),
            }
            // Whatever came of it, the catalog knows. `assert-create` lets at most one of our attempts through, so one whose
            // answer was lost may be repeated.
            match self.taken(table, publication).await {
                Ok(Some(existing)) => return Ok(existing),
                Ok(None) => {}
                // Asking has its own patience. What cannot be answered must not count as a commit that failed.
                Err(e) if in_doubt && e.code != Code::TableExists => return Err(commit_unknown(table).with_cause(e)),
                Err(e) if e.retryable => last = Some(e),
                Err(e) => return Err(e),
            }
        }
        let last = last.unwrap_or_else(|| Error::internal("a commit without an answer"));
        if in_doubt {
            return Err(commit_unknown(table).with_cause(last));
        }
        if let Some(refused) = perhaps_refused {
            return Err(refused.about(table));
        }
        let hint = "Other writers are busy with the same table or namespace. Run the same plan again.";
        Err(Error::new(Code::CommitConflict, "the commit lost against others every time")
            .about(table)
            .with_hint(hint)
            .with_cause(last)
            .retryable())
    }
}
