//! Everything the window knows, in one reducer above the pages, so that leaving a page loses nothing.

mod answers;
pub mod cutover;
pub mod lines;
pub mod listing;
pub mod mapping;
pub mod page;
pub mod prefs;
mod route;
pub mod run;
mod settings;
pub mod sync;
pub mod unity;
pub mod work;
pub mod workspaces;

pub use mapping::MappingDraft;
pub use page::Page;
pub use run::ShownRun;
pub use unity::UnityDraft;
pub use work::{Notice, Work};
pub use workspaces::Workspaces;

use cutover::CutoverDraft;
use icebridge_model::Error;
use icebridge_model::audit::{AuditBundle, AuditVerdict};
use icebridge_model::catalog::{CatalogCheck, CatalogSpec, Role};
use icebridge_model::cutover::CutoverOutline;
use icebridge_model::event::Event;
use icebridge_model::finding::PreflightOutline;
use icebridge_model::ids::PlanHash;
use icebridge_model::mapping::Mapping;
use icebridge_model::ops::{About, Keychain, PlanSaved, Route, SampleCreated};
use icebridge_model::photon::{Bill, CostEstimate};
use icebridge_model::plan::Settings;
use icebridge_model::run::{RunId, RunOverview, RunSummary};
use icebridge_model::sync::SyncOutline;
use icebridge_model::view::{Sort, ViewPage};
use prefs::{FindingsBy, Prefs, Theme};
use std::collections::BTreeMap;
use std::rc::Rc;
use sync::SyncDraft;
use yew::Reducible;

/// Something read from the backend that later choices can make out of date.
#[derive(Clone, Debug)]
pub struct Fresh<T> {
    pub value: Rc<T>,
    /// Something it rests on has changed since.
    pub stale: bool,
}

#[derive(Clone, Debug, Default)]
pub enum Opening {
    #[default]
    Waiting,
    Ready(Rc<About>),
    Failed(Rc<Error>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// Inventory, mapping, copy mode, clusters.
    pub of_preflight: u64,
    /// Those, the other settings, and what pre-flight found and was accepted.
    pub of_plan: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub done: usize,
    pub total: usize,
    pub table: String,
}

#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Counts the reductions: two equal numbers are the same state, which is cheaper to compare than the state.
    revision: u64,
    /// Counts the changes of what later steps rest on, so that an answer to an older question is not taken for a new one.
    pub basis: Basis,
    pub opening: Opening,
    pub prefs: Rc<Prefs>,
    pub busy: Vec<Work>,
    pub notices: Vec<Notice>,
    pub catalogs: Option<Rc<Vec<CatalogSpec>>>,
    pub checks: BTreeMap<String, CatalogCheck>,
    pub scan: Option<Scan>,
    /// The inventory in numbers: its rows are asked for as they are looked at.
    pub inventory: Option<Rc<ViewPage>>,
    /// Counts the readings of the inventory.
    pub inventory_version: u64,
    /// It was read to its end in this session and holds no table.
    pub source_is_empty: bool,
    pub mapping: Option<MappingDraft>,
    pub preflight: Option<Fresh<PreflightOutline>>,
    /// Counts the checks: what each table's findings are may have changed.
    pub preflight_version: u64,
    pub plan: Option<Fresh<PlanSaved>>,
    /// Of the plan with this hash.
    pub cost: Option<(PlanHash, Rc<CostEstimate>)>,
    pub run: Option<ShownRun>,
    pub bill: Option<(RunId, Rc<Bill>)>,
    pub runs: Option<Rc<Vec<RunSummary>>>,
    pub bundle: Option<(RunId, Rc<AuditBundle>)>,
    pub sync: SyncDraft,
    pub cutover: CutoverDraft,
    pub verdict: Option<Rc<AuditVerdict>>,
    pub workspaces: Workspaces,
    /// Where metrics are served now.
    pub metrics: Option<Rc<str>>,
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision
    }
}

