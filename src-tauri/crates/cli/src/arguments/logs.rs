//! The log, and the archive for a bug report.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use icebridge_model::logs::{LogLevel, USUAL_LINES};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Only lines about this run: its id, or how it begins
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only lines about this table, by its source's or its target's name
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// Only lines of this level and more severe ones
    #[arg(long, value_name = "LEVEL", value_parser = level_parser())]
    pub level: Option<LogLevel>,
    /// How many of the newest lines
    #[arg(long, value_name = "N", default_value_t = USUAL_LINES)]
    pub lines: usize,
    /// Go on with new lines until Ctrl-C; with --json, one object a line
    #[arg(long, short)]
    pub follow: bool,
}

#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The archive to write, a .tar.gz (default: in the state folder)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write pseudonyms in place of the names of tables, catalogs, hosts, paths and principals
    #[arg(long)]
    pub without_names: bool,
    /// Ask no catalog what it can do
    #[arg(long)]
    pub offline: bool,
}

pub fn level_parser() -> impl TypedValueParser<Value = LogLevel> {
    PossibleValuesParser::new(LogLevel::ALL.map(LogLevel::as_str)).try_map(|text| text.parse::<LogLevel>())
}
