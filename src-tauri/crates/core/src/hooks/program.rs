//! A hook that is a program of this machine.

use super::answer::{LONGEST_ANSWER, answer, failed};
use crate::process_group::ProcessGroup;
use icebridge_model::hooks::HookCall;
use icebridge_model::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// Of what it writes to its standard error, in characters: the end says why.
const KEPT_OF_STDERR: usize = 600;

pub(super) async fn call(folder: &Path, run: &[String], limit: Duration, call: &HookCall) -> Result<String> {
    let Some((program, arguments)) = run.split_first() else {
        return Err(Error::internal("a hook without a program"));
    };
    let mut command = Command::new(path_of(folder, program));
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = ProcessGroup::start(command).map_err(|e| failed("the hook cannot be started").with_cause(e))?;
    let pipes = (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take());
    let (Some(mut input), Some(output), Some(errors)) = pipes else {
        return Err(Error::internal("a process without its pipes"));
    };
    let mut text = serde_json::to_vec(call).map_err(|e| Error::internal("a hook's call is no JSON").with_cause(e))?;
    text.push(b'\n');
    let work = async {
        let give = async move {
            // One that reads nothing is a hook as well.
            let _ = input.write_all(&text).await;
            drop(input);
        };
        let (status, output, errors, ()) =
            tokio::join!(group.child.wait(), bounded(output, LONGEST_ANSWER + 1), ending(errors), give);
        (status, output, errors)
    };
    let Ok((status, output, errors)) = tokio::time::timeout(limit, work).await else {
        // Dropping the group ends it.
        return Err(failed(format!("the hook did not end within {} s, and was ended", limit.as_secs())));
    };
    group.leave();
    let status = status.map_err(|e| failed("it is not known how the hook ended").with_cause(e))?;
    if !status.success() {
        let error = failed(format!("the hook failed: {status}"));
        return Err(if errors.is_empty() { error } else { error.with_cause_text(errors) });
    }
    answer(&output)
}

/// A name alone is looked for as a shell would; a path is below the hooks file's folder.
fn path_of(folder: &Path, program: &str) -> PathBuf {
    match program.contains(['/', '\\']) {
        true => folder.join(program),
        false => program.into(),
    }
}

/// To its end, and the first bytes of it.
async fn bounded(mut from: impl AsyncRead + Unpin, most: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
    kept
}

/// To its end, and the last characters of it.
async fn ending(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let more = kept.len().saturating_sub(4 * KEPT_OF_STDERR);
        kept.drain(..more);
    }
    let text = String::from_utf8_lossy(&kept);
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(KEPT_OF_STDERR);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use icebridge_model::Code;
    use icebridge_model::hooks::HookStage;
    use serde_json::{Value, json};
    use std::time::Instant;

    async fn shell(script: &str, seconds: u64) -> Result<String> {
        let run = ["sh".to_string(), "-c".to_string(), script.to_string()];
        let given = HookCall {
            version: 1,
            stage: HookStage::Move,
            key: "k".into(),
            run_id: "r".into(),
            plan_hash: "h".into(),
            source: "s".into(),
            target: "t".into(),
            tables: Vec::new(),
            rehearsal: false,
        };
        call(Path::new("/"), &run, Duration::from_secs(seconds), &given).await
    }

    #[tokio::test]
    async fn a_program_gets_json_and_may_answer_json() {
        assert_eq!(shell("true", 9).await.unwrap(), "");
        let echoed: Value = serde_json::from_str(&shell("cat", 9).await.unwrap()).unwrap();
        assert_eq!((&echoed["stage"], &echoed["key"]), (&json!("cutover.move"), &json!("k")));
        assert_eq!(shell("echo ' {\"view\": 1} '", 9).await.unwrap(), r#"{"view": 1}"#);
        assert_eq!(shell("echo '{\"seconds\": 1.5}'", 9).await.unwrap(), r#"{"seconds": 1.5}"#);
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said() {
        for bad in ["echo x", "echo 1", "echo '{}{}'", "head -c 20000 /dev/zero | tr '\\0' ' '; echo 1"] {
            assert_eq!(shell(bad, 9).await.unwrap_err().code, Code::HookFailed, "{bad}");
        }
        let error = shell("echo why >&2; exit 3", 9).await.unwrap_err();
        assert!(error.message.contains('3') && error.causes == ["why"], "{error:?}");
        let error = shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 1", 9).await.unwrap_err();
        assert!(error.causes[0].ends_with("end") && error.causes[0].len() <= KEPT_OF_STDERR, "{error:?}");
        let run = ["/none/at/all".to_string()];
        let given = HookCall {
            version: 1,
            stage: HookStage::Move,
            key: String::new(),
            run_id: String::new(),
            plan_hash: String::new(),
            source: String::new(),
            target: String::new(),
            tables: Vec::new(),
            rehearsal: false,
        };
        let missing = call(Path::new("/"), &run, Duration::from_secs(1), &given).await.unwrap_err();
        assert_eq!(missing.code, Code::HookFailed);
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let began = Instant::now();
        let error = shell("sleep 600 & wait", 1).await.unwrap_err();
        assert!(error.message.contains("within 1 s"), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(60));
        // One that ends and leaves a child that holds its pipes.
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("id");
        assert!(shell(&format!("sleep 600 & echo $! > {}", id.display()), 1).await.is_err());
        while lives(&id) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_service_that_it_starts_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("id");
        let start = format!("sleep 600 </dev/null >/dev/null 2>&1 & echo $! > {}", id.display());
        assert_eq!(shell(&start, 9).await.unwrap(), "");
        assert!(lives(&id));
        let _ = rustix::process::kill_process(process(&id), rustix::process::Signal::KILL);
    }

    fn process(id: &Path) -> rustix::process::Pid {
        let id = std::fs::read_to_string(id).unwrap().trim().parse().unwrap();
        rustix::process::Pid::from_raw(id).unwrap()
    }

    /// One that is over and not yet waited for does not.
    fn lives(id: &Path) -> bool {
        let process = process(id);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
        rustix::process::test_kill_process(process).is_ok() && !stat.contains(") Z ")
    }
}
