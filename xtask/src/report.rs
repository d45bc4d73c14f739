//! What is printed: failures and what is going on.

use std::fmt;

/// What went wrong, for the person at the terminal; a second line may say what to do.
pub struct Failure(String);

pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every failure, so that none hides another.
pub fn all(done: impl IntoIterator<Item = Result>) -> Result {
    let failures: Vec<String> = done.into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect();
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
}

/// Prints a line about what is going on, apart from the output of the tools themselves.
pub fn say(text: impl fmt::Display) {
    eprintln!("==> {text}");
}
