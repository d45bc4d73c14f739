//! Settings of a run.

use super::clusters::{ClusterArgs, EngineArg, GovernanceArgs};
use super::size::size;
use clap::{Args, ValueEnum};
use icebridge_api::{Limit, read_text};
use icebridge_model::plan::{CopyMode, Settings};
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
    /// Tables migrated in parallel
    #[arg(long, value_name = "N")]
    pub max_parallel_tables: Option<usize>,
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
        let codec_changed = self.codec.as_ref().is_some_and(|codec| *codec != standard.codec);
        Ok(Settings {
            engine: self.engine.map_or(standard.engine, EngineArg::kind),
            photon: self.clusters.on(standard.photon),
            governance: self.governance.on(standard.governance),
            mode: self.mode.map(Into::into).or(standard.mode),
            max_parallel_tables: self.max_parallel_tables.unwrap_or(standard.max_parallel_tables),
            max_parallel_writers: self.max_parallel_writers.unwrap_or(standard.max_parallel_writers),
            max_commits_per_min: self.max_commits_per_min.unwrap_or(standard.max_commits_per_min),
            target_file_bytes: self.target_file_size.unwrap_or(standard.target_file_bytes),
            codec_level: self.codec_level.unwrap_or(if codec_changed { 6 } else { standard.codec_level }),
            codec: self.codec.clone().unwrap_or(standard.codec),
            move_chunks: standard.move_chunks && !self.always_decode,
            conversions: standard.conversions,
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

impl From<ModeArg> for CopyMode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Register => Self::Register,
            ModeArg::Clone => Self::Clone,
            ModeArg::Rewrite => Self::Rewrite,
        }
    }
}
