//! Keeping tables up with their sources.

use clap::Args;
use icebridge_model::TableIdent;
use std::time::Duration;

pub const SYNC: &str = "Bring the migrated tables up to what their sources are now.\n\n\
    A round of a table copies what the source has got since the round before, writes one new metadata file beside the \
    target's own, compares source and target, and then makes the target show it, in one step. A table that was cloned or \
    registered takes the source's whole state, with snapshots, branches and tags. Of one that was rewritten, as into Unity \
    Catalog, the rows that are read otherwise than before are written anew, in one snapshot of its own. A round that is \
    killed has happened or has not.\n\n\
    Compared are the rows that changed, on both sides; with --whole all of them, as `icebridge validate` does, also where \
    there is nothing to bring; rows of a rewritten table that differ are written anew then. A table of the target that \
    somebody else has written to is left as it is, and named. Files of snapshots that the source has expired stay in the \
    target's folder.\n\n\
    Tables that clusters copied are brought on by clusters, all of them by one order; what a job commits shows before it is \
    compared, and a table that differs counts as migrated no longer. Unity Catalog and clusters were tried in the sandbox alone, \
    never in a workspace.";

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The run's id (default: the latest)
    pub run_id: Option<String>,
    /// Only this source table. Can be repeated
    #[arg(long, value_name = "TABLE", value_parser = TableIdent::parse)]
    pub table: Vec<TableIdent>,
    /// Only show how far each table is behind; change nothing
    #[arg(long, conflicts_with_all = ["every", "whole"])]
    pub look: bool,
    /// Compare every row of both sides, and write anew what differs of a rewritten table
    #[arg(long)]
    pub whole: bool,
    /// Go on until Ctrl-C, with a round each time this has passed, such as 30s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub every: Option<Duration>,
}

pub fn interval(text: &str) -> Result<Duration, String> {
    let told = "times are written like 30s, 5m or 2h";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| told.to_string())?;
    let interval = Duration::try_from(parsed).map_err(|_| told.to_string())?;
    match interval.as_secs() {
        0 => Err("a round each second is the most often".into()),
        1..=2_678_400 => Ok(interval),
        _ => Err("a round each month is the least often".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("2h", 7200), ("1h 30m", 5400), ("1s", 1)] {
            assert_eq!(interval(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "5", "0s", "-5m", "1 fortnight", "9999999h", "0.2s"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
