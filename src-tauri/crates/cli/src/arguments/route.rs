//! From where to where.

use clap::Args;

#[derive(Clone, Debug, Default, Args)]
pub struct RouteArgs {
    /// Where tables come from (may be left out if there is one source)
    #[arg(long)]
    pub source: Option<String>,
    /// Where tables go (may be left out if there is one target)
    #[arg(long)]
    pub target: Option<String>,
}
