//! Statements that the product sends to a warehouse, and what time travel reaches.

use super::bench::{Bench, Seen};
use icebridge_databricks::sql::SqlRow;
use icebridge_databricks::unity::{Securable, quoted};
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
    let Some(named) = bench.request.foreign_table.clone() else {
        let not_given = || Ok(Seen::NotTried("no foreign table was named".into()));
        bench.add("pinned_read", NEVER, not_given())?;
        bench.add("primed_read", AFTER, not_given())?;
        bench.add("deep_clone", CLONE, not_given())?;
        return Ok(());
    };
    let parts = split_parts(&named)?;
    let table = quoted(parts.iter().map(String::as_str));
    match super::iceberg::current_snapshot(bench, &parts).await {
        Err(error) => {
            bench.add("pinned_read", NEVER, Err(error))?;
            bench.add("primed_read", AFTER, Ok(Seen::NotTried("its snapshot is not known".into())))?;
        }
        Ok(None) => {
            bench.add("pinned_read", NEVER, Ok(Seen::NotTried("the table has no snapshot".into())))?;
        }
        Ok(Some(pin)) => {
            let at_pin = format!("SELECT 1 FROM {table} VERSION AS OF {pin} LIMIT 1");
            let never = bench.sql(&at_pin).await;
            let never = never.map(|_| Seen::Holds("read by its Iceberg snapshot id".into()));
            bench.add("pinned_read", NEVER, never)?;
            let primed = match bench.sql(&format!("SELECT 1 FROM {table} LIMIT 1")).await {
                Ok(_) => bench.sql(&at_pin).await,
                Err(error) => Err(error),
            };
            bench.add("primed_read", AFTER, primed.map(|_| Seen::Holds("read by its Iceberg snapshot id".into())))?;
        }
    }
    let cloned = match bench.made {
        true => {
            let copy = bench.table("cloned");
            done(bench.sql(&format!("CREATE TABLE {copy} DEEP CLONE {table}")).await)
        }
        false => Ok(Seen::NotTried("there is no scratch schema".into())),
    };
    bench.add("deep_clone", CLONE, cloned)?;
    Ok(())
}

fn done(made: Result<Vec<SqlRow>>) -> Result<Seen> {
    made.map(|_| Seen::Holds("it was taken".into()))
}

fn first(rows: &[SqlRow]) -> String {
    rows.first().and_then(|row| row.first()).cloned().flatten().unwrap_or_else(|| "no product yet".into())
}
