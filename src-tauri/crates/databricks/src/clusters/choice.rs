//! Which runtime and which machines, out of what is offered. Keys are looked up, never built: their shape has changed
//! before (`16.4.x-scala2.12`, `19.x-scala2.13`).

use super::offered::{NodeType, SparkVersion};
use icebridge_model::{Code, Error, Result};

/// What the scripts need of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeChoice {
    /// Major and minor.
    pub at_least: (u32, u32),
    /// Long-term support only. The newest is taken otherwise, whatever it is.
    pub lts: bool,
}

impl Default for RuntimeChoice {
    /// Foreign and managed Iceberg need 16.4.
    fn default() -> Self {
        Self { at_least: (16, 4), lts: true }
    }
}

/// Major, minor and Scala of a plain runtime; none for those with machine learning, GPUs, Photon in the key, or other
/// processors.
fn plain(version: &SparkVersion) -> Option<((u32, u32), (u32, u32))> {
    // Some keys say nothing of Scala. Then there is one, and one that says it comes first.
    let (runtime, scala) = match version.key.split_once("-scala") {
        Some((runtime, scala)) => (runtime, Some(scala)),
        None => (version.key.as_str(), None),
    };
    let mut numbers = runtime.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = match (numbers.next(), numbers.next(), numbers.next()) {
        // From 18 on a runtime is named by its major number alone.
        (None | Some("x"), None, _) => 0,
        (Some(minor), Some("x"), None) => minor.parse().ok()?,
        _ => return None,
    };
    let Some(scala) = scala else { return Some(((major, minor), (0, 0))) };
    let (scala_major, scala_minor) = scala.split_once('.')?;
    Some(((major, minor), (scala_major.parse().ok()?, scala_minor.parse().ok()?)))
}

fn is_lts(version: &SparkVersion) -> bool {
    version.name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "LTS")
}

/// The newest that fits, with the newest Scala where there are two.
pub fn choose_runtime(offered: &[SparkVersion], choice: RuntimeChoice) -> Result<&SparkVersion> {
    let beta = |version: &SparkVersion| version.name.contains("Beta");
    offered
        .iter()
        .filter(|version| !choice.lts || is_lts(version))
        .filter(|version| !beta(version))
        .filter_map(|version| Some((plain(version)?, version)))
        .filter(|((runtime, _), _)| *runtime >= choice.at_least)
        .max_by_key(|(order, _)| *order)
        .map(|(_, version)| version)
        .ok_or_else(|| {
            let (major, minor) = choice.at_least;
            Error::new(Code::Unsupported, format!("the workspace offers no runtime from {major}.{minor} on that fits"))
                .with_hint(
                    "Ask an administrator for a newer Databricks Runtime, or allow runtimes without long-term support.",
                )
        })
}

