//! Findings before anything moves: what blocks a table, what its migration loses, what is worth knowing.
//!
//! The rules are data ([`rules::RULES`]): a code that never changes its meaning, a verdict, a title, a fix, a public
//! link, and a condition that gives the reason on one table. The target's rules that could not be tried on a live
//! workspace block, and say so.

mod conditions;
mod conversions;
mod earlier;
mod engine;
mod left_empty;
mod mode;
mod overlap;
mod rows_there;
mod rules;
mod subject;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod conversion_tests;
#[cfg(test)]
mod examined_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use subject::TargetKind;

use crate::LocalState;
use crate::examined::Examined;
use crate::governance;
use crate::inventory;
use crate::mapping::{self, Existing};
use crate::place;
use crate::workspaces::{self, gate};
use futures::StreamExt;
use icebridge_lakehouse::TargetCatalog;
use icebridge_metrics::Stage;
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::earlier::EarlierMigration;
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use icebridge_model::finding::{Finding, PreflightReport, RuleInfo, TableFindings, Verdict};
use icebridge_model::mapping::{MappingRow, MappingState};
use icebridge_model::ops::{AcceptRequest, Route};
use icebridge_model::photon::ClusterCopy;
use icebridge_model::plan::{EngineKind, Settings};
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use subject::{Clusters, Context, Target};

/// One table's findings beside the facts they were made from.
pub(crate) struct Judged {
    pub row: InventoryRow,
    pub findings: TableFindings,
    /// What a cluster is asked to copy, if one shall.
    pub cluster: Option<Box<ClusterCopy>>,
}

#[tracing::instrument(name = "preflight", skip_all, fields(source = route.source, target_catalog = route.target))]
pub async fn run(local: &LocalState, route: &Route, settings: &Settings) -> Result<PreflightReport> {
    let report = report(findings_of_all(local, route, settings).await?);
    local.store.save_preflight_view(route, &report.tables).await?;
    Ok(report)
}

async fn findings_of_all(local: &LocalState, route: &Route, settings: &Settings) -> Result<Vec<TableFindings>> {
    let _at_work = local.metrics.stage(Stage::Preflight);
    let mut found = judge(local, route, settings, |judged| judged.findings).await?;
    found.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(found)
}

/// Accepts losses by their codes (or takes that back), and says how it stands then. Only what a table really loses today
/// is accepted: a loss that turns up later is asked about anew.
pub async fn accept(local: &LocalState, request: &AcceptRequest) -> Result<PreflightReport> {
    let AcceptRequest { route, settings, codes, tables, accepted } = request;
    for code in codes {
        match rules::RULES.iter().find(|rule| rule.code == code) {
            Some(rule) if rule.verdict == Verdict::Loses || conversions::may_have_way(code) => {}
            Some(rule) => {
                let why = match rule.verdict {
                    Verdict::Blocks => "blocks the table and cannot be accepted",
                    _ => "loses nothing, there is nothing to accept",
                };
                return Err(Error::invalid(format!("this finding {why}")).about(code).with_hint(rule.fix));
            }
            None => {
                return Err(Error::invalid("there is no such finding")
                    .about(code)
                    .with_hint("List them with `icebridge preflight --rules`."));
            }
        }
    }
    let judged = findings_of_all(local, route, settings).await?;
    if let Some(unknown) = tables.iter().find(|t| !judged.iter().any(|j| j.source == **t)) {
        return Err(Error::new(Code::TableNotFound, "the inventory has no such table")
            .about(unknown)
            .with_hint(format!("`icebridge tables {}` lists what it has.", route.source)));
    }
    for code in codes {
        let affected: Vec<TableIdent> = judged
            .iter()
            .filter(|j| tables.is_empty() || tables.contains(&j.source))
            .filter(|j| j.findings.iter().any(|f| f.code == *code && f.verdict == Verdict::Loses))
            .map(|j| j.source.clone())
            .collect();
        if affected.is_empty() {
            // One that has a way out elsewhere, and none here.
            let blocking =
                judged.iter().flat_map(|j| &j.findings).find(|f| f.code == *code && f.verdict == Verdict::Blocks);
            if let Some(finding) = blocking.filter(|_| *accepted) {
                return Err(Error::invalid("this finding blocks the table and cannot be accepted")
                    .about(code)
                    .with_hint(finding.fix.as_ref()));
            }
            continue;
        }
        local.store.set_acceptances(route, &affected, std::slice::from_ref(code), *accepted).await?;
        let kind = if *accepted { "loss.accepted" } else { "loss.refused" };
        let body = json!({ "route": route, "code": code, "tables": affected });
        local.store.append("", "", kind, body).await?;
    }
    run(local, route, settings).await
}

