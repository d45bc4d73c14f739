//! Everything Unity Catalog says about one table.

use super::columns::kind_chip;
use crate::view::format;
use icebridge_model::databricks::{TableGrant, UnityRow};
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
                    None => {
                        quiet("Read for foreign Iceberg tables alone, and only owners and admins see them.")
                    }
                    Some(grants) if grants.is_empty() => quiet("None on the table itself."),
                    Some(grants) => html! {
                        <dl class="facts code" data-testid="unity-grants">{ for grants.iter().map(grant) }</dl>
                    },
                }
            }
            <h3>{ "Tags" }</h3>
            {
                match &row.tags {
                    None => quiet("Not read."),
                    Some(tags) if tags.is_empty() => quiet("None."),
                    Some(tags) => pairs(tags.iter()),
                }
            }
            <h3>{ "Properties" }</h3>
            { if row.properties.is_empty() { quiet("None.") } else { pairs(row.properties.iter()) } }
        </>
    }
}

fn pairs<'p>(all: impl Iterator<Item = (&'p String, &'p String)>) -> Html {
    let pair = |(key, value): (&String, &String)| {
        html! {
            <>
                <dt>{ key }</dt>
                <dd title={value.clone()}>{ value }</dd>
            </>
        }
    };
    html! { <dl class="facts code">{ for all.map(pair) }</dl> }
}

fn quiet(text: &'static str) -> Html {
    html! { <p class="quiet-text">{ text }</p> }
}

fn grant(grant: &TableGrant) -> Html {
    html! {
        <>
            <dt>{ &grant.principal }</dt>
            <dd>{ grant.privileges.join(", ") }</dd>
        </>
    }
}
