//! Tables: made, loaded, committed to, dropped.

use super::namespaces::{allowed, schema};
use super::no::{Answer, No};
use super::{commit as commits, create as creation, store};
use crate::body::Fields;
use crate::caller::Caller;
use crate::jobs;
use crate::unity::securable::{Kind, Securable};
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::path::PathBuf;

/// One table, by the parts of its path.
struct Named {
    catalog: String,
    schema: String,
    table: String,
}

impl Named {
    /// Unity Catalog keeps names in lower case.
    fn new(catalog: &str, schema: &str, table: &str) -> Result<Self, No> {
        let strange = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['/', '\\', '.']);
        if [catalog, schema, table].into_iter().any(strange) {
            return Err(No::bad(format!("'{table}' is no name of a table")));
        }
        Ok(Self { catalog: catalog.to_lowercase(), schema: schema.to_lowercase(), table: table.to_lowercase() })
    }

    fn full(&self) -> String {
        format!("{}.{}.{}", self.catalog, self.schema, self.table)
    }

    fn securable(&self) -> Securable {
        Securable::new(Kind::Table, &self.full())
    }

    fn folder(&self, world: &World) -> PathBuf {
        world.folder.warehouse().join(&self.catalog).join(&self.schema).join(&self.table)
    }

    fn location(&self, world: &World) -> String {
        format!("file://{}", self.folder(world).display())
    }

    /// Tables of foreign catalogs may be read.
    fn must_be_managed(&self, world: &World) -> Result<(), No> {
        let metastore = locked(&world.unity);
        if metastore.catalog(&self.catalog)?.kind == "MANAGED_CATALOG" {
            return Ok(());
        }
        Err(No::bad(format!("{} is foreign; foreign tables cannot be written to", self.catalog)))
    }
}

fn loaded(named: &Named, world: &World, number: Option<u64>, metadata: &Value) -> Json<Value> {
    let at = number.map(|number| format!("file://{}", store::file(&named.folder(world), number).display()));
    Json(json!({"metadata-location": at, "metadata": metadata, "config": {}}))
}

pub async fn list(
    State(world): State<Shared>,
    caller: Caller,
    Path((catalog, namespace)): Path<(String, String)>,
) -> Answer {
    locked(&world.unity).schema(&format!("{catalog}.{namespace}"))?;
    allowed(&world, &caller, &schema(&catalog, &namespace), &[])?;
    jobs::register_tables(&world);
    let metastore = locked(&world.unity);
    let (total, at) = metastore.tables_of(&format!("{catalog}.{namespace}"));
    // Those whose metadata is here; the sample's others are names without data.
    let here =
        (0..total).filter_map(at).filter(|table| table.location.as_deref().is_some_and(|l| l.starts_with("file:")));
    let names: Vec<Value> = here
        .filter_map(|table| {
            let name = table.full_name.rsplit('.').next()?.to_owned();
            Some(json!({"namespace": [namespace.to_lowercase()], "name": name}))
        })
        .collect();
    Ok(Json(json!({"identifiers": names})))
}

pub async fn create(
    State(world): State<Shared>,
    caller: Caller,
    Path((catalog, namespace)): Path<(String, String)>,
    fields: Fields,
) -> Answer {
    let named = Named::new(&catalog, &namespace, fields.must_text("name")?)?;
    locked(&world.unity).schema(&format!("{catalog}.{namespace}"))?;
    named.must_be_managed(&world)?;
    allowed(&world, &caller, &schema(&catalog, &namespace), &["CREATE_TABLE"])?;
    if locked(&world.unity).table(&named.full()).is_ok() || store::newest(&named.folder(&world)).is_some() {
        let words = format!("Table already exists: {}", named.full());
        return Err(No::new(409, "AlreadyExistsException", words));
    }
    let location = named.location(&world);
    // A managed table lies where its catalog puts it.
    if let Some(wish) = fields.text("location")?.filter(|wish| wish.trim_end_matches('/') != location) {
        return Err(No::bad(format!("the location {wish} cannot be chosen for a managed table")));
    }
    let metadata = creation::metadata(&fields, &world.ids.uuid(), &location, world.clock.now())?;
    if fields.flag("stage-create") {
        return Ok(loaded(&named, &world, None, &metadata));
    }
    keep(&world, &caller, &named, 1, &metadata)?;
    Ok(loaded(&named, &world, Some(1), &metadata))
}

