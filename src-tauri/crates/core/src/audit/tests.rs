//! Bundles of real runs, whole and tampered with by somebody who knows the format.

use super::evidence::{Environment, TableEvidence};
use super::signature::{self, Signature};
use super::{Expected, export, folder};
use crate::ledger::SumOfSums;
use crate::migration::tests::fixture::{Fault, Fixture, ident};
use crate::secrets::{MemorySecrets, SecretStore};
use crate::signing::SigningKey;
use crate::views::overview;
use icebridge_model::Code;
use icebridge_model::audit::{AuditVerdict, BundleManifest};
use icebridge_model::journal::{Entry, GENESIS, canonical, entry_hash};
use icebridge_model::plan::Plan;
use icebridge_model::run::RunState;
use icebridge_model::validation::ProofLevel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

async fn verify(path: &Path) -> icebridge_model::Result<AuditVerdict> {
    super::verify(path, &Expected::default()).await
}

async fn bundle_of(fixture: &Fixture) -> PathBuf {
    let path = fixture.dir.path().join("bundle");
    let bundle = export(&fixture.local, "", Some(&path)).await.unwrap();
    let sha256 = hex::encode(Sha256::digest(std::fs::read(path.join("manifest.json")).unwrap()));
    assert_eq!(bundle.sha256, sha256);
    path
}

async fn good() -> (Fixture, PathBuf) {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.run(&fixture.plan()).await.state, RunState::Succeeded);
    let path = bundle_of(&fixture).await;
    (fixture, path)
}

fn detail<'a>(verdict: &'a AuditVerdict, check: &str) -> &'a str {
    &verdict.checks.iter().find(|c| c.name == check).unwrap().detail
}

fn failed(verdict: &AuditVerdict) -> Vec<&str> {
    verdict.checks.iter().filter(|c| !c.passed).map(|c| c.name.as_str()).collect()
}

/// A forger brings the manifest's sums up to date with what he changed, and signs it with a key of his own.
async fn reseal(bundle: &Path) {
    let path = bundle.join("manifest.json");
    let mut manifest: BundleManifest = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for file in &mut manifest.files {
        let bytes = std::fs::read(bundle.join(&file.path)).unwrap();
        file.bytes = bytes.len() as u64;
        file.sha256 = hex::encode(Sha256::digest(&bytes));
    }
    // One that no longer reads is left as it is.
    if let Some(entries) = read_journal(bundle) {
        manifest.journal_entries = entries.len() as u64;
        manifest.journal_head = entries.last().map_or(GENESIS.into(), |e| e.hash.clone());
    }
    let secrets: Arc<dyn SecretStore> = Arc::new(MemorySecrets::default());
    let key = SigningKey::of(&secrets).await.unwrap();
    manifest.public_key = Some(key.public_key());
    let text = folder::pretty(&manifest).unwrap();
    std::fs::write(path, &text).unwrap();
    std::fs::remove_file(bundle.join("signature.json")).unwrap();
    signature::write(bundle, &Signature::of(&key, &hex::encode(Sha256::digest(text)))).unwrap();
}

fn journal(bundle: &Path) -> Vec<Entry> {
    read_journal(bundle).unwrap()
}

