//! Moving readers and writers to the target, and back.

use super::JudgeArg;
use super::sync::interval;
use clap::{Args, Subcommand};
use icebridge_model::TableIdent;
use std::path::PathBuf;
use std::time::Duration;

pub const CUTOVER: &str = "Move readers and writers of migrated tables to the target, with a way back.\n\n\
    `move` brings each target up to its source and compares every row while writers still write. Then it calls the hooks that \
    announce the cut-over and stop the writers, waits until the source is quiet, brings its last changes over, compares them, and \
    calls the hook that moves readers and writers. Without hooks people do that: the command waits until they have stopped.\n\n\
    From then on the table is on probation. The source is kept as it was; `check` says whether somebody still writes to it and \
    what the target has become. `back` moves everybody back by one action. `finish` closes the way back. Nothing of the source is \
    ever changed or dropped.\n\n\
    Tables that a sync cannot bring on (see `icebridge sync --help`) are moved as they were copied, if their source has not moved on.";

const REHEARSE: &str = "Try all of it before anybody is moved: copy, compare, move and move back, on a schema of its own, and measure how long it takes.\n\n\
    The plan's tables are copied once more, whole, into a new schema of the same target, synced, moved without a quiet time, looked at and moved back. \
    It has a state folder of its own: no run, no proof and no table of yours is touched, and the plan needs no approval for it. Hooks are called only \
    if a hooks file is given; each call says `\"rehearsal\": true`, and names the tables of the new schema.\n\n\
    The durations go into the runbook of the plan's run and into its audit bundle. What was copied stays where it is, for you to look at and to drop.";

#[derive(Debug, Subcommand)]
pub enum CutoverCommand {
    /// Show how far each table is, as it was seen last
    Look(WhichTables),
    /// Write down what `move` will do, by whom, for how long and how it is undone
    Runbook {
        #[command(flatten)]
        arguments: MoveArgs,
        /// As a web page, and not as Markdown
        #[arg(long)]
        html: bool,
        /// The file to write (default: print it)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Try all of it, way back included, on a schema of its own, and measure how long it takes
    #[command(long_about = REHEARSE)]
    Rehearse(RehearseArgs),
    /// Group the tables into waves: those that somebody reads together are moved together
    Waves {
        /// The run's id (default: the latest)
        run_id: Option<String>,
        /// CSV with the columns `reader` and `table`: each line names a view, a job or a program, and a table that it reads
        #[arg(long, value_name = "FILE")]
        dependencies: PathBuf,
    },
    /// Move readers and writers to the target
    Move(MoveArgs),
    /// Look at the tables on probation: does somebody still write to the source?
    Check {
        #[command(flatten)]
        which: WhichTables,
        /// Read all rows that were moved once more, on both sides
        #[arg(long)]
        compare: bool,
        /// Go on until Ctrl-C, with a look each time this has passed, such as 30s, 5m or 2h
        #[arg(long, value_name = "TIME", value_parser = interval)]
        every: Option<Duration>,
    },
    /// Move readers and writers back to the source, and give up attempts that were cut off
    Back {
        #[command(flatten)]
        which: WhichTables,
        #[command(flatten)]
        hooks: HooksArg,
        /// Rows that were written to the target since stay there, and the source does not get them
        #[arg(long)]
        leave_rows: bool,
    },
    /// End the probation: from then on there is no way back
    Finish {
        #[command(flatten)]
        which: WhichTables,
        #[command(flatten)]
        hooks: HooksArg,
        /// Read all rows that were moved once more, on both sides
        #[arg(long)]
        compare: bool,
        /// Although somebody has written to the source since, or nobody can tell
        #[arg(long)]
        anyway: bool,
        /// Do it. Without this it is only said what would be closed
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub struct WhichTables {
    /// The run's id (default: the one whose tables were cut over last; to `move` and `runbook`: the latest)
    pub run_id: Option<String>,
    /// Only this source table. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
}

#[derive(Debug, Args)]
pub struct HooksArg {
    /// A JSON file that says which programs and addresses are called when (docs/hooks.md)
    #[arg(long, value_name = "FILE")]
    pub hooks: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Only this source table. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
    /// The schema of the target to copy into (default: a new one, named after the time)
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    #[command(flatten)]
    pub hooks: HooksArg,
}

#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The run's id (default: the latest)
    pub run_id: Option<String>,
    /// Only this source table. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
    /// The schema of the target to copy into (default: a new one, named after the time)
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    #[command(flatten)]
    pub hooks: HooksArg,
}

pub const DRILL: &str = "Measure the way back: how long recovery takes.

A drill is a rehearsal of a run's plan: its tables are copied into a schema made for it, moved, and moved back, and the time from asking \
for the way back until readers and writers are at the source is taken for each table. It goes into the run's journal and audit \
bundle. The migrated tables and their readers are left alone; hooks are called only if a hooks file is given, and are told that it \
is a rehearsal. What was copied stays in the schema, to be dropped there.";

#[derive(Debug, Args)]
pub struct MoveArgs {
    #[command(flatten)]
    pub which: WhichTables,
    #[command(flatten)]
    pub hooks: HooksArg,
    /// For so long the source must have no new state, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = quiet, default_value = "1m")]
    pub quiet: Duration,
    /// For so long is waited for that
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "30m")]
    pub within: Duration,
    /// Have another engine read both sides as well, before the move
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub judge: Option<JudgeArg>,
}

/// Also none: who has stopped the writers by other means need not wait.
fn quiet(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { interval(text) }
}
