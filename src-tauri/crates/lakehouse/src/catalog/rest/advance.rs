//! Bringing a table that is there to a later state of its source, in one commit.

use super::RestCatalog;
use super::later_state::{is_older_than_the_last_change, requirements, updates};
use super::service::RefusalKind;
use crate::catalog::common::adoption::{commit_unknown, target_changed};
use crate::catalog::common::contract::{Catalog, Turns};
use crate::metadata::TableMetadata;
use crate::provenance::PROPERTY_SOURCE_METADATA;
use crate::table::Table;
use icebridge_http::Failure;
use icebridge_model::{Error, Result};
use serde_json::{Value, json};

const ATTEMPTS: u32 = 4;

impl RestCatalog {
    pub(super) async fn advance_by_updates(
        &self,
        from: &Table,
        metadata_location: &str,
        turns: &mut dyn Turns,
    ) -> Result<Table> {
        let table = &from.ident;
        let next = Table::open(table.clone(), metadata_location.to_string(), from.storage.clone()).await?;
        let body = json!({
            "identifier": {"namespace": table.namespace, "name": table.name},
            "requirements": requirements(&from.metadata, &next.metadata),
            "updates": updates(&from.metadata, &next.metadata).map_err(|e| e.about(table))?,
        });
        let advanced = self.commit_updates(from, &next, &body, turns).await?;
        // The catalog writes metadata files of its own: ours has told what is in it.
        if advanced.metadata_location != metadata_location
            && let Err(error) = from.storage.delete(metadata_location).await
        {
            tracing::warn!(path = metadata_location, %error, "a metadata file that nobody needs is left");
        }
        Ok(advanced)
    }

    async fn commit_updates(&self, from: &Table, next: &Table, body: &Value, turns: &mut dyn Turns) -> Result<Table> {
        let path = self.client.table_path(&from.ident)?;
        let (mut last, mut in_doubt) = (None, false);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(self.client.retry().backoff(attempt)).await;
            }
            turns.next().await;
            match self.client.post::<Value>(&path, body).await {
                Ok(_) => return self.load(&from.ident).await.map_err(|e| e.about(&from.ident)),
                Err(Failure::Refused(refusal)) if refusal.is_conflict() => {
                    turns.lost();
                    last = Some(refusal.into_error());
                }
                Err(Failure::Unknown(error)) => (in_doubt, last) = (true, Some(error)),
                Err(failure) if in_doubt => last = Some(failure.into()),
                Err(failure) => return Err(refused(failure.into(), from, next)),
            }
            match self.load(&from.ident).await {
                Ok(now) if is_at(&now.metadata, &next.metadata) => return Ok(now),
                // As before: the commit lost against nothing, and may be tried again.
                Ok(now) if now.metadata_location == from.metadata_location => {}
                Ok(_) => return Err(target_changed(&from.ident)),
                Err(e) if in_doubt => return Err(commit_unknown(&from.ident).with_cause(e)),
                Err(e) => last = Some(e),
            }
        }
        let last = last.unwrap_or_else(|| Error::internal("a commit without an answer"));
        Err(if in_doubt { commit_unknown(&from.ident).with_cause(last) } else { last.about(&from.ident) })
    }
}

/// Both tell which state of the source they have, and in one step with it.
fn is_at(now: &TableMetadata, next: &TableMetadata) -> bool {
    let source = |metadata: &TableMetadata| metadata.properties.get(PROPERTY_SOURCE_METADATA).cloned();
    now.current_snapshot_id == next.current_snapshot_id && source(now) == source(next)
}

fn refused(error: Error, from: &Table, next: &Table) -> Error {
    match is_older_than_the_last_change(&from.metadata, &next.metadata) {
        true => error.about(&from.ident).with_hint(
            "The table in the target was changed after the source's last snapshot was made, and catalogs refuse snapshots from \
             before their last change. The source's next snapshot brings all along.",
        ),
        false => error.about(&from.ident),
    }
}
