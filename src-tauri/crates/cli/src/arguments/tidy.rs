//! `icebridge tidy`.

use clap::Args;
use icebridge_model::tidy::TidyRequest;

pub const TIDY: &str = "List what earlier work left behind, and remove it on request.

In targets: copies that a run staged and neither published nor took back. In workspaces: jobs of steps that are over, secrets lent to \
clusters, scripts of other versions, scratch schemas of `workspace doctor`. In the state folder: rehearsals, bundles of whose run there \
is a later one, unfinished exports. Only what the records of this state folder say that it made is removed; what stays says why. \
Tables are never dropped.";

#[derive(Clone, Copy, Debug, Args)]
pub struct TidyArgs {
    /// Remove what is removable
    #[arg(long)]
    pub yes: bool,
    /// Staged copies, too: a later run of their plan would go on from them, and copies anew without
    #[arg(long)]
    pub staged: bool,
}

impl From<TidyArgs> for TidyRequest {
    fn from(arguments: TidyArgs) -> Self {
        Self { remove: arguments.yes, staged: arguments.staged }
    }
}
