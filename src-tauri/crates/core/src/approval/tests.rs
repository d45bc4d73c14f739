use super::rule::{counts, needed, standings};
use super::{file, give, list, require, signed, take};
use crate::LocalState;
use crate::secrets::{MemorySecrets, SecretStore};
use crate::signing::{self, SigningKey};
use icebridge_model::approval::{
    Approval, ApprovalSettings, ApprovalState, Approved as ApprovedAt, Approver, NamedApproval,
};
use icebridge_model::ids::PlanHash;
use icebridge_model::plan::{Estimate, PLAN_VERSION, Plan, Settings};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

async fn key() -> SigningKey {
    let secrets: Arc<dyn SecretStore> = Arc::new(MemorySecrets::default());
    SigningKey::of(&secrets).await.unwrap()
}

async fn state() -> (TempDir, LocalState) {
    let folder = TempDir::new().unwrap();
    let local = LocalState::open(folder.path(), Arc::new(MemorySecrets::default())).await.unwrap();
    (folder, local)
}

async fn own_key(local: &LocalState) -> String {
    SigningKey::of(&local.secrets).await.unwrap().public_key()
}

fn plan(approvers: &[(&str, &str)], needed: usize) -> Plan {
    let approver = |(name, key): &(&str, &str)| Approver { name: (*name).into(), public_key: (*key).into() };
    let approval = Some(ApprovalSettings { approvers: approvers.iter().map(approver).collect(), needed });
    let plan = Plan {
        plan_version: PLAN_VERSION,
        source: "lake".into(),
        target: "managed".into(),
        settings: Settings { approval, change: "CHG1".into(), ..Settings::default() },
        tables: Vec::new(),
        left_out: Vec::new(),
        totals: Estimate::default(),
        hash: PlanHash::default(),
    };
    plan.sealed().unwrap()
}

fn written(folder: &Path, plan: &Plan) -> PathBuf {
    let path = folder.join("plan.json");
    std::fs::write(&path, plan.to_text().unwrap()).unwrap();
    path
}

fn for_an_hour(key: &SigningKey, plan: &Plan) -> Approval {
    let now = Timestamp::now();
    signed::sign(key, &plan.hash, now, now + SignedDuration::from_hours(1))
}

#[tokio::test]
async fn what_is_signed_has_every_field_and_its_purpose() {
    let key = key().await;
    let plan = plan(&[("ada", &key.public_key())], 1);
    let good = for_an_hour(&key, &plan);
    signed::check(&good).unwrap();
    let changes: [fn(&mut Approval); 7] = [
        |a| a.approval_version = 2,
        |a| a.plan_hash = "0".repeat(64).as_str().into(),
        |a| a.public_key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".into(),
        |a| a.given_at = "2020-01-01T00:00:00.000Z".into(),
        |a| a.expires_at = "2099-01-01T00:00:00.000Z".into(),
        |a| a.algorithm = "none".into(),
        |a| a.signature = a.signature.replace(|c: char| c.is_ascii_lowercase(), "a"),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(signed::check(&changed).unwrap_err().code, Code::InvalidInput, "{number}");
    }
    // The key has signed this too, though as something else.
    let mut other = good.clone();
    other.signature = key.sign(&format!("IceBridge audit bundle\n{}\n", plan.hash));
    assert!(signed::check(&other).is_err());
    assert!(signing::fits(&key.public_key(), &format!("IceBridge audit bundle\n{}\n", plan.hash), &other.signature));
}

#[tokio::test]
async fn a_line_cannot_be_moved_into_another_field() {
    let key = key().await;
    let now = Timestamp::now();
    let later = now + SignedDuration::from_hours(1);
    let hash: PlanHash = format!("{}\npublic_key: x", "0".repeat(64)).as_str().into();
    assert!(signed::check(&signed::sign(&key, &hash, now, later)).is_err());
    let hash: PlanHash = "0".repeat(64).as_str().into();
    assert!(signed::check(&signed::sign(&key, &hash, now, later)).is_ok());
    assert!(signed::check(&signed::sign(&key, &hash, later, now)).is_err(), "it ends before it begins");
}

