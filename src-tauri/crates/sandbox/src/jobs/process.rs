//! A task as a Python process on this machine.

use super::outcome::Outcome;
use crate::body::plain;
use crate::counts::one;
use crate::people::Person;
use crate::unity::objects::Catalog;
use crate::workspace;
use crate::world::{Shared, World, locked};
use regex::{Captures, Regex};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// How a task ended, and what get-output tells of it.
pub struct Ended {
    pub outcome: Outcome,
    pub error: Option<String>,
    pub trace: Option<String>,
}

impl Ended {
    pub fn of(outcome: Outcome) -> Self {
        let error = (!outcome.is_good()).then(|| outcome.message.clone());
        Self { outcome, error, trace: None }
    }
}

/// What a process may inherit: nothing of the shell that started the sandbox but how to find things.
const INHERITED: [&str; 13] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "JAVA_HOME",
    "SPARK_HOME",
    "SPARK_SUBMIT_OPTS",
    "SystemRoot",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "HADOOP_HOME",
];

/// The end of a log is enough to find the error in.
const TRACE_BYTES: usize = 256 << 10;

pub async fn run(world: &Shared, id: u64, at: usize, task_run: u64, spec: &Value) -> Ended {
    let Some(python) = world.config.spark.python.clone() else {
        let words =
            "The sandbox was started without Python. Start it with --python and an interpreter that has PySpark.";
        return Ended::of(Outcome::new("FAILED", "CLUSTER_ERROR", "CLIENT_ERROR", words));
    };
    let prepared = prepare(world, id, at, task_run, spec);
    let (script, arguments, environment, folder) = match prepared {
        Ok(prepared) => prepared,
        Err(outcome) => return Ended::of(outcome),
    };
    let mut command = Command::new(&python);
    command.arg("-u").arg(script).args(arguments).env_clear().envs(environment).current_dir(&folder);
    let log = folder.join("output.log");
    let opened = std::fs::File::create(&log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = match opened {
        Ok(both) => both,
        Err(error) => return Ended::of(Outcome::new("FAILED", "DRIVER_ERROR", "INTERNAL_ERROR", error.to_string())),
    };
    command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let words = format!("{} cannot be started: {error}", python.display());
            return Ended::of(Outcome::new("FAILED", "DRIVER_ERROR", "INTERNAL_ERROR", words));
        }
    };
    one(&world.counts.processes_started);
    let mut group = Group(child);
    let exit = group.0.wait().await;
    drop(group);
    // It may hold what was secret.
    let _ = std::fs::remove_dir_all(folder.join("conf"));
    match exit {
        Ok(status) if status.success() => Ended::of(Outcome::success()),
        Ok(status) => failed(&log, &status.to_string()),
        Err(error) => Ended::of(Outcome::new("FAILED", "DRIVER_ERROR", "INTERNAL_ERROR", error.to_string())),
    }
}

/// A process and all that it started. Spark is a tree of them: ending the first alone leaves Java behind.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.start_kill();
    }
}

fn failed(log: &Path, status: &str) -> Ended {
    let bytes = std::fs::read(log).unwrap_or_default();
    let tail = bytes.get(bytes.len().saturating_sub(TRACE_BYTES)..).unwrap_or_default();
    let text = String::from_utf8_lossy(tail);
    let trace = text.rfind("Traceback (most recent call last):").and_then(|from| text.get(from..)).map(str::to_owned);
    // The first line after the trace's frames says what it was; what a program prints while it ends comes later.
    let last = trace.as_ref().and_then(|trace| {
        trace.lines().skip(1).find(|line| !line.starts_with(' ') && !line.is_empty()).map(str::to_owned)
    });
    let error = last.unwrap_or_else(|| format!("The Python process ended with {status}"));
    Ended { outcome: Outcome::failed(error.clone()), error: Some(error), trace }
}

type Prepared = (PathBuf, Vec<String>, BTreeMap<String, String>, PathBuf);

