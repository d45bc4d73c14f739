//! A cluster as it is asked for.

use crate::host::Cloud;
use crate::open_enum::open_enum;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

open_enum! {
    RuntimeEngine { Photon = "PHOTON", Standard = "STANDARD" }
    /// Without one of the first two a cluster has no access to Unity Catalog. Newer names say dedicated and standard; every
    /// workspace takes these.
    DataSecurityMode { SingleUser = "SINGLE_USER", UserIsolation = "USER_ISOLATION", None = "NONE" }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscale {
    #[serde(default)]
    pub min_workers: u32,
    #[serde(default)]
    pub max_workers: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAttributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_on_demand: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_bid_price_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_profile_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_volume_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_volume_count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebs_volume_size: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AzureAttributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_on_demand: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_bid_max_price: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcpAttributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_on_demand: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDestination {
    #[serde(default)]
    pub volumes: Volume,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    #[serde(default)]
    pub destination: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// Empty: the policy's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub spark_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_engine: Option<RuntimeEngine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_type_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_node_type_id: Option<String>,
    /// Machines that are kept ready; in place of their kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_pool_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_instance_pool_id: Option<String>,
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

/// The machines of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machines {
    /// `bare`: without a disk of its own, so that it needs volumes.
    Kind {
        node_type: String,
        bare: bool,
    },
    Pool {
        workers: String,
        driver: Option<String>,
    },
}

/// Who may use a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// One user, group or service principal; none: who the job runs as.
    Dedicated(Option<String>),
    /// Everybody who is allowed to attach to it, apart from one another.
    Standard,
}

/// What a person decides about a Photon cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotonCluster {
    pub spark_version: String,
    pub machines: Machines,
    pub workers: Autoscale,
    pub cloud: Option<Cloud>,
    /// Cheaper machines that may be taken away; the driver is never one.
    pub spot: bool,
    pub access: Access,
    /// Of AWS: the role by which the machines reach storage that Unity Catalog does not govern.
    pub instance_profile: Option<String>,
    pub policy_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// A folder on a volume.
    pub logs: Option<String>,
}

const MOST_TAGS: usize = 45;
/// Gibibytes of the one volume that a machine without a disk is given.
const VOLUME_SIZE: u32 = 100;

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
    if wanted.instance_profile.is_some() && wanted.cloud.is_some_and(|cloud| cloud != Cloud::Aws) {
        return Err(Error::invalid("instance profiles are of AWS, and this workspace is in another cloud"));
    }
    let fixed = min_workers == max_workers;
    let (data_security_mode, single_user_name) = match wanted.access.clone() {
        Access::Dedicated(name) => (DataSecurityMode::SingleUser, name),
        Access::Standard => (DataSecurityMode::UserIsolation, None),
    };
    let mut spec = ClusterSpec {
        spark_version: wanted.spark_version.clone(),
        runtime_engine: Some(RuntimeEngine::Photon),
        // An autoscale whose ends meet is refused.
        num_workers: fixed.then_some(max_workers),
        autoscale: (!fixed).then(|| wanted.workers.clone()),
        data_security_mode: Some(data_security_mode),
        single_user_name,
        apply_policy_default_values: wanted.policy_id.as_ref().map(|_| true),
        policy_id: wanted.policy_id.clone(),
        custom_tags: wanted.tags.clone(),
        cluster_log_conf: wanted.logs.clone().map(|destination| LogDestination { volumes: Volume { destination } }),
        ..ClusterSpec::default()
    };
    match &wanted.machines {
        Machines::Pool { workers, driver } => {
            // The pool says which machines, and of which kind. What is left is the machines' role.
            spec.instance_pool_id = Some(workers.clone());
            spec.driver_instance_pool_id.clone_from(driver);
            spec.aws_attributes = wanted
                .instance_profile
                .clone()
                .map(|arn| AwsAttributes { instance_profile_arn: Some(arn), ..AwsAttributes::default() });
        }
        Machines::Kind { node_type, bare } => {
            spec.node_type_id = Some(node_type.clone());
            spec.driver_node_type_id = Some(node_type.clone());
            of_cloud(&mut spec, &wanted, *bare);
        }
    }
    Ok(spec)
}

