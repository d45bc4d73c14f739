//! Which table becomes which.

use super::route::RouteArgs;
use clap::{Args, Subcommand, ValueEnum};
use icebridge_model::TableIdent;
use icebridge_model::mapping::CaseRule;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum MapCommand {
    /// Show the rules and overrides
    Show(RouteArgs),
    /// List each table with its target name, state and reason
    Preview(RouteArgs),
    /// Set the target name of one table; it overrides every rule
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
        /// Exclude the table
        #[arg(long, conflicts_with = "clear")]
        exclude: bool,
        /// Remove the override
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
    /// Exclude matching tables
    #[arg(long)]
    pub exclude: bool,
    /// Put it before all other rules (default: after them)
    #[arg(long)]
    pub first: bool,
    /// Remove rule number N
    #[arg(long, value_name = "N", conflicts_with_all = ["pattern", "reset"])]
    pub remove: Option<usize>,
    /// Reset to the default mapping, without overrides
    #[arg(long, conflicts_with = "pattern")]
    pub reset: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CaseArg {
    Keep,
    Lower,
    Upper,
    /// OrderItems becomes order_items
    Snake,
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
