//! What steps on clusters and examinations left in a workspace.

use super::found::{Found, Removal};
use crate::LocalState;
use crate::cluster::{Engine, Scripts, StepRecord, StepState, secrets};
use crate::doctor::leftovers;
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
    let mut plans = Vec::new();
    for plan in all_plans(local).await? {
        let target = local.store.catalog(&plan.plan.target).await;
        if target.is_ok_and(|spec| spec.kind == CatalogKind::Unity && spec.uri == workspace) {
            plans.push(plan);
        }
    }
    Ok(plans)
}

/// Steps whose job may be left, and whose catalog was removed since: nobody knows any more in which workspace.
pub(super) async fn without_catalog(local: &LocalState, found: &mut Found<'_>) -> Result<()> {
    for OnClusters { plan, steps, .. } in all_plans(local).await? {
        if local.store.catalog(&plan.target).await.is_ok() {
            continue;
        }
        for step in steps.iter().filter(|step| step.needs_job() && step.state != StepState::Cleared) {
            let why = format!("the catalog {} is not known any more: add it again", plan.target);
            found.stays((LeftoverKind::Job, &plan.target), step.run_name.as_str(), why);
        }
    }
    Ok(())
}

/// Those that have a step on clusters. A plan that cannot be read is left out: `icebridge status` names it.
async fn all_plans(local: &LocalState) -> Result<Vec<OnClusters>> {
    let (mut seen, mut plans) = (HashSet::new(), Vec::new());
    for record in local.store.runs().await? {
        if !seen.insert(record.plan_hash.clone()) {
            continue;
        }
        let steps: Vec<StepRecord> = local.store.cluster_steps(&record.plan_hash).await?;
        let plan = match plan_of(&record) {
            Ok(plan) if !steps.is_empty() => plan,
            _ => continue,
        };
        if let Some(settings) = plan.settings.photon.clone() {
            plans.push(OnClusters { plan, settings, steps });
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
                            engine.remove_own_job(step.clone()).await?;
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

    /// Others may use the same folder: they are told, and never removed.
    async fn scripts(&self, found: &mut Found<'_>) -> Result<()> {
        let of = (LeftoverKind::Scripts, self.name);
        let current = Scripts::embedded().hash();
        let steps = || self.plans.iter().flat_map(|one| &one.steps);
        let used: HashSet<&str> = steps().filter(|step| step.is_open()).map(|step| step.scripts.as_str()).collect();
        let all: BTreeSet<&str> = steps().map(|step| step.scripts.as_str()).filter(|path| !path.is_empty()).collect();
        for path in all.into_iter().filter(|path| !path.ends_with(&current) && !used.contains(path)) {
            match self.client.workspace_object(path).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    let why = "of another version; whoever runs that one needs them: remove them in the workspace if nobody does";
                    found.stays(of, path, why);
                }
                Err(error) => found.unseen(path, error),
            }
        }
        Ok(())
    }

    async fn scratch_schemas(&self, catalogs: &BTreeSet<String>, found: &mut Found<'_>) -> Result<()> {
        let of = (LeftoverKind::ScratchSchema, self.name);
        let state = self.local.store.identity().await?;
        for catalog in catalogs {
            let schemas: Result<Vec<_>> = self.client.schemas(catalog).try_collect().await;
            match schemas {
                Err(error) => found.unseen(&format!("{catalog} of {}", self.name), error),
                Ok(schemas) => {
                    for schema in schemas.iter().filter(|schema| leftovers::is_of(schema, &state)) {
                        let name = format!("{catalog}.{}", schema.name);
                        found.stays(of, name, "the next `icebridge workspace doctor` drops it");
                    }
                }
            }
        }
        Ok(())
    }
}
