//! Live progress on standard error: bars on a terminal, plain lines elsewhere.

use crate::output::{Output, words};
use icebridge_model::run::{Event, Progress, RunId, TableMigration, TableState};
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
    told: HashMap<String, TableState>,
    /// Of clusters, by table.
    stages: HashMap<String, String>,
    line_at: Option<Instant>,
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
            Event::Table { run_id, table } => self.table(run_id, &table),
            Event::Progress(progress) => self.progress(&progress),
            Event::Unity { tables, last, .. } => {
                self.whole(tables as u64, tables as u64, &format!("tables listed, last {last}"));
                if self.due() {
                    self.line(&format!("  {tables} tables listed"));
                }
            }
            Event::Run { .. } | Event::SignIn { .. } => {}
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

    fn table(&mut self, run_id: RunId, run: &TableMigration) {
        let name = run.source.to_string();
        let key = (run_id, name.clone());
        if run.state.is_terminal() {
            if let Some(bar) = self.tables.remove(&key) {
                bar.finish_and_clear();
            }
            if self.told.insert(name, run.state) != Some(run.state) {
                self.line(&ended(run));
            }
            return;
        }
        if run.state == TableState::Queued {
            return;
        }
        if self.bars.is_none() {
            // In a log the begin and the end of a table are news; its steps follow each other in a moment.
            if !self.told.contains_key(&name) {
                self.line(&format!("  {:<10} {name} ({})", run.state.as_str(), run.mode.as_str()));
                self.told.insert(name.clone(), run.state);
            }
            // A cluster takes minutes, and where it is is all there is to tell.
            if let Some(cluster) = run.cluster.as_ref().filter(|_| run.state == TableState::Copying) {
                let why = if cluster.message.is_empty() { String::new() } else { format!(": {}", cluster.message) };
                let stage = format!("{}{why}", cluster.stage.as_str());
                if self.stages.get(&name) != Some(&stage) {
                    self.line(&format!("  cluster    {name} {stage}"));
                    self.stages.insert(name, stage);
                }
            }
            return;
        }
        let Some(bars) = &self.bars else { return };
        let bar = self.tables.entry(key).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(0));
            bar.set_style(style("  {prefix:.dim} {wide_msg} {bar:20} {percent:>3}%"));
            bar
        });
        let (done, all) =
            if run.bytes_total > 0 { (run.bytes_done, run.bytes_total) } else { (run.rows_done, run.rows_total) };
        bar.set_prefix(format!("{:<10}", run.state.as_str()));
        let how = run.cluster.as_ref().map_or(run.mode.as_str(), |cluster| cluster.stage.as_str());
        bar.set_message(format!("{name} ({how})"));
        bar.set_length(all.max(done));
        bar.set_position(done);
    }

    fn progress(&mut self, progress: &Progress) {
        let left = progress.seconds_left.map(|s| format!(", {} left", words::seconds(s))).unwrap_or_default();
        let rate = words::bytes(progress.bytes_per_second);
        self.whole(progress.tables_done as u64, progress.tables_total as u64, &format!("tables, {rate}/s{left}"));
        if self.due() {
            let (done, all) = (progress.tables_done, progress.tables_total);
            self.line(&format!("  {done} of {all} tables, {} at {rate}/s{left}", words::bytes(progress.bytes_done)));
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

fn ended(run: &TableMigration) -> String {
    let mut text = format!("  {:<10} {} -> {}", run.state.as_str(), run.source, run.target);
    if let Some(error) = &run.error {
        text.push_str(&format!(": {} [{}]", error.message, error.code));
    }
    text
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
