//! A table that an earlier attempt may have published, and that has another name by now: what lies in its place is that
//! table's. It is not written to, and not cleared.

use super::context::Migration;
use super::used_places::{Use, tables_of, use_of};
use crate::ledger::table_history;
use icebridge_model::{Code, Error, Result};

impl Migration {
    /// Called where the target does not have the table under the planned name. An earlier attempt that was killed in the
    /// middle of its commit does not know what came of it.
    pub async fn refuse_renamed(&self) -> Result<()> {
        let (run, planned) = (&self.run, self.planned());
        let Some(place) = run.local.store.place(&run.plan.hash, &planned.source).await? else { return Ok(()) };
        if !self.may_be_published().await? {
            return Ok(());
        }
        let there = run.in_target.get_or_try_init(|| tables_of(run.target.as_ref())).await?;
        let others = there.iter().filter(|(ident, _)| *ident != planned.target);
        let mut may_be_used = None;
        for used in others.filter_map(|found| use_of(found, &place)) {
            match used {
                Use::Certain(why) => return Err(renamed(why).about(&planned.target)),
                Use::Possible(why) => may_be_used = Some(why),
            }
        }
        if let Some(why) = may_be_used {
            tracing::warn!(table = %planned.source, place, why, "what was staged is left; the table is copied to another place");
            self.forget_place().await?;
        }
        Ok(())
    }

    async fn may_be_published(&self) -> Result<bool> {
        let (local, planned) = (&self.run.local, self.planned());
        let staged = local.store.staged_places().await?.into_iter();
        let mut staged =
            staged.filter(|place| place.plan_hash == *self.run.plan.hash && place.source == planned.source);
        match staged.next() {
            // Of an earlier version, which did not write down whose it is.
            Some(place) if place.run_id.is_empty() => Ok(true),
            Some(place) => Ok(table_history(local, &place.run_id, &planned.source).await?.may_be_published()),
            None => Ok(false),
        }
    }
}

fn renamed(why: String) -> Error {
    Error::new(Code::TargetChanged, "the table was published before, and has another name in the target now")
        .with_cause_text(why)
        .with_hint("Give it the planned name again and resume, and it is taken as it is; or make a new plan that leaves this table out.")
}
