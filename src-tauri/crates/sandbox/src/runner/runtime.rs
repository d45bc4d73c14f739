//! The Databricks runtime that a task's Python has: its files, its name, and how it behaves where the vendor does not say it.

use crate::jobs::cluster;
use crate::state::{Folder, Settings};
use crate::unity::Metastore;
use serde_json::{Map, Value};

/// What every task's Python loads first, and the package that it loads for Spark.
const FILES: [(&str, &str); 12] = [
    ("sitecustomize.py", include_str!("sitecustomize.py")),
    ("databricks_runtime/__init__.py", include_str!("../../python/databricks_runtime/__init__.py")),
    ("databricks_runtime/clustering.py", include_str!("../../python/databricks_runtime/clustering.py")),
    ("databricks_runtime/cursor.py", include_str!("../../python/databricks_runtime/cursor.py")),
    ("databricks_runtime/engine.py", include_str!("../../python/databricks_runtime/engine.py")),
    ("databricks_runtime/grammar.py", include_str!("../../python/databricks_runtime/grammar.py")),
    ("databricks_runtime/memory.py", include_str!("../../python/databricks_runtime/memory.py")),
    ("databricks_runtime/refusals.py", include_str!("../../python/databricks_runtime/refusals.py")),
    ("databricks_runtime/rules.py", include_str!("../../python/databricks_runtime/rules.py")),
    ("databricks_runtime/statements.py", include_str!("../../python/databricks_runtime/statements.py")),
    ("databricks_runtime/switches.py", include_str!("../../python/databricks_runtime/switches.py")),
    ("databricks_runtime/tokens.py", include_str!("../../python/databricks_runtime/tokens.py")),
];
/// Of serverless compute, where the environment names no version.
const ENVIRONMENT: &str = "4";

pub fn write_runtime(folder: &Folder) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.runtime().join("databricks_runtime"))?;
    FILES.iter().try_for_each(|(name, text)| std::fs::write(folder.runtime().join(name), text))
}

/// Where a task runs: on a cluster of this specification, or in the environment that its key names.
pub fn name(task: &Value, cluster: &Value, environments: &[Value]) -> String {
    if let Some(key) = task["environment_key"].as_str() {
        return environment(environments.iter().find(|one| one["environment_key"] == key));
    }
    // One that no run started is the one that is always there.
    let all_purpose = cluster::all_purpose();
    let key = cluster["spark_version"].as_str().or(all_purpose["spark_version"].as_str());
    version(key.unwrap_or_default())
}

/// `16.4` of `16.4.x-scala2.12`; since 18 the key has no minor, and neither has the runtime: `18.x` of `18.x-scala2.13`.
fn version(key: &str) -> String {
    let runtime = key.split('-').next().unwrap_or_default();
    match runtime.strip_suffix(".x") {
        Some(number) if number.contains('.') => number.to_owned(),
        _ => runtime.to_owned(),
    }
}

/// `client.4.1`: the version of the environment, and a number of its own after it.
fn environment(named: Option<&Value>) -> String {
    let spec = named.map_or(&Value::Null, |one| &one["spec"]);
    let told = spec["environment_version"].as_str().or(spec["client"].as_str()).unwrap_or(ENVIRONMENT);
    let number: String = told.chars().take_while(char::is_ascii_digit).collect();
    format!("client.{}.1", if number.is_empty() { ENVIRONMENT } else { &number })
}

/// The variables by which the package behaves as the settings say.
pub fn variables(settings: &Settings, metastore: &Metastore) -> [(&'static str, String); 5] {
    let word = |yes: bool, words: [&str; 2]| words[usize::from(!yes)].to_owned();
    let kind = |foreign: bool| Value::from(if foreign { "foreign" } else { "managed" });
    let catalogs: Map<String, Value> = metastore
        .catalogs
        .values()
        .filter(|catalog| catalog.kind != "SYSTEM_CATALOG")
        .map(|catalog| (catalog.name.clone(), kind(catalog.kind == "FOREIGN_CATALOG")))
        .collect();
    [
        ("ICEBRIDGE_SANDBOX_CATALOGS", Value::Object(catalogs).to_string()),
        ("ICEBRIDGE_SANDBOX_PRIME_COUNTS_AS_READ", word(settings.prime_counts_as_read, ["yes", "no"])),
        ("ICEBRIDGE_SANDBOX_DEEP_CLONE_OF_FOREIGN", word(settings.deep_clone_of_foreign, ["supported", "refused"])),
        ("ICEBRIDGE_SANDBOX_TIME_TRAVEL_OF_FOREIGN", settings.time_travel_of_foreign.to_owned()),
        ("ICEBRIDGE_SANDBOX_METADATA_TABLES", word(settings.metadata_tables, ["shown", "refused"])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_runtime_is_named_as_in_life() {
        for (key, told) in [
            ("16.4.x-scala2.12", "16.4"),
            ("17.3.x-gpu-ml-scala2.13", "17.3"),
            ("18.x-scala2.13", "18.x"),
            ("18.2.x-scala2.13", "18.2"),
        ] {
            assert_eq!(name(&json!({}), &json!({"spark_version": key}), &[]), told);
        }
        assert_eq!(name(&json!({"existing_cluster_id": "c"}), &Value::Null, &[]), "17.3");
        let environments = [
            json!({"environment_key": "a", "spec": {"environment_version": "5"}}),
            json!({"environment_key": "b", "spec": {"client": "2"}}),
            json!({"environment_key": "c"}),
        ];
        for (key, told) in [("a", "client.5.1"), ("b", "client.2.1"), ("c", "client.4.1")] {
            assert_eq!(name(&json!({"environment_key": key}), &Value::Null, &environments), told);
        }
    }

    #[test]
    fn every_file_of_the_package_is_written() {
        let folder = Folder::open(None).unwrap();
        write_runtime(&folder).unwrap();
        let there = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python/databricks_runtime")).unwrap();
        for name in there.map(|file| file.unwrap().file_name()).filter(|name| name != "__pycache__") {
            assert!(folder.runtime().join("databricks_runtime").join(&name).is_file(), "{}", name.display());
        }
    }
}
