//! What a task's process is started with: its script, arguments, variables and Spark's settings.

use super::parts::Runner;
use super::runtime;
use crate::base::plain;
use crate::jobs::Outcome;
use crate::state::{Principal, inside, workspace};
use regex::{Captures, Regex};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a process may inherit: nothing of the shell that started the sandbox but how to find things.
const INHERITED: &str = "PATH HOME LANG LC_ALL TMPDIR JAVA_HOME SPARK_HOME SPARK_SUBMIT_OPTS \
    SystemRoot TEMP TMP USERPROFILE HADOOP_HOME";

pub struct Prepared {
    pub script: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Of the task's run: its log and settings.
    pub folder: PathBuf,
}

pub(super) fn invalid(message: impl Into<String>) -> Outcome {
    Outcome::new("FAILED", "INVALID_RUN_CONFIGURATION", "CLIENT_ERROR", message)
}

pub fn prepare(
    runner: &Runner,
    python: &Path,
    id: u64,
    at: usize,
    task_run: u64,
    spec: &Value,
) -> Result<Prepared, Outcome> {
    let (creator, parameters, cluster, runtime) = {
        let jobs = runner.jobs.lock();
        let run = jobs.runs.get(&id).ok_or_else(|| invalid("The run is gone."))?;
        let cluster = run.tasks.get(at).and_then(|task| jobs.clusters.get(task.cluster.as_ref()?));
        let cluster = cluster.map(|cluster| cluster.spec.clone()).unwrap_or_default();
        let runtime = runtime::name(spec, &cluster, &run.environments);
        (run.creator.clone(), run.parameters.clone(), cluster, runtime)
    };
    let creator = runner.common.principals.lock().get(&creator).cloned();
    let creator = creator.ok_or_else(|| invalid("The run's creator is gone."))?;
    let task = &spec["spark_python_task"];
    let script = script(runner, task["python_file"].as_str().unwrap_or_default())?;
    let resolve = |text: &str| references(text, id, task_run, &parameters);
    let arguments = task["parameters"].as_array().into_iter().flatten().map(|one| resolve(&plain(one))).collect();
    for volume in runner.metastore.lock().volumes.keys() {
        // On a cluster a volume is there, also before its first file is.
        let _ = std::fs::create_dir_all(runner.folder.volumes().join(volume.replace('.', "/")));
    }
    let folder = runner.folder.run(task_run);
    let properties = folder.join("conf").join("spark.properties");
    let settings = spark_settings(runner, &creator, &cluster, &folder).map_err(invalid)?;
    write_private(&properties, &settings).map_err(|error| invalid(error.to_string()))?;
    let environment = variables(runner, python, &creator, (&cluster, runtime), &properties).map_err(invalid)?;
    Ok(Prepared { script, arguments, environment, folder })
}

