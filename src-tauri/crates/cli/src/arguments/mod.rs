//! What can be typed.

mod approval;
mod catalog;
mod clusters;
mod compute;
mod convert;
mod cutover;
mod journey;
mod judge;
mod logs;
mod map;
mod route;
mod sandbox;
mod settings;
mod size;
mod sync;
mod table;
mod tables;
mod tidy;
mod workspace;

pub use approval::ApprovalCommand;
pub use catalog::{CatalogAdd, CatalogCommand};
pub use cutover::{CutoverCommand, DrillArgs, HooksArg, MoveArgs, RehearseArgs, WhichTables};
pub use journey::{AuditCommand, Journey, PlanArgs, Preflight, RunArgs};
pub use judge::JudgeArg;
pub use logs::{DiagnoseArgs, LogsArgs};
pub use map::{MapCommand, RuleArgs};
pub use route::RouteArgs;
pub use sandbox::SandboxArgs;
pub use sync::SyncArgs;
pub use table::{TableArgs, TableCommand};
pub use tables::TablesArgs;
pub use tidy::TidyArgs;
pub use workspace::{By, FirstSignIn, UnityCommand, WorkspaceAdd, WorkspaceCommand};

use approval::APPROVAL;
use clap::{Args, Parser, Subcommand};
use cutover::{CUTOVER, DRILL};
use icebridge_model::logs::LogLevel;
use judge::VALIDATE;
use std::path::PathBuf;
use sync::SYNC;
use tidy::TIDY;

