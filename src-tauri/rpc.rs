//! The one way from the page to the operations.

use crate::backend::Backend;
use crate::metrics::Served;
use crate::sandbox::Trial;
use icebridge_model::{Code, Error, Result};
use serde::Serialize;
use serde_json::Value;
use tauri::State;
use tauri::ipc::Response;

/// Carries out an operation of the model's list. The request comes as JSON text and the response goes as its bytes.
#[tauri::command]
pub async fn rpc(backend: State<'_, Backend>, op: String, payload: String) -> Result<Response> {
    let request: Value = serde_json::from_str(&payload)
        .map_err(|e| Error::invalid("the request is not JSON").about(&op).with_cause(e))?;
    let api = backend.api().await?;
    let response = tokio::select! {
        response = api.call(&op, request) => response?,
        () = backend.abandoned(&op) => return Err(Error::new(Code::Cancelled, "stopped").about(&op)),
    };
    let bytes =
        serde_json::to_vec(&response).map_err(|e| Error::internal("response to JSON").about(&op).with_cause(e))?;
    Ok(Response::new(bytes))
}

/// Stops an operation that may be dropped at any point; others end by themselves.
#[tauri::command]
pub async fn abandon(backend: State<'_, Backend>, op: String) -> Result<()> {
    backend.abandon(&op)
}

#[derive(Serialize)]
struct Launch {
    sample: bool,
    state_dir: String,
    /// The address of the sandbox that runs in this process.
    sandbox: Option<String>,
    /// Where metrics are served now.
    metrics: Option<String>,
    /// Whether they were asked for when the app was started.
    with_metrics: bool,
}

/// How the app was started. The sample is asked for once: a page that is loaded again does not make it again.
#[tauri::command]
pub async fn launch(backend: State<'_, Backend>, trial: State<'_, Trial>, served: State<'_, Served>) -> Result<String> {
    let launch = Launch {
        sample: backend.take_sample(),
        state_dir: backend.state_dir().display().to_string(),
        sandbox: trial.url().await,
        metrics: served.url().await,
        with_metrics: backend.metrics_address().is_some(),
    };
    serde_json::to_string(&launch).map_err(|e| Error::internal("launch to JSON").with_cause(e))
}
