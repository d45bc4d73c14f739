//! What goes to standard output and standard error.

mod table;
pub mod words;

pub use table::Grid;

use icebridge_model::format::visible;
use icebridge_model::{Error, Result};
use serde::Serialize;
use std::io::{BufWriter, ErrorKind, Write};

/// Results go to standard output, all else to standard error, so that a result can be piped.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// The result: as JSON if that was asked for, in words otherwise.
    pub fn result<T: Serialize>(&self, value: &T, words: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json { self.print_json(value) } else { self.print(&words(value)) }
    }

    /// Piece by piece: a result may be 100,000 tables.
    fn print_json<T: Serialize>(&self, value: &T) -> Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from);
        printed(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
    }

    /// As it is, with a last newline.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        printed(
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(newline.as_bytes())).and_then(|()| out.flush()),
        )
    }

    /// For people only, and not part of the result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            // A closed standard error is nobody's loss.
            let _ = writeln!(std::io::stderr(), "{}", lines(text.as_ref()));
        }
    }

    /// Where something can be asked for. Told to those who asked for JSON too, on standard error: the port may be any.
    pub fn address(&self, what: &str, address: &str) {
        let _ = writeln!(std::io::stderr(), "{}", lines(&format!("{what}: {address}")));
    }

    pub fn error(&self, error: &Error) {
        if self.json
            && let Ok(text) = to_json(error)
        {
            let _ = self.print(&text);
            return;
        }
        let _ = writeln!(std::io::stderr(), "{}", lines(&words::error(error)));
    }
}

fn printed(written: std::io::Result<()>) -> Result<()> {
    match written {
        // The reader has seen enough: `icebridge tables lake | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::invalid("the result cannot be printed").with_cause(error)),
        Ok(()) => Ok(()),
    }
}

/// A name in it must not reach the terminal as a command.
fn lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map_err(|e| Error::internal("the result cannot be written as JSON").with_cause(e))
}
