//! The files in `logs/`: how they are named, and which are removed.

use crate::Bounds;
use jiff::civil::Date;
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "icebridge-";
const SUFFIX: &str = ".jsonl";

/// The log files' folder of a state folder.
pub fn logs_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// `icebridge-2026-01-31.2.jsonl`: the second file of this day (UTC). In the order in which they were begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    pub day: Date,
    pub number: u32,
}

impl LogFile {
    pub fn name(&self) -> String {
        format!("{PREFIX}{}.{}{SUFFIX}", self.day, self.number)
    }

    /// None for a file of any other name: those are not ours, and stay.
    fn parse(name: &str) -> Option<Self> {
        let (day, number) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('.')?;
        let file = Self { day: day.parse().ok()?, number: number.parse().ok()? };
        (file.name() == name).then_some(file)
    }

    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name())
    }
}

/// The log files with their sizes, oldest first. A folder that is not there has none.
pub fn log_files(folder: &Path) -> io::Result<Vec<(LogFile, u64)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(file) = entry.file_name().to_str().and_then(LogFile::parse) else { continue };
        // Not through a link: what it leads to is not ours. Another process may have removed the file just now.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            files.push((file, metadata.len()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Removes files that are too old, and then the oldest until there is room for one more file of full size.
pub fn prune(folder: &Path, today: Date, bounds: &Bounds) -> io::Result<()> {
    let files = log_files(folder)?;
    let mut total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let room = bounds.total_bytes.saturating_sub(bounds.file_bytes);
    for (file, bytes) in files {
        let too_old = today.since(file.day).is_ok_and(|age| i64::from(age.get_days()) >= bounds.days);
        if !too_old && total <= room {
            continue;
        }
        match std::fs::remove_file(file.path(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => total = total.saturating_sub(bytes),
        }
    }
    Ok(())
}

/// For its owner alone, as the state folder is.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_read_back_and_foreign_ones_are_not() {
        let file = LogFile { day: day("2026-01-31"), number: 12 };
        assert_eq!(LogFile::parse(&file.name()), Some(file));
        for name in ["icebridge-2026-01-31.jsonl", "icebridge-2026-1-31.1.jsonl", "icebridge-2026-01-31.01.jsonl", "a"]
        {
            assert_eq!(LogFile::parse(name), None, "{name}");
        }
        let earlier = LogFile { day: day("2026-01-31"), number: 9 };
        assert!(earlier < file && file < LogFile { day: day("2026-02-01"), number: 1 }, "by number, not by text");
    }

    #[test]
    fn old_files_go_first_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| std::fs::write(folder.path().join(name), vec![b'x'; bytes]).unwrap();
        let bounds = Bounds { days: 7, total_bytes: 1000, file_bytes: 300 };
        write("icebridge-2026-01-24.1.jsonl", 10);
        write("icebridge-2026-01-25.1.jsonl", 400);
        write("icebridge-2026-01-31.1.jsonl", 300);
        write("icebridge-2026-01-31.2.jsonl", 300);
        write("notes.txt", 5000);
        prune(folder.path(), day("2026-01-31"), &bounds).unwrap();
        let left: Vec<String> = log_files(folder.path()).unwrap().iter().map(|(file, _)| file.name()).collect();
        assert_eq!(left, ["icebridge-2026-01-31.1.jsonl", "icebridge-2026-01-31.2.jsonl"]);
        assert!(folder.path().join("notes.txt").exists());
        assert!(log_files(&folder.path().join("none")).unwrap().is_empty());
    }
}
