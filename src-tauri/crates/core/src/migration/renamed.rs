//! A table that an earlier attempt may have published, and that has another name by now: what lies in its place is that
//! table's. It is not written to, and not cleared.

use super::context::Migration;
use super::used_places::{Use, use_of};
use crate::ledger::may_be_published;
use icebridge_lakehouse::catalog::every_table_loaded;
use icebridge_model::{Code, Error, Result};

impl Migration {
    /// Called where the target does not have the table under the planned name. An earlier attempt that was killed in the
    /// middle of its commit does not know what came of it.
    pub async fn refuse_renamed(&self) -> Result<()> {
        let (run, planned) = (&self.run, self.planned());
        let Some(place) = run.local.store.place(&run.plan.hash, &planned.source).await? else { return Ok(()) };
        let staged = run.local.store.staged_places().await?.into_iter();
        let mut staged = staged.filter(|place| place.plan_hash == *run.plan.hash && place.source == planned.source);
        match staged.next() {
            Some(of) if may_be_published(&run.local, &of).await? => {}
            _ => return Ok(()),
        }
        let there = run.in_target.get_or_try_init(|| every_table_loaded(run.target.as_ref())).await?;
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
}

fn renamed(why: String) -> Error {
    Error::new(Code::TargetChanged, "the table was published before, and has another name in the target now")
        .with_cause_text(why)
        .with_hint("Give it the planned name again and resume, and it is taken as it is; or make a new plan that leaves this table out.")
}
