//! The metrics of this process for a Prometheus on this machine, while a person wants them served.

use crate::backend::Backend;
use icebridge_model::{Error, Result};
use icebridge_telemetry::ServedMetrics;
use tauri::State;
use tokio::sync::Mutex;

/// As docs/metrics.md has it.
const USUAL: &str = "127.0.0.1:9464";

#[derive(Default)]
pub struct Served(Mutex<Option<ServedMetrics>>);

impl Served {
    pub async fn url(&self) -> Option<String> {
        self.0.lock().await.as_ref().map(ServedMetrics::url)
    }
}

/// Serves them, or finds that they are served, and says where. The address is that of `--metrics`, or the usual one.
#[tauri::command]
pub async fn metrics_serve(served: State<'_, Served>, backend: State<'_, Backend>) -> Result<String> {
    let mut held = served.0.lock().await;
    let url = match &*held {
        Some(served) => served.url(),
        None => {
            let address = backend.metrics_address().unwrap_or(USUAL);
            let started = ServedMetrics::start(address).await.map_err(|mut error| {
                // There is no field for another address in the window.
                error.hint = Some("Another program may listen there. Close it, or start `icebridge-desktop --metrics 127.0.0.1:PORT` with another port.".into());
                error
            })?;
            held.insert(started).url()
        }
    };
    serde_json::to_string(&url).map_err(|e| Error::internal("address to JSON").with_cause(e))
}

#[tauri::command]
pub async fn metrics_end(served: State<'_, Served>) -> Result<()> {
    served.0.lock().await.take();
    Ok(())
}
