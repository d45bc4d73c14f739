//! The system's browser, and whatever it opens folders with. On Linux $BROWSER goes first, as everywhere there: a list of
//! commands, `%s` for the address.

use icebridge_model::{Code, Error, Result};
use std::ffi::OsStr;
use std::path::Path;

/// A page of the web: an address that a server names is opened by a program of the person's, and no other kind is.
pub fn open_address(address: &str) -> Result<()> {
    if !(address.starts_with("https://") || address.starts_with("http://")) {
        return Err(Error::new(Code::Unsupported, "only web pages are opened in the browser").about(address));
    }
    in_browser(OsStr::new(address)).map_err(|e| e.about(address))
}

/// A page of ours on this machine's disk. Whoever calls has made sure that it is one.
pub fn open_page(page: &Path) -> Result<()> {
    in_browser(page.as_os_str()).map_err(|e| e.about(page.display()))
}

/// A folder, in the system's file manager.
pub fn open_folder(folder: &Path) -> Result<()> {
    by_system(folder.as_os_str()).map_err(|e| {
        Error::new(Code::Unsupported, "no file manager could be started").about(folder.display()).with_cause(e)
    })
}

fn failed(cause: std::io::Error) -> Error {
    Error::new(Code::Unsupported, "no browser could be started")
        .with_cause(cause)
        .with_hint("Copy the address into a browser on this machine.")
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn in_browser(what: &OsStr) -> Result<()> {
    by_system(what).map_err(failed)
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn by_system(what: &OsStr) -> std::io::Result<()> {
    open::that_detached(what)
}

#[cfg(all(unix, not(target_os = "macos")))]
use linux::{by_system, in_browser};

#[cfg(all(unix, not(target_os = "macos")))]
mod linux {
    use super::failed;
    use icebridge_model::Result;
    use icebridge_model::secret::is_our_secret;
    use std::ffi::{OsStr, OsString};
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    pub fn in_browser(what: &OsStr) -> Result<()> {
        let named = std::env::var("BROWSER").ok().filter(|named| !named.trim().is_empty());
        match named {
            Some(named) => start(commands(&named, what)),
            None => by_system(what),
        }
        .map_err(failed)
    }

    pub fn by_system(what: &OsStr) -> io::Result<()> {
        start(open::commands(what))
    }

    /// Each in turn until one can be started.
    fn start(commands: Vec<Command>) -> io::Result<()> {
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for mut command in commands {
            keep_secrets_from(&mut command, std::env::vars_os().map(|(name, _)| name));
            // Ours may be ended by the keyboard without ending it.
            command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            match command.spawn() {
                Ok(mut child) => {
                    // Nobody waits for a browser, but somebody has to take its end.
                    std::thread::spawn(move || child.wait());
                    return Ok(());
                }
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    /// What our secrets may be given by is no business of a browser.
    fn keep_secrets_from(command: &mut Command, variables: impl IntoIterator<Item = OsString>) {
        for name in variables.into_iter().filter(|name| is_our_secret(name)) {
            command.env_remove(name);
        }
    }

    fn commands(named: &str, what: &OsStr) -> Vec<Command> {
        let named = named.split(':').filter(|command| !command.trim().is_empty());
        named
            .map(|command| {
                let mut words = words(command, what);
                let mut made = Command::new(words.remove(0));
                made.args(words);
                made
            })
            .collect()
    }

    fn words(command: &str, what: &OsStr) -> Vec<OsString> {
        let shown = what.to_string_lossy();
        let mut words: Vec<OsString> =
            command.split_whitespace().map(|word| word.replace("%s", &shown).into()).collect();
        if !command.contains("%s") {
            words.push(what.to_owned());
        }
        words
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_address_goes_where_the_command_wants_it() {
            let of = |command| words(command, OsStr::new("http://a"));
            assert_eq!(of("firefox"), ["firefox", "http://a"]);
            assert_eq!(of("w3m -u %s -x"), ["w3m", "-u", "http://a", "-x"]);
            assert!(start(commands("/nonexistent/one:/nonexistent/two", OsStr::new("http://a"))).is_err());
        }

        #[test]
        fn secrets_are_not_handed_on() {
            let mut command = Command::new("firefox");
            keep_secrets_from(&mut command, ["HOME", "ICEBRIDGE_SECRET_LAKE_TOKEN"].map(OsString::from));
            let changed: Vec<_> = command.get_envs().collect();
            assert_eq!(changed, [(OsStr::new("ICEBRIDGE_SECRET_LAKE_TOKEN"), None)]);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_pages_of_the_web_are_addresses() {
        assert!(super::open_address("file:///etc/passwd").is_err());
    }
}