/// The smallest Photon-capable machine with at least so many cores and so much memory; among equals one with local disks,
/// which Photon's cache uses, and of a general kind.
pub fn choose_node(offered: &[NodeType], cores: u32, memory_mb: i64) -> Result<&NodeType> {
    let available = |node: &&NodeType| {
        let status = node.node_info.as_ref().map_or(&[][..], |info| &info.status);
        !node.is_deprecated && !node.is_hidden && node.num_gpus == 0 && status.is_empty()
    };
    let fits = |node: &&NodeType| {
        node.photon_driver_capable
            && node.photon_worker_capable
            && node.num_cores >= f64::from(cores)
            && node.memory_mb >= memory_mb
    };
    let disks = |node: &NodeType| {
        node.node_instance_type.as_ref().is_some_and(|kind| kind.local_disks + kind.local_nvme_disks > 0)
    };
    // Thousandths, so that it can be compared; a NaN, which JSON cannot hold, would be 0.
    let size = |node: &NodeType| (node.num_cores * 1000.0) as u64;
    offered
        .iter()
        .filter(available)
        .filter(fits)
        .min_by_key(|node| (size(node), !disks(node), node.memory_mb, node.node_type_id.clone()))
        .ok_or_else(|| {
            Error::new(Code::Unsupported, format!("the workspace offers no Photon-capable machine with {cores} cores"))
                .with_hint("Name a machine type in the settings, ask an administrator, or use serverless compute.")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Vec<SparkVersion> {
        let all = [
            ("19.x-scala2.13", "19 (includes Apache Spark 4.2, Scala 2.13)"),
            ("18-scala2.13", "18 (includes Apache Spark 4.1)"),
            ("18.2.x-scala2.13", "18.2 (includes Apache Spark 4.1)"),
            ("17.3.x-scala2.13", "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)"),
            ("17.3.x-gpu-ml-scala2.13", "17.3 LTS ML (GPU)"),
            ("17.3.x-photon-scala2.13", "17.3 LTS Photon"),
            ("16.4.x-scala2.12", "16.4 LTS (Scala 2.12)"),
            ("16.4.x-scala2.13", "16.4 LTS (Scala 2.13)"),
            ("20.x-scala2.13", "20 Beta"),
            ("apache-spark-3.5.x-scala2.12", "Light"),
            ("garbage", ""),
        ];
        all.map(|(key, name)| SparkVersion { key: key.into(), name: name.into() }).into()
    }

    #[test]
    fn the_newest_with_long_support_is_taken() {
        let all = offered();
        let key = |choice| choose_runtime(&all, choice).map(|version| version.key.clone());
        assert_eq!(key(RuntimeChoice::default()).unwrap(), "17.3.x-scala2.13");
        assert_eq!(key(RuntimeChoice { lts: false, ..RuntimeChoice::default() }).unwrap(), "19.x-scala2.13");
        assert_eq!(key(RuntimeChoice { at_least: (18, 0), lts: true }).unwrap_err().code, Code::Unsupported);
        let old = [all[6].clone(), all[7].clone()];
        let bare = [all[1].clone()];
        let without = RuntimeChoice { at_least: (18, 0), lts: false };
        assert_eq!(choose_runtime(&bare, without).unwrap().key, "18-scala2.13");
        assert_eq!(choose_runtime(&old, RuntimeChoice::default()).unwrap().key, "16.4.x-scala2.13");
    }

    #[test]
    fn a_key_without_scala_is_a_runtime_too() {
        let offered = |keys: &[&str]| -> Vec<SparkVersion> {
            keys.iter().map(|key| SparkVersion { key: (*key).into(), name: "LTS".into() }).collect()
        };
        for (keys, taken) in [
            (&["18", "17.3.x-scala2.13"][..], "18"),
            (&["18.x", "19.x", "garbage"], "19.x"),
            (&["18.x", "18.x-scala2.13"], "18.x-scala2.13"),
            (&["18.2.x", "18-scala2.13"], "18.2.x"),
        ] {
            let all = offered(keys);
            assert_eq!(choose_runtime(&all, RuntimeChoice::default()).unwrap().key, taken);
        }
        for key in ["18.x-gpu-ml", "18.x-photon", "18.x-aarch64", "17.3.1", "x", "", "client.1"] {
            assert!(choose_runtime(&offered(&[key]), RuntimeChoice::default()).is_err(), "{key}");
        }
    }

    #[test]
    fn the_smallest_machine_that_can_is_taken() {
        let node = |id: &str, cores: f64, photon: bool| NodeType {
            node_type_id: id.into(),
            num_cores: cores,
            memory_mb: 32_000,
            photon_driver_capable: photon,
            photon_worker_capable: photon,
            ..NodeType::default()
        };
        let disks = |node: NodeType| NodeType {
            node_instance_type: Some(NodeInstanceType { local_disks: 0, local_nvme_disks: 1 }),
            ..node
        };
        use super::super::offered::{NodeAvailability, NodeInstanceType};
        let blocked = NodeType {
            node_info: Some(NodeAvailability { status: vec!["NOT_ENABLED_ON_SUBSCRIPTION".into()] }),
            ..node("c", 4.0, true)
        };
        let all = [
            node("a", 2.0, true),
            node("b", 4.0, false),
            blocked,
            NodeType { is_deprecated: true, ..node("d", 4.0, true) },
            NodeType { num_gpus: 1, ..node("e", 4.0, true) },
            node("f", 4.0, true),
            disks(node("g", 4.0, true)),
            node("h", 8.0, true),
        ];
        assert_eq!(choose_node(&all, 4, 16_000).unwrap().node_type_id, "g");
        assert_eq!(choose_node(&all, 5, 0).unwrap().node_type_id, "h");
        assert!(choose_node(&all, 4, 64_000).is_err());
    }
}
