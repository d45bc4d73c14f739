//! The columns of the inventory.

use crate::components::{Chip, Column, Icon, Tone};
use crate::view::{format, order};
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use yew::prelude::*;

pub const COLUMNS: [Column; 10] = [
    Column::new("table", "Table", 160).growing(3).sortable(),
    Column::new("version", "Format", 60).sortable(),
    Column::new("rows", "Rows", 108).numeric().sortable(),
    Column::new("bytes", "Size", 80).numeric().sortable(),
    Column::new("files", "Files", 64).numeric().sortable().yielding(1),
    Column::new("deletes", "Deletes", 70).numeric().sortable().yielding(2),
    Column::new("partitioning", "Partitioning", 104).growing(2).sortable().yielding(3),
    Column::new("snapshots", "Snapshots", 84).numeric().sortable().yielding(4),
    Column::new("updated", "Updated", 142).sortable().yielding(5),
    Column::new("state", "State", 116),
];

pub fn cell(row: &InventoryRow, column: &str) -> Html {
    if column == "table" {
        let name = row.ident.to_string();
        return html! { <span class="ident" title={name.clone()}>{ name }</span> };
    }
    let facts = match &row.outcome {
        InventoryOutcome::Facts(facts) => facts,
        InventoryOutcome::Problem(error) if column == "state" => {
            return html! { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="unreadable" title={error.message.clone()} /> };
        }
        InventoryOutcome::Problem(_) => return html! { <span class="quiet-text">{ "—" }</span> },
    };
    match column {
        "version" => html! { { format!("v{}", facts.format_version) } },
        "rows" => html! { { format::count(facts.files.data_records) } },
        "bytes" => html! { { format::bytes(facts.files.data_bytes) } },
        "files" => html! { { format::count(facts.files.data_files) } },
        "deletes" => html! { { format::count(facts.files.delete_files()) } },
        "partitioning" => {
            let text = order::partitioning(row);
            html! { <span title={text.clone()}>{ text }</span> }
        }
        "snapshots" => html! { { format::count(facts.snapshot_count as u64) } },
        "updated" => html! { { format::epoch_ms(facts.last_updated_ms).trim_end_matches(" UTC") } },
        "state" if facts.snapshot_id.is_none() => {
            html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="empty" title="The table has no snapshot yet" /> }
        }
        "state" => html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="read" /> },
        _ => html! {},
    }
}