fn read_journal(bundle: &Path) -> Option<Vec<Entry>> {
    let text = std::fs::read_to_string(bundle.join("journal.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).ok()).collect()
}

/// A forger chains the journal anew over what he changed.
fn write_journal(bundle: &Path, mut entries: Vec<Entry>) {
    let mut previous = GENESIS.to_string();
    let mut text = String::new();
    for (n, entry) in entries.iter_mut().enumerate() {
        entry.sequence = n as u64 + 1;
        entry.previous_hash = previous;
        entry.hash = entry_hash(entry);
        previous = entry.hash.clone();
        text += &canonical(&serde_json::to_value(&entry).unwrap());
        text.push('\n');
    }
    std::fs::write(bundle.join("journal.jsonl"), text).unwrap();
}

fn table_file(bundle: &Path, name: &str) -> PathBuf {
    let mut files = std::fs::read_dir(bundle.join("tables")).unwrap().map(|e| e.unwrap().path());
    files.find(|p| p.to_string_lossy().contains(name)).unwrap()
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, as_the_program_writes(path, value)).unwrap();
}

/// With the fields in their order. What is no such document stays as it is.
fn as_the_program_writes(path: &Path, value: Value) -> String {
    fn typed<T: Serialize + DeserializeOwned>(value: &Value) -> Option<String> {
        folder::pretty(&serde_json::from_value::<T>(value.clone()).ok()?).ok()
    }
    let text = match path.file_name().unwrap().to_str().unwrap() {
        "manifest.json" => typed::<BundleManifest>(&value),
        "environment.json" => typed::<Environment>(&value),
        "plan.json" => typed::<Plan>(&value),
        _ => typed::<TableEvidence>(&value),
    };
    text.unwrap_or_else(|| folder::pretty(&value).unwrap())
}

#[tokio::test]
async fn a_bundle_of_a_whole_run_is_intact_and_stays_so_elsewhere() {
    let (fixture, bundle) = good().await;
    let verdict = verify(&bundle).await.unwrap();
    assert_eq!((verdict.intact, verdict.tables, verdict.migrated), (true, 3, 3), "{verdict:#?}");
    assert_eq!(verdict.lowest_proof, ProofLevel::Bytes);
    assert_eq!(verdict.checks.len(), 14, "{verdict:#?}");
    // The tables are gone, and so is the state.
    let elsewhere = tempfile::TempDir::new().unwrap();
    let moved = elsewhere.path().join("handed over");
    std::fs::rename(&bundle, &moved).unwrap();
    drop(fixture);
    assert!(verify(&moved).await.unwrap().intact);
}

#[tokio::test]
async fn a_bundle_of_a_run_with_failures_is_intact_and_says_so() {
    let fixture = Fixture::new().await;
    fixture.strike("copy-end", "managed.two", Fault::Fail(Code::StorageFull));
    fixture.strike("measure-target", "managed.three", Fault::Fail(Code::FileBroken));
    assert_eq!(fixture.run(&fixture.plan()).await.state, RunState::Incomplete);
    let bundle = bundle_of(&fixture).await;
    let verdict = verify(&bundle).await.unwrap();
    assert_eq!((verdict.intact, verdict.tables, verdict.migrated), (true, 3, 1), "{verdict:#?}");
    assert_eq!(verdict.lowest_proof, ProofLevel::None);
    let summary = std::fs::read_to_string(bundle.join("summary.md")).unwrap();
    assert!(summary.contains("1 of 3 tables are migrated"), "{summary}");
    assert!(summary.contains("storage-full") && summary.contains("validation-failed"), "{summary}");
}

#[tokio::test]
async fn a_bundle_of_an_interrupted_run_can_be_made() {
    let fixture = Fixture::new().await;
    fixture.strike("copy-unit-2", "managed.two", Fault::Die);
    let handle = fixture.start(&fixture.plan()).await.unwrap();
    assert!(fixture.finish(handle).await.is_none());
    let verdict = verify(&bundle_of(&fixture).await).await.unwrap();
    assert!(verdict.intact, "{verdict:#?}");
}

#[tokio::test]
async fn the_same_run_gives_the_same_evidence_after_more_has_happened() {
    let (fixture, first) = good().await;
    fixture.run(&fixture.plan()).await;
    let runs = crate::migration::list(&fixture.local).await.unwrap();
    let second = fixture.dir.path().join("second");
    export(&fixture.local, &runs[1].run_id, Some(&second)).await.unwrap();
    assert!(overview(&fixture.local, &runs[1].run_id).await.unwrap().exported_at.is_some());
    assert_eq!(overview(&fixture.local, &runs[0].run_id).await.unwrap().exported_at, None);
    for file in ["plan.json", "journal.jsonl", "summary.md", "summary.html", "environment.json"] {
        assert_eq!(std::fs::read(first.join(file)).unwrap(), std::fs::read(second.join(file)).unwrap(), "{file}");
    }
    // The second run adopted everything, and its bundle holds the first one's entries too.
    let third = fixture.dir.path().join("third");
    export(&fixture.local, &runs[0].run_id, Some(&third)).await.unwrap();
    let verdict = verify(&third).await.unwrap();
    assert_eq!((verdict.intact, verdict.migrated, verdict.lowest_proof), (true, 3, ProofLevel::Bytes), "{verdict:#?}");
}

#[tokio::test]
async fn every_changed_missing_or_added_file_shows() {
    let (_fixture, bundle) = good().await;
    let manifest: BundleManifest =
        serde_json::from_slice(&std::fs::read(bundle.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.files.len(), 8);
    for file in &manifest.files {
        let path = bundle.join(&file.path);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let verdict = verify(&bundle).await.unwrap();
        assert!(!verdict.intact && failed(&verdict).contains(&"files"), "{}", file.path);
        std::fs::remove_file(&path).unwrap();
        assert!(!verify(&bundle).await.unwrap().intact, "{}", file.path);
        std::fs::write(&path, whole).unwrap();
    }
    for extra in ["more.txt", "tables/more.json", ".hidden", "folder/"] {
        let path = bundle.join(extra);
        if extra.ends_with('/') { std::fs::create_dir(&path) } else { std::fs::write(&path, "x") }.unwrap();
        assert!(failed(&verify(&bundle).await.unwrap()).contains(&"files"), "{extra}");
        if extra.ends_with('/') { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) }.unwrap();
    }
    assert!(verify(&bundle).await.unwrap().intact);
}

#[tokio::test]
async fn a_forger_who_reseals_the_manifest_is_caught_by_what_he_changed() {
    type Forgery = Box<dyn Fn(&Path)>;
    let table = |edit: fn(&mut Value)| -> Forgery { Box::new(move |b| change(&table_file(b, "a.two"), edit)) };
    let forgeries: Vec<(&str, Forgery)> = vec![
        ("tables-in-journal", table(|t| t["state"] = json!("failed"))),
        ("tables-in-journal", table(|t| t["validation"]["rows"] = json!(8))),
        ("tables-in-journal", table(|t| t["outcome"]["checksums"][0]["sha256"] = json!("00"))),
        ("tables-in-journal", table(|t| t["outcome"]["files_copied"] = json!(4))),
        ("tables-as-planned", table(|t| t["planned"]["snapshot_id"] = json!(9))),
        ("tables-proved", table(|t| t["validation"]["proof"] = json!("count"))),
        ("tables", table(|t| *t = json!([]))),
        (
            "summary",
            Box::new(|b| {
                let path = b.join("summary.md");
                let text = std::fs::read_to_string(&path).unwrap().replace("bytes", "digest");
                std::fs::write(path, text).unwrap();
            }),
        ),
        ("summary", Box::new(|b| std::fs::write(b.join("summary.html"), "<h1>All is well</h1>").unwrap())),
        ("plan", Box::new(|b| change(&b.join("plan.json"), |p| p["tables"][0]["target"] = json!("x.y")))),
        ("environment", Box::new(|b| change(&b.join("environment.json"), |e| e["settings"]["codec"] = json!("none")))),
        ("totals", Box::new(|b| change(&b.join("manifest.json"), |m| m["migrated"] = json!(2)))),
        ("run", Box::new(|b| change(&b.join("manifest.json"), |m| m["run_id"] = json!("another")))),
    ];
    for (expected, forge) in forgeries {
        let (_fixture, bundle) = good().await;
        forge(&bundle);
        reseal(&bundle).await;
        let verdict = verify(&bundle).await.unwrap();
        assert!(failed(&verdict).contains(&expected), "{expected} in {verdict:#?}");
    }
}

#[tokio::test]
async fn what_the_verification_would_pass_over_is_no_part_of_a_bundle() {
    type Forgery = fn(&str) -> String;
    let unknown: Forgery = |text| text.replacen('{', "{\n  \"approved_by\": \"CISO\",", 1);
    let twice: Forgery = |text| text.replacen("\"body\":{", "\"body\":{\"by\":\"somebody else\",", 1);
    let spaced: Forgery = |text| text.replacen("\":", "\": ", 1);
    for (file, check, forge) in [
        ("manifest.json", "manifest", unknown),
        ("plan.json", "plan", unknown),
        ("environment.json", "environment", unknown),
        ("tables/", "tables", unknown),
        ("journal.jsonl", "journal", |text| text.replacen('{', "{\"approved_by\":\"CISO\",", 1)),
        ("journal.jsonl", "journal", twice),
        ("journal.jsonl", "journal", spaced),
        ("journal.jsonl", "journal", |text| format!("{text}\n")),
        ("journal.jsonl", "journal", |text| text.trim_end().to_string()),
        ("environment.json", "environment", |text| text.replace("/lake", "/other")),
    ] {
        let (_fixture, bundle) = good().await;
        let path = if file == "tables/" { table_file(&bundle, "a.two") } else { bundle.join(file) };
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = forge(&text);
        assert_ne!(text, changed, "{file}");
        std::fs::write(&path, changed).unwrap();
        if file != "manifest.json" {
            reseal(&bundle).await;
        }
        let verdict = verify(&bundle).await.unwrap();
        assert!(failed(&verdict).contains(&check), "{check} in {verdict:#?}");
    }
}

#[tokio::test]
async fn a_signature_is_of_one_manifest_and_one_key() {
    let (fixture, bundle) = good().await;
    let key = super::public_key(&fixture.local).await.unwrap().public_key;
    let sha256 = hex::encode(Sha256::digest(std::fs::read(bundle.join("manifest.json")).unwrap()));
    let check = async |key: Option<&str>, sha256: Option<&str>| {
        let expected = Expected { key: key.map(Into::into), sha256: sha256.map(Into::into) };
        let verdict = super::verify(&bundle, &expected).await.unwrap();
        failed(&verdict).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(check(Some(&key), Some(&sha256)).await, Vec::<String>::new());
    assert_eq!(check(None, Some(&"0".repeat(64))).await, ["manifest"]);
    // All of it made up anew, by somebody with another key.
    reseal(&bundle).await;
    assert_eq!(check(None, None).await, Vec::<String>::new());
    assert_eq!(check(Some(&key), Some(&sha256)).await, ["manifest", "signature"]);
    let signature = std::fs::read_to_string(bundle.join("signature.json")).unwrap();
    std::fs::write(bundle.join("signature.json"), signature.replacen("\": \"A", "\": \"B", 1).replace("==\"", "=\""))
        .unwrap();
    assert_eq!(check(None, None).await, ["signature"]);
    // Taken away, with the manifest as it was and without its key.
    std::fs::remove_file(bundle.join("signature.json")).unwrap();
    assert_eq!(check(None, None).await, ["signature"]);
    change(&bundle.join("manifest.json"), |m| drop(m.as_object_mut().unwrap().remove("public_key")));
    assert_eq!(check(None, None).await, Vec::<String>::new());
    assert_eq!(check(Some(&key), None).await, ["signature"]);
}

#[tokio::test]
async fn a_journal_that_was_cut_or_changed_shows() {
    let (_fixture, bundle) = good().await;
    let entries = journal(&bundle);
    let lines = |entries: &[Entry]| {
        entries.iter().map(|e| canonical(&serde_json::to_value(e).unwrap()) + "\n").collect::<String>()
    };
    let mut changed = entries.clone();
    changed[1].at = "2020-01-01T00:00:00Z".into();
    let mut dropped = entries.clone();
    dropped.remove(2);
    let cut = &entries[..entries.len() - 1];
    for text in [lines(&changed), lines(&dropped), lines(&entries[1..]), "not json\n".to_string(), "[".repeat(100_000)]
    {
        std::fs::write(bundle.join("journal.jsonl"), text).unwrap();
        assert!(failed(&verify(&bundle).await.unwrap()).contains(&"journal"));
    }
    // A cut chain holds by itself; the manifest knows its end.
    std::fs::write(bundle.join("journal.jsonl"), lines(cut)).unwrap();
    let verdict = verify(&bundle).await.unwrap();
    assert!(failed(&verdict).contains(&"journal"), "{verdict:#?}");
}

/// He rewrites the whole chain as well, to turn a failed table into a migrated one.
#[tokio::test]
async fn a_table_cannot_be_forged_migrated_without_matching_digests() {
    let fixture = Fixture::new().await;
    fixture.strike("publish-after", "managed.two", Fault::Die);
    let plan = fixture.plan();
    let handle = fixture.start(&plan).await.unwrap();
    assert!(fixture.finish(handle).await.is_none());
    let folder = fixture.folder("managed.two");
    std::fs::write(folder.join("data/1.txt"), "something else\n").unwrap();
    let handle = fixture.resume().await.unwrap();
    assert_eq!(fixture.finish(handle).await.unwrap().failed, 1);
    let bundle = bundle_of(&fixture).await;
    assert!(verify(&bundle).await.unwrap().intact);

    let mut entries = journal(&bundle);
    for entry in entries.iter_mut().filter(|e| e.table == "a.two") {
        if entry.body["state"] == json!("failed") {
            entry.body = json!({"state": "migrated", "target": "managed.two"});
        }
        if entry.kind == "table.validated" {
            entry.body["validation"]["passed"] = json!(true);
        }
    }
    write_journal(&bundle, entries);
    change(&table_file(&bundle, "a.two"), |t| {
        t["state"] = json!("migrated");
        t["error"] = Value::Null;
        t["validation"]["passed"] = json!(true);
    });
    change(&bundle.join("manifest.json"), |m| m["migrated"] = json!(3));
    reseal(&bundle).await;
    let verdict = verify(&bundle).await.unwrap();
    assert!(verdict.checks.iter().find(|c| c.name == "journal").unwrap().passed);
    let caught = failed(&verdict);
    assert!(caught.contains(&"tables-proved"), "{verdict:#?}");
}

#[tokio::test]
async fn what_is_no_bundle_or_wants_out_of_its_folder_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let code = async || verify(folder.path()).await.unwrap_err().code;
    assert_eq!(verify(&folder.path().join("none")).await.unwrap_err().code, Code::BundleBroken);
    assert_eq!(code().await, Code::BundleBroken);
    for text in ["", "{}", "[[[[", &"[".repeat(1_000_000), "\u{0}\u{1}"] {
        std::fs::write(folder.path().join("manifest.json"), text).unwrap();
        assert_eq!(code().await, Code::BundleBroken);
    }
    let (_fixture, bundle) = good().await;
    std::fs::write(bundle.parent().unwrap().join("outside"), "x").unwrap();
    let manifest = bundle.join("manifest.json");
    let whole = std::fs::read(&manifest).unwrap();
    change(&manifest, |m| {
        let file = json!({"path": "../outside", "bytes": 1, "sha256": hex::encode(Sha256::digest("x"))});
        m["files"].as_array_mut().unwrap().push(file);
    });
    let verdict = verify(&bundle).await.unwrap();
    assert!(detail(&verdict, "files").contains("\"../outside\" is no file of a bundle"), "{verdict:#?}");
    std::fs::write(&manifest, &whole).unwrap();
    change(&manifest, |m| m["bundle_version"] = json!(99));
    assert_eq!(verify(&bundle).await.unwrap_err().code, Code::BundleBroken);
    std::fs::write(&manifest, &whole).unwrap();
    #[cfg(unix)]
    {
        let plan = bundle.join("plan.json");
        let elsewhere = bundle.parent().unwrap().join("plan.json");
        std::fs::rename(&plan, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &plan).unwrap();
        assert!(detail(&verify(&bundle).await.unwrap(), "files").contains("no regular file"));
    }
}

#[tokio::test]
async fn a_bundle_is_never_written_over_and_never_half_there() {
    let (fixture, bundle) = good().await;
    let error = export(&fixture.local, "", Some(&bundle)).await.unwrap_err();
    assert_eq!(error.code, Code::InvalidInput);
    // Without a path each export has a place of its own.
    let one = export(&fixture.local, "", None).await.unwrap();
    let two = export(&fixture.local, "", None).await.unwrap();
    assert_ne!(one.path, two.path);
    assert!(verify(Path::new(&two.path)).await.unwrap().intact);
    // Checksums that are not those of the copy stop the export in the middle.
    let run_id = &one.manifest.run_id;
    let mut outcome = fixture.local.store.outcome(run_id, &ident("b.three")).await.unwrap().unwrap();
    outcome.checksums.pop();
    let entry = ("test.changed", json!({}));
    let (store, plan) = (&fixture.local.store, &one.manifest.plan_hash);
    store.save_outcome(run_id, plan, &ident("b.three"), &outcome, entry).await.unwrap();
    let path = fixture.dir.path().join("third");
    assert_eq!(export(&fixture.local, "", Some(&path)).await.unwrap_err().code, Code::StateBroken);
    let left = std::fs::read_dir(fixture.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| name != "third" && !name.ends_with(".unfinished")));
}

