//! What the workspace offers: kinds of machines and runtimes.

use crate::state::behaviour::Cloud;
use serde_json::{Value, json};

pub struct Node {
    pub id: &'static str,
    pub cloud: Cloud,
    cores: f64,
    memory_mb: u64,
    category: &'static str,
    pub photon: bool,
    graviton: bool,
    deprecated: bool,
    hidden: bool,
    gpus: u64,
    disks: u64,
    /// An hour, without Photon.
    pub dbu: f64,
}

const fn node(
    id: &'static str,
    cores: f64,
    memory_mb: u64,
    category: &'static str,
    photon: bool,
    disks: u64,
    dbu: f64,
) -> Node {
    Node {
        id,
        cloud: Cloud::Aws,
        cores,
        memory_mb,
        category,
        photon,
        graviton: false,
        deprecated: false,
        hidden: false,
        gpus: 0,
        disks,
        dbu,
    }
}

/// Of Azure or Google.
const fn elsewhere(cloud: Cloud, node: Node) -> Node {
    Node { cloud, ..node }
}

pub const NODES: [Node; 13] = [
    node("i3.xlarge", 4.0, 31_232, "Storage Optimized", true, 1, 1.0),
    node("i3.2xlarge", 8.0, 62_464, "Storage Optimized", true, 1, 2.0),
    node("r5d.xlarge", 4.0, 32_768, "Memory Optimized", true, 1, 0.9),
    node("m5d.large", 2.0, 8_192, "General Purpose", true, 1, 0.34),
    // Without disks of its own.
    node("m5.xlarge", 4.0, 16_384, "General Purpose", true, 0, 0.69),
    Node { graviton: true, ..node("m6gd.xlarge", 4.0, 16_384, "General Purpose", true, 1, 0.66) },
    Node { deprecated: true, ..node("m4.large", 2.0, 8_192, "General Purpose", false, 0, 0.4) },
    Node { gpus: 1, ..node("g5.xlarge", 4.0, 16_384, "GPU Accelerated", false, 1, 1.3) },
    Node { hidden: true, ..node("dev-tier-node", 0.88, 6_144, "Memory Optimized", false, 0, 0.5) },
    elsewhere(Cloud::Azure, node("Standard_D4ds_v5", 4.0, 16_384, "General Purpose", true, 1, 0.75)),
    elsewhere(Cloud::Azure, node("Standard_L8s_v3", 8.0, 65_536, "Storage Optimized", true, 1, 2.0)),
    elsewhere(Cloud::Gcp, node("n2-highmem-4", 4.0, 32_768, "Memory Optimized", true, 1, 1.0)),
    elsewhere(Cloud::Gcp, node("n2d-standard-8", 8.0, 32_768, "General Purpose", true, 1, 1.8)),
];

pub fn nodes(cloud: Cloud) -> impl Iterator<Item = &'static Node> {
    static ALL: &[Node] = &NODES;
    ALL.iter().filter(move |node| node.cloud == cloud)
}

pub fn find(id: &str) -> Option<&'static Node> {
    [Cloud::Aws, Cloud::Azure, Cloud::Gcp].into_iter().flat_map(nodes).find(|node| node.id == id)
}

/// Machines kept ready.
pub struct Pool {
    pub id: &'static str,
    pub name: &'static str,
    pub node: &'static str,
    pub cloud: Cloud,
}

pub const POOLS: [Pool; 3] = [
    Pool { id: "1101-120000-pool0-sandbox1", name: "lake", node: "i3.xlarge", cloud: Cloud::Aws },
    Pool { id: "1101-120000-pool0-sandbox2", name: "lake", node: "Standard_D4ds_v5", cloud: Cloud::Azure },
    Pool { id: "1101-120000-pool0-sandbox3", name: "lake", node: "n2-highmem-4", cloud: Cloud::Gcp },
];

pub fn pool(id: &str) -> Option<&'static Pool> {
    static ALL: &[Pool] = &POOLS;
    ALL.iter().find(|pool| pool.id == id)
}

/// The one that is registered.
pub const INSTANCE_PROFILE: &str = "arn:aws:iam::123456789012:instance-profile/sandbox-lake";

impl Pool {
    pub fn payload(&self) -> Value {
        json!({
            "instance_pool_id": self.id, "instance_pool_name": self.name, "node_type_id": self.node, "state": "ACTIVE",
            "min_idle_instances": 0, "max_capacity": 10, "idle_instance_autotermination_minutes": 10,
            "enable_elastic_disk": true, "preloaded_spark_versions": [], "status": {},
            "stats": {"used_count": 0, "idle_count": 0, "pending_used_count": 0, "pending_idle_count": 0},
        })
    }
}

impl Node {
    /// Not a disk of its own.
    pub fn has_no_disks(&self) -> bool {
        self.disks == 0
    }

    pub fn payload(&self) -> Value {
        json!({
            "node_type_id": self.id, "memory_mb": self.memory_mb, "num_cores": self.cores, "num_gpus": self.gpus,
            "description": self.id, "instance_type_id": self.id, "category": self.category,
            "is_deprecated": self.deprecated, "is_hidden": self.hidden, "is_graviton": self.graviton,
            "photon_driver_capable": self.photon, "photon_worker_capable": self.photon, "is_io_cache_enabled": self.disks > 0,
            "support_ebs_volumes": self.cloud == Cloud::Aws, "support_cluster_tags": true, "support_port_forwarding": true,
            "is_encrypted_in_transit": false, "display_order": 0, "node_info": {"status": []},
            "node_instance_type": {
                "instance_type_id": self.id, "local_disks": self.disks, "local_disk_size_gb": self.disks * 100,
                "instance_family": match self.cloud {
                    Cloud::Aws => "EC2",
                    Cloud::Azure => "Azure",
                    Cloud::Gcp => "GCE",
                }, "local_nvme_disks": self.disks, "local_nvme_disk_size_gb": self.disks * 100,
            },
        })
    }
}

/// Keys changed their shape with 18: they are to be looked up, never built.
pub const VERSIONS: [(&str, &str); 10] = [
    ("15.4.x-scala2.12", "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)"),
    ("16.4.x-scala2.12", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"),
    ("16.4.x-scala2.13", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.13)"),
    ("17.3.x-scala2.13", "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("17.3.x-gpu-ml-scala2.13", "17.3 LTS ML (includes Apache Spark 4.0.0, GPU, Scala 2.13)"),
    ("17.3.x-cpu-ml-scala2.13", "17.3 LTS ML (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("18.x-scala2.13", "18 (includes Apache Spark 4.1.0, Scala 2.13)"),
    ("18.2.x-scala2.13", "18.2 (includes Apache Spark 4.1.0, Scala 2.13)"),
    ("19.x-scala2.13", "19 (includes Apache Spark 4.2.0, Scala 2.13)"),
    ("12.2.x-aarch64-photon-scala2.12", "12.2 LTS Photon aarch64 (includes Apache Spark 3.3.2, Scala 2.12)"),
];

pub fn zones(cloud: Cloud) -> [&'static str; 3] {
    match cloud {
        Cloud::Aws => ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
        Cloud::Azure => ["1", "2", "3"],
        Cloud::Gcp => ["europe-west1-b", "europe-west1-c", "europe-west1-d"],
    }
}
