//! What can be typed.

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use icebridge_model::TableIdent;
use icebridge_model::catalog::{CatalogKind, SECRET_KEYS};
use icebridge_model::mapping::CaseRule;
use icebridge_model::plan::{CopyMode, Settings};
use std::path::PathBuf;

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
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add, list, check and remove the catalogs tables come from and go to
    #[command(subcommand, arg_required_else_help = true)]
    Catalog(CatalogCommand),
    /// Lay out a sample lakehouse, and add it as source `sample` and target `managed`
    Sample {
        /// Where to lay it (default: inside the state folder)
        folder: Option<PathBuf>,
    },
    /// Read what a source holds: schemas, snapshots, files, deletes
    #[command(after_help = "Example: icebridge inventory lake --only 'sales.*' --only '*.orders'")]
    Inventory {
        source: String,
        /// Only tables that match; `*` stands for anything, dots too. Can be repeated
        #[arg(long, value_name = "GLOB")]
        only: Vec<String>,
    },
    /// List the tables of the last inventory
    Tables { source: String },
    /// Look at one table of any catalog
    #[command(subcommand, arg_required_else_help = true)]
    Table(TableCommand),
    /// Say which source table becomes which target table
    #[command(subcommand, arg_required_else_help = true)]
    Map(MapCommand),
    /// Judge every table before anything moves, and accept what is lost
    #[command(after_help = "Codes are explained by `icebridge preflight --rules` and in docs/findings.md.")]
    Preflight(Preflight),
    /// Make the plan file: exactly what a run will do, and an estimate
    Plan(PlanArgs),
    /// Run a plan, or go on with a run that was interrupted
    #[command(after_help = "Ctrl-C cancels: tables in the middle of a commit finish it, the others can be resumed.")]
    Run(RunArgs),
    /// List the runs, newest first
    Jobs,
    /// Show a run: its tables, their states and errors
    Status {
        /// The run's id (default: the latest)
        job: Option<String>,
    },
    /// Compare source and target of a finished run once more
    Validate {
        /// The run's id (default: the latest)
        job: Option<String>,
    },
    /// Export the proof of a run, or verify one that somebody hands over
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// The whole way in one go: inventory, pre-flight, plan, run, audit bundle
    #[command(
        long_about = "The whole way in one go: inventory, pre-flight, plan, run, audit bundle.\n\nLosses are printed by \
            name and accepted; use the single steps to decide on them one by one. Tables that are blocked are left out and \
            named."
    )]
    Journey(Journey),
    /// Start a Databricks-shaped workspace on this machine, to try things with
    #[command(
        long_about = "Start a Databricks-shaped workspace on this machine, to try things with.\n\nIt listens on 127.0.0.1 only, \
            until Ctrl-C, and prints its address and how to sign in. What it simulates and what not is in docs/sandbox.md."
    )]
    Sandbox(SandboxArgs),
    /// Show the version, the state folder and the keychain
    About,
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Add a catalog, or change one of the same name
    #[command(after_help = "Secrets are asked for, or read from standard input, one a line; they go to the keychain. \
        Where there is none, set ICEBRIDGE_SECRET_<NAME>_<KEY> (capitals, `_` for anything else); it is read each time and \
        never stored.\n\nExamples:\n  \
        icebridge catalog add lake --kind rest --uri https://host/api/catalog --warehouse prod --secret credential\n  \
        icebridge catalog add lake --kind sql --uri postgresql://me@host/catalog --secret password\n  \
        icebridge catalog add lake --kind files --uri s3://bucket/warehouse --property s3.region=eu-west-1 \\\n      \
        --secret s3.access-key-id --secret s3.secret-access-key\n  \
        icebridge catalog add managed --target --kind embedded --uri /data/managed")]
    Add(CatalogAdd),
    /// List the catalogs
    List,
    /// Reach a catalog and count its tables
    Check { name: String },
    /// Forget a catalog and its secrets; nothing in the catalog itself changes
    Remove { name: String },
}

