//! A page for somebody who opens the address in a browser.

use crate::people::{ADMIN, PILOT};
use crate::world::{Shared, locked};
use axum::extract::State;
use axum::response::Html;

pub async fn page(State(world): State<Shared>) -> Html<String> {
    let open = locked(&world.unity).external_access;
    let counts = world.counts.show();
    let word = if open { "open" } else { "closed" };
    let other = if open { "Close" } else { "Open" };
    crate::oidc::html(
        "IceBridge sandbox",
        &format!(
            "<p>A Databricks-shaped workspace on this machine. Its tokens were printed where it was started. In a browser \
             one signs in without a password, as {PILOT} or {ADMIN}.</p>\
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
