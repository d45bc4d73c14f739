//! What Unity Catalog's Iceberg endpoint takes.

use super::bench::{Bench, Seen};
use crate::workspaces::endpoint;
use icebridge_lakehouse::catalog::{self, Draft, Publication};
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::doctor::Finding;
use icebridge_model::{Error, Result, TableIdent};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const STAGED: &str = "a table is staged, and its storage is lent";
const PLAIN: &str = "an empty table is committed over the endpoint";
const EMPTY: &str = "a table is made empty, and a commit fills it";
const TRANSFORMS: [(&str, &str, &str); 2] = [
    ("rest_hour", "hour", "a table partitioned by hour() is taken over the endpoint"),
    ("rest_bucket", "bucket[4]", "a table partitioned by bucket() is taken over the endpoint"),
];

fn spec(bench: &Bench<'_>, role: Role, catalog: &str) -> CatalogSpec {
    CatalogSpec {
        name: "doctor".into(),
        role,
        kind: CatalogKind::Unity,
        uri: bench.request.workspace.clone(),
        warehouse: catalog.into(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

pub(super) async fn try_all(bench: &mut Bench<'_>) -> Result<()> {
    let target = match open(bench).await {
        Ok(target) => target,
        Err(error) => {
            bench.add("rest_stage", STAGED, Err(error))?;
            for (key, assumption) in not_reached() {
                bench.add(key, assumption, Ok(Seen::NotTried("the endpoint cannot be opened".into())))?;
            }
            return Ok(());
        }
    };
    match attempt(bench, target.as_ref(), "made_over_rest", None, Way::Staged).await {
        Ok(table) => {
            let lent =
                if table.storage.is_on_this_machine(&table.metadata.location) { "local files" } else { "a store" };
            bench.add("rest_stage", STAGED, Ok(Seen::Holds(format!("its files are in {lent}"))))?;
            bench.add("rest_create", PLAIN, Ok(Seen::Holds("it was taken".into())))?;
        }
        Err(error) => {
            bench.add("rest_stage", STAGED, Err(error))?;
            bench.add("rest_create", PLAIN, Ok(Seen::NotTried("none was staged".into())))?;
        }
    }
    let made = attempt(bench, target.as_ref(), "made_empty", None, Way::Empty).await;
    let is_refused = made.is_err();
    bench.add("rest_empty", EMPTY, made.map(|_| Seen::Holds("it was made, and filled".into())))?;
    if is_refused && bench.rows.iter().any(|row| row.key == "rest_stage" && row.finding != Finding::Holds) {
        // Whatever refuses a plain table says nothing about transforms.
        for (key, _, assumption) in TRANSFORMS {
            bench.add(key, assumption, Ok(Seen::NotTried("no plain table was taken".into())))?;
        }
        return Ok(());
    }
    let way = if is_refused { Way::Staged } else { Way::Empty };
    for (key, transform, assumption) in TRANSFORMS {
        let made = attempt(bench, target.as_ref(), key, Some(transform), way).await;
        let seen = made.map(|table| {
            let spec = table.metadata.partition_spec(table.metadata.default_spec_id);
            let kept = spec.is_some_and(|spec| !spec.fields.is_empty());
            match kept {
                true => Seen::Holds("it was taken, and kept".into()),
                false => Seen::Differs("it was taken, and the table has no partitions".into()),
            }
        });
        bench.add(key, assumption, seen)?;
    }
    Ok(())
}

fn not_reached() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("rest_create", PLAIN), ("rest_empty", EMPTY)]
        .into_iter()
        .chain(TRANSFORMS.map(|(key, _, assumption)| (key, assumption)))
}

async fn open(bench: &Bench<'_>) -> Result<Arc<dyn TargetCatalog>> {
    let spec = spec(bench, Role::Target, &bench.request.catalog);
    let (spec, bearer) = endpoint::reach(bench.local, spec).await?;
    catalog::open_target(&spec, &BTreeMap::new(), Some(bearer)).await
}

#[derive(Clone, Copy)]
enum Way {
    Staged,
    /// Made empty, and filled by a commit.
    Empty,
}

async fn attempt(
    bench: &Bench<'_>,
    target: &dyn TargetCatalog,
    name: &str,
    transform: Option<&str>,
    way: Way,
) -> Result<Table> {
    let ident = TableIdent::new([bench.schema.clone()], name);
    let mut draft = document(transform);
    let filled_by = match way {
        Way::Staged => None,
        Way::Empty => Some("doctor"),
    };
    let staged = target
        .stage(&ident, &bench.schema, Draft { metadata: &draft, filled_by, at_once: filled_by.is_some() })
        .await?;
    if let Some(empty) = &staged.empty {
        draft["table-uuid"] = json!(empty.uuid);
    }
    draft["location"] = json!(staged.location);
    let metadata_location = format!("{}/metadata/00000-{}.metadata.json", staged.location, uuid::Uuid::new_v4());
    let mut turns = 0_u32;
    target.publish(&ident, &Publication::Create { metadata: draft, metadata_location }, &mut turns).await
}

fn document(transform: Option<&str>) -> Value {
    let source = if transform == Some("hour") { 2 } else { 1 };
    let fields: Vec<Value> = transform
        .iter()
        .map(|transform| json!({"source-id": source, "field-id": 1000, "name": "part", "transform": transform}))
        .collect();
    json!({
        "format-version": 2, "table-uuid": uuid::Uuid::new_v4().to_string(), "location": "",
        "last-sequence-number": 0, "last-updated-ms": 0, "last-column-id": 2,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [
            {"id": 1, "name": "id", "type": "long", "required": false},
            {"id": 2, "name": "at", "type": "timestamptz", "required": false},
        ]}],
        "current-schema-id": 0, "partition-specs": [{"spec-id": 0, "fields": fields}], "default-spec-id": 0,
        "last-partition-id": 1000, "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
        "properties": {}, "snapshots": [],
    })
}

/// Of a foreign table, by the endpoint, which reads what Databricks has not read.
pub(super) async fn current_snapshot(bench: &Bench<'_>, parts: &[String]) -> Result<Option<i64>> {
    let [catalog, schema, name] = parts else { return Err(Error::internal("a table's name has three parts")) };
    let (spec, bearer) = endpoint::reach(bench.local, spec(bench, Role::Source, catalog)).await?;
    let source = catalog::open(&spec, &BTreeMap::new(), Some(bearer)).await?;
    let table = source.load(&TableIdent::new([schema.clone()], name.clone())).await?;
    Ok(table.metadata.current_snapshot_id)
}
