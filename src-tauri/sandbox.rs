//! A workspace to try things with, in this process: started when it is asked for, one at most, gone with the app.
//!
//! It listens on this machine alone. What it is and what it lacks is in docs/sandbox.md.

use icebridge_model::{Error, Result};
use icebridge_sandbox::{Config, Sandbox};
use serde::Serialize;
use tauri::State;
use tokio::sync::Mutex;

/// Foreign tables beside the few of each kind: enough to search and scroll in, and read in a moment.
const TABLES: u32 = 500;

#[derive(Default)]
pub struct Trial(Mutex<Option<Sandbox>>);

/// Nothing of it is a secret: one signs in on its page, without a password.
#[derive(Serialize)]
struct Told {
    url: String,
}

impl Trial {
    /// The address of the one that runs.
    pub async fn url(&self) -> Option<String> {
        self.0.lock().await.as_ref().map(Sandbox::url)
    }

    /// With every process it started and its temporary folder.
    pub async fn end(&self) {
        drop(self.0.lock().await.take());
    }
}

/// Starts it, or tells of the one that runs.
#[tauri::command]
pub async fn sandbox_start(trial: State<'_, Trial>) -> Result<String> {
    let mut held = trial.0.lock().await;
    let sandbox = match &mut *held {
        Some(running) => running,
        none => none.insert(Sandbox::start(Config { tables: TABLES, ..Config::default() }).await?),
    };
    serde_json::to_string(&Told { url: sandbox.url() }).map_err(|e| Error::internal("sandbox to JSON").with_cause(e))
}

#[tauri::command]
pub async fn sandbox_end(trial: State<'_, Trial>) -> Result<()> {
    trial.end().await;
    Ok(())
}
