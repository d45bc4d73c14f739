//! What the copies run on, out of what the workspace offers.

use super::record::{Compute, short};
use super::secrets;
use icebridge_databricks::clusters::{
    Access, Autoscale, ClusterPolicy, ClusterSpec, Machines, NodeType, PhotonCluster, RuntimeChoice, SparkVersion,
    choose_node, choose_runtime, photon_cluster,
};
use icebridge_databricks::{Client, Cloud};
use icebridge_model::photon::{AccessMode, ClusterCopy, ComputeChoice, ComputeWay, PhotonSettings, TAG_PLAN, TAG_RUN};
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// From this runtime on, deletion vectors of foreign tables are read and format version 3 is written.
const FORMAT_3: (u32, u32) = (18, 0);

/// What the workspace offers, asked for once.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub node_types: Vec<NodeType>,
    pub spark_versions: Vec<SparkVersion>,
    pub cloud: Option<Cloud>,
    /// The rules of the policy that the settings name.
    pub policy: Option<ClusterPolicy>,
}

impl Offer {
    pub async fn of(client: &Client, settings: &PhotonSettings) -> Result<Self> {
        let policy = match &settings.policy {
            // One that is not shown is still kept to by the workspace, which refuses what does not fit.
            Some(id) => match client.cluster_policy(id).await {
                Err(error) if error.code == Code::AccessDenied => None,
                found => found?,
            },
            None => None,
        };
        Ok(Self {
            node_types: client.node_types().await?,
            spark_versions: client.spark_versions().await?,
            cloud: cloud(client).await,
            policy,
        })
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
        let at_least = if needs_format_3 { FORMAT_3 } else { RuntimeChoice::default().at_least };
        let lts = choose_runtime(&self.spark_versions, RuntimeChoice { at_least, lts: true });
        let chosen = lts.or_else(|_| choose_runtime(&self.spark_versions, RuntimeChoice { at_least, lts: false }));
        Ok(chosen?.key.clone())
    }

    fn machines(&self, settings: &PhotonSettings) -> Result<Machines> {
        let fixed = self.policy.as_ref().and_then(|policy| policy.fixed("instance_pool_id")).and_then(Value::as_str);
        if let Some(workers) = settings.pool.as_deref().or(fixed) {
            return Ok(Machines::Pool { workers: workers.to_owned(), driver: settings.driver_pool.clone() });
        }
        let node = self.node(settings)?;
        Ok(Machines::Kind { node_type: node.node_type_id.clone(), bare: !node.has_disks() })
    }
}

/// As the metastore says it: an address that several clouds share does not. A workspace that does not say it is asked for
/// machines without the settings that only one cloud has.
pub async fn cloud(client: &Client) -> Option<Cloud> {
    let told = client.metastore().await.ok().and_then(|metastore| metastore.cloud);
    match told.map(|cloud| cloud.to_ascii_lowercase()).as_deref() {
        Some("aws") => Some(Cloud::Aws),
        Some("azure") => Some(Cloud::Azure),
        Some("gcp") => Some(Cloud::Gcp),
        _ => client.host().cloud(),
    }
}

/// The settings as the workspace allows them, with what it offers. Their `compute` is what is asked for first: `Automatic` is
/// left where serverless compute has to be tried. Where a catalog of the order is on default storage, or where there are no
/// clusters at all, the tables are copied on serverless compute.
pub(super) async fn allowed(
    client: &Client,
    settings: &PhotonSettings,
    catalogs: &[String],
) -> Result<(PhotonSettings, Offer)> {
    let with = |compute| PhotonSettings { compute, ..settings.clone() };
    let way = settings.way();
    if matches!(way, ComputeWay::Serverless(_)) {
        return Ok((settings.clone(), Offer::default()));
    }
    let reason = match on_default_storage(client, catalogs).await {
        Some(reason) => reason,
        None => match Offer::of(client, settings).await {
            Ok(offer) if !offer.node_types.is_empty() => {
                let classic = matches!(way, ComputeWay::Classic(_));
                return Ok((with(if classic { ComputeChoice::Classic } else { ComputeChoice::Automatic }), offer));
            }
            Ok(_) => "the workspace offers no machines for clusters".to_owned(),
            // Who may not make clusters may perhaps use serverless compute.
            Err(error) if error.code == Code::Unsupported => error.to_string(),
            // No two workspaces without clusters refuse to list machines in the same words.
            Err(error)
                if way == ComputeWay::Try
                    && matches!(error.code, Code::AccessDenied | Code::WorkspaceRefused | Code::ObjectNotFound) =>
            {
                error.to_string()
            }
            Err(error) => return Err(error),
        },
    };
    if settings.needs_clusters() {
        return Err(Error::new(
            Code::Unsupported,
            "these settings need clusters, and serverless compute has to be used",
        )
        .with_hint("Take machines, policy, runtime and Spark's settings out of the plan's settings.")
        .with_cause_text(reason));
    }
    tracing::info!(reason, "the tables are copied on serverless compute");
    Ok((with(ComputeChoice::Serverless), Offer::default()))
}

