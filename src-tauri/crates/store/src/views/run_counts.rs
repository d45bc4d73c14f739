//! What a run has come to, counted over its view.

use crate::{Store, failure};
use icebridge_model::Result;
use icebridge_model::run::RunCounters;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// By a float, which ends at no number: hostile sizes must not fail a sum.
const COUNTED: &str = "SELECT owner, state, count(*) AS tables,
        CAST(total(bytes_to_copy) AS INTEGER) AS to_copy,
        CAST(total(bytes_copied) AS INTEGER) AS copied,
        CAST(total(CASE WHEN state IN ('committing', 'committed', 'validating', 'migrated') THEN bytes_to_copy
                        ELSE min(bytes_copied, bytes_to_copy) END) AS INTEGER) AS done,
        CAST(total(rows) AS INTEGER) AS rows_in_all,
        CAST(total(rows_copied) AS INTEGER) AS rows_copied,
        sum(engine = 'photon') AS on_clusters,
        sum(result = 'equal') AS equal,
        sum(result = 'differs') AS differ
    FROM views JOIN view_run USING (view)
    WHERE scope = 'run' AND (?1 IS NULL OR owner = ?1) GROUP BY owner, state_rank";

impl Store {
    /// By run: every run's, or that of one.
    pub async fn run_counts(&self, run_id: Option<&str>) -> Result<BTreeMap<String, RunCounters>> {
        let doing = |e| failure::of(e, "count the tables of the runs");
        let rows = sqlx::query(COUNTED).bind(run_id).fetch_all(&self.pool).await.map_err(doing)?;
        let mut runs: BTreeMap<String, RunCounters> = BTreeMap::new();
        for row in &rows {
            let run: String = row.try_get("owner").map_err(doing)?;
            add(runs.entry(run).or_default(), row).map_err(doing)?;
        }
        Ok(runs)
    }
}

fn add(counters: &mut RunCounters, row: &SqliteRow) -> sqlx::Result<()> {
    let amount = |name: &str| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    let number = |name: &str| amount(name).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    counters.by_state.insert(row.try_get("state")?, number("tables")?);
    for (sum, name) in [
        (&mut counters.bytes_to_copy, "to_copy"),
        (&mut counters.bytes_copied, "copied"),
        (&mut counters.bytes_done, "done"),
        (&mut counters.rows, "rows_in_all"),
        (&mut counters.rows_copied, "rows_copied"),
    ] {
        *sum = sum.saturating_add(amount(name)?);
    }
    counters.on_clusters += number("on_clusters")?;
    counters.equal += number("equal")?;
    counters.differ += number("differ")?;
    Ok(())
}
