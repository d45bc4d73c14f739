//! How the app is started.

use clap::Parser;
use icebridge_model::logs::LogLevel;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(name = "icebridge-desktop", version, about = "Moves foreign Iceberg tables into managed Iceberg tables")]
pub struct Arguments {
    /// The folder that holds connections, inventories and the journal of every run
    #[arg(long, value_name = "DIR", env = "ICEBRIDGE_STATE")]
    pub state: Option<PathBuf>,

    /// Open with the sample lakehouse ready to be moved
    #[arg(long)]
    pub sample: bool,

    /// Serve metrics for Prometheus at this address of loopback from the start; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,

    /// What is logged on standard error: this level and more severe ones (error, warn, info, debug, trace). Without, warnings,
    /// or as ICEBRIDGE_LOG says by module
    #[arg(long, value_name = "LEVEL", value_parser = LogLevel::from_str)]
    pub log: Option<LogLevel>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_can_start_it() {
        let arguments = Arguments::try_parse_from(["icebridge-desktop", "--state", "/tmp/x", "--sample"]);
        assert_eq!(
            arguments.ok(),
            Some(Arguments { state: Some("/tmp/x".into()), sample: true, ..Arguments::default() })
        );
        let logged = Arguments::try_parse_from(["icebridge-desktop", "--log", "debug"]);
        assert_eq!(logged.ok().and_then(|arguments| arguments.log), Some(LogLevel::Debug));
        let served = Arguments::try_parse_from(["icebridge-desktop", "--metrics", "127.0.0.1:0"]);
        assert_eq!(served.ok().and_then(|arguments| arguments.metrics).as_deref(), Some("127.0.0.1:0"));
        assert!(Arguments::try_parse_from(["icebridge-desktop", "--log", "loud"]).is_err());
        assert!(Arguments::try_parse_from(["icebridge-desktop", "--nonsense"]).is_err());
    }
}
