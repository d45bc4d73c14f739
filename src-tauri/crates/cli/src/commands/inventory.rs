//! Taking the inventory.

use super::run::stop_on_interrupt;
use crate::ended::Ended;
use crate::output::{Output, words};
use crate::progress::Live;
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::ops::{InventoryRequest, InventorySummary};

pub async fn refresh(api: &Api, request: InventoryRequest, output: &Output) -> Result<Ended> {
    let summary = take(api, request, output).await?;
    output.result(&summary, told)?;
    Ok(Ended::done_if(summary.tables == 0 || summary.problems < summary.tables))
}

pub async fn take(api: &Api, request: InventoryRequest, output: &Output) -> Result<InventorySummary> {
    let live = Live::show(*output, api.events());
    let summary = stop_on_interrupt(api, api.inventory_refresh(request)).await;
    live.end().await;
    summary
}

pub fn told(summary: &InventorySummary) -> String {
    let problems = match summary.problems {
        0 => String::new(),
        n => format!(
            "; {} could not be read, see: icebridge tables {}",
            words::count(n, "table", "tables"),
            summary.source
        ),
    };
    format!(
        "{} in {}: {} rows, {}{problems}",
        words::count(summary.tables, "table", "tables"),
        summary.source,
        words::number(summary.rows),
        words::bytes(summary.bytes)
    )
}
