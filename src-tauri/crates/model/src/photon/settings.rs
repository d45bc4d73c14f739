//! Settings of the clusters, and what of them could not work.

use super::ClusterMethod;
use super::compute::ComputeChoice;
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
    /// Where the workspace cannot read a snapshot that it never read before, the state of now may be read in its place: it is
    /// the same while nobody writes to the source, which is asked before and after. None: for tables that are compared here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unversioned: Option<bool>,
    /// Serverless compute or classic clusters. On serverless compute machines, policy and spot mean nothing.
    #[serde(rename = "serverless", alias = "compute", skip_serializing_if = "ComputeChoice::is_automatic")]
    pub compute: ComputeChoice,
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
    /// A cluster policy's id. The clusters are made to fit what it fixes, bounds and forbids.
    pub policy: Option<String>,
    /// Instance pools by their ids, in place of machines by their kind. The driver's: the workers' own, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_pool: Option<String>,
    /// Of AWS, an ARN: the role of the clusters' machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<String>,
    #[serde(skip_serializing_if = "AccessMode::is_dedicated")]
    pub access_mode: AccessMode,
    /// With dedicated access, the user, service principal or group that the clusters belong to; none: who the runs run as.
    pub single_user: Option<String>,
    /// Who the runs run as: a user's name or a service principal's application id; none: who is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// For serverless compute: the id of a usage policy, which the vendor called budget policy before.
    #[serde(alias = "usage_policy")]
    pub budget_policy: Option<String>,
    /// For serverless compute: `STANDARD`, cheaper and slower to start, or `PERFORMANCE_OPTIMIZED`; none: the workspace's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_target: Option<String>,
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
    /// Dollars that the compute of all runs of the plan may cost, by the clock and the upper end of the prices; none: no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_cap: Option<u32>,
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

/// Who may use a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// One user, service principal or group.
    #[default]
    Dedicated,
    /// Everybody who may attach to it.
    Standard,
}

impl AccessMode {
    pub fn is_dedicated(&self) -> bool {
        *self == Self::Dedicated
    }
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
            unversioned: None,
            compute: ComputeChoice::default(),
            runtime: None,
            node_type: None,
            node_cores: 4,
            node_memory_gb: 16,
            min_workers: 1,
            max_workers: 8,
            spot: true,
            policy: None,
            pool: None,
            driver_pool: None,
            instance_profile: None,
            access_mode: AccessMode::default(),
            single_user: None,
            run_as: None,
            budget_policy: None,
            performance_target: None,
            tags: BTreeMap::new(),
            logs: None,
            alone_above_bytes: 50 << 30,
            tables_per_cluster: 200,
            side_by_side: 4,
            max_clusters: 4,
            timeout_hours: 24,
            spend_cap: None,
            batch_rows: 50_000_000,
            scripts_folder: None,
            spark_conf: BTreeMap::new(),
            secret_conf: BTreeMap::new(),
            keep_secrets: false,
        }
    }
}

/// A one-time run has at most 100 tasks, and a lane that is checked has two.
pub(super) const MAX_CHECKED_LANES: usize = 50;

/// Tags that the product itself sets: how the bill is found.
pub const TAG_PLAN: &str = "icebridge-plan";
pub const TAG_RUN: &str = "icebridge-run";

impl PhotonSettings {
    pub fn is_serverless(&self) -> bool {
        self.compute == ComputeChoice::Serverless
    }

    /// Who reads and writes in the workspace, if it is not who is signed in.
    pub fn reader(&self) -> Option<&str> {
        self.run_as.as_deref().or(self.single_user.as_deref())
    }

    /// Whether IceBridge's own reader compares a table of this size. With a limit of 0 it compares none, not even an empty one.
    pub fn reads_here(&self, bytes: u64) -> bool {
        !self.great_expectations || (self.read_here_up_to_bytes > 0 && bytes <= self.read_here_up_to_bytes)
    }

    /// Whether a table of this size may be read without a version. What a cluster alone compares must be at the pin for sure.
    pub fn reads_unversioned(&self, bytes: u64) -> bool {
        self.unversioned.unwrap_or_else(|| self.reads_here(bytes))
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
        let max = if self.is_serverless() && self.great_expectations { MAX_CHECKED_LANES } else { 100 };
        if self.side_by_side > max {
            let message = format!("a run has at most {max} tables side by side with these settings");
            return wrong(&message, format!("side_by_side {}", self.side_by_side));
        }
        self.checked_machines()?;
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

    fn checked_machines(&self) -> Result<()> {
        let wrong = |message: &str, about: &str| Err(Error::invalid(message).about(about));
        if self.pool.is_some() && self.node_type.is_some() {
            return wrong("machines come from a pool or are of a kind, not both", "pool, node_type");
        }
        if self.driver_pool.is_some() && self.pool.is_none() {
            return wrong("a pool for the driver goes with one for the workers", "driver_pool");
        }
        let is_profile = |arn: &String| arn.starts_with("arn:") && arn.contains(":instance-profile/");
        if let Some(other) = self.instance_profile.as_ref().filter(|arn| !is_profile(arn)) {
            return Err(Error::invalid("an instance profile is named by its ARN")
                .about(other)
                .with_hint("Write arn:aws:iam::123456789012:instance-profile/name."));
        }
        if self.access_mode == AccessMode::Standard && self.single_user.is_some() {
            return wrong("clusters with standard access belong to nobody alone", "access_mode, single_user");
        }
        if self.run_as.is_some() && self.scripts_folder.is_none() {
            return Err(Error::invalid(
                "who the runs run as must be able to read the scripts, which lie in your own folder",
            )
            .about("run_as")
            .with_hint("Name a workspace folder under scripts_folder that you may write to and they may read."));
        }
        match self.performance_target.as_deref() {
            None | Some("STANDARD" | "PERFORMANCE_OPTIMIZED") => Ok(()),
            Some(other) => wrong("the performance target is STANDARD or PERFORMANCE_OPTIMIZED", other),
        }
    }

    fn checked_conf(&self) -> Result<()> {
        let wrong = |message: &str, about: &str| Err(Error::invalid(message).about(about));
        if self.is_serverless() && !(self.spark_conf.is_empty() && self.secret_conf.is_empty()) {
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
            PhotonSettings { compute: ComputeChoice::Serverless, side_by_side: 51, ..good() },
            PhotonSettings { pool: Some("p".into()), node_type: Some("i3.xlarge".into()), ..good() },
            PhotonSettings { driver_pool: Some("p".into()), ..good() },
            PhotonSettings { access_mode: AccessMode::Standard, single_user: Some("a".into()), ..good() },
            PhotonSettings { run_as: Some("a@x.example".into()), ..good() },
            PhotonSettings { instance_profile: Some("copier".into()), ..good() },
            PhotonSettings { performance_target: Some("FAST".into()), ..good() },
            PhotonSettings { compute: ComputeChoice::Serverless, spark_conf: conf("a.b", "c"), ..good() },
            PhotonSettings { compute: ComputeChoice::Serverless, secret_conf: conf("a.b", "c"), ..good() },
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
