//! The small workspace that every sandbox has: one table of each kind that matters to a migration.

use super::metastore::Metastore;
use super::objects::{Catalog, Column, Schema, Table, Volume};
use super::securable::{Kind, Securable};
use super::seeded::{CATALOG, column};
use crate::state::{ACCOUNT_USERS, ADMIN, ANALYST, MIGRATORS};
use std::collections::BTreeMap;

const FOREIGN: &str = "FOREIGN_CATALOG";
const MANAGED: &str = "MANAGED_CATALOG";

struct Ids(u64);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        uuid::Uuid::from_u64_pair(0xca7a_1060_0000_4000, 0x8000_0000_0000_0000 | self.0).to_string()
    }
}

fn catalog(name: &str, kind: &'static str, connection: Option<&str>, now: i64) -> Catalog {
    Catalog {
        name: name.to_owned(),
        kind,
        connection: connection.map(str::to_owned),
        options: BTreeMap::new(),
        properties: BTreeMap::new(),
        storage_root: (kind == MANAGED).then(|| format!("s3://sandbox-managed/{name}")),
        default_storage: false,
        owner: if kind == "SYSTEM_CATALOG" { "System user".to_owned() } else { ADMIN.to_owned() },
        comment: None,
        optimization: "INHERIT".to_owned(),
        created: now,
    }
}

fn partitioned(mut columns: Vec<Column>, by: &[&str]) -> Vec<Column> {
    for (index, name) in (0..).zip(by) {
        if let Some(column) = columns.iter_mut().find(|column| column.name == *name) {
            column.partition_index = Some(index);
        }
    }
    columns
}

/// With `tables` generated ones in the catalog `lake`, made from `seed`.
pub fn metastore(tables: u32, seed: u64, now: i64, gate_open: bool) -> Metastore {
    let mut metastore = Metastore::new(tables, seed, now);
    add_objects(&mut metastore, now);
    if gate_open {
        metastore.set_gate(true, &["main".to_owned()], ACCOUNT_USERS);
    }
    metastore
}

fn add_objects(metastore: &mut Metastore, now: i64) {
    let mut ids = Ids(0);
    let mut glue = catalog("glue_lake", FOREIGN, Some("glue_prod"), now);
    glue.options.insert("authorized_paths".to_owned(), "s3://sandbox-lake/".to_owned());
    let mut catalogs = vec![
        catalog("main", MANAGED, None, now),
        glue,
        catalog("snow", FOREIGN, Some("snowflake_prod"), now),
        catalog("system", "SYSTEM_CATALOG", None, now),
    ];
    if !metastore.seeded.is_empty() {
        catalogs.push(catalog(CATALOG, FOREIGN, Some("glue_prod"), now));
    }
    for one in catalogs {
        metastore.catalogs.insert(one.name.clone(), one);
    }
    let generated: Vec<String> = metastore.seeded.schema_names().map(|name| format!("{CATALOG}.{name}")).collect();
    for name in generated {
        let schema = metastore.seeded.schema(&name, ids.next());
        metastore.schemas.insert(name, schema);
    }
    for name in [
        "main.default",
        "main.bronze",
        "main.silver",
        "glue_lake.sales",
        "glue_lake.web",
        "snow.public",
        "system.billing",
        "system.information_schema",
    ] {
        let owner = if name.starts_with("system") { "System user" } else { ADMIN };
        metastore.schemas.insert(name.to_owned(), Schema::new(name, ids.next(), owner, now));
    }
    tables(metastore, &mut ids, now);
    let volume = Volume {
        full_name: "main.default.icebridge".to_owned(),
        id: ids.next(),
        owner: ADMIN.to_owned(),
        comment: Some("scripts, plans and results of migrations".to_owned()),
        created: now,
    };
    metastore.volumes.insert(volume.full_name.clone(), volume);
    grants(metastore);
}

