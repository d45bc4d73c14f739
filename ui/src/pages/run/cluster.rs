//! A table that a cluster copies: how far it is, where to look, and what came of it.

use crate::actions;
use crate::components::{Button, CodeBox, Icon, chip};
use crate::hooks::use_session;
use crate::view::{clusters, format};
use icebridge_model::photon::ClusterResult;
use icebridge_model::run::TableMigration;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct ClusterFactsProps {
    pub table: TableMigration,
}

#[component]
pub fn ClusterFacts(props: &ClusterFactsProps) -> Html {
    let session = use_session();
    let table = &props.table;
    let result = table.outcome.as_ref().and_then(|outcome| outcome.cluster.as_deref());
    let view = table.cluster.as_ref();
    // A run's own page is shown as long as the run is the latest that is known of.
    let page = view.and_then(|view| view.run_page_url.clone()).or_else(|| result.and_then(|r| r.run_page_url.clone()));
    let open = {
        let (session, page) = (session.clone(), page.clone());
        Callback::from(move |()| {
            if let Some(page) = &page {
                actions::open_link(&session, page.clone());
            }
        })
    };
    let job_run = view.and_then(|view| view.job_run_id).or_else(|| result.and_then(|result| result.job_run_id));
    html! {
        <section class="stack" aria-label="Cluster" data-testid="run-cluster">
            if let Some(view) = view {
                <p class="line top">
                    { chip::of::stage(view.stage, &view.message) }
                    <span data-testid="run-cluster-words">{ format::sentence(&view.message) }</span>
                </p>
            }
            <dl class="facts">
                <dt>{ "Rows" }</dt>
                <dd>{ format!("{} of {}", format::count(table.rows_done), format::count(table.rows_total)) }</dd>
                if let Some(result) = result { { facts(result) } }
                if let Some(run) = job_run {
                    <dt>{ "Job run" }</dt><dd><code>{ run }</code></dd>
                }
            </dl>
            if let Some(result) = result.filter(|result| !result.lost.is_empty()) {
                <div>
                    <h3 class="first">{ "What the copy lacks" }</h3>
                    <ul class="bullets" data-testid="run-cluster-lost">
                        { for result.lost.iter().map(|lost| html! { <li>{ lost }</li> }) }
                    </ul>
                </div>
            }
            if let Some(page) = page {
                // A sandbox has no certificate, and the window opens no other page without one.
                if page.starts_with("https://") {
                    <div class="actions">
                        <Button testid="run-page" kind="small" icon={Icon::External} label="The run in the workspace"
                            title={page} onclick={open} />
                    </div>
                } else {
                    <CodeBox testid="run-page-address" label="The run’s page" text={page} />
                }
            }
        </section>
    }
}

fn facts(result: &ClusterResult) -> Html {
    html! {
        <>
            <dt>{ "Method" }</dt><dd>{ clusters::method(result.method) }</dd>
            if let Some(words) = batches(result) {
                <dt>{ "Batches" }</dt>
                <dd data-testid="run-cluster-batches">{ words }</dd>
            }
            if let Some(milliseconds) = result.milliseconds {
                <dt>{ "Took" }</dt>
                <dd>{ format::milliseconds(milliseconds) }</dd>
            }
        </>
    }
}

/// `3 of 4, 1 of them by an earlier attempt`; nothing of a copy in one piece.
fn batches(result: &ClusterResult) -> Option<String> {
    let total = result.batches_total.filter(|total| *total > 1)?;
    let done = format!("{} of {}", format::count(result.batches_done.unwrap_or(0)), format::count(total));
    Some(match result.batches_found.unwrap_or(0) {
        0 => done,
        found => format!("{done}, {} of them by an earlier attempt", format::count(found)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::TableIdent;
    use icebridge_model::photon::{ClusterMethod, CopyEnd};

    fn result(total: Option<u64>, done: u64, found: u64) -> ClusterResult {
        ClusterResult {
            source_read: None,
            note: None,
            action: None,
            source: TableIdent::new(["c", "s"], "t"),
            target: TableIdent::new(["d", "s"], "t"),
            method: ClusterMethod::InsertSelect,
            end: CopyEnd::Done,
            source_snapshot_id: None,
            target_snapshot_id: None,
            rows_total: None,
            rows_done: None,
            batches_total: total,
            batches_done: Some(done),
            batches_found: Some(found),
            lost: Vec::new(),
            milliseconds: None,
            error: None,
            job_run_id: None,
            run_page_url: None,
            validation: None,
        }
    }

    #[test]
    fn batches_are_told_where_there_are_any() {
        assert_eq!(batches(&result(None, 0, 0)), None);
        assert_eq!(batches(&result(Some(1), 1, 0)), None, "one piece is no batch");
        assert_eq!(batches(&result(Some(4), 3, 0)).as_deref(), Some("3 of 4"));
        assert_eq!(batches(&result(Some(4), 4, 1)).as_deref(), Some("4 of 4, 1 of them by an earlier attempt"));
    }
}
