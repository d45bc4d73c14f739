//! What the copies run on, out of what the workspace offers.

use super::record::{Compute, short};
use super::secrets;
use icebridge_databricks::Client;
use icebridge_databricks::clusters::{
    Autoscale, NodeType, PhotonCluster, RuntimeChoice, SparkVersion, choose_node, choose_runtime, photon_cluster,
};
use icebridge_model::photon::{ClusterCopy, PhotonSettings, TAG_PLAN, TAG_RUN};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

/// From this runtime on, deletion vectors of foreign tables are read and format version 3 is written.
const FORMAT_3: (u32, u32) = (18, 0);

/// What the workspace offers, asked for once.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub node_types: Vec<NodeType>,
    pub spark_versions: Vec<SparkVersion>,
}

impl Offer {
    pub async fn of(client: &Client) -> Result<Self> {
        Ok(Self { node_types: client.node_types().await?, spark_versions: client.spark_versions().await? })
    }

    /// The machine that the settings name, or the smallest that can.
    pub fn node<'a>(&'a self, settings: &'a PhotonSettings) -> Result<&'a NodeType> {
        let Some(named) = &settings.node_type else {
            return choose_node(&self.node_types, settings.node_cores, i64::from(settings.node_memory_gb) << 10);
        };
        let node = self.node_types.iter().find(|node| node.node_type_id == *named).ok_or_else(|| {
            Error::invalid("the workspace has no such machine type")
                .about(named)
                .with_hint("Leave it out of the settings, or name one that the workspace lists.")
        })?;
        if !node.photon_driver_capable || !node.photon_worker_capable {
            return Err(Error::new(Code::Unsupported, "this machine type cannot run Photon")
                .about(named)
                .with_hint("Name one that is Photon-capable, or leave it out of the settings."));
        }
        Ok(node)
    }

    /// Long-term support first. What it cannot do is worth a runtime without.
    fn runtime(&self, settings: &PhotonSettings, needs_format_3: bool) -> Result<String> {
        if let Some(key) = &settings.runtime {
            return match self.spark_versions.iter().any(|version| version.key == *key) {
                true => Ok(key.clone()),
                false => Err(Error::invalid("the workspace has no such runtime")
                    .about(key)
                    .with_hint("Leave it out of the settings, or name one that the workspace lists.")),
            };
        }
        if !needs_format_3 {
            return Ok(choose_runtime(&self.spark_versions, RuntimeChoice::default())?.key.clone());
        }
        let lts = choose_runtime(&self.spark_versions, RuntimeChoice { at_least: FORMAT_3, lts: true });
        let chosen =
            lts.or_else(|_| choose_runtime(&self.spark_versions, RuntimeChoice { at_least: FORMAT_3, lts: false }));
        Ok(chosen?.key.clone())
    }
}

/// Whom the compute is for: its tags, and its user where the settings name none.
pub(super) struct Owner<'a> {
    pub plan_hash: &'a str,
    pub run_id: &'a str,
    /// The principal that is signed in.
    pub user: &'a str,
}

/// For these tables.
pub(super) fn compute(
    offer: &Offer,
    client: &Client,
    settings: &PhotonSettings,
    tables: &[&ClusterCopy],
    owner: Owner<'_>,
) -> Result<Compute> {
    if settings.serverless {
        return Ok(Compute::Serverless { budget_policy: settings.budget_policy.clone() });
    }
    let mut tags: BTreeMap<String, String> = settings.tags.clone();
    tags.insert(TAG_PLAN.into(), short(owner.plan_hash).to_owned());
    tags.insert(TAG_RUN.into(), owner.run_id.to_owned());
    let needs_format_3 =
        tables.iter().any(|table| table.format_version >= 3 || table.deletion_vectors.is_some_and(|count| count > 0));
    let mut spec = photon_cluster(PhotonCluster {
        spark_version: offer.runtime(settings, needs_format_3)?,
        node_type: offer.node(settings)?.node_type_id.clone(),
        workers: Autoscale { min_workers: settings.min_workers, max_workers: settings.max_workers },
        cloud: client.host().cloud(),
        spot: settings.spot,
        single_user: Some(settings.single_user.clone().unwrap_or_else(|| owner.user.to_owned())),
        policy_id: settings.policy.clone(),
        tags,
        logs: settings.logs.clone(),
    })?;
    spec.spark_conf = spark_conf(settings, owner.plan_hash);
    Ok(Compute::Cluster(Box::new(spec)))
}

/// Secrets only as references: the cluster reads them when it starts, and neither the record nor the request holds one.
fn spark_conf(settings: &PhotonSettings, plan_hash: &str) -> BTreeMap<String, String> {
    let mut conf = settings.spark_conf.clone();
    let secret = |(key, name): (&String, &String)| (key.clone(), secrets::reference(&secrets::key(plan_hash, name)));
    conf.extend(settings.secret_conf.iter().map(secret));
    conf
}
