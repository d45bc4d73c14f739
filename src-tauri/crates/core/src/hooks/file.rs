//! The file that names the hooks.

use super::web;
use crate::input::{Limit, read_text};
use icebridge_databricks::Transport;
use icebridge_model::hooks::{Hook, HookStage, HooksFile, IfItFails};
use icebridge_model::{Error, Result};
use std::path::{Path, PathBuf};

/// A day: what takes longer is no hook.
const LONGEST: u64 = 24 * 3600;

/// The hooks that are called, in their order.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    pub(super) hooks: Vec<Hook>,
    /// Where the programs are called.
    pub(super) folder: PathBuf,
    pub(super) transport: Transport,
}

impl Hooks {
    /// An empty path: no hooks.
    pub fn read(path: &str) -> Result<Self> {
        if path.is_empty() {
            return Ok(Self::default());
        }
        let wrong = |message: &str| Error::invalid(message).about(path).with_hint("docs/hooks.md has two examples.");
        let path = Path::new(path);
        // A pipe may never say anything.
        if !path.is_file() {
            return Err(wrong("there is no such file"));
        }
        let text = read_text(path, Limit::Settings, |e| wrong("the hooks file cannot be read").with_cause(e))?;
        let file: HooksFile = serde_json::from_str(&text)
            .map_err(|e| wrong("the hooks file is not as it should be").with_cause_text(place(&e)))?;
        for (at, hook) in file.hooks.iter().enumerate() {
            check(hook).map_err(|e| wrong(&format!("hook {} of the hooks file {e}", at + 1)))?;
        }
        let has = |stage| file.hooks.iter().any(|hook| hook.on == stage);
        for (done, undone) in [(HookStage::Move, HookStage::MoveBack), (HookStage::Quiesce, HookStage::Release)] {
            if has(done) && !has(undone) {
                let (done, undone) = (done.as_str(), undone.as_str());
                return Err(wrong(&format!("the hooks file has a hook for {done} and none for {undone}, its undo")));
            }
        }
        let absolute = std::path::absolute(path).map_err(|e| wrong("the hooks file cannot be read").with_cause(e))?;
        Ok(Self {
            hooks: file.hooks,
            folder: absolute.parent().map(Path::to_path_buf).unwrap_or_default(),
            transport: Transport::from_environment(|name| std::env::var(name).ok()),
        })
    }
}

/// Its place, not its text: that may repeat an address, which may be a secret.
fn place(error: &serde_json::Error) -> String {
    format!("{:?} at line {} column {}", error.classify(), error.line(), error.column())
}

fn check(hook: &Hook) -> std::result::Result<(), &'static str> {
    match (hook.run.first(), hook.url.as_str()) {
        (None, "") => Err("has neither `run` nor `url`"),
        (Some(_), url) if !url.is_empty() => Err("has both `run` and `url`"),
        (Some(program), _) if program.is_empty() => Err("runs nothing"),
        (None, url) if !web::is_address(url) => Err("has a `url` that is no http or https address"),
        _ if hook.if_it_fails == IfItFails::GoOn && matches!(hook.on, HookStage::Move | HookStage::MoveBack) => {
            Err("must stop if it fails: nobody would know where readers are")
        }
        _ if hook.seconds == 0 || hook.seconds > LONGEST => Err("must have `seconds` between 1 and 86400"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Hooks::read(path.to_str().unwrap())
        };
        let good = r#"{"hooks": [{"on": "cutover.move", "run": ["./move", "now"]}, {"on": "cutover.move_back", "run": ["x"]},
            {"on": "cutover.announce", "url": "https://h.example/x?key=1", "seconds": 5, "if_it_fails": "go_on"}]}"#;
        assert_eq!(read(good).unwrap().hooks.len(), 3);
        for bad in [
            "",
            "[]",
            r#"{"hooks": [{"on": "cutover.move"}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"]}]}"#,
            r#"{"hooks": [{"on": "cutover.quiesce", "run": ["x"]}, {"on": "cutover.move_back", "run": ["x"]}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": [""]}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "url": "http://h.example"}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "url": "ftp://h.example"}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "url": "hooks"}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "if_it_fails": "go_on"}, {"on": "cutover.move_back", "run": ["x"]}]}"#,
            r#"{"hooks": [{"on": "cutover.moves", "run": ["x"]}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "secs": 1}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "seconds": 0}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "seconds": 86401}]}"#,
            r#"{"hooks": [{"on": "cutover.move", "run": ["x"], "seconds": -1}]}"#,
        ] {
            assert_eq!(read(bad).unwrap_err().code, icebridge_model::Code::InvalidInput, "{bad}");
        }
        assert!(Hooks::read("").unwrap().hooks.is_empty());
        assert!(Hooks::read("/none/hooks.json").is_err());
    }
}
