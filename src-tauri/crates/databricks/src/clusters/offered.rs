//! What the workspace offers to make clusters of.

use crate::client::{Call, Client, Family};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeType {
    #[serde(default)]
    pub node_type_id: String,
    #[serde(default)]
    pub memory_mb: i64,
    /// A few have fractions.
    #[serde(default)]
    pub num_cores: f64,
    #[serde(default)]
    pub num_gpus: i64,
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub is_deprecated: bool,
    #[serde(default)]
    pub is_hidden: bool,
    #[serde(default)]
    pub is_graviton: bool,
    #[serde(default)]
    pub photon_driver_capable: bool,
    #[serde(default)]
    pub photon_worker_capable: bool,
    #[serde(default)]
    pub is_io_cache_enabled: bool,
    #[serde(default)]
    pub node_instance_type: Option<NodeInstanceType>,
    #[serde(default)]
    pub node_info: Option<NodeAvailability>,
}

impl NodeType {
    /// Disks of its own: without, a machine of AWS needs volumes. What is not said is taken as having them.
    pub fn has_disks(&self) -> bool {
        self.node_instance_type.as_ref().is_none_or(|kind| kind.local_disks + kind.local_nvme_disks > 0)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeInstanceType {
    #[serde(default)]
    pub local_disks: i64,
    #[serde(default)]
    pub local_nvme_disks: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeAvailability {
    /// Empty, or why it cannot be had, such as NOT_ENABLED_ON_SUBSCRIPTION.
    #[serde(default)]
    pub status: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkVersion {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub name: String,
}

#[derive(Default, Deserialize)]
struct NodeTypes {
    #[serde(default)]
    node_types: Vec<NodeType>,
}

#[derive(Default, Deserialize)]
struct SparkVersions {
    #[serde(default)]
    versions: Vec<SparkVersion>,
}

impl Client {
    pub async fn node_types(&self) -> Result<Vec<NodeType>> {
        let all: NodeTypes = self.fetch(Call::get(Family::Clusters, "/api/2.1/clusters/list-node-types")).await?;
        Ok(all.node_types)
    }

    pub async fn spark_versions(&self) -> Result<Vec<SparkVersion>> {
        let all: SparkVersions = self.fetch(Call::get(Family::Clusters, "/api/2.1/clusters/spark-versions")).await?;
        Ok(all.versions)
    }
}
