//! Everything Unity Catalog says about one table.

use super::columns::kind_chip;
use crate::view::format;
use icebridge_model::databricks::UnityRow;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct UnityDetailProps {
    pub row: UnityRow,
}

#[component]
pub fn UnityDetail(props: &UnityDetailProps) -> Html {
    let row = &props.row;
    let fact = |name: &'static str, value: Option<String>| match value.filter(|value| !value.is_empty()) {
        Some(value) => html! { <><dt>{ name }</dt><dd title={value.clone()}>{ value }</dd></> },
        None => html! {},
    };
    html! {
        <>
            <p class="chip-line">{ kind_chip(row.kind, &row.kind_text) }</p>
            <dl class="facts">
                { fact("Owner", row.owner.clone()) }
                { fact("Comment", row.comment.clone()) }
                { fact("Columns", Some(format::count(row.columns as u64))) }
                { fact("Updated", row.updated_at.map(format::epoch_ms)) }
                { fact("Location", row.storage_location.clone()) }
                { fact("Type", row.table_type.clone()) }
                { fact("Format", row.format.clone()) }
                { fact("Securable kind", row.securable_kind.clone()) }
            </dl>
            <h3>{ "Grants" }</h3>
            {
                match &row.grants {
                    None => html! { <p class="quiet-text">{ "Not read. They are read for foreign Iceberg tables, and only owners and admins see them." }</p> },
                    Some(grants) if grants.is_empty() => html! { <p class="quiet-text">{ "None on the table itself." }</p> },
                    Some(grants) => html! {
                        <dl class="facts code" data-testid="unity-grants">
                            { for grants.iter().map(|grant| html! { <><dt>{ &grant.principal }</dt><dd>{ grant.privileges.join(", ") }</dd></> }) }
                        </dl>
                    },
                }
            }
            <h3>{ "Tags" }</h3>
            {
                match &row.tags {
                    None => html! { <p class="quiet-text">{ "Not read." }</p> },
                    Some(tags) if tags.is_empty() => html! { <p class="quiet-text">{ "None." }</p> },
                    Some(tags) => pairs(tags.iter()),
                }
            }
            <h3>{ "Properties" }</h3>
            if row.properties.is_empty() { <p class="quiet-text">{ "None." }</p> } else { { pairs(row.properties.iter()) } }
        </>
    }
}

fn pairs<'p>(all: impl Iterator<Item = (&'p String, &'p String)>) -> Html {
    html! { <dl class="facts code">{ for all.map(|(key, value)| html! { <><dt>{ key }</dt><dd title={value.clone()}>{ value }</dd></> }) }</dl> }
}
