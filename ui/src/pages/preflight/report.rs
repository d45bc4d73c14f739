//! The pre-flight as a property.

use icebridge_model::finding::PreflightOutline;
use std::rc::Rc;
use yew::prelude::*;

/// Compared by address: an answer is replaced as a whole.
#[derive(Clone)]
pub struct Report(pub Rc<PreflightOutline>);

impl PartialEq for Report {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
pub struct ReportProps {
    pub report: Report,
}
