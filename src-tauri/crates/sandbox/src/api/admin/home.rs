//! A page for a person who opens the address in a browser.

use crate::state::{ADMIN, PILOT};
use crate::web::{SandboxState, html};
use axum::extract::State;
use axum::response::Html;

pub async fn page(State(state): State<SandboxState>) -> Html<String> {
    let open = state.metastore.lock().external_access;
    let counts = state.common.counts.payload();
    let (word, other) = if open { ("open", "Close") } else { ("closed", "Open") };
    html(
        "IceBridge sandbox",
        &format!(
            "<p>A Databricks-shaped workspace on this machine. Its tokens were printed where it was started. In a browser \
             you sign in without a password, as {PILOT} or {ADMIN}.</p>\
             <p>The governance gate (external data access on the metastore, EXTERNAL USE SCHEMA on <code>main</code>) is \
             <b id=gate>{word}</b>. <button id=turn>{other} it</button></p>\
             <p>Clusters started: {}. Runs started: {}. Requests: {}.</p>\
             <p>For tests: <code>GET /sandbox/state</code>, <code>/sandbox/counts</code>, <code>/sandbox/requests</code>; \
             <code>POST /sandbox/faults</code>, <code>/sandbox/settings</code>.</p>\
             <script>document.getElementById('turn').onclick = () => fetch('/sandbox/gate', {{method: 'POST', headers: \
             {{'Content-Type': 'application/json'}}, body: JSON.stringify({{open: {}}})}}).then(() => location.reload())\
             </script>",
            counts["clusters_started"], counts["runs_started"], counts["requests"], !open,
        ),
    )
}
