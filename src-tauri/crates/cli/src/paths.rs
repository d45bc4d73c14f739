//! Paths as requests have them.

use crate::arguments::HooksArg;
use icebridge_model::{Error, Result};
use std::path::Path;

/// Requests are JSON, and JSON is UTF-8.
pub fn path_text(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .map_err(|e| Error::invalid("the path cannot be used").about(path.display()).with_cause(e))?;
    path.to_str().map(str::to_string).ok_or_else(|| Error::invalid("the path is not UTF-8").about(path.display()))
}

/// Of a hooks file; empty: none is given.
pub fn hooks_path(hooks: HooksArg) -> Result<String> {
    hooks.hooks.as_deref().map(path_text).transpose().map(Option::unwrap_or_default)
}