#[tokio::test]
async fn only_named_keys_count_once_while_they_are_valid() {
    let (ada, bob, eve) = (key().await, key().await, key().await);
    let (a, b) = (ada.public_key(), bob.public_key());
    let plan = plan(&[("ada", &a), ("bob", &b), ("ada again", &a)], 2);
    let now = Timestamp::now();
    let states = |kept: &[Approval], own: &str, at| -> Vec<ApprovalState> {
        standings(&plan, kept, own, at).iter().map(|one| one.state).collect()
    };
    use ApprovalState::{Approved, Broken, Expired, Missing, NotYet, OwnKey};
    assert_eq!(states(&[], "", now), [Missing, Missing]);
    let both = [for_an_hour(&ada, &plan), for_an_hour(&bob, &plan), for_an_hour(&eve, &plan)];
    assert_eq!(states(&both, "", now), [Approved, Approved]);
    assert_eq!(states(&both, &b, now), [Approved, OwnKey]);
    assert_eq!(states(&both, "", now + SignedDuration::from_hours(2)), [Expired, Expired]);
    // The clock of who approves may be minutes ahead of the clock of who runs.
    let before = |minutes| now - SignedDuration::from_mins(minutes);
    assert_eq!(states(&both, "", before(9)), [Approved, Approved]);
    assert_eq!(states(&both, "", before(11)), [NotYet, NotYet]);
    let asked = plan.settings.approval.as_ref().unwrap();
    for (minutes, is_enough) in [(9, true), (11, false)] {
        let at = format!("{:.3}", before(minutes));
        let by = both
            .iter()
            .zip(["ada", "bob"])
            .map(|(one, name)| NamedApproval { name: name.into(), approval: one.clone() });
        let approved = ApprovedAt { at, by: by.collect() };
        assert_eq!(counts(&plan, asked, &approved).is_ok(), is_enough, "{minutes} minutes");
    }
    let mut longer = both[0].clone();
    longer.expires_at = "2099-01-01T00:00:00.000Z".into();
    assert_eq!(states(&[longer], "", now), [Broken, Missing]);
    let mut none = plan.clone();
    none.settings.approval.as_mut().unwrap().needed = 0;
    assert_eq!(needed(none.settings.approval.as_ref().unwrap()), 1);
}

#[tokio::test]
async fn a_plan_goes_on_when_enough_others_have_approved_it() {
    let ((_at_ada, ada), (_at_bob, bob), (_runs, runner)) = (state().await, state().await, state().await);
    let folder = TempDir::new().unwrap();
    let (a, b) = (own_key(&ada).await, own_key(&bob).await);
    let plan = plan(&[("ada", &a), ("bob", &b)], 2);
    let path = written(folder.path(), &plan);
    let error = require(&runner, &plan).await.unwrap_err();
    assert_eq!((error.code, error.causes.len()), (Code::NotApproved, 2), "{error}");

    for (approver, left) in [(&ada, 1), (&bob, 0)] {
        let given = give(approver, &path, 3600, None).await.unwrap();
        assert_eq!((given.change.as_str(), given.source.as_str()), ("CHG1", "lake"));
        take(&runner, Path::new(&given.path)).await.unwrap();
        let found = require(&runner, &plan).await;
        assert_eq!(found.err().map_or(0, |error| error.causes.len()), left);
    }
    let approved = require(&runner, &plan).await.unwrap().unwrap();
    let asked = plan.settings.approval.as_ref().unwrap();
    counts(&plan, asked, &approved).unwrap();
    let mut few = approved.clone();
    few.by.pop();
    assert!(counts(&plan, asked, &few).is_err());
    let mut twice = approved.clone();
    twice.by[1] = twice.by[0].clone();
    assert!(counts(&plan, asked, &twice).is_err());
    let mut late = approved.clone();
    late.at = "2099-01-01T00:00:00.000Z".into();
    assert!(counts(&plan, asked, &late).is_err());
    let mut renamed = approved;
    renamed.by[0].name = "eve".into();
    assert!(counts(&plan, asked, &renamed).is_err());
    // In ada's own state ada's approval does not count.
    for given in runner.store.approvals(&plan.hash).await.unwrap() {
        ada.store.save_approval(&given).await.unwrap();
    }
    let error = require(&ada, &plan).await.unwrap_err();
    assert!(error.causes[0].contains("key of this state"), "{error}");
    assert!(list(&runner, Some(&path)).await.unwrap()[0].is_enough);
    assert!(!list(&ada, Some(&path)).await.unwrap()[0].is_enough);
}