async fn on_default_storage(client: &Client, catalogs: &[String]) -> Option<String> {
    for name in catalogs {
        let found = client.catalog(name).await;
        if let Ok(Some(catalog)) = found
            && catalog.is_on_default_storage()
        {
            return Some(format!("the catalog {name} is on default storage, which only serverless compute reaches"));
        }
    }
    None
}

/// Whom the compute is for: its tags, and its user where the settings name none.
pub(super) struct Owner<'a> {
    pub plan_hash: &'a str,
    pub run_id: &'a str,
    /// The principal that is signed in.
    pub user: &'a str,
    /// Where its secrets are.
    pub secret_scope: &'a str,
}

/// For these tables: what is asked for, and what in its place if the workspace does not offer that.
pub(super) fn compute(
    offer: &Offer,
    settings: &PhotonSettings,
    tables: &[&ClusterCopy],
    owner: &Owner<'_>,
) -> Result<(Compute, Option<Box<ClusterSpec>>)> {
    let serverless = || Compute::Serverless {
        budget_policy: settings.budget_policy.clone(),
        performance_target: settings.performance_target.clone(),
    };
    match settings.compute {
        ComputeChoice::Serverless => Ok((serverless(), None)),
        ComputeChoice::Classic => Ok((Compute::Cluster(Box::new(cluster(offer, settings, tables, owner)?)), None)),
        ComputeChoice::Automatic => match cluster(offer, settings, tables, owner) {
            Ok(spec) => Ok((serverless(), Some(Box::new(spec)))),
            Err(error) => {
                tracing::info!(%error, "no cluster could take the place of serverless compute");
                Ok((serverless(), None))
            }
        },
    }
}

fn cluster(
    offer: &Offer,
    settings: &PhotonSettings,
    tables: &[&ClusterCopy],
    owner: &Owner<'_>,
) -> Result<ClusterSpec> {
    let mut tags: BTreeMap<String, String> = settings.tags.clone();
    tags.insert(TAG_PLAN.into(), short(owner.plan_hash).to_owned());
    tags.insert(TAG_RUN.into(), owner.run_id.to_owned());
    let needs_format_3 =
        tables.iter().any(|table| table.format_version >= 3 || table.deletion_vectors.is_some_and(|count| count > 0));
    let mut spec = photon_cluster(PhotonCluster {
        spark_version: offer.runtime(settings, needs_format_3)?,
        machines: offer.machines(settings)?,
        workers: Autoscale { min_workers: settings.min_workers, max_workers: settings.max_workers },
        cloud: offer.cloud,
        spot: settings.spot,
        access: match settings.access_mode {
            AccessMode::Standard => Access::Standard,
            // A cluster of one principal runs the jobs of that principal alone.
            AccessMode::Dedicated => Access::Dedicated(Some(
                settings.single_user.as_deref().or(settings.run_as.as_deref()).unwrap_or(owner.user).to_owned(),
            )),
        },
        instance_profile: settings.instance_profile.clone(),
        policy_id: settings.policy.clone(),
        tags,
        logs: settings.logs.clone(),
    })?;
    spec.spark_conf = spark_conf(settings, owner.secret_scope);
    if let Some(policy) = &offer.policy {
        spec = policy.fit(spec)?;
    }
    Ok(spec)
}

/// Secrets only as references: the cluster reads them when it starts, and neither the record nor the request holds one.
fn spark_conf(settings: &PhotonSettings, secret_scope: &str) -> BTreeMap<String, String> {
    let mut conf = settings.spark_conf.clone();
    let secret = |(key, name): (&String, &String)| (key.clone(), secrets::reference(secret_scope, name));
    conf.extend(settings.secret_conf.iter().map(secret));
    conf
}
