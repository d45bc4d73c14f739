//! What earlier steps of a plan asked the clusters for.

use super::record::StepRecord;
use icebridge_model::photon::ClusterMethod;
use icebridge_model::{Code, Error, TableIdent};
use std::collections::BTreeSet;

/// The targets of this plan's steps on clusters so far, of this run and of others.
pub(crate) struct PriorSteps {
    ordered: BTreeSet<TableIdent>,
    pub open: BTreeSet<TableIdent>,
}

impl PriorSteps {
    pub fn of(steps: &[StepRecord]) -> Self {
        let targets = |wanted: fn(&StepRecord) -> bool| {
            steps
                .iter()
                .filter(|step| wanted(step))
                .flat_map(StepRecord::tables)
                .map(|copy| copy.target.clone())
                .collect()
        };
        Self { ordered: targets(|_| true), open: targets(StepRecord::is_open) }
    }

    /// A clone gets its marks by a second statement. A cluster that was killed between the two leaves a table without them;
    /// the script recognises it by its history, and refuses one that another made.
    pub fn may_have_left(&self, method: ClusterMethod, target: &TableIdent, error: &Error) -> bool {
        error.code == Code::TableExists && method == ClusterMethod::DeepClone && self.ordered.contains(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clone_that_was_ordered_may_be_there_without_its_marks() {
        let target = TableIdent::new(["main", "sales"], "orders");
        let there = Error::new(Code::TableExists, "there");
        let prior = PriorSteps { ordered: BTreeSet::from([target.clone()]), open: BTreeSet::new() };
        assert!(prior.may_have_left(ClusterMethod::DeepClone, &target, &there));
        assert!(!prior.may_have_left(ClusterMethod::Ctas, &target, &there), "it is made with its marks");
        assert!(!prior.may_have_left(ClusterMethod::DeepClone, &target, &Error::new(Code::AccessDenied, "no")));
        assert!(!PriorSteps::of(&[]).may_have_left(ClusterMethod::DeepClone, &target, &there), "nothing was ordered");
    }
}
