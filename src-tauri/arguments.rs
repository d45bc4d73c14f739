//! How the app is started.

use clap::Parser;
use std::path::PathBuf;

#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(name = "icebridge-desktop", version, about = "Moves foreign Iceberg tables into managed Iceberg tables")]
pub struct Arguments {
    /// The folder that holds connections, inventories and the journal of every run
    #[arg(long, value_name = "DIR", env = "ICEBRIDGE_STATE")]
    pub state: Option<PathBuf>,

    /// Open with the sample lakehouse ready to be moved
    #[arg(long)]
    pub sample: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_can_start_it() {
        let arguments = Arguments::try_parse_from(["icebridge-desktop", "--state", "/tmp/x", "--sample"]);
        assert_eq!(arguments.ok(), Some(Arguments { state: Some("/tmp/x".into()), sample: true }));
        assert!(Arguments::try_parse_from(["icebridge-desktop", "--nonsense"]).is_err());
    }
}