#[derive(Debug)]
pub enum Action {
    Opened(About),
    OpenFailed(Error),
    Prefs(Box<Prefs>),
    Go(Page),
    Theme(Theme),
    /// Where metrics are served now.
    Metrics(Option<String>),
    /// Whether they shall be served at the next start, too.
    WithMetrics(bool),
    InventorySort(Sort),
    ToggleColumn(String),
    FindingsBy(FindingsBy),
    Settings(Settings),
    /// What only a target in Unity Catalog has.
    Unity(UnityDraft),
    Begin(Work),
    End(Work),
    Fail(Work, Error),
    Dismiss(u64),
    Catalogs(Vec<CatalogSpec>),
    Choose(Role, String),
    Checked(CatalogCheck),
    Sampled(SampleCreated),
    Inventory(Route, ViewPage),
    /// Read anew: to its end, or as far as it got.
    InventoryChanged {
        whole: bool,
    },
    /// With the counts of its states.
    MappingRead(Route, Mapping, ViewPage),
    MappingEdit(Mapping),
    /// The backend's answer for the draft of that generation.
    MappingCounts(u64, ViewPage),
    MappingSaved(Mapping),
    /// With the basis of the question.
    Preflight(Route, Basis, PreflightOutline),
    Plan(Basis, PlanSaved),
    Cost(PlanHash, CostEstimate),
    Event(Event),
    Run(RunOverview),
    Bill(RunId, Bill),
    Runs(Vec<RunSummary>),
    Synced(SyncOutline),
    /// What a round has come to.
    Round(SyncOutline),
    RepeatSync(Option<sync::Repeat>),
    /// When the next round begins, in milliseconds since 1970.
    SyncDue(f64),
    CutOver(CutoverOutline),
    /// What was typed for the cut-over.
    EditCutover(CutoverDraft),
    Bundle(RunId, AuditBundle),
    Verdict(AuditVerdict),
    Workspaces(workspaces::Change),
    /// The workspace whose gate and tables are in sight.
    Workspace(String),
    WorkspaceTab(prefs::WorkspaceTab),
    /// Of the workspace in sight: where tables shall go, as it was typed.
    GateDraft(prefs::GateDraft),
}

impl Session {
    pub fn is_busy(&self, work: &Work) -> bool {
        self.busy.contains(work)
    }

    /// Why no secret can be stored.
    pub fn keychain_missing(&self) -> Option<&str> {
        match &self.opening {
            Opening::Ready(about) => match &about.keychain {
                Keychain::Unavailable(reason) => Some(reason),
                Keychain::Ready => None,
            },
            _ => None,
        }
    }

    pub fn has_keychain(&self) -> bool {
        self.keychain_missing().is_none()
    }

    pub fn route(&self) -> &Route {
        &self.prefs.route
    }

    pub fn has_route(&self) -> bool {
        !self.route().source.is_empty() && !self.route().target.is_empty()
    }

    /// The inventory of last time is on its way: whether there is one is not known yet.
    pub fn awaits_inventory(&self) -> bool {
        self.inventory.is_none() && self.is_busy(&Work::ReadInventory)
    }

    pub fn catalog(&self, name: &str) -> Option<&CatalogSpec> {
        self.catalogs.as_ref()?.iter().find(|spec| spec.name == name)
    }

    /// The source's tables are known, and there are some.
    pub fn has_inventory(&self) -> bool {
        self.inventory.as_ref().is_some_and(|all| all.total > 0)
    }

    fn set_prefs(&mut self, change: impl FnOnce(&mut Prefs)) {
        change(Rc::make_mut(&mut self.prefs));
    }

    /// What rests on an earlier step is kept in sight, and marked.
    fn age_from(&mut self, page: Page) {
        self.basis.of_plan += 1;
        if page == Page::Mapping {
            self.basis.of_preflight += 1;
            if let Some(report) = &mut self.preflight {
                report.stale = true;
            }
        }
        if let Some(plan) = &mut self.plan {
            plan.stale = true;
        }
    }

    /// One that is there, if any is.
    fn keep_a_workspace_in_sight(&mut self) {
        let Some(specs) = self.workspaces.specs.clone() else { return };
        if !specs.iter().any(|spec| spec.name == self.prefs.workspace) {
            let first = specs.first().map(|spec| spec.name.clone()).unwrap_or_default();
            if first != self.prefs.workspace {
                self.set_prefs(|prefs| prefs.workspace = first);
            }
        }
    }

