//! What will be done, by whom, for how long, and how it is undone: a page to read and sign before anybody starts.

use super::sides::can_sync;
use super::wave::Wave;
use crate::LocalState;
use crate::ledger::rehearsals_of;
use crate::state::now;
use icebridge_model::cutover::{CutoverRequest, CutoverState};
use icebridge_model::format::{bytes, counted, milliseconds as exact, seconds, visible};
use icebridge_model::hooks::HookStage;
use icebridge_model::plan::PlannedTable;
use icebridge_model::rehearsal::{Rehearsal, RehearsedTable};
use icebridge_model::sync::SyncRound;
use icebridge_model::validation::Validation;
use icebridge_model::{Result, TableIdent};
use std::collections::{HashMap, HashSet};
use tokio_util::sync::CancellationToken;

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunbookForm {
    Markdown,
    Html,
}

/// Of the tables that the run migrated: the steps are about those that are still to be moved. Durations are those that were measured: of
/// the last comparison and of the last round.
pub async fn runbook(local: &LocalState, request: &CutoverRequest, form: RunbookForm) -> Result<String> {
    let cancel = CancellationToken::new();
    let wave = Wave::open(local, (&request.run_id, &request.tables), &request.hooks, &cancel).await?;
    let asked = wave.asked(&request.tables)?;
    let migrated: Vec<&PlannedTable> = asked.iter().filter(|(_, migrated)| *migrated).map(|(one, _)| *one).collect();
    let left_out = asked.len() - migrated.len();
    let (elsewhere, to_move): (Vec<_>, Vec<_>) = migrated.into_iter().partition(|one| wave.state(one).is_moved());
    let names_tables = !elsewhere.is_empty() && !to_move.is_empty();
    let request = &CutoverRequest {
        // Else `back` and `finish` would be about tables that the steps are not about.
        tables: match names_tables {
            true => to_move.iter().map(|planned| planned.source.clone()).collect(),
            false => request.tables.clone(),
        },
        ..request.clone()
    };
    let validations = local.store.validations(&wave.session.run_id).await?;
    let validations: HashMap<String, Validation> =
        validations.into_iter().map(|one| (one.source.to_string(), one)).collect();
    let mut page = Page { form, text: String::new() };
    page.begin(&format!("Cut-over of run {}", wave.session.run_id));
    about(&mut page, &wave, request, left_out);
    tables(&mut page, &wave, &to_move, &validations);
    moved_before(&mut page, &wave, &elsewhere);
    rehearsed(&mut page, &rehearsals_of(local, &wave.session.plan.hash).await?, &to_move);
    if !to_move.is_empty() {
        steps(&mut page, &wave, request, &to_move, &validations);
        ways_back(&mut page, &wave, request);
    }
    after(&mut page, &wave, request);
    page.end();
    Ok(page.text)
}

fn about(page: &mut Page, wave: &Wave<'_>, request: &CutoverRequest, left_out: usize) {
    let plan = &wave.session.plan;
    let rows = [
        ("from", plan.source.clone()),
        ("to", plan.target.clone()),
        ("plan", plan.hash.to_string()),
        ("quiet time", seconds(request.quiet_seconds)),
        ("waited for it at most", seconds(request.within_seconds)),
        ("written", now()),
    ];
    page.table(&["", ""], rows.map(|(name, value)| [name.to_string(), value]));
    for window in &plan.settings.freeze {
        page.line(&format!("No table is moved {window}."));
    }
    if left_out > 0 {
        let tables = counted(left_out as u64, "table is", "tables are");
        page.line(&format!("{tables} not migrated, and not in this page."));
    }
}