#[tokio::test]
async fn names_from_the_lake_do_no_harm_in_a_report() {
    let fixture = Fixture::new().await;
    fixture.lake.write_source(&ident("a.`<script>|x`"), 1, "x");
    let view = fixture.run(&fixture.plan()).await;
    assert_eq!(view.state, RunState::Succeeded, "{view:#?}");
    let bundle = bundle_of(&fixture).await;
    assert!(verify(&bundle).await.unwrap().intact);
    for file in ["summary.md", "summary.html"] {
        let text = std::fs::read_to_string(bundle.join(file)).unwrap();
        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"), "{file}");
    }
}

#[test]
fn a_sum_of_sums_is_what_sha256sum_says_of_its_own_list() {
    let sum = icebridge_model::run::FileSum { path: "data/a".into(), bytes: 3, sha256: "ab".repeat(32) };
    let expected = hex::encode(Sha256::digest(format!("{}  data/a\n", "ab".repeat(32))));
    assert_eq!(SumOfSums::of(&[sum]).sha256, expected);
}

/// The page that tells third parties how to check a bundle by hand is itself checked, where its tools are.
#[cfg(unix)]
#[tokio::test]
async fn the_commands_of_the_documentation_work() {
    let page = include_str!("../../../../../docs/audit-bundle.md");
    let by_hand = &page[page.find("## By hand").unwrap()..];
    let mut blocks = Vec::new();
    for block in by_hand.split("```").skip(1).step_by(2) {
        let (language, code) = block.split_once('\n').unwrap();
        blocks.push((if language == "python" { "python3" } else { "bash" }, code));
    }
    assert_eq!(blocks.len(), 6);
    let (_fixture, bundle) = good().await;
    let has = |tool: &str| std::process::Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    for (program, code) in blocks {
        if !has(program) || (program == "bash" && !["jq", "sha256sum", "openssl"].iter().all(|tool| has(tool))) {
            eprintln!("not checked, for want of {program}, jq, sha256sum or openssl");
            continue;
        }
        let run = |bundle: &Path| {
            let output = std::process::Command::new(program).args(["-c", code]).current_dir(bundle).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            (output.status.success(), text)
        };
        let (done, text) = run(&bundle);
        assert!(done && !text.contains("DIFFERS"), "{code}\n{text}");
    }
}
