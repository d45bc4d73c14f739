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
                    v.validation ->> '$.target_snapshot_id' AS target_snapshot_id,
                    o.outcome ->> '$.target_location' AS target_location
             FROM validations v
             JOIN runs r ON r.run_id = v.run_id
             LEFT JOIN outcomes o ON o.run_id = v.run_id AND o.ident = v.ident
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
            let key = (TableIdent::parse(&row.ident)?, TableIdent::parse(&row.target)?);
            if row.passed {
                found.insert(key, row.earlier());
            } else {
                // A later comparison found a difference: the earlier one holds no longer.
                found.remove(&key);
            }
        }
        Ok(found)
    }
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
        target_location: Option<String>,
    }
}

impl Validated {
    fn earlier(self) -> EarlierMigration {
        EarlierMigration {
            run_id: self.run_id.into(),
            validated_at: self.validated_at,
            source_snapshot_id: self.source_snapshot_id,
            target_snapshot_id: self.target_snapshot_id,
            target_location: self.target_location.unwrap_or_default(),
            target_changed: false,
        }
    }
}
