//! Settings of a run.

use super::clusters::{ClusterArgs, EngineArg, GovernanceArgs};
use super::convert::{Convert, ConvertParser};
use super::size::size;
use clap::{Args, ValueEnum};
use icebridge_api::{Limit, read_text};
use icebridge_model::plan::{CopyMode, Settings, TargetVersion};
use icebridge_model::values::ValuesInProof;
use icebridge_model::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// A JSON file in the form of a plan's `settings`; options override it
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// The engine that copies
    #[arg(long, value_enum)]
    pub engine: Option<EngineArg>,
    /// Use one copy mode for all tables (default: the best for each, with the reason)
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    /// Tables migrated in parallel; with --adaptive, at most (default 64)
    #[arg(long, value_name = "N")]
    pub max_parallel_tables: Option<usize>,
    /// Find out during the run how many tables in parallel pay off
    #[arg(long)]
    pub adaptive: bool,
    /// Files copied or written in parallel, over all tables
    #[arg(long, value_name = "N")]
    pub max_parallel_writers: Option<usize>,
    /// Most commits to the target per minute
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
    /// What becomes of values and partitions that Unity Catalog refuses: CHOICE, or TABLE:CHOICE for one table. Can be
    /// repeated
    #[arg(long, value_name = "[TABLE:]CHOICE", value_delimiter = ',', value_parser = ConvertParser)]
    pub convert: Vec<Convert>,
    /// The format version of the tables in the target (default: keep)
    #[arg(long, value_enum, value_name = "VERSION")]
    pub target_format_version: Option<VersionArg>,
    /// How validations and the audit bundle show the least, the greatest and the sum of a column (default: shown)
    #[arg(long, value_enum, value_name = "HOW")]
    pub values: Option<ValuesArg>,
    #[command(flatten)]
    pub clusters: ClusterArgs,
    #[command(flatten)]
    pub governance: GovernanceArgs,
}

impl SettingsArgs {
    pub fn settings(&self) -> Result<Settings> {
        let standard = match &self.settings {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        let mut conversions = standard.conversions;
        self.convert.iter().for_each(|convert| convert.on(&mut conversions));
        let codec_changed = self.codec.as_ref().is_some_and(|codec| *codec != standard.codec);
        Ok(Settings {
            engine: self.engine.map_or(standard.engine, EngineArg::kind),
            photon: self.clusters.on(standard.photon),
            governance: self.governance.on(standard.governance),
            mode: self.mode.map(Into::into).or(standard.mode),
            max_parallel_tables: self.max_parallel_tables.unwrap_or(match self.adaptive && !standard.adaptive {
                true => standard.max_parallel_tables.max(Settings::MOST_ADAPTIVE),
                false => standard.max_parallel_tables,
            }),
            adaptive: self.adaptive || standard.adaptive,
            max_parallel_writers: self.max_parallel_writers.unwrap_or(standard.max_parallel_writers),
            max_commits_per_min: self.max_commits_per_min.unwrap_or(standard.max_commits_per_min),
            target_file_bytes: self.target_file_size.unwrap_or(standard.target_file_bytes),
            codec_level: self.codec_level.unwrap_or(if codec_changed { 6 } else { standard.codec_level }),
            codec: self.codec.clone().unwrap_or(standard.codec),
            move_chunks: standard.move_chunks && !self.always_decode,
            conversions,
            target_format_version: self.target_format_version.map_or(standard.target_format_version, Into::into),
            approval: standard.approval,
            change: standard.change,
            values: self.values.map_or(standard.values, Into::into),
            freeze: standard.freeze,
            rehearsal_of: None,
        })
    }
}

fn read(path: &Path) -> Result<Settings> {
    let wrong = |message: &str| {
        Error::invalid(message)
            .about(path.display())
            .with_hint("It is JSON with the fields of a plan's `settings`; what is left out is the standard.")
    };
    let text = read_text(path, Limit::Settings, |e| wrong("the settings cannot be read").with_cause(e))?;
    serde_json::from_str(&text).map_err(|e| wrong("the settings cannot be understood").with_cause(e))
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VersionArg {
    /// The source's; a rewrite makes version 2 of version 1
    Keep,
    /// Version 3, also of tables of version 1 and 2
    #[value(name = "3")]
    Three,
}

impl From<VersionArg> for TargetVersion {
    fn from(version: VersionArg) -> Self {
        match version {
            VersionArg::Keep => Self::Keep,
            VersionArg::Three => Self::Three,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ValuesArg {
    /// As text: they are values of rows
    Shown,
    /// As SHA-256: who knows or guesses them can check them
    Hashed,
    /// Not at all
    LeftOut,
}

impl From<ValuesArg> for ValuesInProof {
    fn from(values: ValuesArg) -> Self {
        match values {
            ValuesArg::Shown => Self::Shown,
            ValuesArg::Hashed => Self::Hashed,
            ValuesArg::LeftOut => Self::LeftOut,
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
