//! The system's browser. On Linux $BROWSER goes first, as everywhere there: a list of commands, `%s` for the address.

use icebridge_model::{Code, Error, Result};
use std::path::Path;

pub(crate) fn open(address: &str) -> Result<()> {
    // An address that a server names is opened by a program of the person's: a page, and nothing else.
    if !(address.starts_with("https://") || address.starts_with("http://")) {
        return Err(Error::new(Code::Unsupported, "only web pages are opened in the browser").about(address));
    }
    #[cfg(all(unix, not(target_os = "macos")))]
    if let Some(named) = browser_of_environment() {
        return named_browser(&named, address);
    }
    open::that_detached(address).map_err(|e| failed().with_cause(e))
}

/// A page of ours on this machine's disk. Whoever calls has made sure that it is one.
pub fn open_page(page: &Path) -> Result<()> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if let (Some(named), Some(path)) = (browser_of_environment(), page.to_str()) {
        return named_browser(&named, path);
    }
    open::that_detached(page).map_err(|e| failed().about(page.display()).with_cause(e))
}

#[cfg(all(unix, not(target_os = "macos")))]
fn browser_of_environment() -> Option<String> {
    std::env::var("BROWSER").ok().filter(|named| !named.trim().is_empty())
}

fn failed() -> Error {
    Error::new(Code::Unsupported, "no browser could be started")
        .with_hint("Copy the address into a browser on this machine.")
}

#[cfg(all(unix, not(target_os = "macos")))]
const SECRETS: &str = "ICEBRIDGE_SECRET_";

/// Each in turn until one can be started.
#[cfg(all(unix, not(target_os = "macos")))]
fn named_browser(named: &str, address: &str) -> Result<()> {
    use std::process::{Command, Stdio};
    let mut error = failed();
    for command in named.split(':').filter(|command| !command.trim().is_empty()) {
        let (program, arguments) = words(command, address);
        let mut starting = Command::new(program);
        // What our secrets may be given by is no business of a browser.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(SECRETS)) {
            starting.env_remove(name);
        }
        let started = starting.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match started {
            Ok(mut child) => {
                // Nobody waits for a browser, but somebody has to take its end.
                std::thread::spawn(move || child.wait());
                return Ok(());
            }
            Err(e) => error = error.with_cause(e),
        }
    }
    Err(error)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn words(command: &str, address: &str) -> (String, Vec<String>) {
    let mut words: Vec<String> = command.split_whitespace().map(|word| word.replace("%s", address)).collect();
    if !command.contains("%s") {
        words.push(address.to_string());
    }
    (words.remove(0), words)
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    #[test]
    fn the_address_goes_where_the_command_wants_it() {
        let of = |command| words(command, "http://a");
        assert_eq!(of("firefox"), ("firefox".into(), vec!["http://a".into()]));
        assert_eq!(of("w3m -u %s -x"), ("w3m".into(), vec!["-u".into(), "http://a".into(), "-x".into()]));
        assert!(open("file:///etc/passwd").is_err());
        assert!(named_browser("/nonexistent/one:/nonexistent/two", "http://a").is_err());
    }
}
