//! What the choice of compute comes to, with the settings beside it.

use super::compute::ComputeChoice;
use super::settings::{AccessMode, MAX_CHECKED_LANES, PhotonSettings};

/// What a choice comes to before the workspace has said anything, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComputeWay {
    Serverless(String),
    /// No call says whether a workspace offers serverless compute: it is tried, and a refusal leads to clusters.
    Try,
    Classic(String),
}

impl PhotonSettings {
    pub fn way(&self) -> ComputeWay {
        match self.compute {
            ComputeChoice::Serverless => ComputeWay::Serverless("was asked for".into()),
            ComputeChoice::Classic => ComputeWay::Classic("were asked for".into()),
            ComputeChoice::Automatic => match self.of_clusters_alone() {
                named if named.is_empty() => ComputeWay::Try,
                named => ComputeWay::Classic(format!("are what the settings need ({})", named.join(", "))),
            },
        }
    }

    /// Whether something is asked for without which the copies could not run, and that serverless compute does not have.
    pub fn needs_clusters(&self) -> bool {
        let named = [&self.node_type, &self.pool, &self.policy, &self.instance_profile, &self.runtime];
        named.iter().any(|one| one.is_some()) || !self.spark_conf.is_empty() || !self.secret_conf.is_empty()
    }

    /// Settings that mean something on classic clusters alone, by their names.
    fn of_clusters_alone(&self) -> Vec<&'static str> {
        let standard = Self::default();
        let lanes = if self.great_expectations { MAX_CHECKED_LANES } else { usize::MAX };
        let all = [
            ("runtime", self.runtime.is_some()),
            ("node_type", self.node_type.is_some()),
            ("node_cores", self.node_cores != standard.node_cores),
            ("node_memory_gb", self.node_memory_gb != standard.node_memory_gb),
            ("min_workers", self.min_workers != standard.min_workers),
            ("max_workers", self.max_workers != standard.max_workers),
            ("spot", self.spot != standard.spot),
            ("policy", self.policy.is_some()),
            ("pool", self.pool.is_some()),
            ("instance_profile", self.instance_profile.is_some()),
            ("access_mode", self.access_mode != AccessMode::Dedicated),
            ("single_user", self.single_user.is_some()),
            ("logs", self.logs.is_some()),
            ("spark_conf", !self.spark_conf.is_empty()),
            ("secret_conf", !self.secret_conf.is_empty()),
            ("side_by_side", self.side_by_side > lanes),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

impl std::fmt::Display for ComputeWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Serverless(why) => write!(f, "serverless compute {why}"),
            Self::Try => f.write_str("on serverless compute if the workspace offers it, else on clusters"),
            Self::Classic(why) => write!(f, "classic clusters {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PhotonSettings {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn settings_of_every_version_are_read_and_written_as_they_were() {
        for (text, choice) in [
            (r#"{"serverless": true}"#, ComputeChoice::Serverless),
            (r#"{"serverless": false}"#, ComputeChoice::Classic),
            (r#"{"compute": "serverless"}"#, ComputeChoice::Serverless),
            (r#"{"compute": "classic"}"#, ComputeChoice::Classic),
            (r#"{"compute": "automatic"}"#, ComputeChoice::Automatic),
            ("{}", ComputeChoice::Automatic),
        ] {
            assert_eq!(read(text).compute, choice, "{text}");
        }
        let written = |text: &str| serde_json::to_value(read(text)).unwrap().get("serverless").cloned();
        assert_eq!(written(r#"{"serverless": false}"#), Some(false.into()), "the hash of an older plan stays");
        assert_eq!(written(r#"{"compute": "serverless"}"#), Some(true.into()));
        assert_eq!(written("{}"), None);
        let wrong = serde_json::from_str::<PhotonSettings>(r#"{"compute": "cheap"}"#).unwrap_err().to_string();
        assert!(wrong.contains("automatic"), "{wrong}");
    }

    #[test]
    fn a_setting_of_clusters_means_clusters_unless_serverless_was_asked_for() {
        assert_eq!(read("{}").way(), ComputeWay::Try);
        for named in ["pool", "policy", "node_type", "instance_profile", "runtime", "single_user", "logs"] {
            let way = read(&format!(r#"{{"{named}": "x"}}"#)).way();
            assert!(matches!(&way, ComputeWay::Classic(why) if why.contains(named)), "{way}");
        }
        for other in [
            r#"{"spot": false}"#,
            r#"{"max_workers": 2}"#,
            r#"{"access_mode": "standard"}"#,
            r#"{"spark_conf": {"a": "b"}}"#,
            r#"{"side_by_side": 51}"#,
            r#"{"serverless": false}"#,
        ] {
            assert!(matches!(read(other).way(), ComputeWay::Classic(_)), "{other}");
        }
        assert!(matches!(read(r#"{"serverless": true, "policy": "x"}"#).way(), ComputeWay::Serverless(_)));
        assert_eq!(read(r#"{"performance_target": "STANDARD", "tags": {"a": "b"}}"#).way(), ComputeWay::Try);
    }
}
