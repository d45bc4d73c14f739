//! Validations: all of them are kept, the last one of a table counts.

use crate::journal::append_in;
use crate::kinds::TABLE_VALIDATED;
use crate::{Store, failure, from_json, to_json};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::json;

impl Store {
    /// Together with its entry in the journal: a death between the two would leave evidence that does not
    /// agree with itself.
    pub async fn save_validation(&self, run_id: &str, validation: &Validation) -> Result<()> {
        let value = serde_json::to_value(validation)
            .map_err(|e| Error::internal("a record cannot be written as JSON").with_cause(e))?;
        let mut write = self.write().await?;
        sqlx::query("INSERT INTO validations (run_id, ident, passed, validation, validated_at) VALUES (?, ?, ?, ?, ?)")
            .bind(run_id)
            .bind(validation.source.to_string())
            .bind(validation.passed)
            .bind(to_json(validation)?)
            .bind(&validation.validated_at)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| {
                if failure::is_foreign_key(&e) {
                    Error::new(Code::RunNotFound, "there is no such run")
                        .about(run_id)
                        .with_hint("`icebridge runs` lists them.")
                } else {
                    failure::of(e, "save the validation").about(&validation.source)
                }
            })?;
        let table = validation.source.to_string();
        append_in(&mut write, run_id, &table, TABLE_VALIDATED, json!({ "validation": value })).await?;
        write.commit().await
    }

    /// The last one of this table.
    pub async fn validation(&self, run_id: &str, table: &TableIdent) -> Result<Option<Validation>> {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT validation FROM validations WHERE run_id = ? AND ident = ? ORDER BY id DESC LIMIT 1",
        )
        .bind(run_id)
        .bind(table.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the validation").about(table))?;
        last.map(|validation| from_json(&validation, "a validation")).transpose()
    }

    /// The last one of this table in any run of the plan.
    pub async fn validation_of_plan(&self, plan_hash: &str, table: &TableIdent) -> Result<Option<Validation>> {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT validation FROM validations WHERE ident = ? AND run_id IN (SELECT run_id FROM runs WHERE plan_hash = ?)
             ORDER BY id DESC LIMIT 1",
        )
        .bind(table.to_string())
        .bind(plan_hash)
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the validation").about(table))?;
        last.map(|validation| from_json(&validation, "a validation")).transpose()
    }

    /// The last one of each table, sorted by the source's name.
    pub async fn validations(&self, run_id: &str) -> Result<Vec<Validation>> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT validation FROM validations WHERE id IN
                (SELECT max(id) FROM validations WHERE run_id = ? GROUP BY ident) ORDER BY ident",
        )
        .bind(run_id)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the validations").about(run_id))?;
        rows.iter().map(|v| from_json(v, "a validation")).collect()
    }
}
