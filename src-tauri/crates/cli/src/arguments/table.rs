//! One table.

use clap::{Args, Subcommand};
use icebridge_model::TableIdent;

#[derive(Debug, Subcommand)]
pub enum TableCommand {
    /// Show schema, partitioning, snapshots and files, read from the catalog now
    Facts(TableArgs),
    /// Print the first rows, deletes applied
    Rows {
        #[command(flatten)]
        table: TableArgs,
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Read all rows: row count, row digest and column aggregates
    Digest(TableArgs),
}

#[derive(Debug, Args)]
pub struct TableArgs {
    pub catalog: String,
    /// namespace.table; put backticks around a part that contains a dot
    #[arg(value_parser = TableIdent::parse)]
    pub table: TableIdent,
    /// At this snapshot
    #[arg(long, value_name = "ID", conflicts_with = "reference", allow_negative_numbers = true)]
    pub snapshot: Option<i64>,
    /// At this branch or tag
    #[arg(long = "ref", value_name = "NAME")]
    pub reference: Option<String>,
}