#[derive(Debug, Args)]
pub struct CatalogAdd {
    pub name: String,
    /// What kind of catalog it is
    #[arg(long, value_enum)]
    pub kind: KindArg,
    /// REST: its base address. SQL: sqlite:PATH or postgresql://user@host/db. Files: a path or s3://bucket/prefix. Embedded:
    /// the folder to keep it in
    #[arg(long)]
    pub uri: String,
    /// REST: the warehouse to ask for. SQL: the catalog's name in the database
    #[arg(long, default_value = "", hide_default_value = true)]
    pub warehouse: String,
    /// Tables go there (without this: they come from there)
    #[arg(long)]
    pub target: bool,
    /// A property by PyIceberg's name, for example s3.endpoint=http://localhost:9000. Can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
    pub property: Vec<(String, String)>,
    /// A secret to ask for. Can be repeated
    #[arg(long, value_name = "KEY", value_parser = PossibleValuesParser::new(SECRET_KEYS.iter().copied()))]
    pub secret: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum TableCommand {
    /// Schema, partitioning, snapshots, files, read from the catalog now
    Facts(TableArgs),
    /// The first rows, deletes applied
    Rows {
        #[command(flatten)]
        table: TableArgs,
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Row count, typed row digest and column aggregates, over all rows
    Digest(TableArgs),
}

#[derive(Debug, Args)]
pub struct TableArgs {
    pub catalog: String,
    /// namespace.table, with backticks round a part that holds a dot
    #[arg(value_parser = TableIdent::parse)]
    pub table: TableIdent,
    /// At this snapshot
    #[arg(long, value_name = "ID", conflicts_with = "reference", allow_negative_numbers = true)]
    pub snapshot: Option<i64>,
    /// At this branch or tag
    #[arg(long = "ref", value_name = "NAME")]
    pub reference: Option<String>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct RouteArgs {
    /// Where tables come from (may be left out if there is one source)
    #[arg(long)]
    pub source: Option<String>,
    /// Where tables go (may be left out if there is one target)
    #[arg(long)]
    pub target: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum MapCommand {
    /// The rules and overrides
    Show(RouteArgs),
    /// Every table with its target name, state and reason
    Preview(RouteArgs),
    /// Name the target of one table, beating every rule
    #[command(
        after_help = "Examples:\n  icebridge map set sales.orders mart.orders\n  icebridge map set tmp.scratch --exclude\n  \
        icebridge map set sales.orders --clear"
    )]
    Set {
        #[command(flatten)]
        route: RouteArgs,
        #[arg(value_parser = TableIdent::parse)]
        table: TableIdent,
        #[arg(value_parser = TableIdent::parse, required_unless_present_any = ["exclude", "clear"], conflicts_with_all = ["exclude", "clear"])]
        to: Option<TableIdent>,
        /// Leave the table out
        #[arg(long, conflicts_with = "clear")]
        exclude: bool,
        /// Forget the override, so that the rules decide
        #[arg(long)]
        clear: bool,
    },
    /// Add, remove or reset rules; the first rule that matches names the table
    #[command(
        after_help = "Placeholders: {namespace} {namespace_flat} {table}, {0} {1} … for the pattern's wildcards, {1} \
        {name} for a regex's groups.\n\nExamples:\n  \
        icebridge map rule 'raw_*.*' 'raw' '{0}_{1}' --first\n  \
        icebridge map rule --regex '(?<env>dev|prod)_(.+)\\.(.+)' '{env}' '{3}' --case snake\n  \
        icebridge map rule 'tmp.*' --exclude --first\n  \
        icebridge map rule --remove 2"
    )]
    Rule(RuleArgs),
    /// Write the mapping as CSV: source,target,state
    Export {
        #[command(flatten)]
        route: RouteArgs,
        /// The file to write (default: standard output)
        file: Option<PathBuf>,
    },
    /// Read an edited CSV; what differs from the rules becomes overrides
    Import {
        #[command(flatten)]
        route: RouteArgs,
        /// The file to read, `-` for standard input
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct RuleArgs {
    #[command(flatten)]
    pub route: RouteArgs,
    /// Matched against namespace.table as a whole
    #[arg(required_unless_present_any = ["remove", "reset"])]
    pub pattern: Option<String>,
    /// The target's namespace
    #[arg(required_unless_present_any = ["remove", "reset", "exclude"])]
    pub namespace: Option<String>,
    /// The target's table name
    #[arg(default_value = "{table}")]
    pub table: String,
    /// The pattern is a regular expression, not a glob
    #[arg(long)]
    pub regex: bool,
    #[arg(long, value_enum, default_value_t = CaseArg::Lower)]
    pub case: CaseArg,
    /// Leave matching tables out
    #[arg(long)]
    pub exclude: bool,
    /// Before all other rules (without this: after them)
    #[arg(long)]
    pub first: bool,
    /// Remove rule number N
    #[arg(long, value_name = "N", conflicts_with_all = ["pattern", "reset"])]
    pub remove: Option<usize>,
    /// Back to the standard mapping, without overrides
    #[arg(long, conflicts_with = "pattern")]
    pub reset: bool,
}

#[derive(Debug, Args)]
pub struct Preflight {
    #[command(flatten)]
    pub route: RouteArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Accept this loss, by its code. Can be repeated
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
    /// Take an acceptance back
    #[arg(long, value_name = "CODE")]
    pub refuse: Vec<String>,
    /// Accept or refuse for this table only. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
    /// Accept everything that is lost today, on every table
    #[arg(long)]
    pub accept_all_losses: bool,
    /// Print the rules instead
    #[arg(long)]
    pub rules: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub route: RouteArgs,
    /// Where to write the plan (default: in the state folder, named by its hash)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The plan file
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub plan: Option<PathBuf>,
    /// Go on with a run (default: the latest)
    #[arg(long, value_name = "JOB", num_args = 0..=1, default_missing_value = "")]
    pub resume: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the bundle of a run: plan, journal, validations, evidence
    Export {
        /// The folder to make (default: in the state folder)
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The run's id (default: the latest)
        job: Option<String>,
    },
    /// Check a bundle with nothing but the bundle
    Verify { folder: PathBuf },
}

#[derive(Debug, Args)]
pub struct Journey {
    /// Lay out the sample lakehouse first and migrate that (optionally: where)
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["source", "target"])]
    pub sample: Option<Option<PathBuf>>,
    #[command(flatten)]
    pub route: RouteArgs,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Where to write the audit bundle (default: in the state folder)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Force one copy mode (default: the best that fits each table, with the reason)
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Tables at work at the same time
    #[arg(long, value_name = "N")]
    pub max_parallel_tables: Option<usize>,
    /// Files being copied or written at the same time, over all tables
    #[arg(long, value_name = "N")]
    pub max_parallel_writers: Option<usize>,
    /// Commits to the target a minute
    #[arg(long, value_name = "N")]
    pub max_commits_per_min: Option<u32>,
    /// Size of rewritten data files, for example 256MB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub target_file_size: Option<u64>,
    /// Parquet codec of decoded rewrites: zstd, snappy, gzip, brotli, lz4, uncompressed
    #[arg(long)]
    pub codec: Option<String>,
    #[arg(long, value_name = "N")]
    pub codec_level: Option<i32>,
    /// Decode every row of a rewrite, even where column chunks could be moved as they are
    #[arg(long)]
    pub always_decode: bool,
}

