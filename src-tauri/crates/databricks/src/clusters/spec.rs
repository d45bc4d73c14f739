//! A cluster as it is asked for.

use crate::host::Cloud;
use crate::open_enum::open_enum;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

open_enum! {
    RuntimeEngine { Photon = "PHOTON", Standard = "STANDARD" }
    /// Without one of the first two a cluster has no access to Unity Catalog.
    DataSecurityMode { SingleUser = "SINGLE_USER", UserIsolation = "USER_ISOLATION", None = "NONE" }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscale {
    pub min_workers: u32,
    pub max_workers: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAttributes {
    pub availability: String,
    pub first_on_demand: u32,
    pub zone_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_bid_price_percent: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AzureAttributes {
    pub availability: String,
    pub first_on_demand: u32,
    pub spot_bid_max_price: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcpAttributes {
    pub availability: String,
    pub first_on_demand: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDestination {
    pub volumes: Volume,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub destination: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    pub spark_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_engine: Option<RuntimeEngine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_type_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_node_type_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_workers: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_security_mode: Option<DataSecurityMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_user_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_attributes: Option<AwsAttributes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_attributes: Option<AzureAttributes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcp_attributes: Option<GcpAttributes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_policy_default_values: Option<bool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spark_conf: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spark_env_vars: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_log_conf: Option<LogDestination>,
}

/// What a person decides about a Photon cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotonCluster {
    pub spark_version: String,
    pub node_type: String,
    pub workers: Autoscale,
    pub cloud: Option<Cloud>,
    /// Cheaper machines that may be taken away; the driver is never one.
    pub spot: bool,
    /// The principal that the job runs as: the cluster is its own.
    pub single_user: Option<String>,
    pub policy_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// A folder on a volume.
    pub logs: Option<String>,
}

const MOST_TAGS: usize = 45;

pub fn photon_cluster(wanted: PhotonCluster) -> Result<ClusterSpec> {
    let Autoscale { min_workers, max_workers } = wanted.workers;
    if max_workers == 0 || min_workers > max_workers {
        return Err(Error::invalid("a cluster has from one worker up, and no more at least than at most")
            .about(format!("{min_workers} to {max_workers} workers")));
    }
    if wanted.tags.len() > MOST_TAGS {
        return Err(Error::invalid(format!("a cluster takes at most {MOST_TAGS} tags")));
    }
    if wanted.spark_version.contains("-photon-") {
        return Err(
            Error::invalid("Photon is asked for by the engine, not by the runtime's key").about(wanted.spark_version)
        );
    }
    let availability = |on: &str, off: &str| if wanted.spot { on.to_string() } else { off.to_string() };
    let fixed = min_workers == max_workers;
    let mut spec = ClusterSpec {
        spark_version: wanted.spark_version,
        runtime_engine: Some(RuntimeEngine::Photon),
        driver_node_type_id: Some(wanted.node_type.clone()),
        node_type_id: Some(wanted.node_type),
        // An autoscale whose ends meet is refused.
        num_workers: fixed.then_some(max_workers),
        autoscale: (!fixed).then_some(wanted.workers),
        data_security_mode: Some(DataSecurityMode::SingleUser),
        single_user_name: wanted.single_user,
        apply_policy_default_values: wanted.policy_id.as_ref().map(|_| true),
        policy_id: wanted.policy_id,
        custom_tags: wanted.tags,
        cluster_log_conf: wanted.logs.map(|destination| LogDestination { volumes: Volume { destination } }),
        ..ClusterSpec::default()
    };
    match wanted.cloud {
        Some(Cloud::Aws) => {
            spec.aws_attributes = Some(AwsAttributes {
                availability: availability("SPOT_WITH_FALLBACK", "ON_DEMAND"),
                first_on_demand: 1,
                zone_id: "auto".into(),
                spot_bid_price_percent: wanted.spot.then_some(100),
            });
        }
        Some(Cloud::Azure) => {
            spec.azure_attributes = Some(AzureAttributes {
                availability: availability("SPOT_WITH_FALLBACK_AZURE", "ON_DEMAND_AZURE"),
                first_on_demand: 1,
                spot_bid_max_price: -1.0,
            });
        }
        Some(Cloud::Gcp) => {
            spec.gcp_attributes = Some(GcpAttributes {
                availability: availability("PREEMPTIBLE_WITH_FALLBACK_GCP", "ON_DEMAND_GCP"),
                first_on_demand: 1,
            });
        }
        None => {}
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(min_workers: u32, max_workers: u32) -> PhotonCluster {
        PhotonCluster {
            spark_version: "17.3.x-scala2.13".into(),
            node_type: "i3.xlarge".into(),
            workers: Autoscale { min_workers, max_workers },
            cloud: Some(Cloud::Azure),
            spot: true,
            single_user: Some("me@x.example".into()),
            policy_id: None,
            tags: BTreeMap::from([("app".into(), "icebridge".into())]),
            logs: None,
        }
    }

    #[test]
    fn it_says_what_the_api_expects() {
        let spec = serde_json::to_value(photon_cluster(wanted(2, 8)).unwrap()).unwrap();
        let expected = serde_json::json!({
            "spark_version": "17.3.x-scala2.13", "runtime_engine": "PHOTON", "node_type_id": "i3.xlarge",
            "driver_node_type_id": "i3.xlarge", "autoscale": {"min_workers": 2, "max_workers": 8},
            "data_security_mode": "SINGLE_USER", "single_user_name": "me@x.example", "custom_tags": {"app": "icebridge"},
            "azure_attributes": {"availability": "SPOT_WITH_FALLBACK_AZURE", "first_on_demand": 1, "spot_bid_max_price": -1.0},
        });
        assert_eq!(spec, expected);
        let fixed = photon_cluster(wanted(4, 4)).unwrap();
        assert_eq!((fixed.num_workers, fixed.autoscale), (Some(4), None));
    }

    #[test]
    fn what_the_service_would_refuse_is_refused_here() {
        assert!(photon_cluster(wanted(3, 2)).is_err());
        assert!(photon_cluster(wanted(0, 0)).is_err());
        let photon = PhotonCluster { spark_version: "16.4.x-photon-scala2.12".into(), ..wanted(1, 2) };
        assert!(photon_cluster(photon).is_err());
    }
}
