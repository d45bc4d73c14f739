//! A table's name as the workspace's API takes it.

use icebridge_model::TableIdent;

pub(super) fn full_name(table: &TableIdent) -> String {
    table.namespace.iter().chain([&table.name]).cloned().collect::<Vec<_>>().join(".")
}