pub(super) fn variables(
    runner: &Runner,
    python: &Path,
    creator: &Principal,
    (cluster, runtime): (&Value, String),
    properties: &Path,
) -> Result<BTreeMap<String, String>, String> {
    let inherited = INHERITED.split(' ').filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    let mut environment: BTreeMap<String, String> = inherited.collect();
    let ttl = runner.common.settings.lock().access_token_ttl;
    let token = runner.tokens.lock().job_token(&creator.name, ttl, runner.common.now());
    let own = [
        ("PYTHONPATH", runner.folder.runtime().display().to_string()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("ICEBRIDGE_SANDBOX_FOLDER", runner.folder.root().display().to_string()),
        ("PYSPARK_SUBMIT_ARGS", submit_arguments(properties)),
        ("PYSPARK_PYTHON", python.display().to_string()),
        ("PYSPARK_DRIVER_PYTHON", python.display().to_string()),
        ("SPARK_LOCAL_IP", "127.0.0.1".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("DATABRICKS_RUNTIME_VERSION", runtime),
        ("DATABRICKS_HOST", runner.common.url.get().cloned().unwrap_or_default()),
        ("DATABRICKS_TOKEN", token),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    // Not held while it waits for the metastore: others hold that one and wait for the settings.
    let settings = runner.common.settings.lock().clone();
    let switches = runtime::variables(&settings, &runner.metastore.lock());
    environment.extend(switches.map(|(name, value)| (name.to_owned(), value)));
    for (name, value) in cluster["spark_env_vars"].as_object().into_iter().flatten() {
        environment.insert(name.clone(), runner.scopes.lock().resolve(creator, &plain(value))?);
    }
    Ok(environment)
}

/// Not by SPARK_CONF_DIR, a folder on Java's class path: with one, Java takes no archive of classes, which halves the time in which
/// Spark starts. PySpark splits the text as a shell does.
fn submit_arguments(properties: &Path) -> String {
    format!("--properties-file '{}' pyspark-shell", properties.display().to_string().replace('\'', r"'\''"))
}

/// Workspace files; and volumes, which the real API's description leaves out.
fn script(runner: &Runner, file: &str) -> Result<PathBuf, Outcome> {
    let missing = |message: String| Outcome::new("FAILED", "RESOURCE_NOT_FOUND", "CLIENT_ERROR", message);
    let bare = file.strip_prefix("dbfs:").unwrap_or(file);
    let local = if let Some(below) = bare.strip_prefix("/Volumes/") {
        runner.folder.volumes().join(inside(below).map_err(|refusal| missing(refusal.message))?)
    } else {
        let path = workspace::place(bare).map_err(|refusal| missing(refusal.message))?;
        let kind = runner.tree.lock().get(&path).map(|node| node.kind);
        match kind {
            Some(workspace::Kind::File) => {}
            Some(workspace::Kind::Notebook) => {
                return Err(invalid(format!("{file} is a notebook, and spark_python_task runs files.")));
            }
            _ => return Err(missing(format!("Cannot read the python file {file}. Please check driver logs."))),
        }
        runner.folder.workspace(&path).map_err(|refusal| missing(refusal.message))?
    };
    if local.is_file() { Ok(local) } else { Err(missing(format!("Cannot read the python file {file}."))) }
}

/// `{{job.parameters.x}}`, `{{job.run_id}}`, `{{task.run_id}}`; others stay as they are.
fn references(text: &str, run: u64, task_run: u64, parameters: &BTreeMap<String, String>) -> String {
    let Ok(pattern) = Regex::new(r"\{\{\s*([\w.-]+)\s*\}\}") else { return text.to_owned() };
    let value = |found: &Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str());
        let known = match name {
            "job.run_id" => Some(run.to_string()),
            "task.run_id" | "run_id" => Some(task_run.to_string()),
            _ => name.strip_prefix("job.parameters.").and_then(|name| parameters.get(name)).cloned(),
        };
        known.unwrap_or_else(|| found.get(0).map_or("", |whole| whole.as_str()).to_owned())
    };
    pattern.replace_all(text, value).into_owned()
}

/// The sandbox's own settings, then those it was started with, then the cluster's.
pub(super) fn spark_settings(
    runner: &Runner,
    creator: &Principal,
    cluster: &Value,
    folder: &Path,
) -> Result<String, String> {
    let spark = &runner.spark;
    let mut lines = BTreeMap::new();
    let mut set = |name: &str, value: &str| lines.insert(name.to_owned(), value.to_owned());
    set("spark.master", "local[2]");
    set("spark.ui.enabled", "false");
    set("spark.ui.showConsoleProgress", "false");
    set("spark.driver.host", "127.0.0.1");
    set("spark.driver.bindAddress", "127.0.0.1");
    set("spark.sql.session.timeZone", "UTC");
    set("spark.sql.catalogImplementation", "in-memory");
    set("spark.sql.shuffle.partitions", "2");
    set("spark.sql.warehouse.dir", &folder.join("spark-warehouse").display().to_string());
    if !spark.jars.is_empty() {
        let paths = std::env::join_paths(&spark.jars).map_err(|error| error.to_string())?;
        set("spark.driver.extraClassPath", &paths.to_string_lossy());
    }
    if spark.jars.iter().any(|jar| jar.to_string_lossy().contains("iceberg-spark")) {
        set("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions");
        set("spark.sql.defaultCatalog", "main");
        let metastore = runner.metastore.lock();
        for catalog in metastore.catalogs.values().filter(|catalog| catalog.kind != "SYSTEM_CATALOG") {
            let name = format!("spark.sql.catalog.{}", catalog.name);
            set(&name, "org.apache.iceberg.spark.SparkCatalog");
            set(&format!("{name}.type"), "hadoop");
            set(&format!("{name}.warehouse"), &runner.folder.warehouse().join(&catalog.name).display().to_string());
        }
    }
    for (name, value) in &spark.conf {
        set(name, value);
    }
    for (name, value) in cluster["spark_conf"].as_object().into_iter().flatten() {
        set(name, &runner.scopes.lock().resolve(creator, &plain(value))?);
    }
    let mut text = String::new();
    for (name, value) in lines {
        // A line break in a value would be a setting of its own.
        let _ = writeln!(text, "{name} {}", value.replace(['\n', '\r'], " "));
    }
    Ok(text)
}

/// A file that only its owner reads.
pub(super) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_unknown_ones_kept() {
        let parameters = [("plan".to_owned(), "/Volumes/p.json".to_owned())].into();
        let text = "{{job.parameters.plan}} {{ job.run_id }} {{task.run_id}} {{job.parameters.other}}";
        assert_eq!(references(text, 1, 2, &parameters), "/Volumes/p.json 1 2 {{job.parameters.other}}");
    }
}
