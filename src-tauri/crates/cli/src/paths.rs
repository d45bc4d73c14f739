//! Paths as requests have them.

use icebridge_model::{Error, Result};
use std::path::Path;

/// Requests are JSON, and JSON is UTF-8.
pub fn path_text(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .map_err(|e| Error::invalid("the path cannot be used").about(path.display()).with_cause(e))?;
    path.to_str().map(str::to_string).ok_or_else(|| Error::invalid("the path is not UTF-8").about(path.display()))
}
