//! What the words in a view's row stand for. A word of another version stands for nothing.

use icebridge_model::mapping::MappingState;
use icebridge_model::photon::{ClusterMethod, ClusterStage};
use icebridge_model::plan::{CopyMode, EngineKind};
use icebridge_model::run::TableState;
use icebridge_model::validation::ProofLevel;
use icebridge_model::view::ViewRow;
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(row: &ViewRow, column: &str) -> Option<T> {
    serde_json::from_value(row.0.get(column)?.clone()).ok()
}

pub fn state(row: &ViewRow) -> Option<TableState> {
    read(row, "state")
}

pub fn mode(row: &ViewRow) -> Option<CopyMode> {
    read(row, "mode")
}

pub fn engine(row: &ViewRow) -> EngineKind {
    read(row, "engine").unwrap_or_default()
}

pub fn mapping(row: &ViewRow) -> Option<MappingState> {
    read(row, "state")
}

pub fn method(row: &ViewRow) -> Option<ClusterMethod> {
    read(row, "method")
}

/// Of the cluster that is at work on a table.
pub fn stage(row: &ViewRow) -> Option<ClusterStage> {
    read(row, "stage")
}

pub fn proof(row: &ViewRow) -> Option<ProofLevel> {
    read(row, "proof")
}

pub fn is_equal(row: &ViewRow) -> bool {
    row.text("result") == "equal"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_strange_ones_are_not() {
        let mut row = ViewRow::default();
        assert_eq!((state(&row), mode(&row), engine(&row)), (None, None, EngineKind::Embedded));
        row.set("state", "failed");
        row.set("mode", "clone");
        row.set("proof", "a new one");
        assert_eq!((state(&row), mode(&row), proof(&row)), (Some(TableState::Failed), Some(CopyMode::Clone), None));
    }
}
