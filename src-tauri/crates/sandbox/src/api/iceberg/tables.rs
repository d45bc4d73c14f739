//! Tables: made, loaded, committed to, dropped.

use crate::base::Fields;
use crate::iceberg::{IcebergError, Rules, commit as commits, create as creation, files, register_tables};
use crate::unity::objects::parts;
use crate::unity::{Kind, Securable};
use crate::web::{Caller, Iceberg, IcebergAnswer};
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::path::PathBuf;

type SchemaPath = Path<(String, String)>;
type TablePath = Path<(String, String, String)>;

/// One table, by the parts of its path.
struct Named {
    catalog: String,
    schema: String,
    table: String,
    folder: PathBuf,
    /// Where a new table of this name lies.
    location: String,
}

impl Named {
    /// Unity Catalog keeps names in lower case.
    fn new(state: &Iceberg, catalog: &str, schema: &str, table: &str) -> Result<Self, IcebergError> {
        let strange = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['/', '\\', '.']);
        if [catalog, schema, table].into_iter().any(strange) {
            return Err(IcebergError::bad(format!("'{table}' is no name of a table")));
        }
        let [catalog, schema, table] = [catalog, schema, table].map(str::to_lowercase);
        let folder = state.folder.warehouse().join(&catalog).join(&schema).join(&table);
        let location = match &state.common.settings.lock().behaviour.lends {
            Some(lends) => format!("{}/__unitystorage/{catalog}/{schema}/tables/{table}", lends.root()),
            None => format!("file://{}", folder.display()),
        };
        Ok(Self { catalog, schema, table, folder, location })
    }

    fn full(&self) -> String {
        format!("{}.{}.{}", self.catalog, self.schema, self.table)
    }

    fn securable(&self) -> Securable {
        Securable::new(Kind::Table, &self.full())
    }

    fn schema(&self) -> Securable {
        Securable::new(Kind::Schema, &format!("{}.{}", self.catalog, self.schema))
    }

    /// Of a table in a store of its own, only its name: the sandbox keeps the metadata itself.
    fn metadata_location(&self, number: u64, metadata: &Value) -> String {
        match metadata["location"].as_str().filter(|at| !is_here(at)) {
            Some(at) => format!("{at}/metadata/v{number}.metadata.json"),
            None => format!("file://{}", files::file(&self.folder, number).display()),
        }
    }

    /// Tables of foreign catalogs may be read.
    fn must_be_managed(&self, state: &Iceberg) -> Result<(), IcebergError> {
        if state.metastore.lock().is_managed(&self.catalog)? {
            return Ok(());
        }
        Err(IcebergError::bad(format!("{} is foreign; foreign tables cannot be written to", self.catalog)))
    }

    fn loaded(&self, state: &Iceberg, asked: &Delegation, number: Option<u64>, metadata: &Value) -> Json<Value> {
        let at = number.map(|number| self.metadata_location(number, metadata));
        let mut payload = json!({"metadata-location": at, "metadata": metadata, "config": {}});
        let lent = if asked.0 { self.lent(state, metadata) } else { None };
        if let Some(lent) = lent {
            payload["config"] = lent["config"].clone();
            payload["storage-credentials"] = json!([lent]);
        }
        Json(payload)
    }

    /// The keys to a table's files. Tables of foreign catalogs and those on this machine have none.
    fn lent(&self, state: &Iceberg, metadata: &Value) -> Option<Value> {
        let lends = state.common.settings.lock().behaviour.lends.clone()?;
        let location = metadata["location"].as_str().filter(|at| at.starts_with(lends.root()))?;
        state.metastore.lock().is_managed(&self.catalog).ok().filter(|managed| *managed)?;
        state.common.counts.credentials_lent.add_one();
        Some(json!({"prefix": location, "config": lends.config(state.common.now())}))
    }
}

/// Whether the client asked for keys to the table's files.
pub struct Delegation(bool);

impl<S: Send + Sync> FromRequestParts<S> for Delegation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = parts.headers.get("x-iceberg-access-delegation").and_then(|value| value.to_str().ok());
        Ok(Self(asked.is_some_and(|asked| asked.contains("vended-credentials"))))
    }
}

fn is_here(location: &str) -> bool {
    location.starts_with("file:")
}

fn must_allow(
    state: &Iceberg,
    caller: &Caller,
    securable: &Securable,
    privileges: &[&str],
) -> Result<(), IcebergError> {
    Ok(state.metastore.lock().must_allow_external(caller, securable, privileges)?)
}

fn register(state: &Iceberg) {
    register_tables(&state.folder.warehouse(), &state.metastore, &state.common.ids, state.common.now());
}

fn rules(state: &Iceberg) -> Rules {
    let settings = state.common.settings.lock();
    Rules::new(&settings.behaviour, settings.conflicts_as_400)
}

pub async fn list(
    State(state): State<Iceberg>,
    caller: Caller,
    Path((catalog, namespace)): SchemaPath,
) -> IcebergAnswer {
    let schema = format!("{catalog}.{namespace}");
    state.metastore.lock().schema(&schema)?;
    must_allow(&state, &caller, &Securable::new(Kind::Schema, &schema), &[])?;
    register(&state);
    let metastore = state.metastore.lock();
    let (total, at) = metastore.tables_of(&schema);
    // Those that have metadata here; the sample's others are names without data.
    let tables = (0..total).filter_map(at).filter(|table| table.folder.is_some());
    let identifier = |name: &str| json!({"namespace": [namespace.to_lowercase()], "name": parts(name).2});
    let names: Vec<Value> = tables.map(|table| identifier(&table.full_name)).collect();
    Ok(Json(json!({"identifiers": names})))
}

