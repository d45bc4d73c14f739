//! The run as a property.

use icebridge_model::run::RunOverview;
use std::rc::Rc;
use yew::prelude::*;

/// Compared by address: an answer is replaced as a whole.
#[derive(Clone)]
pub struct SharedRun(pub Rc<RunOverview>);

impl PartialEq for SharedRun {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
pub struct RunProps {
    pub run: SharedRun,
    /// Grows when the tables should be asked for anew.
    #[prop_or_default]
    pub version: u64,
}
