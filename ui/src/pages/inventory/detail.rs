//! Everything known of one table.

use crate::view::format;
use icebridge_model::facts::TableFacts;
use icebridge_model::view::measures::partition_field;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct TableDetailProps {
    pub facts: TableFacts,
    pub captured_at: String,
}

#[component]
pub fn TableDetail(props: &TableDetailProps) -> Html {
    let facts = &props.facts;
    let files = &facts.files;
    let snapshot = facts.snapshot_id.map_or_else(|| "none".into(), |id| id.to_string());
    let deletes = format!(
        "{} position, {} equality, {} deletion vectors",
        format::count(files.position_delete_files),
        format::count(files.equality_delete_files),
        format::count(files.deletion_vectors),
    );
    let of_format = |(name, count): (&String, &u64)| format!("{} {}", format::count(*count), name.to_lowercase());
    let formats: Vec<String> = files.formats.iter().map(of_format).collect();
    html! {
        <>
            <dl class="facts">
                { fact("Format", format!("version {}", facts.format_version)) }
                { fact("Pinned to snapshot", snapshot) }
                { fact("Rows before deletes", format::count(files.data_records)) }
                { fact("Data files", files_and_bytes(files.data_files, files.data_bytes)) }
                { fact("Delete files", deletes) }
                { fact("File formats", formats.join(", ")) }
                { fact("Including history", files_and_bytes(files.history_files, files.history_bytes)) }
                { fact("Snapshots", format::count(facts.snapshot_count as u64)) }
                { fact("Updated", format::epoch_ms(facts.last_updated_ms)) }
                { fact("Read at", format::moment(&props.captured_at)) }
                { fact("Encrypted", yes(facts.encrypted)) }
                { fact("Name mapping", yes(facts.has_name_mapping)) }
                { fact("Table UUID", facts.uuid.clone()) }
                { fact("Location", facts.location.clone()) }
                { fact("Metadata", facts.metadata_location.clone()) }
            </dl>
            <h3>{ "Schema" }</h3>
            { schema(facts) }
            <h3>{ "Partition specs" }</h3>
            { specs(facts) }
            <h3>{ "Sort order" }</h3>
            { sort_order(facts) }
            <h3>{ "Branches and tags" }</h3>
            { refs(facts) }
            <h3>{ "Properties" }</h3>
            if facts.properties.is_empty() { <p class="quiet-text">{ "None." }</p> } else {
                <dl class="facts code">{ for facts.properties.iter().map(|(key, value)| fact(key, value.clone())) }</dl>
            }
        </>
    }
}

fn fact(name: &str, value: String) -> Html {
    html! { <><dt>{ name }</dt><dd title={value.clone()}>{ value }</dd></> }
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.into()
}

fn schema(facts: &TableFacts) -> Html {
    let schema = &facts.schema;
    let fields = schema.fields.iter().map(|field| {
        let kind = field.field_type.to_string();
        let key = schema.identifier_field_ids.contains(&field.id);
        html! {
            <tr title={field.doc.clone()}>
                <td class="numeric">{ field.id }</td>
                <td><code>{ &field.name }</code></td>
                <td class="type" title={kind.clone()}>{ kind }</td>
                <td>{ if key { "key" } else if field.required { "required" } else { "" } }</td>
            </tr>
        }
    });
    html! {
        <table class="plain-table schema">
            <colgroup><col /><col /><col /><col /></colgroup>
            <thead>
                <tr>
                    <th class="numeric">{ "Id" }</th>
                    <th>{ "Column" }</th>
                    <th>{ "Type" }</th>
                    <th><span class="spoken">{ "Required" }</span></th>
                </tr>
            </thead>
            <tbody>{ for fields }</tbody>
        </table>
    }
}

fn specs(facts: &TableFacts) -> Html {
    let specs = facts.partition_specs.iter().map(|spec| {
        let fields: Vec<String> = spec.fields.iter().map(|field| partition_field(&facts.schema, field)).collect();
        let text = if fields.is_empty() { "unpartitioned".to_string() } else { fields.join(", ") };
        let files = facts.files.specs_in_use.get(&spec.spec_id).copied().unwrap_or(0);
        html! {
            <tr>
                <td class="numeric">{ spec.spec_id }</td>
                <td>{ text }</td>
                <td class="numeric">{ format::counted(files, "file", "files") }</td>
                <td>{ if spec.spec_id == facts.default_spec_id { "current" } else { "" } }</td>
            </tr>
        }
    });
    html! {
        <table class="plain-table specs">
            <colgroup><col /><col /><col /><col /></colgroup>
            <tbody>{ for specs }</tbody>
        </table>
    }
}

fn sort_order(facts: &TableFacts) -> Html {
    if facts.sort_order.fields.is_empty() {
        return html! { <p class="quiet-text">{ "Unsorted." }</p> };
    }
    let fields = facts.sort_order.fields.iter().map(|field| {
        let column = facts.schema.find(field.source_id).map_or_else(|| field.source_id.to_string(), |(path, _)| path);
        html! { <li>{ format!("{} {column} {} {}", field.transform, field.direction, field.null_order) }</li> }
    });
    html! { <ol class="numbered">{ for fields }</ol> }
}

fn refs(facts: &TableFacts) -> Html {
    if facts.refs.is_empty() {
        return html! { <p class="quiet-text">{ "None." }</p> };
    }
    let refs = facts.refs.iter().map(|reference| {
        html! {
            <tr>
                <td>{ &reference.name }</td>
                <td>{ &reference.kind }</td>
                <td class="numeric">{ reference.snapshot_id }</td>
            </tr>
        }
    });
    html! {
        <table class="plain-table refs">
            <colgroup><col /><col /><col /></colgroup>
            <tbody>{ for refs }</tbody>
        </table>
    }
}

fn files_and_bytes(files: u64, bytes: u64) -> String {
    format!("{} · {}", format::counted(files, "file", "files"), format::bytes(bytes))
}
