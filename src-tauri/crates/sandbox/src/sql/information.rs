//! `information_schema`: what Unity Catalog knows, as rows.

use super::error::SqlError;
use super::session::Session;
use crate::state::behaviour::DeletedOwners;
use crate::unity::objects::{Table, parts};
use crate::unity::{Kind, Metastore, Securable, deleted};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// None: there is no such view.
pub fn read(
    session: &Session<'_>,
    metastore: &Metastore,
    catalog: &str,
    view: &str,
) -> Result<Option<Vec<Value>>, SqlError> {
    metastore.catalog(catalog)?;
    let of = Of { metastore, catalog, owners: session.engine.common.settings.lock().behaviour.deleted_owners };
    Ok(Some(match view {
        "tables" => of.tables().map(|table| of.table(&table)).collect(),
        "columns" => of.tables().flat_map(|table| columns(&table)).collect(),
        "table_privileges" => of.tables().flat_map(|table| of.privileges(Kind::Table, &table.full_name)).collect(),
        "schema_privileges" => of.schemas().flat_map(|name| of.privileges(Kind::Schema, name)).collect(),
        "catalog_privileges" => of.catalogs().flat_map(|name| of.privileges(Kind::Catalog, name)).collect(),
        "table_tags" => of.tags("tables"),
        "column_tags" => of.tags("columns"),
        "row_filters" => of.tables().filter_map(|table| row_filter(&table)).collect(),
        "column_masks" => of.tables().flat_map(|table| masks(&table)).collect(),
        _ => return Ok(None),
    }))
}

struct Of<'a> {
    metastore: &'a Metastore,
    catalog: &'a str,
    owners: DeletedOwners,
}

impl Of<'_> {
    /// The one of `system` is of all catalogs.
    fn is_mine(&self, full_name: &str) -> bool {
        self.catalog == "system" || parts(full_name).0 == self.catalog
    }

    fn tables(&self) -> impl Iterator<Item = Table> {
        self.metastore.all_tables().filter(|table| self.is_mine(&table.full_name))
    }

    fn schemas(&self) -> impl Iterator<Item = &String> {
        self.metastore.schemas.keys().filter(|name| self.is_mine(name))
    }

    fn catalogs(&self) -> impl Iterator<Item = &String> {
        self.metastore.catalogs.keys().filter(|name| self.is_mine(name))
    }

    fn table(&self, table: &Table) -> Value {
        let mut row = named(&table.full_name, ["table_catalog", "table_schema", "table_name"]);
        row.insert("table_type", table.kind.as_str().into());
        row.insert("data_source_format", table.format.clone().into());
        row.insert("table_owner", deleted::owner(&table.owner, self.owners).into());
        row.insert("comment", table.comment.clone().into());
        json!(row)
    }

    /// With those that come from above. The deleted are named by their ids.
    fn privileges(&self, kind: Kind, full_name: &str) -> Vec<Value> {
        let securable = Securable::new(kind, full_name);
        let names = match kind {
            Kind::Table => ["table_catalog", "table_schema", "table_name"],
            _ => ["catalog_name", "schema_name", ""],
        };
        let mut rows = Vec::new();
        for one in securable.lineage() {
            for (principal, privileges) in self.metastore.grants.of(&one) {
                for privilege in privileges {
                    let mut row = named(full_name, names);
                    row.insert("grantor", self.metastore.owner(&one).into());
                    row.insert("grantee", deleted::owner(principal, DeletedOwners::Id).into());
                    row.insert("privilege_type", privilege.as_str().into());
                    row.insert("is_grantable", "NO".into());
                    let from = if one == securable { "NONE" } else { one.kind.upper() };
                    row.insert("inherited_from", from.into());
                    rows.push(json!(row));
                }
            }
        }
        rows
    }

    fn tags(&self, entity: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let wanted = self.metastore.tags.iter().filter(|((kind, name), _)| kind == entity && self.is_mine(name));
        for ((_, name), tags) in wanted {
            for (key, value) in tags {
                let (catalog, schema, rest) = parts(name);
                let (table, column) = rest.split_once('.').unwrap_or((rest, ""));
                let mut row = json!({
                    "catalog_name": catalog, "schema_name": schema, "table_name": table, "tag_name": key, "tag_value": value,
                });
                if entity == "columns" {
                    row["column_name"] = column.into();
                }
                rows.push(row);
            }
        }
        rows
    }
}

/// The parts of a name under these names; an empty one is left out.
fn named<'a>(full_name: &str, names: [&'a str; 3]) -> BTreeMap<&'a str, Value> {
    let (catalog, schema, table) = parts(full_name);
    let all = names.into_iter().zip([catalog, schema, table]);
    all.filter(|(name, part)| !name.is_empty() && !part.is_empty()).map(|(name, part)| (name, part.into())).collect()
}

fn columns(table: &Table) -> Vec<Value> {
    let column = |(at, column): (usize, &crate::unity::objects::Column)| {
        let mut row = named(&table.full_name, ["table_catalog", "table_schema", "table_name"]);
        row.insert("column_name", column.name.as_str().into());
        row.insert("ordinal_position", at.into());
        row.insert("is_nullable", if column.nullable { "YES" } else { "NO" }.into());
        row.insert("full_data_type", column.kind.text().into());
        row.insert("data_type", column.kind.api_name().into());
        row.insert("partition_index", column.partition_index.map(|at| at + 1).into());
        row.insert("comment", column.comment.clone().into());
        json!(row)
    };
    table.columns.iter().enumerate().map(column).collect()
}

fn row_filter(table: &Table) -> Option<Value> {
    let filter = table.row_filter.as_ref()?;
    let mut row = named(&table.full_name, ["table_catalog", "table_schema", "table_name"]);
    row.insert("filter_name", filter.function.as_str().into());
    row.insert("target_columns", filter.columns.join(",").into());
    Some(json!(row))
}

fn masks(table: &Table) -> Vec<Value> {
    let mask = |column: &crate::unity::objects::Column| {
        let mask = column.mask.as_ref()?;
        let mut row = named(&table.full_name, ["table_catalog", "table_schema", "table_name"]);
        row.insert("column_name", column.name.as_str().into());
        row.insert("mask_name", mask.function.as_str().into());
        row.insert("using_columns", mask.using.join(",").into());
        Some(json!(row))
    };
    table.columns.iter().filter_map(mask).collect()
}
