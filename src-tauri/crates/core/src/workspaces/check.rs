//! Who is signed in to a workspace, and to what.

use super::reach::reach;
use crate::LocalState;
use icebridge_databricks::Cloud;
use icebridge_model::Result;
use icebridge_model::databricks::{WorkspaceSpec, WorkspaceStatus};

/// What goes wrong is part of the answer, because a list of workspaces shows it beside each.
pub async fn check(local: &LocalState, name: &str) -> Result<WorkspaceStatus> {
    let spec = local.store.workspace(name).await?;
    let mut status = WorkspaceStatus { name: name.to_string(), host: spec.host.clone(), ..WorkspaceStatus::default() };
    if let Err(error) = ask(local, &spec, &mut status).await {
        status.error = Some(error.about(name).or_usual_hint());
    }
    Ok(status)
}

async fn ask(local: &LocalState, spec: &WorkspaceSpec, status: &mut WorkspaceStatus) -> Result<()> {
    let reached = reach(local, spec).await?;
    status.from.clone_from(&reached.from);
    let host = reached.configuration.host.clone();
    status.host = host.origin().to_string();
    status.cloud = host.cloud().map(|cloud| {
        match cloud {
            Cloud::Aws => "aws",
            Cloud::Azure => "azure",
            Cloud::Gcp => "gcp",
        }
        .to_string()
    });
    let client = reached.client(local, spec)?;
    let me = client.me().await?;
    status.signed_in = true;
    status.principal = Some(me.user_name.clone());
    status.groups = me.groups.iter().filter_map(|group| group.display.clone()).collect();
    let metastore = client.metastore().await?;
    status.external_access = metastore.external_access_enabled;
    status.cloud = status.cloud.take().or(metastore.cloud);
    status.metastore = Some(metastore.name);
    Ok(())
}
