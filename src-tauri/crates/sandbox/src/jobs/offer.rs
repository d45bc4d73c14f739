//! What the workspace offers: kinds of machines and runtimes.

use serde_json::{Value, json};

pub struct Node {
    pub id: &'static str,
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

pub const NODES: [Node; 8] = [
    node("i3.xlarge", 4.0, 31_232, "Storage Optimized", true, 1, 1.0),
    node("i3.2xlarge", 8.0, 62_464, "Storage Optimized", true, 1, 2.0),
    node("r5d.xlarge", 4.0, 32_768, "Memory Optimized", true, 1, 0.9),
    node("m5d.large", 2.0, 8_192, "General Purpose", true, 1, 0.34),
    Node { graviton: true, ..node("m6gd.xlarge", 4.0, 16_384, "General Purpose", true, 1, 0.66) },
    Node { deprecated: true, ..node("m4.large", 2.0, 8_192, "General Purpose", false, 0, 0.4) },
    Node { gpus: 1, ..node("g5.xlarge", 4.0, 16_384, "GPU Accelerated", false, 1, 1.3) },
    Node { hidden: true, ..node("dev-tier-node", 0.88, 6_144, "Memory Optimized", false, 0, 0.5) },
];

pub fn find(id: &str) -> Option<&'static Node> {
    static ALL: &[Node] = &NODES;
    ALL.iter().find(|node| node.id == id)
}

impl Node {
    pub fn payload(&self) -> Value {
        json!({
            "node_type_id": self.id, "memory_mb": self.memory_mb, "num_cores": self.cores, "num_gpus": self.gpus,
            "description": self.id, "instance_type_id": self.id, "category": self.category,
            "is_deprecated": self.deprecated, "is_hidden": self.hidden, "is_graviton": self.graviton,
            "photon_driver_capable": self.photon, "photon_worker_capable": self.photon, "is_io_cache_enabled": self.disks > 0,
            "support_ebs_volumes": true, "support_cluster_tags": true, "support_port_forwarding": true,
            "is_encrypted_in_transit": false, "display_order": 0, "node_info": {"status": []},
            "node_instance_type": {
                "instance_type_id": self.id, "local_disks": self.disks, "local_disk_size_gb": self.disks * 100,
                "instance_family": "EC2", "local_nvme_disks": self.disks, "local_nvme_disk_size_gb": self.disks * 100,
            },
        })
    }
}

/// Keys changed their shape with 19: they are to be looked up, never built.
pub const VERSIONS: [(&str, &str); 9] = [
    ("15.4.x-scala2.12", "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)"),
    ("16.4.x-scala2.12", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"),
    ("16.4.x-scala2.13", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.13)"),
    ("17.3.x-scala2.13", "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("17.3.x-gpu-ml-scala2.13", "17.3 LTS ML (includes Apache Spark 4.0.0, GPU, Scala 2.13)"),
    ("17.3.x-cpu-ml-scala2.13", "17.3 LTS ML (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("18.2.x-scala2.13", "18.2 (includes Apache Spark 4.1.0, Scala 2.13)"),
    ("19.x-scala2.13", "19 (includes Apache Spark 4.2.0, Scala 2.13)"),
    ("12.2.x-aarch64-photon-scala2.12", "12.2 LTS Photon aarch64 (includes Apache Spark 3.3.2, Scala 2.12)"),
];

pub const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
