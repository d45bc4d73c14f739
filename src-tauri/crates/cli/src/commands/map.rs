//! The mapping: rules, overrides, the sheet.

use crate::arguments::{MapCommand, RouteArgs, RuleArgs};
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::paths::path_text;
use crate::route::route;
use icebridge_api::{Api, Limit, Operations, read_text, text_of};
use icebridge_model::mapping::{CaseRule, Mapping, MappingPreview, MappingState, Override, PatternKind, Rule};
use icebridge_model::ops::{MappingImport, MappingRequest, Route};
use icebridge_model::{Error, Result, TableIdent};
use std::path::Path;

pub async fn run(api: &Api, command: MapCommand, output: &Output) -> Result<Ended> {
    match command {
        MapCommand::Show(arguments) => {
            let mapping = api.mapping_get(route(api, &arguments).await?).await?;
            output.result(&mapping, told)?;
            Ok(Ended::Done)
        }
        MapCommand::Preview(arguments) => {
            let route = route(api, &arguments).await?;
            let mapping = api.mapping_get(route.clone()).await?;
            let preview = api.mapping_preview(MappingRequest { route, mapping }).await?;
            output.result(&preview, previewed)?;
            Ok(Ended::done_if(preview.conflicts == 0))
        }
        MapCommand::Set { route: arguments, table, to, exclude, clear } => {
            let change = |mapping: &mut Mapping| set(mapping, table, to, exclude, clear);
            edit(api, &arguments, output, change).await
        }
        MapCommand::Rule(arguments) => {
            let route = arguments.route.clone();
            edit(api, &route, output, |mapping| change_rules(mapping, arguments)).await
        }
        MapCommand::Export { route: arguments, file } => export(api, &arguments, file.as_deref(), output).await,
        MapCommand::Import { route: arguments, file } => {
            let route = route(api, &arguments).await?;
            let preview = api.mapping_import(MappingImport { route, csv: read(&file)? }).await?;
            output.result(&preview, summary)?;
            Ok(Ended::Done)
        }
    }
}

async fn edit(
    api: &Api,
    arguments: &RouteArgs,
    output: &Output,
    change: impl FnOnce(&mut Mapping) -> Result<()>,
) -> Result<Ended> {
    let route: Route = route(api, arguments).await?;
    let mut mapping = api.mapping_get(route.clone()).await?;
    change(&mut mapping)?;
    let request = MappingRequest { route, mapping };
    api.mapping_save(request.clone()).await?;
    let preview = api.mapping_preview(request).await?;
    output.result(&preview, summary)?;
    Ok(Ended::Done)
}

fn set(mapping: &mut Mapping, table: TableIdent, to: Option<TableIdent>, exclude: bool, clear: bool) -> Result<()> {
    let had = mapping.overrides.len();
    mapping.overrides.retain(|o| o.source != table);
    if clear {
        if mapping.overrides.len() == had {
            return Err(Error::invalid("the table has no override")
                .about(&table)
                .with_hint("`icebridge map show` lists the overrides."));
        }
    } else if exclude || to.is_some() {
        mapping.overrides.push(Override { source: table, target: to });
        mapping.overrides.sort_by(|a, b| a.source.cmp(&b.source));
    }
    Ok(())
}

fn change_rules(mapping: &mut Mapping, arguments: RuleArgs) -> Result<()> {
    if arguments.reset {
        *mapping = Mapping::standard();
        return Ok(());
    }
    if let Some(number) = arguments.remove {
        if number == 0 || number > mapping.rules.len() {
            return Err(Error::invalid(format!("there is no rule {number}"))
                .with_hint("`icebridge map show` numbers them from 1."));
        }
        mapping.rules.remove(number - 1);
        return Ok(());
    }
    let rule = Rule {
        kind: if arguments.regex { PatternKind::Regex } else { PatternKind::Glob },
        pattern: arguments.pattern.unwrap_or_default(),
        target_namespace: arguments.namespace.unwrap_or_default(),
        target_table: arguments.table,
        case: CaseRule::from(arguments.case),
        exclude: arguments.exclude,
    };
    let at = if arguments.first { 0 } else { mapping.rules.len() };
    mapping.rules.insert(at, rule);
    Ok(())
}

async fn export(api: &Api, arguments: &RouteArgs, file: Option<&Path>, output: &Output) -> Result<Ended> {
    let csv = api.mapping_export(route(api, arguments).await?).await?;
    match file {
        Some(file) => {
            std::fs::write(file, &csv.text)
                .map_err(|e| Error::invalid("the file cannot be written").about(file.display()).with_cause(e))?;
            let path = path_text(file)?;
            output.result(&path, |path| path.clone())?;
        }
        None => output.result(&csv, |csv| csv.text.clone())?,
    }
    Ok(Ended::Done)
}

fn read(file: &Path) -> Result<String> {
    let failed = |e| Error::invalid("the file cannot be read").about(file.display()).with_cause(e);
    match file == Path::new("-") {
        true => text_of(std::io::stdin().lock(), Limit::MappingCsv, failed),
        false => read_text(file, Limit::MappingCsv, failed),
    }
}

fn told(mapping: &Mapping) -> String {
    let mut rules = Grid::new(&[">rule", "pattern", "namespace", "table", "case"]);
    for (i, rule) in mapping.rules.iter().enumerate() {
        let pattern = match rule.kind {
            PatternKind::Glob => rule.pattern.clone(),
            PatternKind::Regex => format!("/{}/", rule.pattern),
        };
        let (namespace, table, case) = match rule.exclude {
            true => ("left out".to_string(), String::new(), ""),
            false => (rule.target_namespace.clone(), rule.target_table.clone(), case(rule.case)),
        };
        rules.row([(i + 1).to_string(), pattern, namespace, table, case.to_string()]);
    }
    let mut overrides = Grid::new(&["table", "override"]);
    for o in &mapping.overrides {
        overrides.row([o.source.to_string(), o.target.as_ref().map_or("left out".into(), ToString::to_string)]);
    }
    if overrides.is_empty() { rules.to_string() } else { format!("{rules}\n{overrides}") }
}

fn previewed(preview: &MappingPreview) -> String {
    let mut grid = Grid::new(&["state", "source", "target", "because"]);
    for row in &preview.rows {
        let because = if row.problem.is_empty() { row.because.clone() } else { row.problem.clone() };
        let target = row.target.as_ref().map(ToString::to_string).unwrap_or_default();
        grid.row([state(row.state).to_string(), row.source.to_string(), target, because]);
    }
    format!("{grid}\n{}", summary(preview))
}

pub fn summary(preview: &MappingPreview) -> String {
    let tables = words::count(preview.rows.len(), "table", "tables");
    format!("{tables}: {} mapped, {} left out, {} in conflict", preview.mapped, preview.excluded, preview.conflicts)
}

fn state(state: MappingState) -> &'static str {
    match state {
        MappingState::Create => "create",
        MappingState::Exists => "exists",
        MappingState::Migrated => "migrated",
        MappingState::Excluded => "excluded",
        MappingState::Conflict => "conflict",
    }
}

fn case(case: CaseRule) -> &'static str {
    match case {
        CaseRule::Keep => "keep",
        CaseRule::Lower => "lower",
        CaseRule::Upper => "upper",
        CaseRule::Snake => "snake",
    }
}
