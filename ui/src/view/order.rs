//! Filtering and sorting of the grids: which rows, in which order, as indexes into the list they come from.

use icebridge_model::facts::InventoryRow;
use icebridge_model::run::{TableMigration, TableState};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    pub column: String,
    pub descending: bool,
}

impl Sort {
    /// A click on a column's head: first ascending, then descending.
    pub fn clicked(current: Option<&Sort>, column: &str) -> Self {
        let descending = current.is_some_and(|sort| sort.column == column && !sort.descending);
        Self { column: column.to_string(), descending }
    }
}

/// Every word must occur; case does not matter.
pub fn matches(filter: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

pub fn inventory(rows: &[InventoryRow], filter: &str, sort: Option<&Sort>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..rows.len()).filter(|i| matches(filter, &rows[*i].ident.to_string())).collect();
    if let Some(sort) = sort {
        kept.sort_by(|a, b| {
            let order = compare_inventory(&rows[*a], &rows[*b], &sort.column);
            if sort.descending { order.reverse() } else { order }
        });
    }
    kept
}

fn compare_inventory(a: &InventoryRow, b: &InventoryRow, column: &str) -> Ordering {
    // Tables that cannot be read have no numbers and sort below zero.
    let number = |row: &InventoryRow| -> i128 {
        row.facts().map_or(-1, |facts| match column {
            "version" => facts.format_version.into(),
            "rows" => facts.files.data_records.into(),
            "bytes" => facts.files.data_bytes.into(),
            "files" => facts.files.data_files.into(),
            "deletes" => facts.files.delete_files().into(),
            "snapshots" => facts.snapshot_count as i128,
            "updated" => facts.last_updated_ms.into(),
            _ => 0,
        })
    };
    match column {
        "table" => a.ident.cmp(&b.ident),
        "partitioning" => partitioning(a).cmp(&partitioning(b)),
        _ => number(a).cmp(&number(b)),
    }
    .then_with(|| a.ident.cmp(&b.ident))
}

/// `day(ordered_at), bucket[16](id)`; a dash for none.
pub fn partitioning(row: &InventoryRow) -> String {
    let Some(facts) = row.facts() else { return String::new() };
    let spec = facts.partition_spec();
    if spec.is_unpartitioned() {
        return "—".into();
    }
    let parts: Vec<String> = spec.fields.iter().map(|field| partition_field(&facts.schema, field)).collect();
    parts.join(", ")
}

pub fn partition_field(
    schema: &icebridge_model::schema::Schema,
    field: &icebridge_model::schema::PartitionField,
) -> String {
    let column = schema.find(field.source_id).map_or_else(|| field.name.clone(), |(path, _)| path);
    match &field.transform {
        icebridge_model::schema::Transform::Identity => column,
        transform => format!("{transform}({column})"),
    }
}

/// The tables of a run, the most urgent first.
pub fn by_urgency(tables: &[TableMigration]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|at| urgency(tables[*at].state));
    order
}

/// Failed first: what needs a person must not be lost in the scroll. Then what moves, what waits, what is done.
fn urgency(state: TableState) -> u8 {
    match state {
        TableState::Failed => 0,
        TableState::Copying | TableState::Committing | TableState::Validating => 1,
        TableState::Committed => 2,
        TableState::Queued => 3,
        TableState::Cancelled => 4,
        TableState::Migrated => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::facts::InventoryOutcome;
    use icebridge_model::{Code, Error, TableIdent};

    fn broken(name: &str) -> InventoryRow {
        InventoryRow {
            ident: TableIdent::new(["sales"], name),
            captured_at: String::new(),
            outcome: InventoryOutcome::Problem(Error::new(Code::MetadataBroken, "no")),
        }
    }

    #[test]
    fn a_filter_asks_for_every_word() {
        assert!(matches("ORD sal", "sales.orders"));
        assert!(!matches("ord x", "sales.orders"));
        assert!(matches("", "anything"));
    }

    #[test]
    fn sorting_turns_round_on_the_second_click() {
        let first = Sort::clicked(None, "table");
        assert!(!first.descending);
        let second = Sort::clicked(Some(&first), "table");
        assert!(second.descending);
        assert!(!Sort::clicked(Some(&second), "rows").descending);
        let rows = [broken("b"), broken("a"), broken("c")];
        assert_eq!(inventory(&rows, "", Some(&first)), [1, 0, 2]);
        assert_eq!(inventory(&rows, "", Some(&second)), [2, 0, 1]);
        assert_eq!(inventory(&rows, "sales c", None), [2]);
    }
}