/// Tables that the steps are not about.
fn moved_before(page: &mut Page, wave: &Wave<'_>, elsewhere: &[&PlannedTable]) {
    if elsewhere.is_empty() {
        return;
    }
    page.head("Moved already, or on the way");
    page.line("The steps of this page are not about these tables.");
    let row = |planned: &&PlannedTable| {
        let state = wave.state(planned);
        let next = match state {
            CutoverState::OnProbation => "the way back is open until its probation is finished",
            CutoverState::Finished => "nothing: there is no way back by IceBridge",
            CutoverState::Returning => "it is not known whether it went back: take the way back again",
            _ => "it is not known whether it was moved: move it again, or take the way back",
        };
        let at = wave.last(planned).map(|(at, _)| at).unwrap_or_default();
        let state = state.as_str().replace('_', " ");
        [planned.source.to_string(), planned.target.to_string(), state, at, next.to_string()]
    };
    page.table(&["table", "becomes", "state", "last step", "what is next"], elsewhere.iter().map(row));
}

/// The one that was about the most of the tables that are still to be moved, and of those the last.
fn rehearsed(page: &mut Page, rehearsals: &[Rehearsal], to_move: &[&PlannedTable]) {
    let to_move: HashSet<&TableIdent> = to_move.iter().map(|planned| &planned.source).collect();
    let is_meant = |table: &&RehearsedTable| to_move.contains(&table.source);
    let meant = |made: &&Rehearsal| made.tables.iter().filter(is_meant).count();
    let Some(made) = rehearsals.iter().max_by_key(meant).filter(|made| meant(made) > 0) else { return };
    page.head("Rehearsed");
    let (at, schema) = (&made.began_at, &made.schema);
    page.line(&format!(
        "Moved and moved back: {} of {}, at {at}, in the schema {schema}.",
        made.passed(),
        made.tables.len()
    ));
    let steps = made.milliseconds;
    let steps = [
        ("copied and compared", steps.run),
        ("brought up to the sources", steps.sync),
        ("moved", steps.moved),
        ("looked at", steps.check),
        ("moved back", steps.back),
    ];
    let rows = steps.into_iter().filter(|(_, milliseconds)| *milliseconds > 0);
    page.table(&["all of them", "took"], rows.map(|(name, milliseconds)| [name.to_string(), exact(milliseconds)]));
    let row = |table: &RehearsedTable| {
        let came = match &table.error {
            Some(error) => format!("{}: {}", error.code, error.message),
            None if table.is_newer => "moved, and moved back; its source has changed since the plan was made".into(),
            None => "moved, and moved back".into(),
        };
        let [downtime, recovery] =
            [table.downtime_ms, table.recovery_ms].map(|time| time.map(exact).unwrap_or_default());
        [table.source.to_string(), table.rows.to_string(), bytes(table.bytes), downtime, recovery, came]
    };
    let head = ["table", "rows", "copied", "downtime", "recovery", "what came of it"];
    page.table(&head, made.tables.iter().filter(is_meant).map(row));
    for hook in made.hooks.iter().filter(|hook| hook.error.is_some()) {
        page.line(&format!("The hook {} failed at {}.", hook.hook, hook.stage.as_str()));
    }
}

/// Who does what a hook may do.
fn done_by(wave: &Wave<'_>, stage: HookStage, people: &str) -> String {
    match wave.hooks.names(stage).join(", ") {
        names if names.is_empty() => format!("people: {people}"),
        names => format!("hook: {names}"),
    }
}

/// As it is to be typed: for the tables of this page alone, and with its hooks.
fn command(wave: &Wave<'_>, request: &CutoverRequest, verb: &str, with_hooks: bool) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut words = format!("icebridge cutover {verb} {}", wave.session.run_id);
    for table in &request.tables {
        words.push_str(&format!(" --table {}", quoted(&table.to_string())));
    }
    if with_hooks && !request.hooks.is_empty() {
        words.push_str(&format!(" --hooks {}", quoted(&request.hooks)));
    }
    words
}

/// Milliseconds, rounded up: nobody is served by 0 s.
fn took(milliseconds: u64) -> String {
    seconds(milliseconds.div_ceil(1000))
}

