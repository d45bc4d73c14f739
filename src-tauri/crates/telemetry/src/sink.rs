//! Where lines go: the file in the state folder, and standard error.

use crate::file::RollingFile;
use crate::layer::Sink;
use crate::text::one_line;
use crate::{Bounds, logs_folder};
use icebridge_model::logs::LogLine;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub struct Stderr;

impl Sink for Stderr {
    fn accept(&self, line: &LogLine) {
        // A closed standard error must not end the program, as `eprintln!` would.
        let _ = io::stderr().lock().write_all(format!("{}\n", one_line(line)).as_bytes());
    }
}

/// Lines kept before the folder is known; the oldest go first.
const KEPT: usize = 256;
/// A folder that cannot be written is tried again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The log files. Before [`FileSink::attach`] lines are kept in memory: what a command says while it opens the state
/// belongs into its log.
#[derive(Clone, Debug, Default)]
pub struct FileSink(Arc<Mutex<Place>>);

#[derive(Debug, Default)]
struct Place {
    kept: VecDeque<Vec<u8>>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    folder: PathBuf,
    file: RollingFile,
    failed: Option<Instant>,
    said: bool,
}

impl FileSink {
    /// Writes to the logs of this state folder from now on. Later calls change nothing.
    pub fn attach(&self, state_dir: &Path, bounds: Bounds) {
        let mut place = self.place();
        if place.open.is_some() {
            return;
        }
        let folder = logs_folder(state_dir);
        let mut open = Open { file: RollingFile::new(folder.clone(), bounds), folder, failed: None, said: false };
        place.kept.drain(..).for_each(|line| open.write(&line));
        place.open = Some(open);
    }

    /// A poisoned lock means that a line was not finished; the next one can be.
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for FileSink {
    fn accept(&self, line: &LogLine) {
        // Strings and numbers: JSON can hold all of it.
        let Ok(mut bytes) = serde_json::to_vec(line) else { return };
        bytes.push(b'\n');
        let mut place = self.place();
        match &mut place.open {
            Some(open) => open.write(&bytes),
            None => {
                if place.kept.len() >= KEPT {
                    place.kept.pop_front();
                }
                place.kept.push_back(bytes);
            }
        }
    }
}

impl Open {
    /// A log that cannot be written is said once, and is no reason for a command to fail.
    fn write(&mut self, line: &[u8]) {
        if self.failed.is_some_and(|failed| failed.elapsed() < AGAIN_AFTER) {
            return;
        }
        self.failed = None;
        if let Err(error) = self.file.append(Timestamp::now(), line) {
            self.failed = Some(Instant::now());
            if !self.said {
                self.said = true;
                let folder = self.folder.display();
                let _ = writeln!(io::stderr(), "warning: the log cannot be written ({folder}): {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_files;
    use icebridge_model::logs::LogLevel;

    fn line(number: usize) -> LogLine {
        LogLine {
            at: String::new(),
            level: LogLevel::Info,
            process: 1,
            target: String::new(),
            message: format!("line {number}"),
            run: None,
            table: None,
            step: None,
            span: String::new(),
            fields: Default::default(),
        }
    }

    #[test]
    fn what_was_said_before_the_folder_was_known_is_written() {
        let state = tempfile::tempdir().unwrap();
        let sink = FileSink::default();
        (0..KEPT + 1).for_each(|number| sink.accept(&line(number)));
        sink.attach(state.path(), Bounds::default());
        sink.attach(Path::new("/nonexistent"), Bounds::default());
        sink.accept(&line(1000));
        let logs = logs_folder(state.path());
        let files = log_files(&logs).unwrap();
        let text: String = files.iter().map(|(file, _)| std::fs::read_to_string(file.path(&logs)).unwrap()).collect();
        assert_eq!(text.lines().count(), KEPT + 1, "the oldest was dropped, the later one came");
        assert!(!text.contains("\"line 0\"") && text.contains("\"line 1\"") && text.contains("\"line 1000\""));
    }

    #[test]
    fn a_folder_that_cannot_be_made_fails_nothing() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("logs"), "a file in the way").unwrap();
        let sink = FileSink::default();
        sink.attach(state.path(), Bounds::default());
        sink.accept(&line(1));
        sink.accept(&line(2));
        let place = sink.place();
        let open = place.open.as_ref().unwrap();
        assert!(open.said && open.failed.is_some());
    }
}
