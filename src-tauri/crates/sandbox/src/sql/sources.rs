//! The tables that SELECT can read.

use super::engine::{Session, Wrong};
use crate::jobs::usage::PRICES;
use crate::unity::Metastore;
use crate::unity::objects::{Table, parts};
use crate::unity::securable::{Kind, Securable};
use crate::world::locked;
use serde_json::{Value, json};

type Rows = (Vec<String>, Vec<Value>);

fn named(names: &[&str], rows: Vec<Value>) -> Rows {
    (names.iter().map(|name| (*name).to_owned()).collect(), rows)
}

pub fn read(session: &Session<'_>, full_name: &str) -> Result<Rows, Wrong> {
    let (catalog, schema, name) = parts(full_name);
    if schema == "information_schema" {
        let metastore = locked(&session.world.unity);
        metastore.catalog(catalog)?;
        let only = (catalog != "system").then_some(catalog);
        return information(&metastore, only, name).ok_or_else(|| Wrong::no_table(full_name));
    }
    let securable = Securable::new(Kind::Table, full_name);
    let may = locked(&session.world.unity).allows(session.person, &securable, "SELECT");
    let refused =
        || Wrong::new("INSUFFICIENT_PERMISSIONS", "42501", format!("User does not have SELECT on {securable}."));
    match full_name {
        "system.billing.usage" | "system.billing.list_prices" if !may => Err(refused()),
        "system.billing.usage" => {
            let rows = locked(&session.world.jobs).usage.iter().map(crate::jobs::usage::Usage::row).collect();
            let names = [
                "record_id",
                "workspace_id",
                "sku_name",
                "cloud",
                "usage_start_time",
                "usage_end_time",
                "usage_date",
                "custom_tags",
                "usage_unit",
                "usage_quantity",
                "usage_metadata",
                "billing_origin_product",
            ];
            Ok(named(&names, rows))
        }
        "system.billing.list_prices" => {
            let price = |(sku, price): &(&str, &str)| {
                json!({
                    "price_start_time": "2024-01-01T00:00:00Z", "price_end_time": null, "sku_name": sku, "cloud": "AWS",
                    "currency_code": "USD", "usage_unit": "DBU",
                    "pricing": {"default": price, "promotional": {"default": price}, "effective_list": {"default": price}},
                })
            };
            let names =
                ["price_start_time", "price_end_time", "sku_name", "cloud", "currency_code", "usage_unit", "pricing"];
            Ok(named(&names, PRICES.iter().map(price).collect()))
        }
        _ => {
            let metastore = locked(&session.world.unity);
            let table = metastore.table(full_name).map_err(|_| Wrong::no_table(full_name))?;
            if !may {
                return Err(refused());
            }
            let columns: Vec<String> = table.columns.iter().map(|column| column.name.to_lowercase()).collect();
            // Made by a statement: it has rows, if only none so far. Others have their data elsewhere.
            let rows = metastore.rows.get(full_name).ok_or_else(|| {
                Wrong::unsupported(&format!("reading {full_name}, whose data is not in the sandbox's memory"))
            })?;
            Ok((columns, rows.iter().map(|row| json!(row)).collect()))
        }
    }
}

