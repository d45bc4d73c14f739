use super::*;
use crate::state::unity::EngineChoice;
use icebridge_model::Code;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::photon::PhotonSettings;
use icebridge_model::plan::{CopyMode, PlanOutline};

fn catalog(name: &str, role: Role) -> CatalogSpec {
    CatalogSpec {
        name: name.into(),
        role,
        kind: CatalogKind::Files,
        uri: "/x".into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    }
}

fn after(actions: impl IntoIterator<Item = Action>) -> Rc<Session> {
    actions.into_iter().fold(Rc::new(Session::default()), Reducible::reduce)
}

fn connected() -> Vec<Action> {
    vec![Action::Catalogs(vec![catalog("a", Role::Source), catalog("b", Role::Target)])]
}

fn plan_made(asked: Basis, settings: Settings) -> Action {
    Action::Plan(
        asked,
        PlanSaved {
            path: "/plan.json".into(),
            plan: PlanOutline {
                hash: "h".into(),
                source: "a".into(),
                target: "b".into(),
                settings,
                tables: 0,
                left_out: 0,
                totals: Default::default(),
                modes: Vec::new(),
                on_clusters: 0,
                has_engines: false,
            },
        },
    )
}

fn checked(source: &str, asked: Basis, ready: usize) -> Action {
    let route = Route { source: source.into(), target: "b".into() };
    Action::Preflight(route, asked, PreflightOutline { ready, ..PreflightOutline::default() })
}

fn nine_at_once() -> Settings {
    Settings { max_parallel_tables: 9, ..Settings::default() }
}

fn rewritten() -> Settings {
    Settings { mode: Some(CopyMode::Rewrite), ..Settings::default() }
}

#[test]
fn the_only_catalog_of_a_role_is_chosen_and_a_removed_one_is_not() {
    let session = after(connected());
    assert_eq!((session.route().source.as_str(), session.route().target.as_str()), ("a", "b"));
    let session = session.reduce(Action::Catalogs(vec![catalog("c", Role::Source), catalog("d", Role::Source)]));
    assert_eq!((session.route().source.as_str(), session.route().target.as_str()), ("", ""));
}

#[test]
fn choices_survive_leaving_a_page() {
    let mut actions = connected();
    actions.push(Action::MappingRead(
        Route { source: "a".into(), target: "b".into() },
        Mapping::default(),
        ViewPage::default(),
    ));
    actions.push(Action::MappingEdit(Mapping::standard()));
    actions.push(Action::Go(Page::Audit));
    actions.push(Action::Go(Page::Mapping));
    assert!(after(actions).mapping.as_ref().is_some_and(MappingDraft::is_changed));
}

#[test]
fn what_rests_on_a_changed_step_is_marked() {
    let session = after(connected());
    let session = session.clone().reduce(checked("a", session.basis, 1));
    let session = session.clone().reduce(plan_made(session.basis, Settings::default()));
    assert!(!session.plan.as_ref().unwrap().stale);
    let session = session.reduce(Action::Settings(nine_at_once()));
    assert!(session.plan.as_ref().unwrap().stale);
    assert!(!session.preflight.as_ref().unwrap().stale, "pre-flight does not ask how many tables are at work");
    let session = session.reduce(Action::Settings(rewritten()));
    assert!(session.preflight.as_ref().unwrap().stale);
    let session = session.clone().reduce(plan_made(session.basis, rewritten()));
    assert!(!session.plan.as_ref().unwrap().stale, "made again, it is current");
    let session = session.reduce(Action::Choose(Role::Target, "other".into()));
    assert!(session.plan.is_none() && session.preflight.is_none(), "another target is another journey");
}

#[test]
fn an_answer_to_an_older_question_is_out_of_date() {
    let session = after(connected());
    let asked = session.basis;
    let session = session.reduce(Action::Settings(rewritten()));
    let session = session.reduce(checked("a", asked, 1)).reduce(plan_made(asked, Settings::default()));
    assert!(session.preflight.as_ref().unwrap().stale && session.plan.as_ref().unwrap().stale);
    let session = after(connected());
    let session = session.clone().reduce(plan_made(session.basis, nine_at_once()));
    assert!(session.plan.as_ref().unwrap().stale, "a plan of the last session, with other settings than today's");
}

