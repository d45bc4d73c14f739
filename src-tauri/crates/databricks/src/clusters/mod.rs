//! What the workspace offers to make clusters of, and how one for Photon is asked for.

mod choice;
mod offered;
mod policy;
mod spec;

pub use choice::{RuntimeChoice, choose_node, choose_runtime};
pub use offered::{NodeAvailability, NodeInstanceType, NodeType, SparkVersion};
pub use policy::{ClusterPolicy, PolicyText};
pub use spec::{
    Access, Autoscale, AwsAttributes, AzureAttributes, ClusterSpec, DataSecurityMode, GcpAttributes, LogDestination,
    Machines, PhotonCluster, RuntimeEngine, Volume, photon_cluster,
};