pub async fn load(
    State(world): State<Shared>,
    caller: Caller,
    Path((catalog, namespace, table)): Path<(String, String, String)>,
) -> Answer {
    let named = Named::new(&catalog, &namespace, &table)?;
    let (number, metadata) = store::newest(&named.folder(&world)).ok_or_else(|| No::no_table(&named.full()))?;
    allowed(&world, &caller, &named.securable(), &["SELECT"])?;
    Ok(loaded(&named, &world, Some(number), &metadata))
}

pub async fn commit(
    State(world): State<Shared>,
    caller: Caller,
    Path((catalog, namespace, table)): Path<(String, String, String)>,
    fields: Fields,
) -> Answer {
    let named = Named::new(&catalog, &namespace, &table)?;
    named.must_be_managed(&world)?;
    let plain = !locked(&world.settings).conflicts_as_400;
    let now = world.clock.now();
    let creates = fields.list("requirements").iter().any(|one| one["type"] == "assert-create");
    let (number, base) = match (store::newest(&named.folder(&world)), creates) {
        (Some(_), true) => return Err(No::conflict(plain, "the table exists already.")),
        (None, false) => return Err(No::no_table(&named.full())),
        (Some((number, metadata)), false) => {
            allowed(&world, &caller, &named.securable(), &["MODIFY"])?;
            (number, metadata)
        }
        (None, true) => {
            allowed(&world, &caller, &schema(&catalog, &namespace), &["CREATE_TABLE"])?;
            (0, creation::empty(&world.ids.uuid(), &named.location(&world), 2, now))
        }
    };
    let mut metadata = commits::apply(base, &fields.0, now, plain)?;
    if number > 0 {
        let old = format!("file://{}", store::file(&named.folder(&world), number).display());
        if let Some(log) = metadata["metadata-log"].as_array_mut() {
            log.push(json!({"metadata-file": old, "timestamp-ms": now}));
        }
    }
    keep(&world, &caller, &named, number + 1, &metadata)?;
    Ok(loaded(&named, &world, Some(number + 1), &metadata))
}

/// Makes a version visible here and in Unity Catalog. Who makes the first owns the table.
fn keep(world: &Shared, caller: &Caller, named: &Named, number: u64, metadata: &Value) -> Result<(), No> {
    let plain = !locked(&world.settings).conflicts_as_400;
    if !store::put(&named.folder(world), number, metadata)? {
        return Err(No::conflict(plain, "somebody else has committed meanwhile."));
    }
    jobs::register_tables(world);
    if number == 1
        && let Ok(table) = locked(&world.unity).table_mut(&named.full())
    {
        table.owner = caller.name.clone();
    }
    Ok(())
}

pub async fn drop(
    State(world): State<Shared>,
    caller: Caller,
    Path((catalog, namespace, table)): Path<(String, String, String)>,
) -> Result<StatusCode, No> {
    let named = Named::new(&catalog, &namespace, &table)?;
    named.must_be_managed(&world)?;
    if store::newest(&named.folder(&world)).is_none() {
        return Err(No::no_table(&named.full()));
    }
    allowed(&world, &caller, &named.securable(), &[])?;
    locked(&world.unity).must_manage(&caller, &named.securable())?;
    std::fs::remove_dir_all(named.folder(&world))?;
    jobs::register_tables(&world);
    Ok(StatusCode::NO_CONTENT)
}

/// Reports of scans and commits are taken and forgotten.
pub async fn metrics() -> StatusCode {
    StatusCode::NO_CONTENT
}
