//! The process of a judge: a Python of this machine that runs the scripts which are part of this program.

use icebridge_model::judge::JudgeKind;
use icebridge_model::secret::is_our_secret;
use icebridge_model::{Code, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The Python that has the judge's packages.
const PYTHON: &str = "ICEBRIDGE_JUDGE_PYTHON";

/// An answer is two numbers, or an error cut to some hundred characters.
const LONGEST_LINE: u64 = 1 << 20;

/// The modules come by standard input: no file of ours lies about, and nobody can change one under us.
const START: &str = r#"
import json, sys, types
first = json.loads(sys.stdin.readline())
for name, source in first["modules"]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, name + ".py", "exec"), module.__dict__)
sys.modules["judge"].main(first["engine"])
"#;

const REFERENCE: &str = include_str!("../../../../../spark/judges/digest_reference.py");
const ROW_DIGEST: &str = include_str!("../../../../../spark/row_digest.py");
const JUDGE: &str = include_str!("../../../../../spark/judges/judge.py");

pub(super) struct Process {
    kind: JudgeKind,
    /// Killed when dropped.
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Serialize)]
struct First<'a> {
    engine: &'a str,
    modules: Vec<(&'a str, &'a str)>,
}

impl Process {
    pub async fn start(kind: JudgeKind) -> Result<Self> {
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
        let mut command = Command::new(&python);
        command.arg("-c").arg(START);
        // Our secrets are none of its business.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let shown = python.to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|e| unavailable(kind, format!("{shown}: {e}")))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::internal("a process without its pipes"));
        };
        let mut process = Self { kind, _child: child, input, output: BufReader::new(output) };
        let mut modules = vec![("digest_reference", REFERENCE)];
        if kind == JudgeKind::Spark {
            modules.push(("row_digest", ROW_DIGEST));
        }
        modules.push(("judge", JUDGE));
        process.write(&First { engine: kind.as_str(), modules }).await?;
        Ok(process)
    }

    pub async fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line).map_err(|e| Error::internal("an order is no JSON").with_cause(e))?;
        text.push(b'\n');
        let sent = async {
            self.input.write_all(&text).await?;
            self.input.flush().await
        };
        sent.await.map_err(|e| unavailable(self.kind, format!("it ended before its time: {e}")))
    }

    pub async fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let mut bounded = (&mut self.output).take(LONGEST_LINE);
        match bounded.read_line(&mut line).await {
            Ok(0) => Err(unavailable(self.kind, "it ended before its time")),
            Ok(_) => serde_json::from_str(&line)
                .map_err(|e| unavailable(self.kind, format!("its answer cannot be read: {e}"))),
            Err(e) => Err(unavailable(self.kind, format!("its answer cannot be read: {e}"))),
        }
    }
}

pub(super) fn unavailable(kind: JudgeKind, why: impl Into<String>) -> Error {
    Error::new(Code::JudgeUnavailable, format!("{} cannot be used here", kind.title())).with_cause_text(why.into())
}
