//! The file that lines are appended to, and the next one when it is full or the day is over.
//!
//! Several processes append to the same file: each line is one `write` in append mode, which the system does not mix with
//! another's. No file is ever renamed; who finds the file full goes on to the next number, and meets the others there.

use crate::Bounds;
use crate::folder::{self, LogFile, log_files};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

#[derive(Debug)]
pub struct RollingFile {
    folder: PathBuf,
    bounds: Bounds,
    open: Option<(File, Date)>,
}

impl RollingFile {
    pub fn new(folder: PathBuf, bounds: Bounds) -> Self {
        Self { folder, bounds, open: None }
    }

    /// `line` ends with its only newline.
    pub fn append(&mut self, now: Timestamp, line: &[u8]) -> io::Result<()> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let mut file = match self.open.take() {
            Some((file, day)) if day == today && self.has_room(&file.metadata()?, line) => file,
            _ => self.next(today, line)?,
        };
        let written = file.write_all(line);
        self.open = Some((file, today));
        written
    }

    /// A file that was deleted meanwhile has none.
    fn has_room(&self, metadata: &Metadata, line: &[u8]) -> bool {
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(metadata) == 0 {
            return false;
        }
        let bytes = metadata.len();
        bytes == 0 || bytes.saturating_add(line.len() as u64) <= self.bounds.file_bytes
    }

    fn next(&self, today: Date, line: &[u8]) -> io::Result<File> {
        folder::make(&self.folder)?;
        folder::prune(&self.folder, today, &self.bounds)?;
        let last = log_files(&self.folder)?.into_iter().map(|(file, _)| file).rfind(|file| file.day == today);
        let mut number = last.map_or(1, |file| file.number);
        loop {
            let path = LogFile { day: today, number }.path(&self.folder);
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(path)?;
            if number == u32::MAX || self.has_room(&file.metadata()?, line) {
                return Ok(file);
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { days: 7, total_bytes: 1000, file_bytes: 200 };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn files_are_bounded_each_and_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = RollingFile::new(folder.path().join("logs"), BOUNDS);
        for number in 0..200 {
            log.append(at("2026-01-31T10:00:00Z"), format!("{number:049}\n").as_bytes()).unwrap();
            let files = log_files(&folder.path().join("logs")).unwrap();
            assert!(files.iter().all(|(_, bytes)| *bytes <= 200), "{files:?}");
            assert!(files.iter().map(|(_, bytes)| bytes).sum::<u64>() <= 1000, "{files:?}");
        }
        let files = log_files(&folder.path().join("logs")).unwrap();
        let newest = files.last().unwrap().0;
        assert_eq!(newest.number, 50, "four lines a file: {files:?}");
        let text = std::fs::read_to_string(newest.path(&folder.path().join("logs"))).unwrap();
        assert!(text.ends_with("199\n"), "{text}");
    }

    #[test]
    fn a_day_has_its_own_files_and_old_days_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = RollingFile::new(folder.path().to_path_buf(), BOUNDS);
        for day in 1..=9 {
            log.append(at(&format!("2026-01-0{day}T23:59:59Z")), b"x\n").unwrap();
        }
        let days: Vec<i8> = log_files(folder.path()).unwrap().iter().map(|(file, _)| file.day.day()).collect();
        assert_eq!(days, [3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn several_writers_share_files_and_no_line_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { days: 7, total_bytes: 1 << 20, file_bytes: 8 << 10 };
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut log = RollingFile::new(folder.path().to_path_buf(), bounds);
                std::thread::spawn(move || {
                    for number in 0..500 {
                        let line = format!("{writer}-{number}-{}\n", "x".repeat(60));
                        log.append(at("2026-01-31T10:00:00Z"), line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let mut seen = std::collections::HashSet::new();
        for (file, _) in log_files(folder.path()).unwrap() {
            for line in std::fs::read_to_string(file.path(folder.path())).unwrap().lines() {
                assert!(line.ends_with(&format!("-{}", "x".repeat(60))), "{line}");
                assert!(seen.insert(line.to_string()), "twice: {line}");
            }
        }
        assert_eq!(seen.len(), 2000);
    }

    #[cfg(unix)]
    #[test]
    fn a_deleted_file_is_made_again_and_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let mut log = RollingFile::new(logs.clone(), BOUNDS);
        log.append(at("2026-01-31T10:00:00Z"), b"one\n").unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = log_files(&logs).unwrap()[0].0.path(&logs);
        assert_eq!((mode(&logs), mode(&file)), (0o700, 0o600));
        std::fs::remove_dir_all(&logs).unwrap();
        log.append(at("2026-01-31T10:00:00Z"), b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "two\n");
    }
}
