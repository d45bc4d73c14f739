//! A first hour on a live workspace: every assumption that the sandbox cannot prove, tried with consent in a scratch schema that is
//! made for it and dropped afterwards. [`crate::examined`] has what was found for
//! the rest of the product.

mod bench;
mod iceberg;
pub(crate) mod leftovers;
mod runs;
mod statements;
mod unity;

use crate::LocalState;
use crate::examined::{Examination, Examined, WORKSPACE_EXAMINED};
use crate::ledger::body;
use crate::state::now;
use crate::workspaces::client;
use bench::Bench;
use icebridge_model::doctor::{DoctorReport, DoctorRequest};
use icebridge_model::ident::split_parts;
use icebridge_model::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Tries everything that the request allows. What goes wrong is a row of the report; an error: nothing could be tried.
pub async fn examine(local: &LocalState, request: &DoctorRequest, cancel: &CancellationToken) -> Result<DoctorReport> {
    if request.catalog.trim().is_empty() || request.catalog.contains('`') {
        return Err(Error::invalid("name the catalog in which a scratch schema may be made").about(&request.catalog));
    }
    if let Some(table) = &request.foreign_table
        && split_parts(table)?.len() != 3
    {
        return Err(Error::invalid("a foreign table is named catalog.schema.table").about(table));
    }
    let client = client(local, &request.workspace).await?;
    // Who cannot sign in is told so, and not by twenty rows.
    let me = client.me().await?;
    let metastore = client.metastore().await?;
    let mut bench = Bench::new(local, &client, request, me, cancel);
    let host = client.host().origin().to_string();
    let earlier = Examined::of(local, &request.workspace, &host).await?;
    bench.read = earlier.last_read(request.foreign_table.as_deref());
    unity::try_reading(&mut bench).await?;
    let (state, turn) = (local.store.identity().await?, leftovers::turn(&local.state_dir));
    leftovers::clear(&mut bench, &state, turn.is_some()).await?;
    if unity::make_scratch(&mut bench, &state).await? {
        statements::try_all(&mut bench).await?;
        iceberg::try_all(&mut bench).await?;
    }
    statements::try_foreign(&mut bench).await?;
    runs::try_all(&mut bench).await?;
    let left_behind = unity::drop_scratch(&mut bench).await;
    drop(turn);
    let report = DoctorReport {
        product_version: env!("CARGO_PKG_VERSION").into(),
        cloud: metastore.cloud,
        examined_at: now(),
        rows: bench.rows,
        left_behind,
    };
    let examination = Examination {
        workspace: request.workspace.clone(),
        host,
        catalog: request.catalog.clone(),
        read: bench.read,
        report,
    };
    local.store.append("", "", WORKSPACE_EXAMINED, body(&examination)?).await?;
    Ok(examination.report)
}
