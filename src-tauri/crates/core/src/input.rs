//! Files that a person names: read whole, and never without an end. A path may name a device or a pipe.

pub use icebridge_lakehouse::Limit;
use icebridge_model::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The text of a file. `failed` gives the error of what the system says.
pub fn read_text(path: &Path, limit: Limit, failed: impl Fn(io::Error) -> Error) -> Result<String> {
    let file = File::open(path).map_err(&failed)?;
    text_of(file, limit, failed).map_err(|e| e.about(path.display()))
}

/// As [`read_text`], of what is open already, such as the standard input.
pub fn text_of(source: impl Read, limit: Limit, failed: impl Fn(io::Error) -> Error) -> Result<String> {
    let mut bytes = Vec::new();
    // One more than is allowed tells too long from just long enough.
    source.take(limit.get().saturating_add(1)).read_to_end(&mut bytes).map_err(&failed)?;
    limit.check(bytes.len() as u64)?;
    String::from_utf8(bytes).map_err(|e| failed(io::Error::new(io::ErrorKind::InvalidData, e)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;

    fn failed(error: io::Error) -> Error {
        Error::invalid("unreadable").with_cause(error)
    }

    #[test]
    fn what_has_no_end_is_refused_at_its_limit() {
        let error = text_of(io::repeat(b' '), Limit::Settings, failed).unwrap_err();
        assert_eq!(error.code, Code::LimitExceeded);
        let most = Limit::Settings.get();
        let text = text_of(io::repeat(b' ').take(most), Limit::Settings, failed).unwrap();
        assert_eq!(text.len() as u64, most);
    }

    #[test]
    fn what_is_no_text_or_not_there_is_the_callers_error() {
        assert_eq!(text_of(&b"\xff"[..], Limit::Plan, failed).unwrap_err().code, Code::InvalidInput);
        assert_eq!(read_text(Path::new("/none"), Limit::Plan, failed).unwrap_err().code, Code::InvalidInput);
        assert_eq!(text_of("größe".as_bytes(), Limit::Plan, failed).unwrap(), "größe");
    }
}
