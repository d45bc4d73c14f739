//! One table of the run: what was done, and the error in full.

use super::after::AfterFacts;
use super::cluster::ClusterFacts;
use crate::components::{Button, Chip, DataDocs, ErrorCard, Icon, Loading, Tone, chip};
use crate::pages::{Shared, heading, ident};
use crate::view::format;
use icebridge_model::ops::TableDetail;
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{CopyOutcome, TableMigration};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct RunDetailProps {
    pub name: String,
    pub detail: Shared,
    pub on_close: Callback<()>,
}

#[component]
pub fn RunDetail(props: &RunDetailProps) -> Html {
    let content = match props.detail.0.as_deref() {
        Some(Ok(TableDetail::Run(table))) => html! { <Migration table={(**table).clone()} /> },
        Some(Ok(_)) => html! {},
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="detail-error" /> },
        None => html! { <Loading text="Loading the table…" /> },
    };
    html! {
        <aside class="detail panel" aria-label="Table of the run" data-testid="run-detail">
            <header class="panel-head">
                { heading(&props.name) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={&props.on_close} />
            </header>
            <div class="panel-body stack">{ content }</div>
        </aside>
    }
}

#[derive(Properties, PartialEq)]
struct MigrationProps {
    table: TableMigration,
}

#[component]
fn Migration(props: &MigrationProps) -> Html {
    let table = &props.table;
    let here = table.engine == EngineKind::Embedded;
    html! {
        <>
            <p class="line">{ chip::of::table(table.state) }{ chip::of::mode(table.mode) }</p>
            <p class="line">{ Icon::Right.draw() }{ ident(&table.target) }</p>
            if let Some(error) = &table.not_validated {
                <p class="line top" data-testid="detail-not-validated">
                    <Chip tone={Tone::Warn} icon={Icon::Warning} word="not validated again" />
                    <span>{ "It could not be compared again. Its earlier validation stands." }</span>
                </p>
                <ErrorCard error={error.clone()} testid="detail-not-validated-error" />
            }
            if let Some(error) = &table.error { <ErrorCard error={error.clone()} testid="detail-error" /> }
            if !here { <ClusterFacts table={table.clone()} /> }
            if let Some(outcome) = table.outcome.as_ref().filter(|_| here) { { facts(outcome) } }
            <div class="line">
                if let Some(validation) = &table.validation {
                    { "Proof " }{ chip::of::proof(validation.proof, validation.passed) }
                }
                if let Some(path) = &table.documents { <DataDocs path={path.clone()} /> }
            </div>
            if let Some(report) = &table.governance { <AfterFacts report={report.clone()} /> }
        </>
    }
}

fn facts(outcome: &CopyOutcome) -> Html {
    let rows = outcome.rows_written.map_or_else(|| "n/a (byte copy)".into(), format::count);
    html! {
        <dl class="facts">
            <dt>{ "Files copied" }</dt><dd>{ format::count(outcome.files_copied) }</dd>
            <dt>{ "Files decoded" }</dt><dd>{ format::count(outcome.files_decoded) }</dd>
            <dt>{ "Files copied without decoding" }</dt><dd>{ format::count(outcome.files_chunk_moved) }</dd>
            <dt>{ "Bytes written" }</dt><dd>{ format::bytes(outcome.bytes_written) }</dd>
            <dt>{ "Rows written" }</dt><dd>{ rows }</dd>
            <dt>{ "Commit attempts" }</dt><dd>{ outcome.commit_attempts }</dd>
            <dt>{ "Already present" }</dt><dd>{ if outcome.adopted { "yes, from this plan" } else { "no" } }</dd>
            <dt>{ "Location" }</dt>
            <dd title={outcome.target_location.clone()}><code>{ &outcome.target_location }</code></dd>
            <dt>{ "Metadata" }</dt>
            <dd title={outcome.target_metadata_location.clone()}>
                <code>{ &outcome.target_metadata_location }</code>
            </dd>
        </dl>
    }
}
