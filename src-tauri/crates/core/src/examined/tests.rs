use super::*;
use icebridge_model::Error;

pub(super) fn examination(at: &str, rows: &[(&str, Finding, Option<Code>)]) -> Examination {
    let row = |(key, finding, code): &(&str, Finding, Option<Code>)| DoctorRow {
        key: (*key).into(),
        assumption: String::new(),
        finding: *finding,
        detail: String::new(),
        error: code.map(|code| Error::new(code, "no")),
    };
    Examination {
        workspace: "prod".into(),
        host: "https://w.example".into(),
        catalog: "scratch".into(),
        read: None,
        report: DoctorReport {
            product_version: "0".into(),
            cloud: None,
            examined_at: at.into(),
            rows: rows.iter().map(row).collect(),
            left_behind: None,
        },
    }
}

const OLD: &str = "2026-01-01T00:00:00.000Z";
const NEW: &str = "2026-02-01T00:00:00.000Z";
const REFUSED: Option<Code> = Some(Code::WorkspaceRefused);

#[test]
fn the_newest_answer_counts_and_what_was_not_tried_is_none() {
    let refused = examination(OLD, &[("deep_clone", Finding::Differs, REFUSED)]);
    let of = |finding, code| Examined(vec![examination(NEW, &[("deep_clone", finding, code)]), refused.clone()]);
    assert_eq!(of(Finding::Holds, None).refuses_clones(), None);
    assert_eq!(of(Finding::Differs, REFUSED).refuses_clones(), Some(NEW));
    for (finding, code) in [(Finding::NotTried, None), (Finding::NotAllowed, Some(Code::AccessDenied))] {
        assert_eq!(of(finding, code).refuses_clones(), Some(OLD), "{finding:?} says nothing of the workspace");
    }
    assert_eq!(of(Finding::Differs, Some(Code::StorageFailed)).refuses_clones(), Some(OLD), "no answer to the clone");
    assert_eq!(Examined::default().refuses_clones(), None);
}

#[test]
fn rights_are_asked_of_whoever_looked_last() {
    let held = examination(OLD, &[("bill", Finding::Holds, None), ("serverless", Finding::Holds, None)]);
    let denied = examination(NEW, &[("bill", Finding::NotAllowed, Some(Code::AccessDenied))]);
    let both = Examined(vec![denied, held]);
    assert_eq!((both.bill_closed(), both.serverless_closed()), (Some(NEW), None));
}

#[test]
fn each_transform_is_answered_by_the_one_that_was_tried_for_it() {
    let rows = [("rest_hour", Finding::Holds, None), ("rest_bucket", Finding::Differs, Some(Code::CatalogRefused))];
    let examined = Examined::of_rows(&rows);
    let refused = ["year", "month", "day", "hour", "bucket[16]", "truncate[3]", "identity", "zorder"]
        .map(|transform| examined.refuses_transform(transform).is_some());
    assert_eq!(refused, [false, false, false, false, true, true, false, false]);
    assert!(!examined.took_transforms_since(OLD));
    let taken = Examined(vec![examination(NEW, &rows.map(|(key, ..)| (key, Finding::Holds, None)))]);
    assert!(taken.took_transforms_since(OLD) && !taken.took_transforms_since(NEW));
}

#[test]
fn a_pin_can_be_read_at_once_or_later_or_not_at_all() {
    use Finding::{Differs, Holds, NotTried};
    let reads = |pinned, primed| {
        let code = |finding| REFUSED.filter(|_| finding == Differs);
        let rows = [("pinned_read", pinned, code(pinned)), ("primed_read", primed, code(primed))];
        Examined::of_rows(&rows).pinned_reads()
    };
    assert_eq!([reads(Holds, Holds), reads(Differs, Holds), reads(Holds, Differs)], [PinnedReads::Taken; 3]);
    assert_eq!(reads(Differs, Differs), PinnedReads::Refused);
    assert_eq!(reads(NotTried, Differs), PinnedReads::Refused);
    assert_eq!([reads(Differs, NotTried), reads(NotTried, NotTried)], [PinnedReads::Unknown; 2]);
}

#[test]
fn default_storage_is_of_the_catalog_that_was_examined() {
    let differs = |catalog: &str| Examination {
        catalog: catalog.into(),
        ..examination(NEW, &[("storage", Finding::Differs, None)])
    };
    let examined = Examined(vec![examination(NEW, &[("storage", Finding::Holds, None)]), differs("ws")]);
    assert_eq!((examined.on_default_storage("WS"), examined.on_default_storage("scratch")), (Some(NEW), None));
    assert_eq!(examined.on_default_storage("other"), None);
    let staging = Examined::of_rows(&[("rest_stage", Finding::Differs, Some(Code::CatalogRefused))]);
    assert!(staging.refuses_staging("scratch").is_some() && staging.refuses_staging("main").is_none());
}

#[tokio::test]
async fn a_workspace_of_another_address_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let local =
        LocalState::open(folder.path(), std::sync::Arc::new(crate::secrets::MemorySecrets::default())).await.unwrap();
    for (host, finding) in [("https://a.example", Finding::Differs), ("https://b.example", Finding::Holds)] {
        let mut one = examination(NEW, &[("deep_clone", finding, None)]);
        one.host = host.into();
        local.store.append("", "", WORKSPACE_EXAMINED, serde_json::to_value(&one).unwrap()).await.unwrap();
    }
    let old = serde_json::json!({"workspace": "prod", "report": {"rows": "of another version"}});
    local.store.append("", "", WORKSPACE_EXAMINED, old).await.unwrap();
    let refused = async |workspace: &str, host: &str| {
        Examined::of(&local, workspace, host).await.unwrap().refuses_clones().is_some()
    };
    assert!(refused("prod", "https://a.example").await);
    assert!(!refused("prod", "https://b.example").await);
    assert!(!refused("dev", "https://a.example").await);
}
