//! The newest lines of the log. Read from its files alone: the log of a state that cannot be opened is wanted most.

use crate::arguments::LogsArgs;
use crate::ended::Ended;
use crate::interrupt::asked_to_stop;
use crate::output::Output;
use icebridge_model::logs::{LogLine, Logs, LogsRequest};
use icebridge_model::{Error, Result};
use icebridge_telemetry::{Follower, one_line};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(500);

pub async fn run(state_dir: &Path, arguments: &LogsArgs, output: &Output) -> Result<Ended> {
    let request = LogsRequest {
        run: arguments.run.clone(),
        table: arguments.table.clone(),
        level: arguments.level,
        lines: arguments.lines,
    };
    let mut follower = Follower::new(state_dir)?;
    let logs = follower.before(&request)?;
    if arguments.follow {
        tokio::select! {
            followed = follow(&mut follower, &request, logs.lines, output) => followed?,
            // Where signals cannot be had, the process is ended from outside.
            Ok(()) = asked_to_stop() => {}
        }
    } else {
        output.result(&logs, shown)?;
    }
    Ok(Ended::Done)
}

fn shown(logs: &Logs) -> String {
    if logs.lines.is_empty() {
        return format!("no such lines in {}", logs.folder);
    }
    logs.lines.iter().map(one_line).collect::<Vec<_>>().join("\n")
}

/// Until the reader has seen enough.
async fn follow(
    follower: &mut Follower,
    request: &LogsRequest,
    mut lines: Vec<LogLine>,
    output: &Output,
) -> Result<()> {
    loop {
        for line in &lines {
            let text = match output.json {
                true => serde_json::to_string(line).map_err(|e| Error::internal("a line to JSON").with_cause(e))?,
                false => one_line(line),
            };
            let mut out = std::io::stdout().lock();
            match writeln!(out, "{text}").and_then(|()| out.flush()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Error::invalid("the log cannot be printed").with_cause(error)),
                Ok(()) => {}
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        lines = follower.new_lines(request)?;
    }
}
