//! Scripts and inputs, put where the cluster finds them. Each is named by its content or its step: what is there already is
//! not written again.

use super::input;
use super::patience::Patience;
use super::record::{JobKind, StepRecord};
use super::scripts::Scripts;
use bytes::Bytes;
use icebridge_databricks::Client;
use icebridge_model::Result;
use icebridge_model::photon::PhotonSettings;
use tokio_util::sync::CancellationToken;

/// Written last: with it, all others are there.
const ALL_THERE: &str = "uploaded.txt";

/// Returns the folder. The import makes the folders above a file itself, and its AUTO form makes a notebook of what begins
/// like one; both are in the client.
pub(super) async fn scripts(
    client: &Client,
    scripts: &Scripts,
    settings: &PhotonSettings,
    patience: &Patience<'_>,
    cancel: &CancellationToken,
) -> Result<String> {
    let above = match &settings.scripts_folder {
        Some(folder) => folder.trim_end_matches('/').to_owned(),
        None => {
            let me = patience.ask(Some(cancel), || client.me()).await?;
            format!("/Workspace/Users/{}/icebridge", me.user_name)
        }
    };
    let folder = format!("{above}/{}", scripts.hash());
    let mark = format!("{folder}/{ALL_THERE}");
    if patience.ask(Some(cancel), || client.workspace_object(&mark)).await?.is_some() {
        return Ok(folder);
    }
    // An upload that was broken off is gone on with.
    let begun = patience.ask(Some(cancel), || client.workspace_object(&folder)).await?.is_some();
    for (name, content) in scripts.files() {
        let path = format!("{folder}/{name}");
        if begun && is_there(client, &path, content.len(), patience, cancel).await? {
            continue;
        }
        patience.ask(Some(cancel), || client.import_file(&path, content)).await?;
    }
    let mark_text = format!("The scripts of IceBridge {}, whole.\n", env!("CARGO_PKG_VERSION"));
    patience.ask(Some(cancel), || client.import_file(&mark, mark_text.as_bytes())).await?;
    Ok(folder)
}

async fn is_there(
    client: &Client,
    path: &str,
    length: usize,
    patience: &Patience<'_>,
    cancel: &CancellationToken,
) -> Result<bool> {
    let there = patience.ask(Some(cancel), || client.workspace_object(path)).await?;
    // Where the workspace gives no size, it is written again.
    Ok(there.and_then(|object| object.size).is_some_and(|size| usize::try_from(size) == Ok(length)))
}

/// The inputs of a step's tasks.
pub(super) async fn inputs(
    client: &Client,
    record: &StepRecord,
    settings: &PhotonSettings,
    patience: &Patience<'_>,
    cancel: &CancellationToken,
) -> Result<()> {
    for lane in &record.lanes {
        let input = match record.job {
            JobKind::BulkCopy => input::bulk_copy(lane, &record.plan_hash, settings)?,
            JobKind::IncrementalSync => input::incremental_sync(lane, &record.plan_hash)?,
        };
        let mut files = vec![(&lane.input_path, input)];
        if let Some(check) = &lane.check {
            files.push((&check.input_path, input::gx_runner(lane, check, &record.plan_hash)?));
        }
        for (path, content) in files {
            let content = Bytes::from(content);
            let there = patience.ask(Some(cancel), || client.file_size(path)).await?;
            if there == Some(content.len() as u64) {
                continue;
            }
            if let Some((folder, _)) = path.rsplit_once('/') {
                patience.ask(Some(cancel), || client.make_directory(folder)).await?;
            }
            patience.ask(Some(cancel), || client.put_file(path, content.clone())).await?;
        }
    }
    Ok(())
}
