//! Settings of the clusters, and what of them could not work.

use super::ClusterMethod;
use crate::secret::names_a_secret;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a person decides about the clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotonSettings {
    /// A folder on a volume, for inputs and results: `/Volumes/catalog/schema/volume/...`.
    pub volume: String,
    /// The catalog under which the clusters see the source: a foreign catalog of Unity Catalog, or one of `spark_conf`.
    /// None: the source's own, if it is a catalog of the same workspace.
    pub source_catalog: Option<String>,
    /// None: by the table, with the reason.
    pub method: Option<ClusterMethod>,
    /// Where the engine is chosen by the table: larger ones go to clusters.
    pub use_above_bytes: u64,
    /// The clusters compare source and copy with Great Expectations, too.
    pub great_expectations: bool,
    /// Copies of tables up to this size are compared by IceBridge's own reader; larger ones by the clusters alone, if
    /// `great_expectations` is on.
    pub read_here_up_to_bytes: u64,
    /// No clusters of ours: the workspace's serverless compute. Machines, policy and spot then mean nothing.
    pub serverless: bool,
    /// A key out of the workspace's list of runtimes; none: the newest with long-term support.
    pub runtime: Option<String>,
    /// None: the smallest Photon-capable one with so many cores and so much memory.
    pub node_type: Option<String>,
    pub node_cores: u32,
    pub node_memory_gb: u32,
    pub min_workers: u32,
    pub max_workers: u32,
    /// Cheaper machines that may be taken away, with a fallback to others. The driver is never one.
    pub spot: bool,
    /// A cluster policy's id.
    pub policy: Option<String>,
    /// The user of the clusters; none: who is signed in.
    pub single_user: Option<String>,
    /// For serverless compute.
    pub budget_policy: Option<String>,
    /// Tags besides our own.
    pub tags: BTreeMap<String, String>,
    /// A folder on a volume for the drivers' logs.
    pub logs: Option<String>,
    /// A table larger than this has a cluster of its own.
    pub alone_above_bytes: u64,
    /// Tables that share one cluster, at most.
    pub tables_per_cluster: usize,
    /// Tables that a shared cluster copies side by side.
    pub side_by_side: usize,
    /// Clusters at the same time.
    pub max_clusters: usize,
    /// A run is ended by the workspace after so many hours; 0: never.
    pub timeout_hours: u32,
    /// Rows of one INSERT SELECT.
    pub batch_rows: u64,
    /// A workspace folder for the scripts; none: one of who is signed in.
    pub scripts_folder: Option<String>,
    /// Settings of the clusters' Spark, such as a catalog of its own for the source.
    pub spark_conf: BTreeMap<String, String>,
    /// More of them, whose values are secrets of the source: Spark's key to the secret's name. They are put into the
    /// workspace's secret scope, and the cluster is given a reference.
    pub secret_conf: BTreeMap<String, String>,
    /// Leave what was put in the secret scope there.
    pub keep_secrets: bool,
}

impl Default for PhotonSettings {
    fn default() -> Self {
        Self {
            volume: String::new(),
            source_catalog: None,
            method: None,
            use_above_bytes: 10 << 30,
            great_expectations: true,
            read_here_up_to_bytes: 10 << 30,
            serverless: false,
            runtime: None,
            node_type: None,
            node_cores: 4,
            node_memory_gb: 16,
            min_workers: 1,
            max_workers: 8,
            spot: true,
            policy: None,
            single_user: None,
            budget_policy: None,
            tags: BTreeMap::new(),
            logs: None,
            alone_above_bytes: 50 << 30,
            tables_per_cluster: 200,
            side_by_side: 4,
            max_clusters: 4,
            timeout_hours: 24,
            batch_rows: 50_000_000,
            scripts_folder: None,
            spark_conf: BTreeMap::new(),
            secret_conf: BTreeMap::new(),
            keep_secrets: false,
        }
    }
}

/// Tags that the product itself sets: how the bill is found.
pub const TAG_PLAN: &str = "icebridge-plan";
pub const TAG_RUN: &str = "icebridge-run";

impl PhotonSettings {
    /// Whether IceBridge's own reader compares a table of this size.
    pub fn reads_here(&self, bytes: u64) -> bool {
        !self.great_expectations || bytes <= self.read_here_up_to_bytes
    }

