//! The mapping as it is edited.

use crate::actions::Handle;
use crate::state::{Action, MappingDraft};
use icebridge_model::mapping::Mapping;
use std::rc::Rc;

/// A draft as a property: the generation and the addresses say whether it changed.
#[derive(Clone)]
pub struct Draft(pub MappingDraft);

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        self.0.generation == other.0.generation
            && Rc::ptr_eq(&self.0.draft, &other.0.draft)
            && Rc::ptr_eq(&self.0.saved, &other.0.saved)
    }
}

pub fn edit(session: &Handle, mapping: Mapping) {
    session.dispatch(Action::MappingEdit(mapping));
}
