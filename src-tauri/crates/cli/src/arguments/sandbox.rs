//! The sandbox.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "The tokens are made up at each start, unless ICEBRIDGE_SANDBOX_TOKEN or \
    ICEBRIDGE_SANDBOX_CLIENT_SECRET is set.\n\nExample: icebridge sandbox --tables 1000 --python .venv/bin/python")]
pub struct SandboxArgs {
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// Keep volumes, workspace files and job logs here (default: a temporary folder)
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Add a catalog `lake` with this many generated tables
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub tables: u32,
    /// Another number makes other tables
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// The Python that runs submitted scripts; with PySpark in it, they can use Spark
    #[arg(long, value_name = "FILE", env = "ICEBRIDGE_SANDBOX_PYTHON")]
    pub python: Option<PathBuf>,
    /// A jar for the jobs' Spark; with Iceberg's Spark runtime, the sandbox's catalogs are Iceberg catalogs there. Can be
    /// repeated
    #[arg(long = "jar", value_name = "FILE")]
    pub jars: Vec<PathBuf>,
    /// A Spark setting of every job. Can be repeated
    #[arg(long = "spark-conf", value_name = "KEY=VALUE", value_parser = setting)]
    pub spark_conf: Vec<(String, String)>,
    /// How long every answer takes at least
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency_ms: u64,
    /// Begin with the governance gate open
    #[arg(long)]
    pub gate_open: bool,
}

impl SandboxArgs {
    /// The same for the program `icebridge-sandbox`.
    pub fn for_program(&self) -> Vec<OsString> {
        let mut all: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| all.extend([name.into(), value]);
        add("--port", self.port.to_string().into());
        add("--tables", self.tables.to_string().into());
        add("--seed", self.seed.to_string().into());
        add("--latency-ms", self.latency_ms.to_string().into());
        for (name, path) in [("--folder", &self.folder), ("--python", &self.python)] {
            if let Some(path) = path {
                add(name, path.into());
            }
        }
        for jar in &self.jars {
            add("--jar", jar.into());
        }
        for (key, value) in &self.spark_conf {
            add("--spark-conf", format!("{key}={value}").into());
        }
        if self.gate_open {
            all.push("--gate-open".into());
        }
        all
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
