//! Connections by name. Without secrets: those are in the keychain.

use crate::{Store, failure, from_json, now, to_json, views};
use icebridge_model::catalog::{CatalogSpec, Role};
use icebridge_model::{Code, Error, Result};

impl Store {
    pub async fn save_catalog(&self, spec: &CatalogSpec) -> Result<()> {
        let role = match spec.role {
            Role::Source => "source",
            Role::Target => "target",
        };
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO catalogs (name, role, spec, saved_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE SET role = excluded.role, spec = excluded.spec, saved_at = excluded.saved_at",
        )
        .bind(&spec.name)
        .bind(role)
        .bind(to_json(spec)?)
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save the catalog").about(&spec.name))?;
        write.commit().await
    }

    /// All of them by name.
    pub async fn catalogs(&self) -> Result<Vec<CatalogSpec>> {
        let specs: Vec<String> = sqlx::query_scalar("SELECT spec FROM catalogs ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "list the catalogs"))?;
        specs.iter().map(|s| from_json(s, "a catalog")).collect()
    }

    pub async fn catalog(&self, name: &str) -> Result<CatalogSpec> {
        let spec: Option<String> = sqlx::query_scalar("SELECT spec FROM catalogs WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the catalog").about(name))?;
        match spec {
            Some(spec) => from_json(&spec, "the catalog").map_err(|e| e.about(name)),
            None => Err(self.no_catalog(name).await),
        }
    }

    /// Its inventory goes with it; runs and their evidence stay.
    pub async fn remove_catalog(&self, name: &str) -> Result<()> {
        let mut write = self.write().await?;
        let gone = sqlx::query("DELETE FROM catalogs WHERE name = ?")
            .bind(name)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "remove the catalog").about(name))?
            .rows_affected();
        views::forget_source(&mut write, name).await?;
        write.commit().await?;
        if gone == 0 { Err(self.no_catalog(name).await) } else { Ok(()) }
    }

    pub(crate) async fn no_catalog(&self, name: &str) -> Error {
        let known = self.catalogs().await.unwrap_or_default();
        let hint = if known.is_empty() {
            "There are no catalogs yet. Add one with `icebridge catalog add`.".to_string()
        } else {
            let names: Vec<&str> = known.iter().map(|c| c.name.as_str()).collect();
            format!("Known catalogs: {}.", names.join(", "))
        };
        Error::new(Code::CatalogNotFound, "there is no catalog of this name").about(name).with_hint(hint)
    }
}
