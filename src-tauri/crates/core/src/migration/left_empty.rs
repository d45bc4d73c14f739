//! An empty table that another plan of this state made and never filled: it stands in nobody's way.
//!
//! It is known by the place of its copy, a random word that no other state has. The run holds the lock on the state, so that no
//! other run of this state is filling it.

use super::adoption;
use super::context::Migration;
use super::guard::guarded;
use futures::FutureExt;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{CopyTask, is_left_empty, take_back};
use icebridge_model::{Code, Result};
use serde_json::json;

const TAKEN_BACK: &str = "table.empty_taken_back";

impl Migration {
    /// As [`adoption::find`], after what an earlier plan left empty under the name is gone.
    pub async fn find_made(&self) -> Result<Option<Table>> {
        let find = || adoption::find(self.run.target.as_ref(), self.planned(), &self.run.plan.hash);
        let error = match find().await {
            Err(error) if error.code == Code::TableExists => error,
            other => return other,
        };
        match guarded(self.take_back_left().boxed()).await {
            Ok(true) => find().await,
            Ok(false) => Err(error),
            Err(other) => Err(error.with_cause_text(format!("and it could not be taken back: {other}"))),
        }
    }

    async fn take_back_left(&self) -> Result<bool> {
        let (run, planned) = (&self.run, self.planned());
        let others = run.local.store.places_of(&planned.source).await?;
        let others = others.into_iter().filter(|(plan, _)| *plan != *run.plan.hash);
        for (plan, place) in others {
            let there = run.target.load(&planned.target).await?;
            if !is_left_empty(&there.metadata, &plan, &place) {
                continue;
            }
            let source = run.source.load(&planned.source).await?;
            let task = CopyTask { plan_hash: &plan, ..self.copy_task(&source, &place, None) };
            if take_back(&task).await? {
                let body = json!({ "target": planned.target, "plan_hash": plan, "place": place });
                run.local.store.append(&run.live.run_id, &planned.source.to_string(), TAKEN_BACK, body).await?;
                run.local.store.forget_place(&plan, &planned.source).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
