//! Runs: each is one execution of a plan.

use crate::journal::append_in;
use crate::row::row;
use crate::run_record::RunRecord;
use crate::{Store, failure, views};
use icebridge_model::run::RunState;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;

row! {
    struct Row {
        run_id: String,
        plan_hash: String,
        plan_text: String,
        source: String,
        target: String,
        state: String,
        started_at: String,
        ended_at: Option<String>,
    }
}

impl TryFrom<Row> for RunRecord {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state =
            [RunState::Running, RunState::Succeeded, RunState::Incomplete, RunState::Cancelled, RunState::Interrupted]
                .into_iter()
                .find(|s| s.as_str() == row.state)
                .ok_or_else(|| failure::unreadable("a run's state").about(&row.run_id))?;
        Ok(Self {
            run_id: row.run_id.into(),
            plan_hash: row.plan_hash.into(),
            plan_text: row.plan_text,
            source: row.source,
            target: row.target,
            state,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

impl Store {
    /// Together with its first entries in the journal, kind and body: without them nobody could say how it began.
    pub async fn create_run(&self, run: &RunRecord, entries: Vec<(&str, Value)>) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO runs (run_id, plan_hash, plan_text, source, target, state, started_at, ended_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run.run_id.as_str())
        .bind(run.plan_hash.as_str())
        .bind(&run.plan_text)
        .bind(&run.source)
        .bind(&run.target)
        .bind(run.state.as_str())
        .bind(&run.started_at)
        .bind(&run.ended_at)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| {
            if failure::is_unique(&e) {
                Error::internal("two runs have the same id").about(&run.run_id)
            } else {
                failure::of(e, "save the run").about(&run.run_id)
            }
        })?;
        views::begin_run(&mut write, run).await?;
        for (kind, body) in entries {
            append_in(&mut write, &run.run_id, "", kind, body).await?;
        }
        write.commit().await
    }

    pub async fn run(&self, run_id: &str) -> Result<RunRecord> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM runs WHERE run_id = ?")
            .bind(run_id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the run").about(run_id))?;
        match row {
            Some(row) => row.try_into(),
            None => Err(Error::new(Code::RunNotFound, "there is no such run")
                .about(run_id)
                .with_hint("List the runs with `icebridge runs`.")),
        }
    }

    /// Newest first.
    pub async fn runs(&self) -> Result<Vec<RunRecord>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM runs ORDER BY rowid DESC")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "list the runs"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    pub async fn latest_run(&self) -> Result<Option<RunRecord>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM runs ORDER BY rowid DESC LIMIT 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "find the latest run"))?;
        row.map(TryInto::try_into).transpose()
    }

    /// Every run of a plan, the first one first.
    pub async fn runs_of_plan(&self, plan_hash: &str) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT run_id FROM runs WHERE plan_hash = ? ORDER BY rowid")
            .bind(plan_hash)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "find the runs of the plan"))
    }

    /// The latest run of a plan.
    pub async fn run_of_plan(&self, plan_hash: &str) -> Result<Option<RunRecord>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM runs WHERE plan_hash = ? ORDER BY rowid DESC LIMIT 1")
            .bind(plan_hash)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "find a run of the plan"))?;
        row.map(TryInto::try_into).transpose()
    }

    pub async fn set_run_state(&self, run_id: &str, state: RunState, ended_at: Option<&str>) -> Result<()> {
        let mut write = self.write().await?;
        let changed = sqlx::query("UPDATE runs SET state = ?, ended_at = ? WHERE run_id = ?")
            .bind(state.as_str())
            .bind(ended_at)
            .bind(run_id)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "save the run's state").about(run_id))?
            .rows_affected();
        write.commit().await?;
        if changed == 0 { self.run(run_id).await.map(drop) } else { Ok(()) }
    }

    /// Called by the holder of the state lock: any other run that is `running` has died. Returns how many did.
    pub async fn mark_interrupted(&self, except: &str) -> Result<u64> {
        let mut write = self.write().await?;
        let changed = sqlx::query("UPDATE runs SET state = 'interrupted' WHERE state = 'running' AND run_id <> ?")
            .bind(except)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "mark interrupted runs"))?
            .rows_affected();
        write.commit().await?;
        Ok(changed)
    }
}
