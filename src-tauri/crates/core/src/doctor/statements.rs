//! Statements that the product sends to a warehouse, and what time travel reaches.

use super::bench::{Bench, Seen};
use crate::examined::ForeignRead;
use icebridge_databricks::sql::SqlRow;
use icebridge_databricks::unity::{Kind, Securable, quoted};
use icebridge_model::ident::split_parts;
use icebridge_model::{Code, Result};

pub(super) async fn try_all(bench: &mut Bench<'_>) -> Result<()> {
    let table = bench.table("made_by_sql");
    let made = bench.sql(&format!("CREATE TABLE {table} (id BIGINT, name STRING, at TIMESTAMP) USING ICEBERG")).await;
    bench.add("sql_create", "a managed Iceberg table can be made by SQL", done(made))?;

    let comments = format!("ALTER TABLE {table} ALTER COLUMN `id` COMMENT 'a', `name` COMMENT 'b'");
    let commented = bench.sql(&comments).await;
    bench.add("column_comments", "comments of several columns go in one statement", done(commented))?;

    let tagged = bench.sql(&format!("ALTER TABLE {table} SET TAGS ('icebridge' = 'doctor')")).await;
    let read = match tagged {
        Ok(_) => tags(bench).await,
        Err(error) => Err(error),
    };
    bench.add("tags", "a tag that is set by SQL is read by the API", read)?;

    let optimized = bench.sql(&format!("ALTER TABLE {table} ENABLE PREDICTIVE OPTIMIZATION")).await;
    bench.add(
        "predictive_optimization",
        "predictive optimization is set for a table by a statement",
        done(optimized),
    )?;

    let clustered = bench.table("clustered");
    let clustering = format!(
        "CREATE TABLE {clustered} (id BIGINT) USING ICEBERG CLUSTER BY (id) TBLPROPERTIES \
         ('delta.enableDeletionVectors' = 'false', 'delta.enableRowTracking' = 'false')"
    );
    let clustering = bench.sql(&clustering).await;
    bench.add(
        "clustering",
        "a table of version 2 is clustered with deletion vectors and row tracking off",
        done(clustering),
    )?;

    let third = bench.table("version_3");
    let third = bench
        .sql(&format!("CREATE TABLE {third} (id BIGINT) USING ICEBERG TBLPROPERTIES ('format-version' = '3')"))
        .await;
    bench.add("version_3", "a managed table can have format version 3", done(third))?;

    let grant = format!("GRANT SELECT ON TABLE {table} TO `nobody-{}@icebridge.invalid`", bench.schema);
    let unknown = match bench.sql(&grant).await {
        Ok(_) => Ok(Seen::Differs("the grant was taken".into())),
        Err(error) if error.code == Code::AccessDenied => Err(error),
        Err(error) => Ok(Seen::Holds(format!("{}: {}", error.code, error.causes.first().cloned().unwrap_or_default()))),
    };
    bench.add("unknown_principal", "a grant to a principal that does not exist is refused", unknown)?;

    let bill = bench.sql("SELECT sku_name FROM system.billing.usage LIMIT 1").await;
    let bill = bill.map(|rows| Seen::Holds(format!("its first row is of {}", first(&rows))));
    bench.add("bill", "system.billing.usage can be read", bill)?;
    Ok(())
}

async fn tags(bench: &Bench<'_>) -> Result<Seen> {
    let name = format!("{}.{}.made_by_sql", bench.request.catalog, bench.schema);
    Ok(match bench.client.tags(Securable::Table, &name).await? {
        None => Seen::Differs("the workspace does not give tags by the API".into()),
        Some(tags) if tags.iter().any(|tag| tag.key == "icebridge") => Seen::Holds("it is there".into()),
        Some(_) => Seen::Differs("the tag is not there".into()),
    })
}