pub async fn create(
    State(state): State<Iceberg>,
    caller: Caller,
    asked: Delegation,
    Path((catalog, namespace)): SchemaPath,
    fields: Fields,
) -> IcebergAnswer {
    let named = Named::new(&state, &catalog, &namespace, fields.must_text("name")?)?;
    state.metastore.lock().schema(&named.schema().name)?;
    named.must_be_managed(&state)?;
    must_allow(&state, &caller, &named.schema(), &["CREATE_TABLE"])?;
    if state.metastore.lock().table(&named.full()).is_ok() || files::newest(&named.folder).is_some() {
        let message = format!("Table already exists: {}", named.full());
        return Err(IcebergError::new(409, "AlreadyExistsException", message));
    }
    let location = named.location.clone();
    // A managed table lies where its catalog puts it.
    if let Some(other) = fields.text("location")?.filter(|other| other.trim_end_matches('/') != location) {
        return Err(IcebergError::bad(format!("the location {other} cannot be chosen for a managed table")));
    }
    let rules = rules(&state);
    let staged = fields.flag("stage-create");
    if staged {
        rules.check_stage()?;
    }
    let metadata = creation::metadata(&fields, &state.common.ids.uuid(), &location, state.common.now(), &rules)
        .map_err(|error| error.about(&named.full()))?;
    if staged {
        return Ok(named.loaded(&state, &asked, None, &metadata));
    }
    keep(&state, &caller, &named, 1, &metadata)?;
    Ok(named.loaded(&state, &asked, Some(1), &metadata))
}

pub async fn load(
    State(state): State<Iceberg>,
    caller: Caller,
    asked: Delegation,
    Path((catalog, namespace, table)): TablePath,
) -> IcebergAnswer {
    let named = Named::new(&state, &catalog, &namespace, &table)?;
    let (number, metadata) = files::newest(&named.folder).ok_or_else(|| IcebergError::no_table(&named.full()))?;
    must_allow(&state, &caller, &named.securable(), &["SELECT"])?;
    Ok(named.loaded(&state, &asked, Some(number), &metadata))
}

pub async fn commit(
    State(state): State<Iceberg>,
    caller: Caller,
    asked: Delegation,
    Path((catalog, namespace, table)): TablePath,
    fields: Fields,
) -> IcebergAnswer {
    let named = Named::new(&state, &catalog, &namespace, &table)?;
    named.must_be_managed(&state)?;
    let rules = rules(&state);
    let now = state.common.now();
    let creates = fields.list("requirements").iter().any(|one| one["type"] == "assert-create");
    if creates {
        rules.check_creating_commit()?;
    }
    let (number, base) = match (files::newest(&named.folder), creates) {
        (Some(_), true) => return Err(rules.conflict("the table exists already.")),
        (None, false) => return Err(IcebergError::no_table(&named.full())),
        (Some((number, metadata)), false) => {
            must_allow(&state, &caller, &named.securable(), &["MODIFY"])?;
            (number, metadata)
        }
        (None, true) => {
            must_allow(&state, &caller, &named.schema(), &["CREATE_TABLE"])?;
            (0, creation::empty(&state.common.ids.uuid(), &named.location, 2, now))
        }
    };
    let mut metadata = commits::apply(base, &fields.0, now, &rules).map_err(|error| error.about(&named.full()))?;
    let before = named.metadata_location(number, &metadata);
    if number > 0
        && let Some(log) = metadata["metadata-log"].as_array_mut()
    {
        log.push(json!({"metadata-file": before, "timestamp-ms": now}));
    }
    keep(&state, &caller, &named, number + 1, &metadata)?;
    Ok(named.loaded(&state, &asked, Some(number + 1), &metadata))
}

/// Keys anew, for those that end soon.
pub async fn credentials(
    State(state): State<Iceberg>,
    caller: Caller,
    Path((catalog, namespace, table)): TablePath,
) -> IcebergAnswer {
    let named = Named::new(&state, &catalog, &namespace, &table)?;
    let (_, metadata) = files::newest(&named.folder).ok_or_else(|| IcebergError::no_table(&named.full()))?;
    must_allow(&state, &caller, &named.securable(), &["SELECT"])?;
    let lent: Vec<Value> = named.lent(&state, &metadata).into_iter().collect();
    Ok(Json(json!({"storage-credentials": lent})))
}

/// Makes a version visible here and in Unity Catalog. The caller that makes the first one owns the table.
fn keep(state: &Iceberg, caller: &Caller, named: &Named, number: u64, metadata: &Value) -> Result<(), IcebergError> {
    if !files::put(&named.folder, number, metadata)? {
        return Err(rules(state).conflict("another commit came first."));
    }
    register(state);
    if number == 1
        && let Ok(table) = state.metastore.lock().table_mut(&named.full())
    {
        table.owner = caller.name.clone();
    }
    Ok(())
}

pub async fn drop(
    State(state): State<Iceberg>,
    caller: Caller,
    Path((catalog, namespace, table)): TablePath,
) -> Result<StatusCode, IcebergError> {
    let named = Named::new(&state, &catalog, &namespace, &table)?;
    named.must_be_managed(&state)?;
    if files::newest(&named.folder).is_none() {
        return Err(IcebergError::no_table(&named.full()));
    }
    must_allow(&state, &caller, &named.securable(), &[])?;
    state.metastore.lock().must_manage(&caller, &named.securable())?;
    std::fs::remove_dir_all(&named.folder)?;
    register(&state);
    Ok(StatusCode::NO_CONTENT)
}

/// Reports of scans and commits are taken and forgotten.
pub async fn metrics() -> StatusCode {
    StatusCode::NO_CONTENT
}
