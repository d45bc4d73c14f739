//! Live progress on standard error: bars on a terminal, plain lines elsewhere.

use crate::output::{Output, words};
use icebridge_model::event::{Event, RunChanges};
use icebridge_model::run::{ParallelTables, RunId, TableState};
use icebridge_model::view::ViewRow;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

/// Lines in a log, not frames: one every few seconds is enough.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows what happens until it is told to stop.
pub struct Live {
    task: JoinHandle<()>,
    /// Dropped, it says "enough".
    stop: oneshot::Sender<()>,
}

impl Live {
    /// `events` from before the work began, so that nothing is missed.
    pub fn show(output: Output, mut events: broadcast::Receiver<Event>) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let mut screen = Screen::new(output);
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    event = events.recv() => match event {
                        Ok(event) => screen.tell(event),
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => break,
                    },
                    _ = &mut stopped => break,
                }
            }
            screen.clear();
        });
        Self { task, stop }
    }

    /// What has happened by now is still shown.
    pub async fn end(self) {
        drop(self.stop);
        // It ends by itself; if it did not, its words are of no use any more.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.task).await;
    }
}

struct Screen {
    output: Output,
    bars: Option<MultiProgress>,
    whole: Option<ProgressBar>,
    tables: HashMap<(RunId, String), ProgressBar>,
    told: HashMap<String, String>,
    /// Of clusters, by table.
    stages: HashMap<String, String>,
    line_at: Option<Instant>,
    /// Tables in parallel that the run found to be enough.
    enough: Option<usize>,
}

impl Screen {
    fn new(output: Output) -> Self {
        let live = !output.json && std::io::stderr().is_terminal();
        let bars = live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self {
            output,
            bars,
            whole: None,
            tables: HashMap::new(),
            told: HashMap::new(),
            stages: HashMap::new(),
            line_at: None,
            enough: None,
        }
    }

    fn tell(&mut self, event: Event) {
        if let Event::SignIn { address, opened, .. } = &event {
            self.sign_in(address, *opened);
            return;
        }
        if self.output.json {
            return;
        }
        match event {
            Event::Inventory { done, total, table, .. } => {
                self.whole(done as u64, total as u64, &format!("tables read, last {table}"));
                if self.due() || (self.bars.is_none() && done == total) {
                    self.line(&format!("  {done} of {total} tables read"));
                }
            }
            Event::Changes(changes) => self.changes(&changes),
            Event::Unity { tables, last, .. } => {
                self.whole(tables as u64, tables as u64, &format!("tables listed, last {last}"));
                if self.due() {
                    self.line(&format!("  {tables} tables listed"));
                }
            }
            Event::Sync { progress, .. } => {
                self.whole(progress.done as u64, progress.tables as u64, &progress.to_string());
                if self.due() {
                    self.line(&format!("  {progress}"));
                }
            }
            Event::SyncJob { message, run_page_url, .. } => self.job(&message, run_page_url.as_deref()),
            Event::Run { .. } | Event::CutOver { .. } | Event::SignIn { .. } => {}
        }
    }

    /// Once each: a cluster is in one stage for minutes.
    fn job(&mut self, message: &str, page: Option<&str>) {
        if self.told.insert(String::new(), message.to_string()).as_deref() != Some(message) {
            let page = page.map(|page| format!(", {page}")).unwrap_or_default();
            self.line(&format!("  {message}{page}"));
        }
    }

    /// Told to those who asked for JSON too, on standard error: without it nobody could sign in.
    fn sign_in(&mut self, address: &str, opened: bool) {
        let how = if opened {
            "the browser is open; if not, open"
        } else {
            "open this address in a browser on this machine:"
        };
        let _ = writeln!(std::io::stderr(), "{how} {address}");
    }

    fn changes(&mut self, changes: &RunChanges) {
        for row in &changes.rows {
            self.table(&changes.run_id, row);
        }
        let counters = &changes.counters;
        let (done, all) = (counters.ended(), counters.tables());
        let left = changes.seconds_left.map(|s| format!(", {} left", words::seconds(s))).unwrap_or_default();
        if let Some(parallel) = changes.parallel {
            self.parallel(parallel);
        }
        let rate = words::bytes(changes.bytes_per_second);
        self.whole(done as u64, all as u64, &format!("tables, {rate}/s{left}"));
        if self.due() {
            self.line(&format!("  {done} of {all} tables, {} at {rate}/s{left}", words::bytes(counters.bytes_copied)));
        }
    }

