//! The mapping of each route.

use crate::{Store, failure, from_json, now, to_json};
use icebridge_model::Result;
use icebridge_model::mapping::Mapping;
use icebridge_model::ops::Route;

impl Store {
    /// The empty mapping if none was saved.
    pub async fn mapping(&self, route: &Route) -> Result<Mapping> {
        let mapping: Option<String> =
            sqlx::query_scalar("SELECT mapping FROM mappings WHERE source = ? AND target = ?")
                .bind(&route.source)
                .bind(&route.target)
                .fetch_optional(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read the mapping"))?;
        mapping.map_or_else(|| Ok(Mapping::default()), |m| from_json(&m, "the mapping"))
    }

    pub async fn save_mapping(&self, route: &Route, mapping: &Mapping) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO mappings (source, target, mapping, saved_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (source, target) DO UPDATE SET mapping = excluded.mapping, saved_at = excluded.saved_at",
        )
        .bind(&route.source)
        .bind(&route.target)
        .bind(to_json(mapping)?)
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save the mapping"))?;
        write.commit().await
    }
}
