//! Numbers and times as the model writes them, and sentences.

pub use icebridge_model::format::*;

/// Messages begin in lower case, as they stand in the middle of the CLI's lines; here each begins a sentence.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// An error in one line, for the field that it is about: what is wrong, and what to write.
pub fn problem(error: &icebridge_model::Error) -> String {
    match &error.hint {
        Some(hint) => format!("{}. {hint}", sentence(&error.message)),
        None => sentence(&error.message),
    }
}
