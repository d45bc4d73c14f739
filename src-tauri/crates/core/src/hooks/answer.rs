//! What a hook may answer.

use icebridge_model::{Code, Error, Result};
use serde_json::{Map, Value};

/// The longest answer that is kept, in bytes.
pub(super) const LONGEST_ANSWER: usize = 16 << 10;

/// Nothing, or one JSON object; as its text, which the journal keeps whatever is in it.
pub(super) fn answer(bytes: &[u8]) -> Result<String> {
    if bytes.len() > LONGEST_ANSWER {
        return Err(failed(format!("the hook's answer is longer than {LONGEST_ANSWER} bytes")));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(String::new());
    }
    match serde_json::from_slice::<Map<String, Value>>(bytes) {
        Ok(_) => Ok(String::from_utf8_lossy(bytes).trim().to_string()),
        Err(e) => Err(failed("the hook's answer is no JSON object").with_cause(e)),
    }
}

pub(super) fn failed(message: impl Into<String>) -> Error {
    Error::new(Code::HookFailed, message.into())
}
