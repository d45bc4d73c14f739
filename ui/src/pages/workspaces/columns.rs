//! The columns of Unity Catalog's tables.

use crate::components::{Chip, Column, Icon};
use crate::pages::name;
use crate::view::{format, workspaces as words};
use icebridge_model::databricks::{TableKind, UnityRow};
use yew::prelude::*;

pub const COLUMNS: [Column; 6] = [
    Column::new("table", "Table", 220).growing(3),
    Column::new("kind", "Kind", 176),
    Column::new("owner", "Owner", 150).growing(1).yielding(1),
    Column::new("comment", "Comment", 150).growing(2).yielding(3),
    Column::new("columns", "Columns", 80).numeric().yielding(2),
    Column::new("updated", "Updated", 142).yielding(4),
];

pub fn kind_chip(kind: TableKind, text: &str) -> Html {
    let (tone, title) = words::kind(kind);
    let icon = match kind {
        TableKind::ForeignIceberg => Icon::Berg,
        TableKind::ManagedIceberg => Icon::CheckCircle,
        TableKind::SnowflakeOverJdbc => Icon::Warning,
        TableKind::View => Icon::File,
        TableKind::OtherForeign | TableKind::Delta | TableKind::Other => Icon::Circle,
    };
    html! { <Chip {tone} {icon} word={text.to_string()} {title} /> }
}

/// A row that is on its way has its place already.
pub fn cell(row: Option<&UnityRow>, column: &str) -> Html {
    let Some(row) = row else {
        return if column == "table" {
            html! { <span class="quiet-text">{ "…" }</span> }
        } else {
            html! {}
        };
    };
    let text = |value: &Option<String>| {
        let value = value.clone().unwrap_or_default();
        html! { <span title={value.clone()}>{ value }</span> }
    };
    match column {
        "table" => name(&row.full_name),
        "kind" => kind_chip(row.kind, &row.kind_text),
        "owner" => text(&row.owner),
        "comment" => text(&row.comment),
        "columns" => html! { { format::count(row.columns as u64) } },
        "updated" => html! { { row.updated_at.map(format::epoch_ms).unwrap_or_default().trim_end_matches(" UTC") } },
        _ => html! {},
    }
}
