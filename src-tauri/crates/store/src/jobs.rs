//! Jobs: one a run of a plan.

use crate::{Store, failure};
use icebridge_model::run::{JobId, JobState};
use icebridge_model::{Code, Error, Result};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    pub job: JobId,
    pub plan_hash: String,
    pub plan_text: String,
    pub source: String,
    pub target: String,
    pub state: JobState,
    pub started_at: String,
    pub ended_at: Option<String>,
}

struct Row {
    job: String,
    plan_hash: String,
    plan_text: String,
    source: String,
    target: String,
    state: String,
    started_at: String,
    ended_at: Option<String>,
}

impl FromRow<'_, SqliteRow> for Row {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            job: row.try_get("job")?,
            plan_hash: row.try_get("plan_hash")?,
            plan_text: row.try_get("plan_text")?,
            source: row.try_get("source")?,
            target: row.try_get("target")?,
            state: row.try_get("state")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
        })
    }
}

impl TryFrom<Row> for JobRecord {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let state =
            [JobState::Running, JobState::Succeeded, JobState::Incomplete, JobState::Cancelled, JobState::Interrupted]
                .into_iter()
                .find(|s| s.as_str() == row.state)
                .ok_or_else(|| failure::unreadable("a job's state").about(&row.job))?;
        Ok(Self {
            job: row.job,
            plan_hash: row.plan_hash,
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
    pub async fn create_job(&self, job: &JobRecord) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO jobs (job, plan_hash, plan_text, source, target, state, started_at, ended_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&job.job)
        .bind(&job.plan_hash)
        .bind(&job.plan_text)
        .bind(&job.source)
        .bind(&job.target)
        .bind(job.state.as_str())
        .bind(&job.started_at)
        .bind(&job.ended_at)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| {
            if failure::is_unique(&e) {
                Error::internal("two jobs have the same id").about(&job.job)
            } else {
                failure::of(e, "save the job").about(&job.job)
            }
        })?;
        write.commit().await
    }

    pub async fn job(&self, job: &str) -> Result<JobRecord> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM jobs WHERE job = ?")
            .bind(job)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the job").about(job))?;
        match row {
            Some(row) => row.try_into(),
            None => Err(Error::new(Code::JobNotFound, "there is no such job")
                .about(job)
                .with_hint("List the jobs with `icebridge jobs`.")),
        }
    }

    /// Newest first.
    pub async fn jobs(&self) -> Result<Vec<JobRecord>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM jobs ORDER BY rowid DESC")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "list the jobs"))?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    pub async fn latest_job(&self) -> Result<Option<JobRecord>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM jobs ORDER BY rowid DESC LIMIT 1")
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "find the latest job"))?;
        row.map(TryInto::try_into).transpose()
    }

    /// The latest job that ran this plan.
    pub async fn job_of_plan(&self, plan_hash: &str) -> Result<Option<JobRecord>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM jobs WHERE plan_hash = ? ORDER BY rowid DESC LIMIT 1")
            .bind(plan_hash)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "find the plan's job"))?;
        row.map(TryInto::try_into).transpose()
    }

    pub async fn set_job_state(&self, job: &str, state: JobState, ended_at: Option<&str>) -> Result<()> {
        let mut write = self.write().await?;
        let changed = sqlx::query("UPDATE jobs SET state = ?, ended_at = ? WHERE job = ?")
            .bind(state.as_str())
            .bind(ended_at)
            .bind(job)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "save the job's state").about(job))?
            .rows_affected();
        write.commit().await?;
        if changed == 0 { self.job(job).await.map(drop) } else { Ok(()) }
    }

    /// Called by whoever holds the state lock: any other job that says `running` has died. Returns how many did.
    pub async fn mark_interrupted(&self, except: &str) -> Result<u64> {
        let mut write = self.write().await?;
        let changed = sqlx::query("UPDATE jobs SET state = 'interrupted' WHERE state = 'running' AND job <> ?")
            .bind(except)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "mark interrupted jobs"))?
            .rows_affected();
        write.commit().await?;
        Ok(changed)
    }
}
