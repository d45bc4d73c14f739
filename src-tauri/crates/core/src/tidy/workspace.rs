//! What steps on clusters and examinations left in a workspace.

use super::found::{Found, Removal};
use crate::LocalState;
use crate::cluster::{Engine, Scripts, StepRecord, StepState, secrets};
use crate::doctor;
use crate::ledger::plan_of;
use crate::workspaces;
use futures::TryStreamExt;
use icebridge_databricks::Client;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::photon::PhotonSettings;
use icebridge_model::plan::Plan;
use icebridge_model::tidy::LeftoverKind;
use icebridge_model::{Code, Result};
use std::collections::{BTreeSet, HashSet};

/// More files than the scripts of any version have.
const MOST_FILES: usize = 1000;

struct Workspace<'a> {
    local: &'a LocalState,
    client: Client,
    name: &'a str,
    plans: Vec<OnClusters>,
}

/// A plan of which tables were given to clusters of the workspace.
struct OnClusters {
    plan: Plan,
    settings: PhotonSettings,
    steps: Vec<StepRecord>,
}

pub(super) async fn tidy(local: &LocalState, name: &str, is_at_work: bool, found: &mut Found<'_>) -> Result<()> {
    let plans = plans(local, name).await?;
    let catalogs = catalogs(local, name).await?;
    if plans.is_empty() && catalogs.is_empty() {
        return Ok(());
    }
    let client = match workspaces::client(local, name).await {
        Ok(client) => client,
        Err(error) => {
            found.unseen(name, error);
            return Ok(());
        }
    };
    let workspace = Workspace { local, client, name, plans };
    let looked = async {
        workspace.jobs(is_at_work, found).await?;
        workspace.secrets(found).await?;
        workspace.scripts(found).await?;
        workspace.scratch_schemas(&catalogs, found).await
    };
    match looked.await {
        Err(error) if error.code != Code::Cancelled => found.unseen(name, error),
        other => other?,
    }
    Ok(())
}

async fn plans(local: &LocalState, workspace: &str) -> Result<Vec<OnClusters>> {
    let (mut seen, mut plans) = (HashSet::new(), Vec::new());
    for record in local.store.runs().await? {
        if !seen.insert(record.plan_hash.clone()) {
            continue;
        }
        let steps: Vec<StepRecord> = local.store.cluster_steps(&record.plan_hash).await?;
        if steps.is_empty() {
            continue;
        }
        let plan = plan_of(&record)?;
        let Some(settings) = plan.settings.photon.clone() else { continue };
        // A catalog that was removed since tells no workspace any more.
        match local.store.catalog(&plan.target).await {
            Ok(spec) if spec.kind == CatalogKind::Unity && spec.uri == workspace => {
                plans.push(OnClusters { plan, settings, steps });
            }
            _ => {}
        }
    }
    Ok(plans)
}

/// The workspace's catalogs that are sources or targets here.
async fn catalogs(local: &LocalState, workspace: &str) -> Result<BTreeSet<String>> {
    let all = local.store.catalogs().await?;
    let of = all.into_iter().filter(|spec| spec.kind == CatalogKind::Unity && spec.uri == workspace);
    Ok(of.map(|spec| spec.warehouse).filter(|name| !name.is_empty()).collect())
}

impl OnClusters {
    fn is_open(&self) -> bool {
        self.steps.iter().any(StepRecord::is_open)
    }
}