impl SettingsArgs {
    pub fn settings(&self) -> Settings {
        let standard = Settings::default();
        let codec_changed = self.codec.as_ref().is_some_and(|codec| *codec != standard.codec);
        Settings {
            mode: self.mode.map(Into::into),
            max_parallel_tables: self.max_parallel_tables.unwrap_or(standard.max_parallel_tables),
            max_parallel_writers: self.max_parallel_writers.unwrap_or(standard.max_parallel_writers),
            max_commits_per_min: self.max_commits_per_min.unwrap_or(standard.max_commits_per_min),
            target_file_bytes: self.target_file_size.unwrap_or(standard.target_file_bytes),
            codec_level: self.codec_level.unwrap_or(if codec_changed { 6 } else { standard.codec_level }),
            codec: self.codec.clone().unwrap_or(standard.codec),
            move_chunks: !self.always_decode,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArg {
    /// Any Iceberg REST catalog: Polaris, Nessie, Lakekeeper, Unity Catalog, Glue, S3 Tables
    Rest,
    /// A SQL catalog as Java's JdbcCatalog and PyIceberg write it, in SQLite or PostgreSQL
    Sql,
    /// A folder of tables, one table's folder, or one metadata.json; source only
    Files,
    /// A SQLite catalog and a warehouse folder kept by IceBridge; target only
    Embedded,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArg {
    /// The target adopts the metadata, both share the files
    Register,
    /// Every file is copied, the whole history is kept
    Clone,
    /// The rows of the current snapshot are written anew
    Rewrite,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CaseArg {
    Keep,
    Lower,
    Upper,
    /// OrderItems becomes order_items
    Snake,
}

impl From<KindArg> for CatalogKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Rest => Self::Rest,
            KindArg::Sql => Self::Sql,
            KindArg::Files => Self::Files,
            KindArg::Embedded => Self::Embedded,
        }
    }
}

impl From<ModeArg> for CopyMode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Register => Self::Register,
            ModeArg::Clone => Self::Clone,
            ModeArg::Rewrite => Self::Rewrite,
        }
    }
}