fn prepare(world: &World, id: u64, at: usize, task_run: u64, spec: &Value) -> Result<Prepared, Outcome> {
    let invalid = |words: String| Outcome::new("FAILED", "INVALID_RUN_CONFIGURATION", "CLIENT_ERROR", words);
    let (creator, parameters, cluster) = {
        let book = locked(&world.jobs);
        let run = book.runs.get(&id).ok_or_else(|| invalid("The run is gone.".to_owned()))?;
        let cluster = run.tasks.get(at).and_then(|task| task.cluster.clone());
        let cluster = cluster.and_then(|cluster| book.clusters.get(&cluster)).map(|cluster| cluster.spec.clone());
        (run.creator.clone(), run.parameters.clone(), cluster.unwrap_or_default())
    };
    let creator = locked(&world.people).person(&creator).cloned();
    let creator = creator.ok_or_else(|| invalid("The run's creator is gone.".to_owned()))?;
    let task = &spec["spark_python_task"];
    let script = script(world, task["python_file"].as_str().unwrap_or_default())?;
    let resolve = |text: &str| references(text, id, task_run, &parameters);
    let arguments = task["parameters"].as_array().into_iter().flatten().map(|one| resolve(&plain(one))).collect();
    for volume in locked(&world.unity).volumes.keys() {
        // On a cluster a volume is there, also before its first file is.
        let _ = std::fs::create_dir_all(world.folder.root().join("Volumes").join(volume.replace('.', "/")));
    }
    let folder = world.folder.run(task_run);
    let conf = folder.join("conf");
    std::fs::create_dir_all(&conf).map_err(|error| invalid(error.to_string()))?;
    let defaults = defaults(world, &creator, &cluster, &folder).map_err(invalid)?;
    let properties = conf.join("spark.properties");
    private(&properties, &defaults).map_err(|error| invalid(error.to_string()))?;

    let mut environment: BTreeMap<String, String> =
        INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("PYTHONPATH", world.folder.runtime().display().to_string());
    set("PYTHONUNBUFFERED", "1".to_owned());
    set("ICEBRIDGE_SANDBOX_FOLDER", world.folder.root().display().to_string());
    set("PYSPARK_SUBMIT_ARGS", submit_arguments(&properties));
    set("SPARK_LOCAL_IP", "127.0.0.1".to_owned());
    set("TZ", "UTC".to_owned());
    if let Some(python) = &world.config.spark.python {
        set("PYSPARK_PYTHON", python.display().to_string());
        set("PYSPARK_DRIVER_PYTHON", python.display().to_string());
    }
    if let Some(url) = world.url.get() {
        set("DATABRICKS_HOST", url.clone());
    }
    let ttl = locked(&world.settings).access_token_ttl;
    set("DATABRICKS_TOKEN", locked(&world.oidc).job_token(&creator.name, ttl, world.clock.now()));
    for (name, value) in cluster["spark_env_vars"].as_object().into_iter().flatten() {
        set(name, secrets(world, &creator, &plain(value)).map_err(invalid)?);
    }
    Ok((script, arguments, environment, folder))
}

/// Not by SPARK_CONF_DIR, a folder on Java's class path: with one, Java takes no archive of classes, which halves the time in which
/// Spark starts. PySpark splits the words as a shell does.
fn submit_arguments(properties: &Path) -> String {
    format!("--properties-file '{}' pyspark-shell", properties.display().to_string().replace('\'', r"'\''"))
}

/// Workspace files; and volumes, of which the real API's text says nothing.
fn script(world: &World, file: &str) -> Result<PathBuf, Outcome> {
    let missing = |words: String| Outcome::new("FAILED", "RESOURCE_NOT_FOUND", "CLIENT_ERROR", words);
    let bare = file.strip_prefix("dbfs:").unwrap_or(file);
    let local = if let Some(below) = bare.strip_prefix("/Volumes/") {
        let below = crate::files::inside(below).map_err(|refusal| missing(refusal.message))?;
        world.folder.root().join("Volumes").join(below)
    } else {
        let path = workspace::place(bare).map_err(|refusal| missing(refusal.message))?;
        let kind = locked(&world.workspace).get(&path).map(|node| node.kind);
        match kind {
            Some(workspace::Kind::File) => {}
            Some(workspace::Kind::Notebook) => {
                let words = format!("{file} is a notebook, and spark_python_task runs files.");
                return Err(Outcome::new("FAILED", "INVALID_RUN_CONFIGURATION", "CLIENT_ERROR", words));
            }
            _ => return Err(missing(format!("Cannot read the python file {file}. Please check driver logs."))),
        }
        world.folder.workspace(&path).map_err(|refusal| missing(refusal.message))?
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

/// `{{secrets/scope/key}}`, as the creator may read them.
fn secrets(world: &World, creator: &Person, text: &str) -> Result<String, String> {
    let Some(inner) = text.strip_prefix("{{secrets/").and_then(|rest| rest.strip_suffix("}}")) else {
        return Ok(text.to_owned());
    };
    let (scope, key) = inner.split_once('/').ok_or_else(|| format!("{text} names no secret"))?;
    world.secret(creator, scope, key).map(|secret| secret.expose().to_owned()).map_err(|refusal| refusal.message)
}

/// Spark's settings: the sandbox's own, then those it was started with, then the cluster's.
fn defaults(world: &World, creator: &Person, cluster: &Value, folder: &Path) -> Result<String, String> {
    let spark = &world.config.spark;
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
    let iceberg = |jar: &PathBuf| jar.to_string_lossy().contains("iceberg-spark");
    if spark.jars.iter().any(iceberg) {
        set("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions");
        set("spark.sql.defaultCatalog", "main");
        let metastore = locked(&world.unity);
        let own = |catalog: &&Catalog| catalog.kind != "SYSTEM_CATALOG";
        for catalog in metastore.catalogs.values().filter(own) {
            let name = format!("spark.sql.catalog.{}", catalog.name);
            set(&name, "org.apache.iceberg.spark.SparkCatalog");
            set(&format!("{name}.type"), "hadoop");
            set(&format!("{name}.warehouse"), &world.folder.warehouse().join(&catalog.name).display().to_string());
        }
    }
    for (name, value) in &spark.conf {
        set(name, value);
    }
    for (name, value) in cluster["spark_conf"].as_object().into_iter().flatten() {
        set(name, &secrets(world, creator, &plain(value))?);
    }
    let mut text = String::new();
    for (name, value) in lines {
        // A line break in a value would be a setting of its own.
        let _ = writeln!(text, "{name} {}", value.replace(['\n', '\r'], " "));
    }
    Ok(text)
}

/// A file that only its owner reads.
fn private(path: &Path, text: &str) -> std::io::Result<()> {
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
