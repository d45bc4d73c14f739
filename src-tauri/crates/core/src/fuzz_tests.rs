//! Changed bytes into what core reads from files of people: plans, mapping sheets, bundles.

use crate::audit;
use crate::migration::tests::fixture::Fixture;
use icebridge_loopback::fuzz;
use icebridge_model::TableIdent;
use icebridge_model::mapping::{Mapping, from_csv};
use icebridge_model::plan::Plan;
use icebridge_model::run::RunState;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

#[test]
fn fuzz_plan() {
    let runtime = Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    let seeds = [fixture.plan().to_text().unwrap().into_bytes()];
    fuzz::inputs("plan", &seeds, 3_000, |input| {
        if let Ok(plan) = Plan::from_text(&String::from_utf8_lossy(&input)) {
            assert_eq!(plan.hash, fixture.plan().hash, "a changed plan passes for another");
        }
    });
}

#[test]
fn fuzz_mapping_csv() {
    let known: Vec<TableIdent> =
        ["sales.orders", "sales.`odd, \"one\"`", "größe.`a.b`"].map(|text| TableIdent::parse(text).unwrap()).into();
    let seeds = [
        "source,target,state\nsales.orders,a.b,ready\n\"sales.`odd, \"\"one\"\"`\",,excluded\ngröße.`a.b`,x.y,ready\n"
            .as_bytes()
            .to_vec(),
    ];
    fuzz::inputs("mapping CSV", &seeds, 10_000, |input| {
        let _ = from_csv(&Mapping::standard(), &known, &String::from_utf8_lossy(&input));
    });
}

#[test]
fn fuzz_bundle() {
    let runtime = Runtime::new().unwrap();
    let (_fixture, bundle, archive) = runtime.block_on(async {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.run(&fixture.plan()).await.state, RunState::Succeeded);
        let [bundle, archive] = ["bundle", "bundle.zip"].map(|name| fixture.dir.path().join(name));
        for path in [&bundle, &archive] {
            audit::export(&fixture.local, "", Some(path)).await.unwrap();
        }
        (fixture, bundle, archive)
    });
    let paths = files_below(&bundle).into_iter().chain([archive.clone()]);
    let files: Vec<(PathBuf, Vec<u8>)> = paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let seeds: Vec<Vec<u8>> = files.iter().map(|(_, bytes)| bytes.clone()).collect();
    let verify = |of: &Path| runtime.block_on(audit::verify(of, &audit::Expected::default()));
    let sha256 = verify(&archive).unwrap().sha256;
    let mut at = 0;
    fuzz::inputs("bundle", &seeds, 300, |input| {
        let (path, bytes) = &files[at % files.len()];
        at += 1;
        fs::write(path, &input).unwrap();
        let of = if *path == archive { &archive } else { &bundle };
        // The same content may be compressed otherwise.
        let is_seen = verify(of).map_or(true, |found| !found.intact || of == &archive && found.sha256 == sha256);
        assert!(input == *bytes || is_seen, "a change of {path:?} was not seen");
        fs::write(path, bytes).unwrap();
    });
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files_below(&entry)) } else { found.push(entry) }
    }
    found.sort();
    found
}