/// `information_schema`, of one catalog or of all.
fn information(metastore: &Metastore, only: Option<&str>, name: &str) -> Option<Rows> {
    let mine = |full_name: &str| only.is_none_or(|catalog| parts(full_name).0 == catalog);
    let rows = match name {
        "catalogs" => {
            let rows = metastore.catalogs.values().filter(|one| mine(&one.name));
            let told = rows.map(|one| {
                json!({"catalog_name": one.name, "catalog_owner": one.owner, "comment": one.comment, "created": one.created})
            });
            named(&["catalog_name", "catalog_owner", "comment", "created"], told.collect())
        }
        "schemata" => {
            let rows = metastore.schemas.values().filter(|one| mine(&one.full_name));
            let told = rows.map(|one| {
                let (catalog, schema, _) = parts(&one.full_name);
                json!({
                    "catalog_name": catalog, "schema_name": schema, "schema_owner": one.owner, "comment": one.comment,
                })
            });
            named(&["catalog_name", "schema_name", "schema_owner", "comment"], told.collect())
        }
        "tables" => {
            let made = (0..metastore.seeded.all()).filter_map(|at| u32::try_from(at).ok());
            let made = made.map(|at| metastore.seeded.table(at));
            let made = made.filter(|table| !metastore.tables.contains_key(&table.full_name));
            let rows = metastore.tables.values().cloned().chain(made).filter(|one| mine(&one.full_name));
            let told = |one: Table| {
                let (catalog, schema, table) = parts(&one.full_name);
                json!({
                    "table_catalog": catalog, "table_schema": schema, "table_name": table, "table_type": one.kind,
                    "data_source_format": one.format, "table_owner": one.owner, "comment": one.comment,
                })
            };
            let names = [
                "table_catalog",
                "table_schema",
                "table_name",
                "table_type",
                "data_source_format",
                "table_owner",
                "comment",
            ];
            named(&names, rows.map(told).collect())
        }
        "catalog_privileges" => privileges(metastore, &mine, Kind::Catalog),
        "schema_privileges" => privileges(metastore, &mine, Kind::Schema),
        "table_privileges" => privileges(metastore, &mine, Kind::Table),
        "volume_privileges" => privileges(metastore, &mine, Kind::Volume),
        "catalog_tags" => tags(metastore, &mine, "catalogs"),
        "schema_tags" => tags(metastore, &mine, "schemas"),
        "table_tags" => tags(metastore, &mine, "tables"),
        "column_tags" => tags(metastore, &mine, "columns"),
        _ => return None,
    };
    Some(rows)
}

/// The columns that name an object, by how deep it lies.
fn place(names: [&'static str; 4], full_name: &str) -> Vec<(&'static str, Value)> {
    let parts = full_name.splitn(4, '.').map(Value::from);
    names.into_iter().filter(|name| !name.is_empty()).zip(parts).collect()
}

fn privileges(metastore: &Metastore, mine: &dyn Fn(&str) -> bool, kind: Kind) -> Rows {
    let names = match kind {
        Kind::Catalog => ["catalog_name", "", "", ""],
        Kind::Schema => ["catalog_name", "schema_name", "", ""],
        Kind::Volume => ["volume_catalog", "volume_schema", "volume_name", ""],
        _ => ["table_catalog", "table_schema", "table_name", ""],
    };
    let granted = metastore.grants.all().filter(|(securable, _, _)| securable.kind == kind && mine(&securable.name));
    let rows = granted.flat_map(|(securable, principal, privileges)| {
        privileges.iter().map(move |privilege| {
            let own = [("grantee", principal.as_str()), ("privilege_type", privilege), ("inherited_from", "NONE")];
            let all = place(names, &securable.name).into_iter().chain(own.map(|(name, value)| (name, value.into())));
            all.map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
        })
    });
    let columns: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    named(&[columns, vec!["grantee", "privilege_type", "inherited_from"]].concat(), rows.collect())
}

fn tags(metastore: &Metastore, mine: &dyn Fn(&str) -> bool, kind: &str) -> Rows {
    let names = match kind {
        "catalogs" => ["catalog_name", "", "", ""],
        "schemas" => ["catalog_name", "schema_name", "", ""],
        "tables" => ["catalog_name", "schema_name", "table_name", ""],
        _ => ["catalog_name", "schema_name", "table_name", "column_name"],
    };
    let tagged = metastore.tags.iter().filter(|((own, name), _)| own == kind && mine(name));
    let rows = tagged.flat_map(|((_, object), tags)| {
        tags.iter().map(move |(key, value)| {
            let own = [("tag_name", key.as_str()), ("tag_value", value)];
            let all = place(names, object).into_iter().chain(own.map(|(name, value)| (name, value.into())));
            all.map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
        })
    });
    let columns: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    named(&[columns, vec!["tag_name", "tag_value"]].concat(), rows.collect())
}