/// The rule table, for people to read.
pub fn rule_infos() -> Vec<RuleInfo> {
    let infos = rules::RULES.iter().map(|rule| RuleInfo {
        code: rule.code.into(),
        verdict: rule.verdict,
        title: rule.title.into(),
        link: rule.link.into(),
    });
    infos.collect()
}

/// What is kept of each table of the inventory with its findings, by its name as text.
pub(crate) async fn judge<T: Send + 'static>(
    local: &LocalState,
    route: &Route,
    settings: &Settings,
    keep: impl Fn(Judged) -> T + Send + Sync + 'static,
) -> Result<Vec<T>> {
    let judge = Judge::of(local, route, settings).await?;
    inventory::each(local, &route.source, Arc::new(move |row| judge.judged(row).map(&keep))).await
}

/// All that tables are judged by.
struct Judge {
    target: Target,
    settings: Settings,
    /// Sorted by the source's name.
    mapped: Vec<MappingRow>,
    accepted: BTreeMap<TableIdent, HashSet<String>>,
}

impl Judge {
    async fn of(local: &LocalState, route: &Route, settings: &Settings) -> Result<Self> {
        local.store.catalog(&route.source).await?;
        let sources = local.store.inventory_names(&route.source).await?;
        if sources.is_empty() {
            return Err(Error::invalid("the inventory of this source is empty")
                .about(&route.source)
                .with_hint(format!("Take it with `icebridge inventory {}`.", route.source)));
        }
        let saved = (local.store.catalog(&route.source).await?, local.store.catalog(&route.target).await?);
        overlap::check(&saved.0, &saved.1)?;
        let mapping = mapping::get(local, route).await?;
        let target = match saved.1.kind {
            CatalogKind::Unity if !settings.work_here() => workspaces::tables::target(local, &route.target).await?,
            CatalogKind::Unity => {
                // First of all: behind a closed gate the target does not even say what it has.
                let wanted = mapping::resolve(&mapping, &sources, &Existing::default())?;
                let wanted = wanted.rows.iter().filter_map(|row| row.target.as_ref()).map(|target| &target.namespace);
                gate::pass(local, &route.target, wanted).await?;
                local.open_target(&route.target).await?
            }
            _ => local.open_target(&route.target).await?,
        };
        let mut existing = Existing::of_target(local, route, target.as_ref()).await?;
        if saved.1.kind == CatalogKind::Unity && settings.work_here() {
            existing.take_names(&workspaces::tables::names(local, &route.target).await);
        }
        let mut mapped = mapping::resolve(&mapping, &sources, &existing)?.rows;
        earlier::check(&local.store, target.as_ref(), &mut mapped).await?;
        left_empty::check(&local.store, target.as_ref(), &mut mapped).await?;
        mapped.sort_by(|a, b| a.source.cmp(&b.source));
        // As they were saved: an open one names its endpoint in place of its workspace.
        let examined = examined(local, &saved.1).await?;
        let clusters = clusters(local, &saved, settings, &examined).await?;
        // Clusters reach the target's storage by themselves.
        let out_of_reach = match settings.work_here() {
            true => out_of_reach(local, &saved.1, target.as_ref(), &mapped).await,
            false => BTreeMap::new(),
        };
        let refused_tags = refused_tags(local, &saved, settings, &sources).await?;
        let target =
            Target { out_of_reach, examined, refused_tags, ..Target::new(target.spec(), target.abilities(), clusters) };
        let mut accepted: BTreeMap<TableIdent, HashSet<String>> = BTreeMap::new();
        for acceptance in local.store.acceptances(route).await? {
            accepted.entry(acceptance.table).or_default().insert(acceptance.code);
        }
        Ok(Self { target, settings: settings.clone(), mapped, accepted })
    }

