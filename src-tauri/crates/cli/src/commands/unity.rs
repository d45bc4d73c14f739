//! The tables of Unity Catalog: reading and listing them.

use super::run::stop_on_interrupt;
use super::workspace::first_sign_in;
use crate::arguments::UnityCommand;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::progress::Live;
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::databricks::{TableKind, UnityListRequest, UnityPage, UnityRequest, UnitySummary};

pub async fn run(api: &Api, command: UnityCommand, output: &Output) -> Result<Ended> {
    match command {
        UnityCommand::Refresh { workspace, catalog, grants_and_tags, first } => {
            first_sign_in(api, &workspace, first, output).await?;
            let request = UnityRequest { workspace, catalogs: catalog, grants_and_tags };
            let live = Live::show(*output, api.events());
            let summary = stop_on_interrupt(api, api.unity_refresh(request)).await;
            live.end().await;
            let summary = summary?;
            output.result(&summary, told)?;
            Ok(Ended::done_if(summary.failed.is_empty()))
        }
        UnityCommand::List { workspace, kind, search, offset, limit } => {
            let kind = kind.as_deref().and_then(TableKind::parse);
            let request = UnityListRequest { workspace, kind, search, offset, limit };
            let page = api.unity_list(request.clone()).await?;
            output.result(&page, |page| list(page, &request))?;
            Ok(Ended::Done)
        }
    }
}

fn told(summary: &UnitySummary) -> String {
    let mut grid = Grid::new(&["kind", ">tables"]);
    for (kind, count) in [
        (TableKind::ForeignIceberg, summary.foreign_iceberg),
        (TableKind::ManagedIceberg, summary.managed_iceberg),
        (TableKind::SnowflakeOverJdbc, summary.snowflake_over_jdbc),
        (TableKind::OtherForeign, summary.other_foreign),
        (TableKind::Delta, summary.delta),
        (TableKind::View, summary.views),
        (TableKind::Other, summary.other),
    ] {
        if count > 0 {
            grid.row([kind.text().to_string(), words::number(count as u64)]);
        }
    }
    let mut text = format!(
        "{} in {} of {}{}: {} read, {} as before, {} gone\n{grid}",
        words::count(summary.tables, "table", "tables"),
        words::count(summary.catalogs, "catalog", "catalogs"),
        summary.workspace,
        if summary.resumed { " (taken up where it was)" } else { "" },
        words::number(summary.read as u64),
        words::number(summary.unchanged as u64),
        words::number(summary.removed as u64),
    );
    for failed in &summary.failed {
        text.push_str(&format!(
            "{} could not be listed: {} [{}]\n",
            failed.object, failed.error.message, failed.error.code
        ));
    }
    text
}

fn list(page: &UnityPage, request: &UnityListRequest) -> String {
    if page.total == 0 {
        return match page.refreshed_at {
            Some(_) => "no such tables".into(),
            None => format!("no tables yet; read them with: icebridge unity refresh {}", request.workspace),
        };
    }
    let mut grid = Grid::new(&["table", "kind", "format", ">columns", "owner", "comment"]);
    for row in &page.rows {
        grid.row([
            row.full_name.clone(),
            row.kind_text.clone(),
            row.format.clone().unwrap_or_default(),
            row.columns.to_string(),
            row.owner.clone().unwrap_or_default(),
            row.comment.clone().unwrap_or_default(),
        ]);
    }
    let shown = request.offset + page.rows.len();
    let more = if shown < page.total {
        format!("{shown} of {}; go on with --offset {shown}\n", page.total)
    } else {
        String::new()
    };
    format!("{grid}{more}")
}