    /// What the workspace would refuse later, or what could not work, is refused here.
    pub fn checked(&self) -> Result<()> {
        let wrong = |message: &str, about: String| Err(Error::invalid(message).about(about));
        let parts: Vec<&str> = self.volume.trim_matches('/').split('/').collect();
        if parts.len() < 4 || parts.first() != Some(&"Volumes") || parts.iter().any(|part| part.is_empty()) {
            return Err(Error::invalid("the place for inputs and results is a folder on a volume")
                .about(&self.volume)
                .with_hint("Write /Volumes/catalog/schema/volume, with a folder below it if you like."));
        }
        // The path is a parameter of the job, and those are ASCII.
        if !self.volume.is_ascii() {
            return wrong("the volume's path has letters that a job's parameters cannot hold", self.volume.clone());
        }
        if self.max_workers == 0 || self.min_workers > self.max_workers {
            let range = format!("{} to {} workers", self.min_workers, self.max_workers);
            return wrong("a cluster has from one worker up, and no more at least than at most", range);
        }
        for (value, name) in [
            (self.tables_per_cluster, "tables_per_cluster"),
            (self.side_by_side, "side_by_side"),
            (self.max_clusters, "max_clusters"),
            (usize::try_from(self.batch_rows).unwrap_or(usize::MAX), "batch_rows"),
        ] {
            if value == 0 {
                return wrong("this must be at least 1", name.into());
            }
        }
        // A one-time run has at most 100 tasks, and a lane that is checked has two.
        let max = if self.serverless && self.great_expectations { 50 } else { 100 };
        if self.side_by_side > max {
            let message = format!("a run has at most {max} tables side by side with these settings");
            return wrong(&message, format!("side_by_side {}", self.side_by_side));
        }
        if let Some(own) = self.tags.keys().find(|key| [TAG_PLAN, TAG_RUN].contains(&key.as_str())) {
            return wrong("this tag is set by IceBridge itself", own.clone());
        }
        if self.scripts_folder.as_ref().is_some_and(|folder| !folder.starts_with('/') || !folder.is_ascii()) {
            return wrong(
                "the folder for the scripts is an absolute path of the workspace, in ASCII",
                "scripts_folder".into(),
            );
        }
        self.checked_conf()
    }

    fn checked_conf(&self) -> Result<()> {
        let wrong = |message: &str, about: &str| Err(Error::invalid(message).about(about));
        if self.serverless && !(self.spark_conf.is_empty() && self.secret_conf.is_empty()) {
            return Err(Error::invalid("serverless compute takes no Spark settings of ours")
                .about("spark_conf, secret_conf")
                .with_hint("Use clusters, or a foreign catalog of Unity Catalog, which needs no such settings."));
        }
        let bad = |key: &&String| key.is_empty() || key.contains(char::is_whitespace);
        if let Some(key) = self.spark_conf.keys().chain(self.secret_conf.keys()).find(bad) {
            return wrong("a setting of Spark has a name without spaces", &format!("{key:?}"));
        }
        // A plan is for everybody to read.
        let plain = |(key, value): &(&String, &String)| {
            names_a_secret(key) && !(value.starts_with("{{secrets/") && value.ends_with("}}"))
        };
        if let Some((key, _)) = self.spark_conf.iter().find(plain) {
            return Err(Error::invalid("this setting of Spark is a secret, and would stand in the plan")
                .about(key)
                .with_hint(
                    "Put it under secret_conf with the name of the source's secret, or refer to {{secrets/scope/key}}.",
                ));
        }
        if let Some(key) = self.secret_conf.keys().find(|key| self.spark_conf.contains_key(*key)) {
            return wrong("this setting of Spark is given twice, once as a secret", key);
        }
        // With what is put before it, the scope takes 128.
        let fine = |name: &str| {
            let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-' | '@');
            !name.is_empty() && name.len() <= 100 && name.chars().all(good)
        };
        match self.secret_conf.values().find(|name| !fine(name)) {
            Some(name) => wrong("a secret is named in letters, digits and _ . - @, up to 100 of them", name),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> PhotonSettings {
        PhotonSettings { volume: "/Volumes/main/default/icebridge".into(), ..PhotonSettings::default() }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        good().checked().unwrap();
        let conf = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        PhotonSettings { spark_conf: conf("a.b", "c d"), secret_conf: conf("a.c", "key.1"), ..good() }
            .checked()
            .unwrap();
        let bad = [
            PhotonSettings::default(),
            PhotonSettings { volume: "/Workspace/a/b/c".into(), ..good() },
            PhotonSettings { volume: "/Volumes/a/b".into(), ..good() },
            PhotonSettings { volume: "/Volumes/a/b/ü".into(), ..good() },
            PhotonSettings { max_workers: 0, min_workers: 0, ..good() },
            PhotonSettings { min_workers: 9, ..good() },
            PhotonSettings { side_by_side: 0, ..good() },
            PhotonSettings { side_by_side: 101, ..good() },
            PhotonSettings { batch_rows: 0, ..good() },
            PhotonSettings { tags: BTreeMap::from([(TAG_PLAN.into(), "x".into())]), ..good() },
            PhotonSettings { scripts_folder: Some("Shared".into()), ..good() },
            PhotonSettings { serverless: true, side_by_side: 51, ..good() },
            PhotonSettings { serverless: true, spark_conf: conf("a.b", "c"), ..good() },
            PhotonSettings { serverless: true, secret_conf: conf("a.b", "c"), ..good() },
            PhotonSettings { spark_conf: conf("a b", "c"), ..good() },
            PhotonSettings { secret_conf: conf("", "c"), ..good() },
            PhotonSettings { spark_conf: conf("spark.sql.catalog.lake.token", "dapi"), ..good() },
            PhotonSettings { secret_conf: conf("a.b", "c}}"), ..good() },
            PhotonSettings { secret_conf: conf("a.b", ""), ..good() },
            PhotonSettings { spark_conf: conf("a.b", "c"), secret_conf: conf("a.b", "d"), ..good() },
        ];
        for settings in bad {
            assert!(settings.checked().is_err(), "{settings:?}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_an_error_and_a_missing_one_its_default() {
        assert!(serde_json::from_str::<PhotonSettings>(r#"{"spott": true}"#).is_err());
        let read: PhotonSettings = serde_json::from_str(r#"{"spot": false}"#).unwrap();
        assert_eq!(read, PhotonSettings { spot: false, ..PhotonSettings::default() });
    }
}