    /// None of a table that the inventory has since the mapping was looked at.
    fn judged(&self, row: InventoryRow) -> Option<Judged> {
        let found = self.mapped.binary_search_by(|mapped| mapped.source.cmp(&row.ident)).ok()?;
        let none = HashSet::new();
        let accepted = self.accepted.get(&row.ident).unwrap_or(&none);
        let findings = judge_table(&row, self.mapped.get(found)?, &self.target, &self.settings, accepted);
        let wanted = (findings.engine == EngineKind::Photon).then_some(self.target.clusters.as_ref()).flatten();
        let cluster = match (wanted, row.facts(), &findings.target) {
            (Some(clusters), Some(facts), Some(target)) => {
                clusters.copy(facts, target, &findings.conversions).map(Box::new)
            }
            _ => None,
        };
        Some(Judged { row, findings, cluster })
    }
}

/// How the target's workspace could copy, with what keeps this principal from seeing all of a table there.
async fn clusters(
    local: &LocalState,
    saved: &(CatalogSpec, CatalogSpec),
    settings: &Settings,
    examined: &Examined,
) -> Result<Option<Clusters>> {
    let Some(mut clusters) = Clusters::of(&saved.0, &saved.1, settings) else { return Ok(None) };
    clusters.clones_refused = examined.refuses_clones().map(str::to_string);
    let (by, wanted) = (clusters.clone(), settings.clone());
    let candidate: inventory::Make<_> = Arc::new(move |row| by.candidate(&wanted, row.facts()?));
    let candidates = inventory::each(local, &saved.0.name, candidate).await?;
    let reader = settings.photon.as_ref().and_then(|photon| photon.reader());
    clusters.restrictions = workspaces::restrictions::of_tables(local, &saved.1.uri, reader, candidates).await?;
    Ok(Some(clusters))
}

/// Of the target's workspace, where it has one.
async fn examined(local: &LocalState, target: &CatalogSpec) -> Result<Examined> {
    if target.kind != CatalogKind::Unity {
        return Ok(Examined::default());
    }
    let client = workspaces::client(local, &target.uri).await?;
    Examined::of(local, &target.uri, client.host().origin()).await
}

/// Where tags are carried.
async fn refused_tags(
    local: &LocalState,
    (source, target): &(CatalogSpec, CatalogSpec),
    settings: &Settings,
    sources: &[TableIdent],
) -> Result<BTreeMap<TableIdent, Vec<String>>> {
    let wanted = settings.governance.as_ref().filter(|wanted| wanted.tags && target.kind == CatalogKind::Unity);
    let (Some(wanted), Some(catalog)) = (wanted, subject::source_catalog(source, target, settings)) else {
        return Ok(BTreeMap::new());
    };
    let tables = sources.iter().filter(|table| table.namespace.len() == 1);
    let tables: Vec<_> = tables.map(|table| (table.clone(), subject::within(&catalog, table))).collect();
    let client = workspaces::client(local, &target.uri).await?;
    let asked = governance::tags::may_be_refused(&client, wanted.warehouse.as_deref(), &tables).await;
    // The run finds out in any case: nothing waits for a note.
    Ok(asked.unwrap_or_else(|error| {
        tracing::warn!(%error, "what tag policies refuse cannot be looked up");
        BTreeMap::new()
    }))
}

/// So many namespaces are asked about; a place that cannot be reached elsewhere is found when its first table is staged.
const PLACES: usize = 16;
const PLACES_AT_ONCE: usize = 8;

async fn out_of_reach(
    local: &LocalState,
    saved: &CatalogSpec,
    target: &dyn TargetCatalog,
    rows: &[MappingRow],
) -> BTreeMap<Vec<String>, Error> {
    let wanted: BTreeSet<&Vec<String>> =
        rows.iter().filter_map(|row| row.target.as_ref()).map(|target| &target.namespace).collect();
    let wanted: Vec<Vec<String>> = wanted.into_iter().take(PLACES).cloned().collect();
    let asked = wanted.into_iter().map(|namespace| async move {
        let checked = place::check_target(local, saved, target, &namespace).await;
        checked.err().map(|error| (namespace, error))
    });
    futures::stream::iter(asked).buffer_unordered(PLACES_AT_ONCE).filter_map(async |found| found).collect().await
}

