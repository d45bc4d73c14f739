//! What a sandbox is made of.

use icebridge_model::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// How Python is started for the jobs.
#[derive(Clone, Debug, Default)]
pub struct Spark {
    /// The interpreter; without it, jobs end in a cluster error that says so.
    pub python: Option<PathBuf>,
    /// Jars on the driver's class path. With Iceberg's runtime among them, the sandbox's catalogs are Iceberg catalogs of that
    /// Spark.
    pub jars: Vec<PathBuf>,
    /// Spark settings of every job, after the sandbox's own and before the cluster's.
    pub conf: Vec<(String, String)>,
}

impl Spark {
    /// Whether it opens the sandbox's catalogs.
    pub fn has_iceberg(&self) -> bool {
        self.python.is_some() && self.jars.iter().any(|jar| jar.to_string_lossy().contains("iceberg-spark"))
    }
}

#[derive(Clone, Debug)]
pub struct Config {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// Where volumes, workspace files, job logs and tables are kept; a temporary folder if not given.
    pub folder: Option<PathBuf>,
    /// How many tables the catalog `lake` has, made from `seed`.
    pub tables: u32,
    pub seed: u64,
    pub spark: Spark,
    /// How long every answer takes at least.
    pub latency: Duration,
    /// The personal access token of the ordinary user; made up if not given.
    pub token: Option<Secret>,
    /// The secret of the service principal; made up if not given.
    pub client_secret: Option<Secret>,
    pub access_token_ttl: Duration,
    pub refresh_token_ttl: Duration,
    /// Whether the governance gate stands open from the start.
    pub gate_open: bool,
    /// How long a cluster takes to start.
    pub cluster_start: Duration,
    /// How long a stopped warehouse takes to start.
    pub warehouse_start: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            folder: None,
            tables: 0,
            seed: 7,
            spark: Spark::default(),
            latency: Duration::ZERO,
            token: None,
            client_secret: None,
            access_token_ttl: Duration::from_secs(3600),
            refresh_token_ttl: Duration::from_secs(24 * 3600),
            gate_open: false,
            cluster_start: Duration::from_millis(200),
            warehouse_start: Duration::from_millis(200),
        }
    }
}
