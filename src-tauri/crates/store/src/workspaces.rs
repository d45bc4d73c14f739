//! Databricks workspaces by name. Without secrets: those are in the keychain.

use crate::{Store, failure, from_json, now, to_json};
use icebridge_model::databricks::WorkspaceSpec;
use icebridge_model::{Code, Error, Result};

impl Store {
    pub async fn save_workspace(&self, spec: &WorkspaceSpec) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO workspaces (name, spec, saved_at) VALUES (?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, saved_at = excluded.saved_at",
        )
        .bind(&spec.name)
        .bind(to_json(spec)?)
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save the workspace").about(&spec.name))?;
        write.commit().await
    }

    /// All of them by name.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceSpec>> {
        let specs: Vec<String> = sqlx::query_scalar("SELECT spec FROM workspaces ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "list the workspaces"))?;
        specs.iter().map(|spec| from_json(spec, "a workspace")).collect()
    }

    pub async fn workspace(&self, name: &str) -> Result<WorkspaceSpec> {
        let spec: Option<String> = sqlx::query_scalar("SELECT spec FROM workspaces WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the workspace").about(name))?;
        match spec {
            Some(spec) => from_json(&spec, "the workspace").map_err(|e| e.about(name)),
            None => Err(self.no_workspace(name).await),
        }
    }

    /// Its inventory of Unity Catalog goes with it.
    pub async fn remove_workspace(&self, name: &str) -> Result<()> {
        let mut write = self.write().await?;
        let gone = sqlx::query("DELETE FROM workspaces WHERE name = ?")
            .bind(name)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "remove the workspace").about(name))?
            .rows_affected();
        write.commit().await?;
        if gone == 0 { Err(self.no_workspace(name).await) } else { Ok(()) }
    }

    async fn no_workspace(&self, name: &str) -> Error {
        let known = self.workspaces().await.unwrap_or_default();
        let hint = if known.is_empty() {
            "There are no workspaces yet. Add one with `icebridge workspace add`.".to_string()
        } else {
            let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
            format!("Known workspaces: {}.", names.join(", "))
        };
        Error::new(Code::ObjectNotFound, "there is no workspace of this name").about(name).with_hint(hint)
    }
}
