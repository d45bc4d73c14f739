//! What a run has come to, counted over its view.

use crate::{Store, failure};
use icebridge_model::Result;
use icebridge_model::run::RunCounters;
use std::collections::BTreeMap;

type Row = (String, String, i64, i64, i64, i64, i64);

impl Store {
    /// By run: every run's, or that of one.
    pub async fn run_counts(&self, run_id: Option<&str>) -> Result<BTreeMap<String, RunCounters>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT owner, state, count(*), CAST(total(bytes_to_copy) AS INTEGER), CAST(total(bytes_copied) AS INTEGER),
                    CAST(total(rows) AS INTEGER), CAST(total(rows_copied) AS INTEGER)
             FROM views JOIN view_run USING (view)
             WHERE scope = 'run' AND (?1 IS NULL OR owner = ?1) GROUP BY owner, state_rank",
        )
        .bind(run_id)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "count the tables of the runs"))?;
        let mut runs: BTreeMap<String, RunCounters> = BTreeMap::new();
        for (run, state, tables, to_copy, copied, rows, rows_copied) in rows {
            let counts = runs.entry(run).or_default();
            counts.by_state.insert(state, usize::try_from(tables).unwrap_or(0));
            counts.bytes_to_copy = counts.bytes_to_copy.saturating_add(to_copy.unsigned_abs());
            counts.bytes_copied = counts.bytes_copied.saturating_add(copied.unsigned_abs());
            counts.rows = counts.rows.saturating_add(rows.unsigned_abs());
            counts.rows_copied = counts.rows_copied.saturating_add(rows_copied.unsigned_abs());
        }
        Ok(runs)
    }
}
