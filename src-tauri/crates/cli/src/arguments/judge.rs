//! Engines that read a table once more.

use clap::ValueEnum;
use icebridge_model::judge::JudgeKind;

pub const VALIDATE: &str = "Validate a finished run again: compare source and target.\n\n\
    Both sides are read by IceBridge's own reader. With --judge another engine reads them once more, and must find the same \
    row digest: what a reader gets wrong on both sides alike it cannot see itself. Such a table has the proof level \
    `read_back`. The engine is one of this machine: a Python with the package duckdb (and its Iceberg extension), pyiceberg, \
    or pyspark (with the jars of Iceberg's runtime in ICEBRIDGE_JUDGE_JARS, separated by colons). ICEBRIDGE_JUDGE_PYTHON \
    names the Python (default: python3). It reads tables whose files lie on this machine; those in a bucket keep the \
    level that they have.\n\n\
    `--judge warehouse` has a SQL warehouse of the target's workspace read the target. It does not read the source, so that \
    the proof level is `target_read_back`. Converted tables can be read back this way, too.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JudgeArg {
    Duckdb,
    Spark,
    Pyiceberg,
    Warehouse,
}

impl From<JudgeArg> for JudgeKind {
    fn from(judge: JudgeArg) -> Self {
        match judge {
            JudgeArg::Duckdb => Self::Duckdb,
            JudgeArg::Spark => Self::Spark,
            JudgeArg::Pyiceberg => Self::Pyiceberg,
            JudgeArg::Warehouse => Self::Warehouse,
        }
    }
}
