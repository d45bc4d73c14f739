//! What modules above the state keep with it while the process lives, without the state knowing them.

use crate::mutex::lock;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// One value of each type. Cheap to clone; every clone is the same.
#[derive(Clone, Default)]
pub(super) struct Extensions(Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extensions")
    }
}

impl Extensions {
    /// Made when it is asked for first.
    pub fn get<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let value = Arc::clone(lock(&self.0).entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default()));
        // It is kept under its own type.
        value.downcast().unwrap_or_default()
    }
}
