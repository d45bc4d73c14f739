//! The columns of the inventory. Their names are those of the view.

use crate::components::{Chip, Column, Icon, Tone};
use crate::pages::name;
use icebridge_model::view::{ScopeKind, ViewRow};
use yew::prelude::*;

pub const COLUMNS: [Column; 10] = [
    Column::new("name", "Table", 160).growing(3).sortable(),
    Column::new("format", "Format", 60).sortable(),
    Column::new("rows", "Rows", 108).numeric().sortable(),
    Column::new("bytes", "Size", 80).numeric().sortable(),
    Column::new("files", "Files", 64).numeric().sortable().yielding(1),
    Column::new("deletes", "Deletes", 70).numeric().sortable().yielding(2),
    Column::new("partitioning", "Partitioning", 104).growing(2).sortable().yielding(3),
    Column::new("snapshots", "Snapshots", 84).numeric().sortable().yielding(4),
    Column::new("updated", "Updated", 142).sortable().yielding(5),
    Column::new("state", "State", 116).sortable(),
];

pub fn cell(row: &ViewRow, column: &str) -> Html {
    match (column, row.text("state")) {
        ("name", _) => name(row.text("name")),
        ("state", state) => state_chip(state, row.text("message")),
        (_, "unreadable") => html! { <span class="quiet-text">{ "—" }</span> },
        ("format", _) => html! { { format!("v{}", row.amount("format")) } },
        ("partitioning", _) => {
            let text = Some(row.text("partitioning")).filter(|text| !text.is_empty()).unwrap_or("—").to_string();
            html! { <span title={text.clone()}>{ text }</span> }
        }
        (column, _) => html! { { shown(row, column) } },
    }
}

fn shown(row: &ViewRow, column: &str) -> String {
    let known = ScopeKind::Inventory.column(column);
    let text = known.map(|column| row.display(column)).unwrap_or_default();
    text.trim_end_matches(" UTC").to_string()
}

fn state_chip(state: &str, message: &str) -> Html {
    match state {
        "unreadable" => html! {
            <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="unreadable" title={message.to_string()} />
        },
        "empty" => html! {
            <Chip tone={Tone::Plain} icon={Icon::Circle} word="empty" title="The table has no snapshot yet" />
        },
        _ => html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="read" /> },
    }
}