/// Full name, table type, format, kind, columns.
type Shape = (&'static str, &'static str, Option<&'static str>, String, Vec<Column>);

fn shapes() -> Vec<Shape> {
    let orders = || {
        let columns =
            [("id", "bigint"), ("customer", "string"), ("amount", "decimal(12,2)"), ("placed_at", "timestamp")];
        columns.map(|(name, kind)| column(name, kind)).to_vec()
    };
    let hive = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE";
    vec![
        ("glue_lake.sales.orders", "FOREIGN", Some("ICEBERG"), format!("{hive}_EXTERNAL"), orders()),
        (
            "glue_lake.sales.customers",
            "FOREIGN",
            Some("DELTA_UNIFORM_ICEBERG"),
            format!("{hive}_MANAGED"),
            partitioned(
                vec![column("id", "bigint"), column("name", "string"), column("country", "string")],
                &["country"],
            ),
        ),
        (
            "glue_lake.sales.archive",
            "FOREIGN",
            Some("ORC"),
            "TABLE_FOREIGN_HIVE_METASTORE_EXTERNAL".to_owned(),
            orders(),
        ),
        // A real managed table inside a foreign catalog: it is not to be migrated.
        ("glue_lake.sales.moved", "MANAGED", Some("DELTA"), "TABLE_DELTA_ICEBERG_MANAGED".to_owned(), orders()),
        (
            "glue_lake.web.clicks",
            "FOREIGN",
            Some("ICEBERG"),
            format!("{hive}_EXTERNAL"),
            vec![column("id", "bigint"), column("page", "struct<url:string,tags:array<string>>")],
        ),
        ("glue_lake.web.recent_clicks", "VIEW", None, "TABLE_VIEW_FOREIGN".to_owned(), vec![column("id", "bigint")]),
        // What a later release may bring: clients must live with message they do not know.
        ("glue_lake.web.unheard_of", "TELEPATHIC", Some("THOUGHT"), "TABLE_THOUGHT_FOREIGN".to_owned(), orders()),
        (
            "snow.public.accounts",
            "FOREIGN",
            Some("ICEBERG"),
            "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_SNOWFLAKE".to_owned(),
            orders(),
        ),
        // Outside the authorized paths a Snowflake table comes by JDBC and is no Iceberg table.
        ("snow.public.invoices", "FOREIGN", Some("SNOWFLAKE_FORMAT"), "TABLE_FOREIGN_SNOWFLAKE".to_owned(), orders()),
        ("main.default.plain", "MANAGED", Some("DELTA"), "TABLE_DELTA".to_owned(), orders()),
        ("main.silver.kept", "MANAGED", Some("DELTA"), "TABLE_DELTA_ICEBERG_MANAGED".to_owned(), orders()),
        ("main.silver.kept_too", "MANAGED", Some("ICEBERG"), "TABLE_ICEBERG_UNIFORM_MANAGED".to_owned(), orders()),
    ]
}

fn tables(metastore: &mut Metastore, ids: &mut Ids, now: i64) {
    for (full_name, kind, format, securable_kind, columns) in shapes() {
        let mut properties = BTreeMap::new();
        if securable_kind.contains("ICEBERG") {
            properties.insert("format-version".to_owned(), "2".to_owned());
        }
        if securable_kind == "TABLE_DELTA_ICEBERG_MANAGED" {
            properties.insert("delta.enableIcebergWriterCompatV1".to_owned(), "true".to_owned());
        }
        let path = full_name.replace('.', "/");
        let table = Table {
            kind: kind.to_owned(),
            format: format.map(str::to_owned),
            securable_kind,
            location: (kind != "VIEW").then(|| match kind {
                "MANAGED" => format!("s3://sandbox-managed/{path}"),
                _ => format!("s3://sandbox-lake/{path}"),
            }),
            columns,
            properties,
            comment: (full_name == "glue_lake.sales.orders").then(|| "every order since 2019".to_owned()),
            view: (kind == "VIEW").then(|| "SELECT id FROM glue_lake.web.clicks".to_owned()),
            ..Table::new(full_name, ids.next(), ADMIN, now)
        };
        metastore.tables.insert(table.full_name.clone(), table);
    }
    let mut tags = |kind: &str, name: &str, key: &str, value: &str| {
        metastore.tags.entry((kind.to_owned(), name.to_owned())).or_default().insert(key.to_owned(), value.to_owned());
    };
    tags("tables", "glue_lake.sales.orders", "domain", "sales");
    tags("columns", "glue_lake.sales.orders.customer", "pii", "name");
}

/// What an administrator would have granted the users who migrate; but not the gate's privilege, which nothing else includes.
fn grants(metastore: &mut Metastore) {
    let grants = &mut metastore.grants;
    for catalog in ["glue_lake", "snow", CATALOG] {
        for privilege in ["USE_CATALOG", "USE_SCHEMA", "SELECT"] {
            grants.add(&Securable::new(Kind::Catalog, catalog), MIGRATORS, privilege);
        }
    }
    grants.add(&Securable::new(Kind::Catalog, "main"), MIGRATORS, "ALL_PRIVILEGES");
    grants.add(&Securable::new(Kind::Catalog, "main"), ACCOUNT_USERS, "USE_CATALOG");
    grants.add(&Securable::new(Kind::Catalog, "system"), MIGRATORS, "SELECT");
    grants.add(&Securable::new(Kind::Table, "glue_lake.sales.orders"), ANALYST, "SELECT");
    grants.add(&Securable::new(Kind::Schema, "glue_lake.sales"), ACCOUNT_USERS, "USE_SCHEMA");
    grants.add(&Securable::new(Kind::Volume, "main.default.icebridge"), MIGRATORS, "READ_VOLUME");
    grants.add(&Securable::new(Kind::Volume, "main.default.icebridge"), MIGRATORS, "WRITE_VOLUME");
}