fn of_cloud(spec: &mut ClusterSpec, wanted: &PhotonCluster, bare: bool) {
    let availability = |on: &str, off: &str| Some(if wanted.spot { on.to_string() } else { off.to_string() });
    let first_on_demand = Some(1);
    match wanted.cloud {
        Some(Cloud::Aws) => {
            spec.aws_attributes = Some(AwsAttributes {
                availability: availability("SPOT_WITH_FALLBACK", "ON_DEMAND"),
                first_on_demand,
                zone_id: Some("auto".into()),
                spot_bid_price_percent: wanted.spot.then_some(100),
                instance_profile_arn: wanted.instance_profile.clone(),
                // A machine without a disk does not start without volumes.
                ebs_volume_type: bare.then(|| "GENERAL_PURPOSE_SSD".to_owned()),
                ebs_volume_count: bare.then_some(1),
                ebs_volume_size: bare.then_some(VOLUME_SIZE),
            });
        }
        Some(Cloud::Azure) => {
            spec.azure_attributes = Some(AzureAttributes {
                availability: availability("SPOT_WITH_FALLBACK_AZURE", "ON_DEMAND_AZURE"),
                first_on_demand,
                spot_bid_max_price: Some(-1.0),
            });
        }
        Some(Cloud::Gcp) => {
            spec.gcp_attributes = Some(GcpAttributes {
                availability: availability("PREEMPTIBLE_WITH_FALLBACK_GCP", "ON_DEMAND_GCP"),
                first_on_demand,
            });
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(min_workers: u32, max_workers: u32) -> PhotonCluster {
        PhotonCluster {
            spark_version: "17.3.x-scala2.13".into(),
            machines: Machines::Kind { node_type: "i3.xlarge".into(), bare: false },
            workers: Autoscale { min_workers, max_workers },
            cloud: Some(Cloud::Azure),
            spot: true,
            access: Access::Dedicated(Some("me@x.example".into())),
            instance_profile: None,
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
    fn machines_come_from_a_pool_or_are_of_a_kind() {
        let pool = Machines::Pool { workers: "p-1".into(), driver: Some("p-2".into()) };
        let from_pool = PhotonCluster { machines: pool, access: Access::Standard, ..wanted(1, 2) };
        let spec = serde_json::to_value(photon_cluster(from_pool).unwrap()).unwrap();
        assert_eq!((&spec["instance_pool_id"], &spec["driver_instance_pool_id"]), (&"p-1".into(), &"p-2".into()));
        assert_eq!(spec["data_security_mode"], "USER_ISOLATION");
        for absent in ["node_type_id", "driver_node_type_id", "azure_attributes", "single_user_name"] {
            assert!(spec.get(absent).is_none(), "{absent}");
        }
        let bare = PhotonCluster {
            machines: Machines::Kind { node_type: "m5.xlarge".into(), bare: true },
            cloud: Some(Cloud::Aws),
            instance_profile: Some("arn:aws:iam::1:instance-profile/x".into()),
            ..wanted(1, 2)
        };
        let aws = photon_cluster(bare).unwrap().aws_attributes.unwrap();
        assert_eq!((aws.ebs_volume_count, aws.ebs_volume_size), (Some(1), Some(100)));
        assert!(aws.instance_profile_arn.is_some());
        let elsewhere = PhotonCluster { instance_profile: Some("arn".into()), ..wanted(1, 2) };
        assert!(photon_cluster(elsewhere).is_err());
    }

    #[test]
    fn what_the_service_would_refuse_is_refused_here() {
        assert!(photon_cluster(wanted(3, 2)).is_err());
        assert!(photon_cluster(wanted(0, 0)).is_err());
        let photon = PhotonCluster { spark_version: "16.4.x-photon-scala2.12".into(), ..wanted(1, 2) };
        assert!(photon_cluster(photon).is_err());
    }
}