/// Pure: the same input gives the same findings in the same order.
fn judge_table(
    row: &InventoryRow,
    mapping: &MappingRow,
    target: &Target,
    settings: &Settings,
    accepted: &HashSet<String>,
) -> TableFindings {
    let (facts, problem) = match &row.outcome {
        InventoryOutcome::Facts(facts) => (Some(facts.as_ref()), None),
        InventoryOutcome::Problem(problem) => (None, Some(problem)),
    };
    if let Some(earlier) = &mapping.migrated_by {
        return migrated(row, mapping, earlier);
    }
    let excluded = mapping.state == MappingState::Excluded;
    let made =
        |engine, mode| facts.map_or_else(Vec::new, |facts| conversions::of(facts, target, mode, engine, settings));
    let (chosen, engine, engine_reason) = engine::choose(target, settings, facts, |engine, mode| {
        let (conversions, wanted_version) = (&made(engine, mode), settings.target_format_version);
        let context = Context { mapping, facts, problem, target, mode, engine, conversions, wanted_version };
        if excluded { Vec::new() } else { findings(&context, accepted) }
    });
    TableFindings {
        conversions: if excluded { Vec::new() } else { made(engine, chosen.mode) },
        source: row.ident.clone(),
        target: mapping.target.clone(),
        mode: (!excluded && facts.is_some()).then_some(chosen.mode),
        mode_reason: if excluded { mapping.because.clone() } else { chosen.reason },
        engine,
        engine_reason: if excluded { String::new() } else { engine_reason },
        findings: chosen.findings,
        migrated_by: None,
    }
}

/// It is left as it is. An unreadable source is unknown, and no reason to say that it has moved on.
fn migrated(row: &InventoryRow, mapping: &MappingRow, earlier: &EarlierMigration) -> TableFindings {
    let now = row.facts().map_or(earlier.source_snapshot_id, |facts| facts.snapshot_id);
    let earlier = EarlierMigration { source_moved_on: now != earlier.source_snapshot_id, ..earlier.clone() };
    TableFindings {
        source: row.ident.clone(),
        target: mapping.target.clone(),
        mode: None,
        mode_reason: earlier.explain(now),
        engine: EngineKind::default(),
        engine_reason: String::new(),
        findings: Vec::new(),
        conversions: Vec::new(),
        migrated_by: Some(Box::new(earlier)),
    }
}

fn findings(context: &Context, accepted: &HashSet<String>) -> Vec<Finding> {
    let mut found: Vec<Finding> = rules::RULES
        .iter()
        .filter_map(|rule| {
            let reason = (rule.reason)(context)?;
            let way = conversions::way(rule.code, context.conversions).filter(|_| rule.verdict == Verdict::Blocks);
            let verdict = if way.is_some() { Verdict::Loses } else { rule.verdict };
            Some(Finding {
                code: rule.code.into(),
                verdict,
                title: rule.title.into(),
                reason,
                fix: rule.fix.into(),
                link: rule.link.into(),
                accepted: verdict == Verdict::Loses && accepted.contains(rule.code),
                way,
            })
        })
        .collect();
    // What matters most comes first; within a verdict the order of the table.
    found.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    found
}

/// A table that the mapping leaves out, or that an earlier run migrated, is neither ready nor blocked.
pub(crate) fn report(tables: Vec<TableFindings>) -> PreflightReport {
    let mut report = PreflightReport::default();
    for table in &tables {
        match () {
            () if table.is_blocked() => report.blocked += 1,
            () if table.target.is_none() => {}
            () if table.migrated_by.is_some() => report.migrated += 1,
            () if !table.unaccepted().is_empty() => report.needs_acceptance += 1,
            () => report.ready += 1,
        }
    }
    report.tables = tables;
    report
}
