//! Listing tables: a page, a count or groups of a view.

use clap::Args;

#[derive(Debug, Default, Args)]
#[command(after_help = "What each column means, and the whole language of filters, is in docs/views.md.\n\n\
        Examples:\n  \
        icebridge tables lake --where 'bytes>1GB and deletes>0' --sort bytes:desc --limit 20\n  \
        icebridge tables --run --where 'state=failed' --group error --count\n  \
        icebridge tables --preflight --where 'codes=IB-F102' --columns name,mode,open")]
pub struct TablesArgs {
    /// The source (may be left out if there is one)
    pub source: Option<String>,
    /// Where tables go (may be left out if there is one target)
    #[arg(long)]
    pub target: Option<String>,
    /// List the targets that the mapping gives, instead of the inventory
    #[arg(long, group = "of")]
    pub mapping: bool,
    /// List the last pre-flight
    #[arg(long, group = "of")]
    pub preflight: bool,
    /// List a plan, by its file
    #[arg(long, value_name = "FILE", group = "of")]
    pub plan: Option<std::path::PathBuf>,
    /// List a run, by its id (default: the latest)
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", group = "of")]
    pub run: Option<String>,
    /// Print everything that the inventory knows of every table
    #[arg(long, group = "of", conflicts_with_all = ["filter", "search", "sort", "group", "columns", "limit", "offset", "count"])]
    pub facts: bool,
    /// Only tables that pass this filter, such as 'state=failed and bytes>1GB'
    #[arg(long = "where", value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Only tables with each of these words in their name or their target's
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub search: String,
    /// Order by a column: bytes, or bytes:desc. Can be repeated
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub sort: Vec<String>,
    /// Count and add up for each value of this column
    #[arg(long, value_name = "COLUMN")]
    pub group: Option<String>,
    /// Columns to print, with commas between them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// The most rows to print (default: all)
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    /// Rows to leave out first
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub offset: usize,
    /// Print counts and sums without rows
    #[arg(long, conflicts_with_all = ["limit", "offset", "columns"])]
    pub count: bool,
}
