//! As many tables as one asks for, made when they are looked at: a hundred thousand cost no more memory than one.

use super::objects::{Column, Schema, Table, parts};
use super::types::Type;
use crate::state::ADMIN;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub const CATALOG: &str = "lake";
const PER_SCHEMA: u32 = 1_000;

#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    tables: u32,
    seed: u64,
    created: i64,
}

/// Table type, format, kind: what a metastore with a federated lake holds, in a likely mixture.
const SHAPES: [(u64, &str, &str, &str); 6] = [
    (45, "FOREIGN", "ICEBERG", "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_EXTERNAL"),
    (70, "FOREIGN", "DELTA_UNIFORM_ICEBERG", "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_MANAGED"),
    (80, "FOREIGN", "PARQUET", "TABLE_FOREIGN_HIVE_METASTORE_EXTERNAL"),
    (88, "MANAGED", "DELTA", "TABLE_DELTA_ICEBERG_MANAGED"),
    (94, "MANAGED", "DELTA", "TABLE_DELTA"),
    (100, "FOREIGN", "ORC", "TABLE_FOREIGN_HIVE_METASTORE_MANAGED"),
];

const TYPES: [&str; 8] =
    ["bigint", "string", "timestamp", "decimal(18,2)", "int", "double", "array<string>", "struct<a:int,b:string>"];

/// Read once: a listing of all tables has a million columns.
static READ: LazyLock<Vec<Type>> = LazyLock::new(|| TYPES.iter().filter_map(|text| Type::read(text)).collect());

/// SplitMix64: one number to another that looks like chance.
fn mixed(seed: u64, at: u64) -> u64 {
    let mut z = seed.wrapping_add(at.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Seeded {
    pub fn new(tables: u32, seed: u64, created: i64) -> Self {
        Self { tables, seed, created }
    }

    pub fn is_empty(&self) -> bool {
        self.tables == 0
    }

    pub fn schema_names(&self) -> impl Iterator<Item = String> {
        (0..self.tables.div_ceil(PER_SCHEMA)).map(|at| format!("s{at:04}"))
    }

    pub fn schema(&self, full_name: &str, id: String) -> Schema {
        Schema::new(full_name, id, ADMIN, self.created)
    }

    /// How many generated tables a schema has.
    pub fn count(&self, schema: &str) -> usize {
        self.first_of(schema).map_or(0, |first| self.tables.saturating_sub(first).min(PER_SCHEMA) as usize)
    }

    /// The number of the first table of a schema, by its full name in lower case.
    fn first_of(&self, schema: &str) -> Option<u32> {
        let (catalog, schema, _) = parts(schema);
        let number = schema.strip_prefix('s').filter(|digits| digits.len() == 4 && catalog == CATALOG)?;
        number.parse::<u32>().ok()?.checked_mul(PER_SCHEMA).filter(|first| *first < self.tables)
    }

    pub fn nth(&self, schema: &str, at: usize) -> Option<Table> {
        let first = self.first_of(schema)?;
        let index = first.checked_add(u32::try_from(at).ok()?)?;
        (at < PER_SCHEMA as usize && index < self.tables).then(|| self.table(index))
    }

    /// By its full name.
    pub fn find(&self, full_name: &str) -> Option<Table> {
        let (schema, name) = full_name.rsplit_once('.')?;
        let number = name.strip_prefix('t').filter(|digits| digits.len() == 6)?;
        let index = number.parse::<u32>().ok()?;
        let first = self.first_of(schema)?;
        self.nth(schema, index.checked_sub(first)? as usize)
    }

    pub fn all(&self) -> usize {
        self.tables as usize
    }

    pub fn tables(&self) -> impl Iterator<Item = Table> {
        (0..self.tables).map(|index| self.table(index))
    }

    fn table(&self, index: u32) -> Table {
        let chance = |salt: u64| mixed(self.seed.wrapping_add(salt), u64::from(index));
        let roll = chance(1) % 100;
        let (_, kind, format, securable) = SHAPES.iter().find(|shape| roll < shape.0).copied().unwrap_or(SHAPES[0]);
        let count = 3 + chance(2) % 12;
        let mut columns = vec![column("id", "bigint")];
        columns.extend((1..count).map(|at| {
            let kind = &READ[(chance(100 + at) % READ.len() as u64) as usize];
            Column::new(&format!("c{at:02}"), kind.clone())
        }));
        let mut properties = BTreeMap::new();
        if securable == "TABLE_DELTA_ICEBERG_MANAGED" {
            properties.insert("delta.enableIcebergWriterCompatV1".to_owned(), "true".to_owned());
            properties.insert("format-version".to_owned(), "2".to_owned());
        } else if format.contains("ICEBERG") {
            properties.insert("format-version".to_owned(), if chance(3) % 10 < 8 { "2" } else { "1" }.to_owned());
        }
        let schema = index / PER_SCHEMA;
        let id = uuid::Uuid::from_u64_pair(chance(4), chance(5)).to_string();
        let created = self.created - (chance(7) % 31_536_000_000) as i64;
        Table {
            kind: kind.to_owned(),
            format: Some(format.to_owned()),
            securable_kind: securable.to_owned(),
            location: Some(format!("s3://sandbox-lake/s{schema:04}/t{index:06}")),
            columns,
            properties,
            comment: (chance(6) % 4 == 0).then(|| format!("table number {index}")),
            ..Table::new(&format!("{CATALOG}.s{schema:04}.t{index:06}"), id, ADMIN, created)
        }
    }
}

pub fn column(name: &str, kind: &str) -> Column {
    let kind = Type::read(kind).unwrap_or(Type::Struct(Vec::new()));
    Column { nullable: name != "id", ..Column::new(name, kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_tables_and_every_one_is_found_by_name() {
        let (one, two) = (Seeded::new(2_345, 7, 0), Seeded::new(2_345, 7, 0));
        let schemas: Vec<String> = one.schema_names().collect();
        assert_eq!(schemas, ["s0000", "s0001", "s0002"]);
        let mut seen = 0;
        for schema in schemas.iter().map(|name| format!("{CATALOG}.{name}")) {
            for at in 0..one.count(&schema) {
                let table = one.nth(&schema, at).unwrap();
                let again = two.find(&table.full_name).unwrap();
                assert_eq!((table.id, table.kind, table.columns.len()), (again.id, again.kind, again.columns.len()));
                seen += 1;
            }
        }
        assert_eq!(seen, 2_345);
        assert!(one.find("lake.s0002.t002345").is_none(), "past the end");
        assert!(one.find("lake.s0001.t000000").is_none(), "in another schema");
        assert!(one.find("other.s0000.t000000").is_none(), "in another catalog");
        assert_ne!(one.table(5).id, Seeded::new(10, 8, 0).table(5).id, "another seed, another table");
    }

    #[test]
    fn all_shapes_occur() {
        let seeded = Seeded::new(1_000, 7, 0);
        for (_, _, _, securable) in SHAPES {
            assert!((0..1_000).any(|at| seeded.table(at).securable_kind == securable), "{securable}");
        }
    }
}
