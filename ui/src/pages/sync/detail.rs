//! The rounds of one table.

use crate::components::{Button, ErrorCard, Icon, Loading, chip};
use crate::hooks::use_answer;
use crate::pages::heading;
use crate::view::format;
use icebridge_model::TableIdent;
use icebridge_model::ids::RunId;
use icebridge_model::ops::op;
use icebridge_model::plan::EngineKind;
use icebridge_model::sync::{History, PastRound, RoundEnd, RoundsRequest, SourceChanges, SyncRound};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct DetailProps {
    pub run_id: RunId,
    pub table: TableIdent,
    pub version: u64,
    pub on_close: Callback<()>,
}

#[component]
pub fn Detail(props: &DetailProps) -> Html {
    let request = RoundsRequest { run_id: props.run_id.clone(), table: props.table.clone() };
    let rounds = use_answer::<op::sync_rounds>(Some(request), props.version);
    let name = props.table.to_string();
    let content = match rounds.as_deref() {
        None => html! { <Loading text="Reading its rounds…" /> },
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="detail-error" /> },
        Some(Ok(rounds)) if rounds.is_empty() => html! {
            <p class="quiet-text">{ "No round yet: the target has what the run copied." }</p>
        },
        Some(Ok(rounds)) => html! { <ol class="stack">{ for rounds.iter().map(past) }</ol> },
    };
    html! {
        <aside class="detail panel" aria-label="Rounds of the table" data-testid="sync-detail">
            <header class="panel-head">
                { heading(&name) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={&props.on_close} />
            </header>
            <div class="panel-body stack">{ content }</div>
        </aside>
    }
}

fn past(round: &PastRound) -> Html {
    html! {
        <li class="stack" data-testid="sync-past-round">
            <p class="line">
                { chip::of::round(round.end) }
                if let Some(number) = round.round { <strong>{ format!("Round {number}") }</strong> }
                <span class="quiet-text">{ format::moment(&round.at) }</span>
            </p>
            if let Some(made) = round.made.as_ref().filter(|_| round.end == RoundEnd::Committed) { { facts(made) } }
            if let Some(error) = &round.error { <ErrorCard error={error.clone()} testid="round-error" /> }
        </li>
    }
}

fn facts(made: &SyncRound) -> Html {
    let copied = match made.engine {
        EngineKind::Embedded => {
            format!("{}, {}", format::counted(made.files_copied, "file", "files"), format::bytes(made.bytes_written))
        }
        EngineKind::Photon => match made.job_run_id {
            Some(run) => format!("by a cluster, run {run}"),
            None => "by a cluster".to_string(),
        },
    };
    let snapshot = made.source_snapshot_id.map_or_else(|| "none".into(), |id| id.to_string());
    let checks = made.checks.iter().filter(|check| check.passed).count();
    let compared = format!(
        "{}; {} of {} checks hold; {} rows read",
        made.compared.as_str(),
        checks,
        made.checks.len(),
        format::count(made.rows_read)
    );
    html! {
        <dl class="facts">
            <dt>{ "Source" }</dt><dd>{ changes(&made.changes) }</dd>
            <dt>{ "Source snapshot" }</dt><dd>{ snapshot }</dd>
            <dt>{ "Copied" }</dt><dd>{ copied }</dd>
            <dt>{ "Compared" }</dt><dd>{ compared }</dd>
            <dt>{ "Rows" }</dt><dd>{ format::count(made.rows) }</dd>
            <dt>{ "Row digest" }</dt><dd class="wrap"><code>{ &made.digest }</code></dd>
            <dt>{ "Took" }</dt><dd>{ format::milliseconds(made.milliseconds) }</dd>
        </dl>
    }
}

/// In one line: `2 append, 1 overwrite; new columns`.
fn changes(changes: &SourceChanges) -> String {
    let operations: Vec<String> =
        changes.snapshots.iter().map(|(name, count)| format!("{} {name}", format::count(*count))).collect();
    let mut told = vec![match operations.is_empty() {
        true => "no new snapshot".to_string(),
        false => operations.join(", "),
    }];
    match changes.history {
        History::RolledBack => told.push("rolled back".into()),
        History::Expired => told.push("the history between is expired".into()),
        History::Continued | History::SameSnapshot => {}
    }
    if changes.expired > 0 {
        told.push(format!("{} expired", format::counted(changes.expired, "snapshot", "snapshots")));
    }
    told.extend(changes.schema.then(|| "other columns".into()));
    told.extend(changes.partition_spec.then(|| "another partition spec".into()));
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_in_one_line() {
        assert_eq!(changes(&SourceChanges::default()), "no new snapshot");
        let many = SourceChanges {
            history: History::RolledBack,
            snapshots: [("append".into(), 2), ("overwrite".into(), 1)].into(),
            expired: 3,
            schema: true,
            partition_spec: true,
        };
        assert_eq!(
            changes(&many),
            "2 append, 1 overwrite; rolled back; 3 snapshots expired; other columns; another partition spec"
        );
    }
}