#[tokio::test]
async fn the_later_approval_of_a_key_stays() {
    let ((_at_ada, ada), (_runs, runner)) = (state().await, state().await);
    let folder = TempDir::new().unwrap();
    let plan = plan(&[("ada", &own_key(&ada).await)], 1);
    let path = written(folder.path(), &plan);
    let long = folder.path().join("long.json");
    give(&ada, &path, 86_400, Some(&long)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let short = give(&ada, &path, 60, None).await.unwrap();
    take(&runner, &long).await.unwrap();
    take(&runner, Path::new(&short.path)).await.unwrap();
    assert_eq!(take(&runner, &long).await.unwrap_err().code, Code::InvalidInput);
    assert_eq!(runner.store.approvals("").await.unwrap(), [short.approval]);
}

#[tokio::test]
async fn what_could_never_count_is_not_given() {
    let (folder, ada) = state().await;
    let path = written(folder.path(), &plan(&[("bob", &key().await.public_key())], 1));
    assert_eq!(give(&ada, &path, 60, None).await.unwrap_err().code, Code::InvalidInput);
    let own = plan(&[("ada", &own_key(&ada).await)], 1);
    let path = written(folder.path(), &own);
    for seconds in [0, u64::MAX, 367 * 86_400] {
        assert_eq!(give(&ada, &path, seconds, None).await.unwrap_err().code, Code::InvalidInput, "{seconds}");
    }
    std::fs::write(&path, own.to_text().unwrap().replace("CHG1", "CHG2")).unwrap();
    assert_eq!(give(&ada, &path, 60, None).await.unwrap_err().code, Code::PlanBroken);
    std::fs::write(folder.path().join("large"), " ".repeat(20_000)).unwrap();
    assert_eq!(take(&ada, &folder.path().join("large")).await.unwrap_err().code, Code::InvalidInput);
}

#[test]
fn the_file_lies_beside_the_plan() {
    let named = |plan: &str| file::beside(Path::new(plan), "ab/+Ef12345=");
    assert_eq!(named("/plans/p.json"), Path::new("/plans/p.ab__Ef12.approval.json"));
    assert_eq!(named("p"), Path::new("p.ab__Ef12.approval.json"));
}

/// A keychain that does not answer.
#[derive(Debug)]
struct Locked;

impl SecretStore for Locked {
    fn get(&self, _: &str, _: &str) -> Result<Option<Secret>> {
        Err(Error::new(Code::KeychainUnavailable, "locked"))
    }
    fn set(&self, _: &str, _: &str, _: &Secret) -> Result<()> {
        Err(Error::new(Code::KeychainUnavailable, "locked"))
    }
    fn remove(&self, _: &str, _: &str) -> Result<()> {
        Err(Error::new(Code::KeychainUnavailable, "locked"))
    }
}

#[tokio::test]
async fn without_a_keychain_nothing_is_approved() {
    let folder = TempDir::new().unwrap();
    let local = LocalState::open(folder.path(), Arc::new(Locked)).await.unwrap();
    let ada = key().await;
    let plan = plan(&[("ada", &ada.public_key())], 1);
    local.store.save_approval(&for_an_hour(&ada, &plan)).await.unwrap();
    assert_eq!(require(&local, &plan).await.unwrap_err().code, Code::KeychainUnavailable);
}

#[tokio::test]
async fn an_approval_by_a_clock_that_was_ahead_gives_way_to_a_right_one() {
    let ((_at_ada, ada), (_runs, runner)) = (state().await, state().await);
    let folder = TempDir::new().unwrap();
    let plan = plan(&[("ada", &own_key(&ada).await)], 1);
    let path = written(folder.path(), &plan);
    let (next_year, hour) = (Timestamp::now() + SignedDuration::from_hours(8_760), SignedDuration::from_hours(1));
    let ahead = signed::sign(&SigningKey::of(&ada.secrets).await.unwrap(), &plan.hash, next_year, next_year + hour);
    runner.store.save_approval(&ahead).await.unwrap();
    let error = require(&runner, &plan).await.unwrap_err();
    assert!(error.causes[0].contains("clocks"), "{error}");
    let given = give(&ada, &path, 3600, None).await.unwrap();
    take(&runner, Path::new(&given.path)).await.unwrap();
    assert!(require(&runner, &plan).await.is_ok());
}
