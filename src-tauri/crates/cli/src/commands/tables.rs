//! A view of tables, as the window asks for it.

use crate::arguments::{RouteArgs, TablesArgs};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use crate::route::{route, source};
use icebridge_api::{Api, Operations};
use icebridge_model::Result;
use icebridge_model::ops::{Named, PathRequest};
use icebridge_model::view::{Column, Kind, PAGE_LIMIT, Scope, Sort, ViewPage, ViewRequest, columns};

/// Left out where nobody asks for them: they are in others, or too long for a line.
const NOT_SHOWN: [&str; 6] = ["namespace", "has_deletes", "partitioning", "reason", "message", "method"];

pub async fn list(api: &Api, arguments: TablesArgs, output: &Output) -> Result<Ended> {
    if arguments.facts {
        let name = source(api, arguments.source.as_ref()).await?;
        let rows = api.inventory_list(Named { name }).await?;
        output.result(&rows, |rows| {
            rows.iter().map(|row| format!("{}\n", serde_json::to_string(row).unwrap_or_default())).collect()
        })?;
        return Ok(Ended::Done);
    }
    let scope = scope(api, &arguments).await?;
    let kind = scope.kind();
    let mut request = ViewRequest {
        filter: arguments.filter,
        search: arguments.search,
        sort: arguments.sort.iter().map(|sort| Sort::parse(sort)).collect::<Result<_>>()?,
        group: arguments.group,
        columns: arguments.columns,
        offset: arguments.offset,
        sums: true,
        ..ViewRequest::of(scope)
    };
    let wanted = if arguments.count { 0 } else { arguments.limit.unwrap_or(usize::MAX) };
    let page = pages(api, &mut request, wanted).await?;
    let shown: Vec<&Column> = match request.columns.as_slice() {
        [] => columns::of(kind).iter().copied().filter(|column| !NOT_SHOWN.contains(&column.name)).collect(),
        names => names.iter().map(|name| kind.column(name)).collect::<Result<_>>()?,
    };
    output.result(&page, |page| written(page, &shown, request.group.as_deref(), wanted))?;
    Ok(Ended::Done)
}

/// As many rows as are wanted, page by page.
async fn pages(api: &Api, request: &mut ViewRequest, wanted: usize) -> Result<ViewPage> {
    request.limit = wanted.min(PAGE_LIMIT);
    let mut page = api.tables_view(request.clone()).await?;
    // Counted once.
    let mut next = ViewRequest { sums: false, group: None, ..request.clone() };
    while page.rows.len() < wanted && request.offset + page.rows.len() < page.matching {
        next.offset = request.offset + page.rows.len();
        next.limit = (wanted - page.rows.len()).min(PAGE_LIMIT);
        let more = api.tables_view(next.clone()).await?.rows;
        if more.is_empty() {
            break;
        }
        page.rows.extend(more);
    }
    Ok(page)
}

async fn scope(api: &Api, arguments: &TablesArgs) -> Result<Scope> {
    if let Some(run_id) = &arguments.run {
        return Ok(Scope::Run { run_id: run_id.as_str().into() });
    }
    if let Some(plan) = &arguments.plan {
        let plan = api.plan_read(PathRequest { path: path_text(plan)? }).await?;
        return Ok(Scope::Plan { plan_hash: plan.hash });
    }
    if !arguments.mapping && !arguments.preflight {
        return Ok(Scope::Inventory { source: source(api, arguments.source.as_ref()).await? });
    }
    let wanted = RouteArgs { source: arguments.source.clone(), target: arguments.target.clone() };
    let route = route(api, &wanted).await?;
    Ok(if arguments.mapping { Scope::Mapping { route, mapping: None } } else { Scope::Preflight { route } })
}

fn written(page: &ViewPage, shown: &[&Column], group: Option<&str>, wanted: usize) -> String {
    if page.total == 0 {
        return "no tables; take the inventory, the pre-flight or the plan first".into();
    }
    let mut text = String::new();
    if wanted > 0 {
        let headings: Vec<String> = shown.iter().map(|column| heading(column)).collect();
        let mut grid = Grid::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
        for row in &page.rows {
            grid.row(shown.iter().map(|column| row.display(column)));
        }
        text.push_str(&format!("{grid}\n"));
    }
    if let Some(group) = group {
        text.push_str(&format!("{}\n", groups(page, group)));
    }
    let sums: Vec<String> = page.sums.iter().map(|(name, sum)| format!("{name} {}", amount(name, *sum))).collect();
    let count = words::count(page.total, "table", "tables");
    match page.matching == page.total {
        true => text.push_str(&count),
        false => text.push_str(&format!("{} of {count}", words::number(page.matching as u64))),
    }
    if !sums.is_empty() {
        text.push_str(&format!(": {}", sums.join(", ")));
    }
    text
}

fn groups(page: &ViewPage, group: &str) -> Grid {
    let sums: Vec<&String> = page.sums.keys().collect();
    let headings = [group.to_string(), ">tables".into()].into_iter().chain(sums.iter().map(|name| format!(">{name}")));
    let headings: Vec<String> = headings.collect();
    let mut grid = Grid::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for group in &page.groups {
        let cells = [group.value.clone(), words::number(group.tables as u64)].into_iter();
        let amounts = sums.iter().map(|name| amount(name, group.sums.get(*name).copied().unwrap_or(0)));
        grid.row(cells.chain(amounts));
    }
    grid
}

fn heading(column: &Column) -> String {
    if column.kind.is_text() { column.name.to_string() } else { format!(">{}", column.name) }
}

/// A sum reads as its column does.
fn amount(name: &str, sum: u64) -> String {
    let known = [&columns::BYTES, &columns::BYTES_TO_COPY, &columns::BYTES_COPIED, &columns::SECONDS];
    let kind = known.iter().find(|column| column.name == name).map_or(Kind::Number, |column| column.kind);
    kind.display(i64::try_from(sum).unwrap_or(i64::MAX))
}