fn tables(page: &mut Page, wave: &Wave<'_>, to_move: &[&PlannedTable], validations: &HashMap<String, Validation>) {
    page.head("Tables");
    if to_move.is_empty() {
        page.line("No table is left to be moved.");
        return;
    }
    let row = |planned: &&PlannedTable| {
        let name = planned.source.to_string();
        let validation = validations.get(&name);
        let round = match last_round(wave, planned) {
            Some(made) => format!("{}, {}", took(made.milliseconds), bytes(made.bytes_written)),
            None if can_sync(&wave.session, planned) => "none yet".to_string(),
            None if planned.cluster.is_some() => "none yet; by a cluster, before the move".to_string(),
            None => "cannot be synced: stop its writers before it is copied".to_string(),
        };
        let stopped = wave.last_step(planned).is_some_and(|step| step.writers_stopped());
        [
            name,
            planned.target.to_string(),
            validation.map(|one| one.rows.to_string()).unwrap_or_default(),
            planned.mode.as_str().to_string(),
            validation.map(|one| took(one.milliseconds)).unwrap_or_default(),
            round,
            wave.state(planned).as_str().replace('_', " ") + if stopped { ", its writers are stopped" } else { "" },
        ]
    };
    let head = ["table", "becomes", "rows", "copied by", "compared in", "last round", "state"];
    page.table(&head, to_move.iter().map(row));
}

fn last_round<'a>(wave: &'a Wave<'_>, planned: &PlannedTable) -> Option<&'a SyncRound> {
    wave.session.last_steps.get(&planned.source.to_string())?.made.as_ref()
}

fn steps(
    page: &mut Page,
    wave: &Wave<'_>,
    request: &CutoverRequest,
    to_move: &[&PlannedTable],
    validations: &HashMap<String, Validation>,
) {
    let at_once = wave.session.plan.settings.unmeasured_parallel_tables().min(to_move.len().max(1)) as u64;
    let validation = |planned: &&PlannedTable| validations.get(&planned.source.to_string());
    let compared: u64 = to_move.iter().filter_map(validation).map(|one| one.milliseconds).sum();
    let slowest = to_move.iter().filter_map(|one| last_round(wave, one)).map(|made| made.milliseconds).max();
    let slowest = slowest.unwrap_or(0);
    let by = |stage: HookStage, people: &str| done_by(wave, stage, people);
    let ours = || "IceBridge".to_string();
    let quiet = seconds(request.quiet_seconds);
    page.head("Steps");
    page.line("One command does all of them; it can be killed and called again at any moment:");
    let times = format!(" --quiet {}s --within {}s", request.quiet_seconds, request.within_seconds);
    page.code(&(command(wave, request, "move", true) + &times));
    let rows = [
        (
            "1. bring over what the sources have got, and compare every row",
            ours(),
            format!("about {}, {at_once} at a time", took(compared / at_once)),
            "write",
        ),
        ("2. announce", by(HookStage::Announce, "tell readers and writers"), String::new(), "write"),
        ("3. stop writers", by(HookStage::Quiesce, "stop every writer of these tables"), String::new(), "stop"),
        ("4. wait until the sources are quiet", ours(), quiet, "stopped"),
        (
            "5. bring over the last changes, and compare them",
            ours(),
            format!("about {} for the slowest table, by its last round", took(slowest)),
            "stopped",
        ),
        ("6. move readers and writers", by(HookStage::Move, "point them at the target"), String::new(), "stopped"),
        (
            "7. look whether somebody wrote to a source meanwhile; if so, step 6 is undone",
            ours(),
            String::new(),
            "at the target",
        ),
    ];
    let rows = rows.map(|(step, by, takes, writers)| [step.to_string(), by, takes, writers.to_string()]);
    page.table(&["step", "done by", "takes", "writers"], rows);
    let downtime = seconds(request.quiet_seconds + slowest.div_ceil(1000));
    page.line(&format!("Downtime of a table: about {downtime}, and what steps 3 and 6 take."));
}

