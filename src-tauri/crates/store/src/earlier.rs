//! Which tables of a route earlier runs have migrated.

use crate::row::row;
use crate::{Store, failure};
use icebridge_model::earlier::EarlierMigration;
use icebridge_model::ops::Route;
use icebridge_model::{Result, TableIdent};
use std::collections::HashMap;

/// By source and target.
pub type EarlierMigrations = HashMap<(TableIdent, TableIdent), EarlierMigration>;

impl Store {
    /// The last validation of each source and target over all runs of the route, where it passed.
    pub async fn earlier_migrations(&self, route: &Route) -> Result<EarlierMigrations> {
        let doing = |e| failure::of(e, "read what earlier runs migrated");
        let last: Vec<Validated> = sqlx::query_as(
            "SELECT v.run_id, v.ident, v.passed, v.validated_at,
                    v.validation ->> '$.target' AS target,
                    v.validation ->> '$.source_snapshot_id' AS source_snapshot_id,
                    v.validation ->> '$.target_snapshot_id' AS target_snapshot_id
             FROM validations v
             JOIN runs r ON r.run_id = v.run_id
             WHERE r.source = ? AND r.target = ?
               AND v.id IN (SELECT max(id) FROM validations GROUP BY run_id, ident)
             ORDER BY v.id",
        )
        .bind(&route.source)
        .bind(&route.target)
        .fetch_all(&self.pool)
        .await
        .map_err(doing)?;
        let mut found = EarlierMigrations::new();
        for row in last {
            // A name of another version counts as none: its table is one that exists.
            let (Ok(source), Ok(target)) = (TableIdent::parse(&row.ident), TableIdent::parse(&row.target)) else {
                continue;
            };
            let key = (source, target);
            if row.passed {
                found.insert(key, row.earlier());
            } else {
                // A later comparison found a difference: the earlier one holds no longer.
                found.remove(&key);
            }
        }
        Ok(found)
    }

    /// What a run made of a table; nothing where it is not known.
    pub async fn made_by(&self, run_id: &str, table: &TableIdent) -> Result<Made> {
        let made: Option<(String, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT plan_hash, nullif(outcome ->> '$.target_location', ''), nullif(outcome ->> '$.target_uuid', '')
             FROM outcomes WHERE run_id = ? AND ident = ?",
        )
        .bind(run_id)
        .bind(table.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read what the copy made").about(table))?;
        Ok(made.map(|(plan_hash, location, uuid)| Made { plan_hash, location, uuid }).unwrap_or_default())
    }
}

/// A table that a run made.
#[derive(Debug, Default)]
pub struct Made {
    pub plan_hash: String,
    pub location: Option<String>,
    /// Its table-uuid.
    pub uuid: Option<String>,
}

row! {
    struct Validated {
        run_id: String,
        ident: String,
        passed: bool,
        validated_at: String,
        target: String,
        source_snapshot_id: Option<i64>,
        target_snapshot_id: Option<i64>,
    }
}

impl Validated {
    fn earlier(self) -> EarlierMigration {
        EarlierMigration {
            run_id: self.run_id.into(),
            validated_at: self.validated_at,
            source_snapshot_id: self.source_snapshot_id,
            target_snapshot_id: self.target_snapshot_id,
            ..EarlierMigration::default()
        }
    }
}