#[derive(Debug, Parser)]
#[command(
    name = "icebridge",
    version,
    about = "Moves foreign Iceberg tables into managed Iceberg tables, and proves that nothing was lost",
    long_about = "Moves foreign Iceberg tables into managed Iceberg tables, and proves that nothing was lost.\n\n\
        A migration is a journey: add a source and a target catalog, take the inventory, look at the mapping and at the \
        pre-flight findings, make a plan, run it, and hand out the audit bundle. Each step is a command and can be \
        repeated. A source is only ever read.",
    after_help = "A whole migration, step by step:\n  \
        icebridge catalog add lake --kind rest --uri https://polaris.example.com/api/catalog --secret credential\n  \
        icebridge catalog add managed --target --kind embedded --uri /data/managed\n  \
        icebridge inventory lake\n  \
        icebridge map preview\n  \
        icebridge preflight\n  \
        icebridge plan --out plan.json\n  \
        icebridge run plan.json\n  \
        icebridge sync --every 5m\n  \
        icebridge cutover move\n  \
        icebridge audit export\n\n\
        Or all of it on sample tables: icebridge journey --sample\n\n\
        Exit codes: 0 done; 1 your input, a finding, or a table that was not migrated; 2 our fault.",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The folder that keeps catalogs, inventories and the journal of every run
    #[arg(long, value_name = "DIR", env = "ICEBRIDGE_STATE", global = true)]
    pub state: Option<PathBuf>,
    /// Print JSON on standard output: the result, or the error
    #[arg(long, global = true)]
    pub json: bool,
    /// Write the log to standard error, too: this level and more severe ones (ICEBRIDGE_LOG sets it by module)
    #[arg(long, value_name = "LEVEL", value_parser = logs::level_parser(), global = true)]
    pub log: Option<LogLevel>,
    /// While the command works, serve metrics for Prometheus at this address of loopback; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", global = true)]
    pub metrics: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add, list, check and remove source and target catalogs
    #[command(subcommand, arg_required_else_help = true)]
    Catalog(CatalogCommand),
    /// Create a sample lakehouse, and add it as source `sample` and target `managed`
    Sample {
        /// Where to create it (default: inside the state folder)
        folder: Option<PathBuf>,
    },
    /// Read the tables of a source: schemas, snapshots, files, deletes
    #[command(after_help = "Example: icebridge inventory lake --only 'sales.*' --only '*.orders'")]
    Inventory {
        source: String,
        /// Only tables that match; `*` stands for anything, dots too. Can be repeated
        #[arg(long, value_name = "GLOB")]
        only: Vec<String>,
        /// Look for every file of earlier snapshots, which a clone needs; else for some of them
        #[arg(long)]
        whole_history: bool,
    },
    /// List tables: of the inventory, the mapping, the pre-flight, a plan or a run
    Tables(TablesArgs),
    /// Inspect one table of any catalog
    #[command(subcommand, arg_required_else_help = true)]
    Table(TableCommand),
    /// Map source tables to target tables
    #[command(subcommand, arg_required_else_help = true)]
    Map(MapCommand),
    /// Check every table before anything is copied, and accept losses
    #[command(after_help = "Codes are explained by `icebridge preflight --rules` and in docs/findings.md.")]
    Preflight(Preflight),
    /// Write the plan: exactly what a run will do, with an estimate
    Plan(PlanArgs),
    /// Approve a plan that others run, and see who has approved one
    #[command(subcommand, arg_required_else_help = true, long_about = APPROVAL)]
    Approval(ApprovalCommand),
    /// Run a plan, or resume a run
    #[command(after_help = "Ctrl-C cancels: tables in the middle of a commit finish it, the others can be resumed.")]
    Run(RunArgs),
    /// Estimate what a plan's clusters will cost
    Cost {
        /// The plan file
        plan: PathBuf,
    },
    /// Show what a run's clusters cost, from the workspace's billing tables
    Bill {
        /// The run's id (default: the latest)
        run_id: Option<String>,
    },
    /// List the runs, newest first
    Runs,
    /// Show a run: its tables, their states and errors
    Status {
        /// The run's id (default: the latest)
        run_id: Option<String>,
    },
    /// Validate a finished run again: compare source and target
    #[command(long_about = VALIDATE)]
    Validate {
        /// The run's id (default: the latest)
        run_id: Option<String>,
        /// Have another engine read once more: both sides (`read_back`), or a SQL warehouse the target (`target_read_back`)
        #[arg(long, value_enum, value_name = "ENGINE")]
        judge: Option<JudgeArg>,
    },
    /// Bring the migrated tables up to what their sources are now
    #[command(long_about = SYNC)]
    Sync(SyncArgs),
    /// Move readers and writers to the target, with a way back
    #[command(subcommand, arg_required_else_help = true, long_about = CUTOVER)]
    Cutover(CutoverCommand),
    /// Measure the way back: how long recovery takes
    #[command(long_about = DRILL)]
    Drill(DrillArgs),
    /// Plant defects into copies of a scratch table, and show which check sees which
    Selftest,
    /// Export a run's audit bundle, or verify one
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// Run the whole journey: inventory, pre-flight, plan, run, audit bundle
    #[command(
        long_about = "Run the whole journey: inventory, pre-flight, plan, run, audit bundle.\n\nLosses are printed by \
            name and accepted; use the single steps to decide on them one by one. Tables that are blocked are left out and \
            named."
    )]
    Journey(Journey),
    /// Add Databricks workspaces, sign in, and check the governance gate
    #[command(subcommand, arg_required_else_help = true)]
    Workspace(WorkspaceCommand),
    /// Read and list the tables in a workspace's Unity Catalog
    #[command(subcommand, arg_required_else_help = true)]
    Unity(UnityCommand),
    /// Start a simulated Databricks workspace on this machine
    #[command(long_about = "Start a simulated Databricks workspace on this machine.\n\nIt listens on 127.0.0.1 only, \
            until Ctrl-C, and prints its address and how to sign in. What it simulates and what not is in docs/sandbox.md.")]
    Sandbox(SandboxArgs),
    /// List what earlier work left behind, and remove it on request
    #[command(long_about = TIDY)]
    Tidy(TidyArgs),
    /// Print the newest lines of the log
    #[command(after_help = "Example: icebridge logs --run 0199 --level warn --follow")]
    Logs(LogsArgs),
    /// Write one archive for a bug report: versions, settings, the last run, the log; never a secret
    Diagnose(DiagnoseArgs),
    /// Show the version, the state folder and the keychain
    About,
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_is_explained() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments().filter(|a| a.get_long().is_some()) {
                let obvious = ["codec-level", "case", "limit", "help", "version"];
                let long = argument.get_long().unwrap_or_default();
                assert!(argument.get_help().is_some() || obvious.contains(&long), "{path} --{long} has no help");
            }
            command.get_subcommands().for_each(|sub| check(sub, &path));
        }
        check(&Arguments::command(), "");
    }

    #[test]
    fn metrics_are_served_and_rows_go_to_a_metrics_table() {
        let parse = |words: &[&str]| Arguments::try_parse_from(["icebridge", "plan"].iter().chain(words));
        for (words, table) in [
            (&["--metrics-table", "--metrics", "127.0.0.1:1"][..], None),
            (&["--metrics", "127.0.0.1:1", "--metrics-table", "ops.icebridge.rows"], Some("ops.icebridge.rows")),
        ] {
            let parsed = parse(words).unwrap();
            assert_eq!(parsed.global.metrics.as_deref(), Some("127.0.0.1:1"));
            let Command::Plan(plan) = parsed.command else { panic!("a plan") };
            let settings = plan.settings.governance.on(None).unwrap();
            assert_eq!((settings.metrics, settings.metrics_table.as_deref()), (true, table));
        }
        assert!(parse(&["--metrics"]).is_err());
    }

    #[test]
    fn a_run_takes_a_plan_or_resumes() {
        let parse = |words: &[&str]| Arguments::try_parse_from(["icebridge"].iter().chain(words)).map(|a| a.command);
        assert!(matches!(parse(&["run", "p.json"]), Ok(Command::Run(RunArgs { plan: Some(_), resume: None }))));
        assert!(
            matches!(parse(&["run", "--resume"]), Ok(Command::Run(RunArgs { plan: None, resume: Some(run_id) })) if run_id.is_empty())
        );
        assert!(
            matches!(parse(&["run", "--resume", "j"]), Ok(Command::Run(RunArgs { plan: None, resume: Some(run_id) })) if run_id == "j")
        );
        assert!(parse(&["run"]).is_err() && parse(&["run", "p", "--resume"]).is_err());
        let sample = |words: &[&str]| match parse(words) {
            Ok(Command::Journey(journey)) => journey.sample,
            other => panic!("{other:?}"),
        };
        assert_eq!(sample(&["journey"]), None);
        assert_eq!(sample(&["journey", "--sample"]), Some(None));
        assert_eq!(sample(&["journey", "--sample", "d"]), Some(Some("d".into())));
        assert!(parse(&["map", "set", "a.b", "c.d", "--exclude"]).is_err());
        assert!(parse(&["map", "set", "a.b"]).is_err());
    }
}