impl Workspace<'_> {
    async fn jobs(&self, is_at_work: bool, found: &mut Found<'_>) -> Result<()> {
        let of = (LeftoverKind::Job, self.name);
        for OnClusters { settings, steps, .. } in &self.plans {
            let engine = Engine::new(self.client.clone(), self.local.store.clone(), settings.clone())?;
            for step in steps.iter().filter(|step| step.needs_job()) {
                let name = step.run_name.as_str();
                match step.state {
                    StepState::Cleared | StepState::Intended => {}
                    _ if is_at_work => found.stays(of, name, "another IceBridge is at work in this state folder"),
                    StepState::Over => {
                        let removal = async {
                            engine.remove_job(step.clone()).await?;
                            Ok(Removal::Done)
                        };
                        found.remove(of, name, "its step is over", removal).await?;
                    }
                    StepState::Prepared | StepState::JobMade | StepState::Started => {
                        let why = format!("its step is open: `icebridge run --resume {}` follows it", step.run_id);
                        found.stays(of, name, why);
                    }
                }
            }
        }
        Ok(())
    }

    async fn secrets(&self, found: &mut Found<'_>) -> Result<()> {
        let of = (LeftoverKind::Secrets, self.name);
        let owner = self.local.store.identity().await?;
        let lent = self.plans.iter().filter(|one| !one.settings.secret_conf.is_empty());
        let scopes: HashSet<String> = match self.client.secret_scopes().await {
            Ok(scopes) => scopes.into_iter().map(|scope| scope.name).collect(),
            Err(error) => {
                found.unseen(&format!("secret scopes of {}", self.name), error);
                return Ok(());
            }
        };
        for one in lent {
            let scope = secrets::scope(&one.plan.hash, &owner);
            if !scopes.contains(&scope) {
                continue;
            }
            if one.is_open() {
                found.stays(of, scope, "a cluster may be at work with them");
            } else if one.settings.keep_secrets {
                found.stays(of, scope, "the plan's setting keep_secrets keeps them");
            } else {
                let names: Vec<String> = one.settings.secret_conf.values().cloned().collect();
                let removal = async {
                    secrets::remove(&self.client, &scope, &names).await?;
                    let left = self.client.secret_scopes().await?.iter().any(|one| one.name == scope);
                    Ok(match left {
                        true => Removal::Stays("somebody else has put secrets into it".into()),
                        false => Removal::Done,
                    })
                };
                found.remove(of, scope.clone(), "no cluster of the plan is at work", removal).await?;
            }
        }
        Ok(())
    }

    async fn scripts(&self, found: &mut Found<'_>) -> Result<()> {
        if self.plans.is_empty() {
            return Ok(());
        }
        let of = (LeftoverKind::Scripts, self.name);
        let own = format!("/Workspace/Users/{}/icebridge", self.client.me().await?.user_name);
        let chosen = self.plans.iter().filter_map(|one| one.settings.scripts_folder.as_deref());
        let folders: BTreeSet<String> =
            chosen.map(|folder| folder.trim_end_matches('/').to_owned()).chain([own]).collect();
        let wanted = Scripts::embedded().hash();
        let used: HashSet<&str> = self
            .plans
            .iter()
            .flat_map(|one| &one.steps)
            .filter(|step| step.is_open())
            .map(|step| step.scripts.as_str())
            .collect();
        for folder in folders {
            for child in self.client.workspace_children(&folder).await? {
                let hash = child.name();
                if !child.is_folder() || !is_hash(hash) || hash == wanted {
                    continue;
                }
                let path = format!("{folder}/{hash}");
                if used.contains(path.as_str()) {
                    found.stays(of, path, "a cluster may be at work with them");
                } else {
                    let removal = self.remove_scripts(&path, hash);
                    found.remove(of, path.as_str(), "of another version of IceBridge", removal).await?;
                }
            }
        }
        Ok(())
    }

    /// Their folder is named by what they are: only what hashes to the name is removed.
    async fn remove_scripts(&self, folder: &str, hash: &str) -> Result<Removal> {
        let stays = || Ok(Removal::Stays("it holds more, or less, than the scripts that it is named by".into()));
        // By their path below the folder, each beginning with a slash.
        let (mut files, mut left) = (Vec::new(), vec![String::new()]);
        while let Some(at) = left.pop() {
            for child in self.client.workspace_children(&format!("{folder}{at}")).await? {
                let name = format!("{at}/{}", child.name());
                if child.is_folder() {
                    left.push(name);
                } else if child.is_file() {
                    files.push(name);
                } else {
                    return stays();
                }
            }
            if files.len() + left.len() > MOST_FILES {
                return stays();
            }
        }
        let mut contents = Vec::new();
        for file in files {
            let content = self.client.export_file(&format!("{folder}{file}")).await?;
            let name = file.trim_start_matches('/').to_owned();
            if name != Scripts::ALL_THERE {
                contents.push((name, content));
            }
        }
        if Scripts::new(contents).hash() != hash {
            return stays();
        }
        self.client.delete_workspace_folder(folder).await?;
        Ok(Removal::Done)
    }

    async fn scratch_schemas(&self, catalogs: &BTreeSet<String>, found: &mut Found<'_>) -> Result<()> {
        let of = (LeftoverKind::ScratchSchema, self.name);
        let state = self.local.store.identity().await?;
        let turn = doctor::leftovers::turn(&self.local.state_dir);
        for catalog in catalogs {
            let schemas: Result<Vec<_>> = self.client.schemas(catalog).try_collect().await;
            let schemas = match schemas {
                Ok(schemas) => schemas,
                Err(error) => {
                    found.unseen(&format!("{catalog} of {}", self.name), error);
                    continue;
                }
            };
            for schema in schemas.iter().filter(|schema| doctor::leftovers::is_scratch(schema)) {
                let name = format!("{catalog}.{}", schema.name);
                if !doctor::leftovers::is_of(schema, &state) {
                    found.stays(of, name, "another IceBridge made it");
                } else if turn.is_none() {
                    found.stays(of, name, "an examination is at work");
                } else {
                    let removal = async {
                        self.client.drop_schema(catalog, &schema.name).await?;
                        Ok(Removal::Done)
                    };
                    found.remove(of, name, "of an examination that was ended in the middle", removal).await?;
                }
            }
        }
        Ok(())
    }
}

fn is_hash(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
