//! Bytes and rows of copies: counted for each piece that is read, so without a look at the labels.

use crate::labels::ByEngine;
use crate::list::List;
use icebridge_model::copy_mode::EngineKind;
use prometheus_client::metrics::counter::Counter;

/// Cheap to clone; every clone counts into the same.
#[derive(Clone, Debug)]
pub struct Copied {
    bytes: Counter,
    rows: Counter,
}

impl Copied {
    pub(crate) fn of(list: &List, engine: EngineKind) -> Self {
        let labels = ByEngine { engine: engine.as_str() };
        Self {
            bytes: list.copied_bytes.get_or_create_owned(&labels),
            rows: list.copied_rows.get_or_create_owned(&labels),
        }
    }

    pub fn bytes(&self, more: u64) {
        self.bytes.inc_by(more);
    }

    pub fn rows(&self, more: u64) {
        self.rows.inc_by(more);
    }
}