#[test]
fn a_check_that_finds_the_same_leaves_the_plan_alone() {
    let session = after(connected());
    let session = session.clone().reduce(checked("a", session.basis, 1));
    let session = session.clone().reduce(plan_made(session.basis, Settings::default()));
    let session = session.clone().reduce(checked("a", session.basis, 1));
    assert!(!session.plan.as_ref().unwrap().stale);
    let session = session.clone().reduce(checked("a", session.basis, 2));
    assert!(session.plan.as_ref().unwrap().stale);
}

#[test]
fn an_error_stays_until_dismissed_or_the_work_is_done_again() {
    let error = || Error::new(Code::PlanStale, "no");
    let session =
        after([Action::Begin(Work::Plan), Action::Fail(Work::Plan, error()), Action::Fail(Work::Run, error())]);
    assert!(!session.is_busy(&Work::Plan));
    let session = session.reduce(Action::Go(Page::Audit)).reduce(Action::Begin(Work::Plan));
    assert_eq!(session.notices.iter().map(|n| n.work.clone()).collect::<Vec<_>>(), [Work::Run]);
    let number = session.notices[0].number;
    assert!(session.reduce(Action::Dismiss(number)).notices.is_empty());
}

#[test]
fn answers_for_another_route_are_dropped() {
    let mut actions = connected();
    actions.push(checked("x", Basis::default(), 1));
    actions.push(Action::Inventory(Route { source: "x".into(), target: "b".into() }, ViewPage::default()));
    let session = after(actions);
    assert!(session.preflight.is_none() && session.inventory.is_none());
}

fn unity(name: &str) -> CatalogSpec {
    CatalogSpec { kind: CatalogKind::Unity, ..catalog(name, Role::Target) }
}

fn with_clusters() -> UnityDraft {
    let photon = PhotonSettings { volume: "/Volumes/main/default/icebridge".into(), ..PhotonSettings::default() };
    UnityDraft { engine: EngineChoice::Automatic, photon, ..UnityDraft::default() }
}

#[test]
fn clusters_are_asked_for_only_on_the_way_into_unity_catalog() {
    let catalogs = vec![catalog("a", Role::Source), unity("b"), catalog("c", Role::Target)];
    let session =
        after([Action::Catalogs(catalogs), Action::Choose(Role::Target, "b".into()), Action::Unity(with_clusters())]);
    assert!(session.settings().photon.is_some() && session.settings_problem().is_none());
    let session = session.reduce(Action::Choose(Role::Target, "c".into()));
    assert_eq!(session.settings(), Settings::default());
    let session = session.reduce(Action::Unity(UnityDraft { photon: PhotonSettings::default(), ..with_clusters() }));
    assert!(session.settings_problem().is_none(), "what is not sent need not be complete");
    assert!(session.reduce(Action::Choose(Role::Target, "b".into())).settings_problem().is_some());
}

#[test]
fn preflight_rests_on_the_engine_and_the_plan_on_what_follows_too() {
    let session = after([Action::Catalogs(vec![catalog("a", Role::Source), unity("b")])]);
    let made = |session: &Rc<Session>| plan_made(session.basis, session.settings());
    let session = session.clone().reduce(checked("a", session.basis, 1));
    let session = session.clone().reduce(made(&session));
    let mut draft = UnityDraft::default();
    draft.after.comments = true;
    let session = session.reduce(Action::Unity(draft));
    assert!(session.plan.as_ref().unwrap().stale && !session.preflight.as_ref().unwrap().stale);
    let session = session.clone().reduce(made(&session));
    assert!(!session.plan.as_ref().unwrap().stale, "its settings are the ones that were sent");
    let session = session.reduce(Action::Unity(with_clusters()));
    assert!(session.preflight.as_ref().unwrap().stale);
}
