//! A workspace to try things with: the program icebridge-sandbox, started on request, one at most, ended with the app.
//!
//! It listens on this machine alone, with its gate open, and is saved as a workspace that is signed in. What it is and what it
//! lacks is in docs/sandbox.md.

use crate::backend::Backend;
use icebridge_api::{Api, Operations, SandboxProcess};
use icebridge_model::databricks::{SaveWorkspace, SignInMethod, WorkspaceSpec};
use icebridge_model::{Code, Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use tauri::State;
use tokio::sync::Mutex;

/// The name of its workspace; the page knows it too.
const NAME: &str = "sandbox";
/// Foreign tables beside the few of each kind: enough to search and scroll in, and read in a moment.
const TABLES: &str = "500";

#[derive(Default)]
pub struct Trial(Mutex<Option<SandboxProcess>>);

#[derive(Serialize)]
struct Started {
    url: String,
    workspace: WorkspaceSpec,
}

impl Trial {
    /// The address of the one that runs.
    pub async fn url(&self) -> Option<String> {
        let mut held = self.0.lock().await;
        let sandbox = held.as_mut()?;
        sandbox.is_running().then(|| sandbox.sign_in.url.clone())
    }

    /// With every process it started and its temporary folder.
    pub async fn end(&self) {
        if let Some(sandbox) = self.0.lock().await.take() {
            sandbox.end().await;
        }
    }
}

/// Starts it, or finds the one that runs, and saves it as a workspace.
#[tauri::command]
pub async fn sandbox_start(trial: State<'_, Trial>, backend: State<'_, Backend>) -> Result<String> {
    let api = backend.api().await?;
    let mut held = trial.0.lock().await;
    if held.as_mut().is_some_and(|sandbox| !sandbox.is_running()) {
        *held = None;
    }
    let sandbox = match &mut *held {
        Some(running) => running,
        none => {
            let arguments = ["--port", "0", "--tables", TABLES, "--gate-open"].map(OsString::from);
            none.insert(SandboxProcess::start(&arguments).await?)
        }
    };
    let started = Started { url: sandbox.sign_in.url.clone(), workspace: save(&api, sandbox).await? };
    serde_json::to_string(&started).map_err(|e| Error::internal("sandbox to JSON").with_cause(e))
}

/// With the token that it made up for this start. Where there is no keychain for the token, one signs in on its page.
async fn save(api: &Api, sandbox: &SandboxProcess) -> Result<WorkspaceSpec> {
    let spec = |sign_in: SignInMethod| WorkspaceSpec {
        name: NAME.into(),
        host: sandbox.sign_in.url.clone(),
        account_id: None,
        workspace_id: None,
        sign_in,
        ca_file: None,
        proxy: None,
        secrets: Vec::new(),
    };
    let secrets = BTreeMap::from([("token".to_owned(), sandbox.sign_in.token.clone())]);
    let saved = api.workspace_save(SaveWorkspace { spec: spec(SignInMethod::Token), secrets }).await;
    match saved {
        Err(error) if error.code == Code::KeychainUnavailable => {
            let spec = spec(SignInMethod::Browser { client_id: None });
            api.workspace_save(SaveWorkspace { spec, secrets: BTreeMap::new() }).await
        }
        saved => saved,
    }
}

#[tauri::command]
pub async fn sandbox_end(trial: State<'_, Trial>) -> Result<()> {
    trial.end().await;
    Ok(())
}