    fn fail(&mut self, work: Work, error: Error) {
        self.busy.retain(|other| *other != work);
        if work == Work::Sync {
            self.sync.round_ended(false);
        }
        let number = self.revision;
        self.notices.push(Notice { number, work, error });
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Opened(about) => self.opening = Opening::Ready(Rc::new(about)),
            Action::OpenFailed(error) => self.opening = Opening::Failed(Rc::new(error)),
            Action::Prefs(prefs) => self.prefs = Rc::new(*prefs),
            Action::Go(page) => self.set_prefs(|prefs| prefs.page = page),
            Action::Theme(theme) => self.set_prefs(|prefs| prefs.theme = theme),
            Action::Metrics(served) => self.metrics = served.map(Rc::from),
            Action::WithMetrics(wanted) => self.set_prefs(|prefs| prefs.metrics = wanted),
            Action::InventorySort(sort) => self.set_prefs(|prefs| prefs.inventory_sort = Some(sort)),
            Action::ToggleColumn(id) => self.set_prefs(|prefs| prefs.toggle_column(id)),
            Action::FindingsBy(by) => self.set_prefs(|prefs| prefs.findings_by = by),
            Action::Settings(settings) => self.change_settings(|prefs| prefs.settings = settings),
            Action::Unity(draft) => self.change_settings(|prefs| prefs.unity = draft),
            Action::Begin(work) => self.begin(work),
            Action::End(work) => self.busy.retain(|other| *other != work),
            Action::Fail(work, error) => self.fail(work, error),
            Action::Dismiss(number) => self.notices.retain(|notice| notice.number != number),
            Action::Catalogs(catalogs) => self.set_catalogs(catalogs),
            Action::Choose(role, name) => self.choose(role, name),
            Action::Checked(check) => drop(self.checks.insert(check.name.clone(), check)),
            Action::Sampled(sample) => {
                self.choose(Role::Source, sample.source.name);
                self.choose(Role::Target, sample.target.name);
            }
            Action::Inventory(route, all) => self.inventory_read(&route, all),
            Action::InventoryChanged { whole } => self.inventory_changed(whole),
            Action::MappingRead(route, mapping, counts) => self.mapping_read(&route, mapping, counts),
            Action::MappingEdit(mapping) => self.mapping.iter_mut().for_each(|draft| draft.edit(mapping.clone())),
            Action::MappingCounts(generation, counts) => {
                self.mapping.iter_mut().for_each(|draft| draft.count(generation, counts.clone()));
            }
            Action::MappingSaved(mapping) => self.mapping_saved(mapping),
            Action::Preflight(route, basis, report) => self.preflight_made(&route, basis, report),
            Action::Plan(basis, made) => self.plan_made(basis, made),
            Action::Cost(plan, cost) => self.cost = Some((plan, Rc::new(cost))),
            Action::Event(event) => self.hear(event),
            Action::Run(run) => self.show_run(run),
            Action::Bill(run, bill) => self.bill = Some((run, Rc::new(bill))),
            Action::Runs(runs) => self.runs = Some(Rc::new(runs)),
            Action::Synced(outline) => self.sync.answered(outline),
            Action::Round(outline) => self.sync.round_answered(outline),
            Action::RepeatSync(repeat) => self.sync.repeat(repeat),
            Action::SyncDue(due) => self.sync.due = Some(due),
            Action::CutOver(outline) => self.cutover.answered(outline),
            Action::EditCutover(draft) => self.cutover = draft,
            Action::Bundle(run, bundle) => self.bundle = Some((run, Rc::new(bundle))),
            Action::Verdict(verdict) => self.verdict = Some(Rc::new(verdict)),
            Action::Workspaces(change) => {
                self.workspaces.apply(change);
                self.keep_a_workspace_in_sight();
            }
            Action::Workspace(name) => self.set_prefs(|prefs| prefs.workspace = name),
            Action::WorkspaceTab(tab) => self.set_prefs(|prefs| prefs.workspace_tab = tab),
            Action::GateDraft(draft) => self.set_prefs(|prefs| prefs.set_gate(draft)),
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Inventory { source, done, total, table } => {
                if source == self.route().source && self.is_busy(&Work::Inventory) {
                    self.scan = Some(Scan { done, total, table });
                }
            }
            Event::SignIn { ref workspace, .. } => {
                let is_signing_in = self.is_busy(&Work::SignIn(workspace.clone()));
                self.workspaces.hear(event, is_signing_in);
            }
            Event::Unity { .. } => self.workspaces.hear(event, false),
            Event::Sync { .. } | Event::SyncJob { .. } => self.sync.hear(&event),
            // The rows of the tables are written before the event is sent.
            Event::CutOver { .. } => self.cutover.version += 1,
            event => {
                if let Some(run) = &mut self.run {
                    run.apply(event);
                }
            }
        }
    }
}

impl Reducible for Session {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = Rc::unwrap_or_clone(self);
        next.revision += 1;
        next.apply(action);
        Rc::new(next)
    }
}

#[cfg(test)]
mod tests;