/// Of a table that may only be read: a pin that was never read before, the same after a read, and a clone.
pub(super) async fn try_foreign(bench: &mut Bench<'_>) -> Result<()> {
    const NEVER: &str = "a snapshot of a foreign table that was never read can be read by its id";
    const AFTER: &str = "the same snapshot can be read after the table was read once";
    const CLONE: &str = "a foreign Iceberg table can be cloned (DEEP CLONE)";
    let named = match foreign(bench).await {
        Ok(named) => named,
        Err(why) => {
            for (key, assumption) in [("pinned_read", NEVER), ("primed_read", AFTER), ("deep_clone", CLONE)] {
                bench.add(key, assumption, Ok(Seen::NotTried(why.into())))?;
            }
            return Ok(());
        }
    };
    let parts = split_parts(&named)?;
    let table = quoted(parts.iter().map(String::as_str));
    let reads = read_pinned(bench, &named, &parts, &table).await;
    bench.add("pinned_read", NEVER, reads.never)?;
    bench.add("primed_read", AFTER, reads.after)?;
    let cloned = match (bench.made, reads.unreadable) {
        (true, false) => {
            let copy = bench.table("cloned");
            done(bench.sql(&format!("CREATE TABLE {copy} DEEP CLONE {table}")).await)
        }
        (false, _) => Ok(Seen::NotTried("there is no scratch schema".into())),
        (true, true) => Ok(Seen::NotTried("the table cannot be read".into())),
    };
    bench.add("deep_clone", CLONE, cloned)?;
    Ok(())
}

/// The table that may be read, or why there is none.
async fn foreign(bench: &Bench<'_>) -> std::result::Result<String, &'static str> {
    let named = bench.request.foreign_table.clone().ok_or("no foreign table was named")?;
    match bench.client.table(&named).await {
        Ok(Some(table)) if table.kind() != Kind::ForeignIceberg => {
            Err("the table that was named is no foreign Iceberg")
        }
        // One that is not shown is not read either, and that row says why.
        _ => Ok(named),
    }
}

struct PinnedReads {
    /// What came of a pin that was never read, and of the same pin after a read.
    never: Result<Seen>,
    after: Result<Seen>,
    /// Not even as it is now: then no version and no clone says anything.
    unreadable: bool,
}

async fn read_pinned(bench: &mut Bench<'_>, named: &str, parts: &[String], table: &str) -> PinnedReads {
    const READ: &str = "read by its Iceberg snapshot id";
    let not_tried = |why: &str, unreadable| PinnedReads {
        never: Ok(Seen::NotTried(why.into())),
        after: Ok(Seen::NotTried(why.into())),
        unreadable,
    };
    let pin = match super::iceberg::current_snapshot(bench, parts).await {
        Ok(Some(pin)) => pin,
        Ok(None) => return not_tried("the table has no snapshot", false),
        Err(error) if matches!(error.code, Code::AccessDenied | Code::GateClosed) => {
            return PinnedReads { never: Err(error), ..not_tried("its snapshot is not known", false) };
        }
        Err(error) => return not_tried(&format!("its snapshot is not known: {error}"), false),
    };
    let at_pin = format!("SELECT 1 FROM {table} VERSION AS OF {pin} LIMIT 1");
    let read = ForeignRead { table: named.to_lowercase(), snapshot_id: pin };
    let read_before = bench.read.as_ref() == Some(&read);
    let never = bench.sql(&at_pin).await;
    match bench.sql(&format!("SELECT 1 FROM {table} LIMIT 1")).await {
        Ok(_) => bench.read = Some(read),
        Err(error) if error.code == Code::AccessDenied => {
            return PinnedReads { never: Err(error), ..not_tried("the table may not be read", true) };
        }
        Err(error) => return not_tried(&format!("the table cannot be read: {error}"), true),
    }
    let after = bench.sql(&at_pin).await.map(|_| Seen::Holds(READ.into()));
    let never = match never {
        Ok(_) if read_before => Ok(Seen::NotTried("an examination before this one read the same snapshot".into())),
        never => never.map(|_| Seen::Holds(READ.into())),
    };
    PinnedReads { never, after, unreadable: false }
}

fn done(made: Result<Vec<SqlRow>>) -> Result<Seen> {
    made.map(|_| Seen::Holds("it was taken".into()))
}

fn first(rows: &[SqlRow]) -> String {
    rows.first().and_then(|row| row.first()).cloned().flatten().unwrap_or_else(|| "no product yet".into())
}