fn ways_back(page: &mut Page, wave: &Wave<'_>, request: &CutoverRequest) {
    page.head("The way back");
    let back = command(wave, request, "back", true);
    let told = done_by(wave, HookStage::Release, "tell them");
    let stop = format!(
        "stop the command (Ctrl-C); after a kill, use the command of the next row, which takes back also what is moved by then. Writers \
         go on at the source ({told})"
    );
    let rows = [
        ["the end of step 5, each table for itself", &stop, "nothing"],
        [
            "the end of the probation",
            &back,
            "rows written to the target since step 6 stay there; while there are any it is refused, unless --leave-rows",
        ],
        ["afterwards", "none by IceBridge", "the source is as it was at step 6"],
    ];
    page.table(&["until", "what to do", "what is lost"], rows.map(|row| row.map(str::to_string)));
}

fn after(page: &mut Page, wave: &Wave<'_>, request: &CutoverRequest) {
    page.head("Afterwards");
    page.line("On probation, as often as you like; the exit code is 1 where somebody must look:");
    page.code(&(command(wave, request, "check", false) + " --compare"));
    page.line("At its end. From then on there is no way back:");
    page.code(&(command(wave, request, "finish", true) + " --yes"));
    page.line(
        "IceBridge drops nothing. When nothing reads the source any more, drop it by the engine that owns it. A copy by the mode \
         register reads the source's files: never purge those.",
    );
    page.line("Approved by: ____________________    On: ____________________");
}

struct Page {
    form: RunbookForm,
    text: String,
}

const STYLE: &str = "body{font:15px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3rem .6rem;text-align:left;vertical-align:top}\
    pre{background:#f3f3f3;padding:.6rem}";

impl Page {
    fn put(&mut self, markdown: &str, html: &str) {
        self.text.push_str(match self.form {
            RunbookForm::Markdown => markdown,
            RunbookForm::Html => html,
        });
        self.text.push('\n');
    }

    fn begin(&mut self, title: &str) {
        let shown = html(title);
        let head = format!("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{shown}</title>");
        self.put(&format!("# {title}\n"), &format!("{head}\n<style>{STYLE}</style>\n<h1>{shown}</h1>"));
    }

    fn head(&mut self, title: &str) {
        self.put(&format!("## {title}\n"), &format!("<h2>{}</h2>", html(title)));
    }

    fn line(&mut self, text: &str) {
        self.put(&format!("{}\n", markdown(text)), &format!("<p>{}</p>", html(text)));
    }

    fn code(&mut self, text: &str) {
        self.put(&format!("    {text}\n"), &format!("<pre>{}</pre>", html(text)));
    }

    fn table<const N: usize>(&mut self, head: &[&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let html_row = |tag: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", html(cell))).collect();
            format!("<tr>{cells}</tr>")
        };
        let markdown_row = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| markdown(cell)).collect();
            format!("| {} |", cells.join(" | "))
        };
        let head = head.map(str::to_string);
        self.put(
            &format!("{}\n|{}", markdown_row(&head), "---|".repeat(N)),
            &format!("<table>\n{}", html_row("th", &head)),
        );
        for row in rows {
            self.put(&markdown_row(&row), &html_row("td", &row));
        }
        self.put("", "</table>");
    }

    fn end(&mut self) {
        if self.form == RunbookForm::Html {
            self.text.push_str("</html>\n");
        }
    }
}

/// Names of others must not become markup.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in visible(text).chars() {
        match char {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' => out.extend(['\\', char]),
            char => out.push(char),
        }
    }
    out
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in visible(text).chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_no_markup() {
        let page = |form| {
            let mut page = Page { form, text: String::new() };
            page.begin("a <b> | c");
            page.table(&["one", "two"], [["x|y".to_string(), "<script>`".to_string()]]);
            page.head("h");
            page.table(&["one"], Vec::new());
            page.end();
            page.text
        };
        let text = page(RunbookForm::Markdown);
        assert!(text.contains("| x\\|y | \\<script\\>\\` |"), "{text}");
        let text = page(RunbookForm::Html);
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{text}");
        assert_eq!(text.matches("<table>").count(), text.matches("</table>").count(), "{text}");
    }
}