    /// Once for each number that was found.
    fn parallel(&mut self, parallel: ParallelTables) {
        let ParallelTables { tables, most, found } = parallel;
        let words = match tables < most {
            true => format!("  {tables} tables in parallel are enough: more are no faster"),
            false => format!("  {tables} tables in parallel, the most that the plan allows"),
        };
        if found && self.enough.replace(tables) != Some(tables) {
            self.line(&words);
        }
    }

    fn table(&mut self, run_id: &RunId, row: &ViewRow) {
        let (name, state) = (row.text("name").to_string(), row.text("state").to_string());
        let key = (run_id.clone(), name.clone());
        if ENDED.iter().any(|ended| ended.as_str() == state) {
            if let Some(bar) = self.tables.remove(&key) {
                bar.finish_and_clear();
            }
            if self.told.insert(name, state.clone()).as_deref() != Some(state.as_str()) {
                self.line(&ended(row));
            }
            return;
        }
        if state == TableState::Queued.as_str() {
            return;
        }
        if self.bars.is_none() {
            self.log(name, state, row);
            return;
        }
        let Some(bars) = &self.bars else { return };
        let bar = self.tables.entry(key).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(0));
            bar.set_style(style("  {prefix:.dim} {wide_msg} {bar:20} {percent:>3}%"));
            bar
        });
        let (done, all) = match row.amount("bytes_to_copy") {
            0 => (row.amount("rows_copied"), row.amount("rows")),
            bytes => (row.amount("bytes_copied"), bytes),
        };
        bar.set_prefix(format!("{state:<10}"));
        let how = if row.text("stage").is_empty() { row.text("mode") } else { row.text("stage") };
        bar.set_message(format!("{name} ({how})"));
        bar.set_length(all.max(done));
        bar.set_position(done);
    }

    /// In a log the begin and the end of a table are news; its steps follow each other in a moment.
    fn log(&mut self, name: String, state: String, row: &ViewRow) {
        if !self.told.contains_key(&name) {
            self.line(&format!("  {state:<10} {name} ({})", row.text("mode")));
            self.told.insert(name.clone(), state.clone());
        }
        // A cluster takes minutes, and where it is is all there is to tell.
        let (stage, message) = (row.text("stage"), row.text("stage_message"));
        if stage.is_empty() || state != TableState::Copying.as_str() {
            return;
        }
        let stage = if message.is_empty() { stage.to_string() } else { format!("{stage}: {message}") };
        if self.stages.get(&name) != Some(&stage) {
            self.line(&format!("  cluster    {name} {stage}"));
            self.stages.insert(name, stage);
        }
    }

    fn whole(&mut self, done: u64, all: u64, message: &str) {
        let Some(bars) = &self.bars else { return };
        let bar = self.whole.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(all));
            bar.set_style(style("{bar:30} {pos} of {len} {wide_msg}"));
            bar
        });
        bar.set_length(all);
        bar.set_position(done);
        bar.set_message(message.to_string());
    }

    /// Without a terminal, whether it is time for another line.
    fn due(&mut self) -> bool {
        if self.bars.is_some() {
            return false;
        }
        match self.line_at {
            Some(at) if at.elapsed() < LINE_EVERY => false,
            Some(_) => {
                self.line_at = Some(Instant::now());
                true
            }
            None => {
                self.line_at = Some(Instant::now());
                false
            }
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // A terminal that went away takes the bars with it.
            Some(bars) => drop(bars.println(text)),
            None => self.output.note(text),
        }
    }

    fn clear(&mut self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

const ENDED: [TableState; 3] = [TableState::Migrated, TableState::Failed, TableState::Cancelled];

fn ended(row: &ViewRow) -> String {
    let mut text = format!("  {:<10} {} -> {}", row.text("state"), row.text("name"), row.text("target"));
    if !row.text("error").is_empty() {
        text.push_str(&format!(": {} [{}]", row.text("message"), row.text("error")));
    }
    text
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