impl From<CaseArg> for CaseRule {
    fn from(case: CaseArg) -> Self {
        match case {
            CaseArg::Keep => Self::Keep,
            CaseArg::Lower => Self::Lower,
            CaseArg::Upper => Self::Upper,
            CaseArg::Snake => Self::Snake,
        }
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.to_string())),
        _ => Err("a property is KEY=VALUE".into()),
    }
}

/// `512MB` and `512MiB` are powers of 1024, as `write.target-file-size-bytes` is meant.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("sizes are written like 256MB or 1GB".into()),
    };
    let number: u64 = number.parse().map_err(|_| "sizes are written like 256MB or 1GB".to_string())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "the size is out of range".into())
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
    fn sizes_and_properties() {
        assert_eq!(size("256MB"), Ok(256 << 20));
        assert_eq!(size("1g"), Ok(1 << 30));
        assert_eq!(size("12345"), Ok(12345));
        for bad in ["", "MB", "1TB", "-1", "0", "99999999999999999999GB", "18014398509481984k"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(property("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(property("=x").is_err() && property("x").is_err());
    }

    #[test]
    fn a_run_takes_a_plan_or_resumes() {
        let parse = |words: &[&str]| Arguments::try_parse_from(["icebridge"].iter().chain(words)).map(|a| a.command);
        assert!(matches!(parse(&["run", "p.json"]), Ok(Command::Run(RunArgs { plan: Some(_), resume: None }))));
        assert!(
            matches!(parse(&["run", "--resume"]), Ok(Command::Run(RunArgs { plan: None, resume: Some(job) })) if job.is_empty())
        );
        assert!(
            matches!(parse(&["run", "--resume", "j"]), Ok(Command::Run(RunArgs { plan: None, resume: Some(job) })) if job == "j")
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

#[derive(Debug, Args)]
#[command(after_help = "The tokens are made up at each start, unless ICEBRIDGE_SANDBOX_TOKEN or \
    ICEBRIDGE_SANDBOX_CLIENT_SECRET is set.\n\nExample: icebridge sandbox --tables 1000 --python .venv/bin/python")]
pub struct SandboxArgs {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// Keep volumes, workspace files and job logs here (default: a temporary folder)
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Add a catalog `lake` with this many generated tables
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub tables: u32,
    /// Another number makes other tables
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// The Python that runs submitted scripts; with PySpark in it, they can use Spark
    #[arg(long, value_name = "FILE", env = "ICEBRIDGE_SANDBOX_PYTHON")]
    pub python: Option<PathBuf>,
    /// A jar for the jobs' Spark; with Iceberg's Spark runtime, the sandbox's catalogs are Iceberg catalogs there. Can be
    /// repeated
    #[arg(long = "jar", value_name = "FILE")]
    pub jars: Vec<PathBuf>,
    /// A Spark setting of every job. Can be repeated
    #[arg(long = "spark-conf", value_name = "KEY=VALUE", value_parser = setting)]
    pub spark_conf: Vec<(String, String)>,
    /// How long every answer takes at least
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency_ms: u64,
    /// Begin with the governance gate open
    #[arg(long)]
    pub gate_open: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
