//! The clusters of runs: started for tasks, ended and billed with the run.

use super::cluster::{ALL_PURPOSE, Cluster, closed_to};
use super::outcome::{Outcome, Phase};
use super::state::{JobsState, Run};
use super::usage::{Billed, Usage};
use crate::base::Ids;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl JobsState {
    /// Gives a task its cluster. True: it was started for it, because the task names none, or is the first with its job
    /// cluster key.
    pub fn assign_cluster(&mut self, run: u64, at: usize, ids: &Ids, now: i64) -> Option<bool> {
        let owner = self.runs.get(&run)?;
        let task = owner.tasks.get(at)?;
        let key = task.spec["job_cluster_key"].as_str().map(str::to_owned);
        let shared = key.as_ref().and_then(|key| {
            let mut others = owner.tasks.iter().filter(|other| other.spec["job_cluster_key"] == key.as_str());
            others.find_map(|other| other.cluster.clone())
        });
        let task_key = task.key.clone();
        if let Some(id) = task.spec["existing_cluster_id"].as_str().map(str::to_owned).or(shared) {
            self.task_mut(run, at)?.cluster = Some(id.clone());
            if let Some(cluster) = self.clusters.get_mut(&id) {
                cluster.task_keys.push(task_key);
            }
            return Some(false);
        }
        let spec = match &key {
            Some(key) => {
                owner.job_clusters.iter().find(|one| one["job_cluster_key"] == key.as_str())?["new_cluster"].clone()
            }
            None => task.spec.get("new_cluster")?.clone(),
        };
        let id = format!("1124-{:06}-{}", ids.number() % 1_000_000, ids.hex16().get(..8).unwrap_or("cluster0"));
        let cluster = Cluster {
            id: id.clone(),
            name: format!("job-run-{run}{}", key.map(|key| format!("-{key}")).unwrap_or_default()),
            spec: closed_to(with_tags(spec, &owner.tags), self.closed_catalogs.iter()),
            cloud: owner.cloud,
            creator: owner.creator.clone(),
            run,
            task_keys: vec![task_key],
            state: "PENDING",
            started: now,
            ended: 0,
            events: vec![(now, "CREATING")],
        };
        self.clusters.insert(id.clone(), cluster);
        self.task_mut(run, at)?.cluster = Some(id.clone());
        Some(true)
    }

    /// Why the cluster of this task does not come up.
    pub fn start_failure(&self, run: u64, at: usize) -> Option<Outcome> {
        let id = self.runs.get(&run)?.tasks.get(at)?.cluster.as_ref()?;
        match self.clusters.get(id) {
            Some(cluster) => cluster.start_failure(),
            None if id == ALL_PURPOSE => None,
            None => {
                let message = format!("Cluster {id} does not exist.");
                Some(Outcome::new("FAILED", "CLUSTER_ERROR", "CLIENT_ERROR", message))
            }
        }
    }

    /// The task's cluster is up and its process begins.
    pub fn set_running(&mut self, run: u64, at: usize, now: i64) {
        let cluster = self.task_mut(run, at).and_then(|task| {
            task.phase = Phase::Running;
            task.running = now;
            task.cluster.clone()
        });
        if let Some(cluster) = cluster.and_then(|id| self.clusters.get_mut(&id))
            && cluster.state == "PENDING"
        {
            cluster.set_state("RUNNING", "RUNNING", now);
        }
        if let Some(run) = self.runs.get_mut(&run)
            && run.phase == Phase::Pending
        {
            run.phase = Phase::Running;
        }
    }

    /// Ends and bills the clusters of a run.
    pub fn end_clusters(&mut self, run: u64, ids: &Ids, now: i64) {
        let Some(owner) = self.runs.get(&run) else { return };
        for task in owner.tasks.iter().filter(|task| task.spec["environment_key"].is_string() && task.started > 0) {
            let until = if task.ended > 0 { task.ended } else { now };
            self.usage.push(Usage::of_serverless(ids.uuid(), billed(owner), task.started, until));
        }
        for cluster in self.clusters.values_mut().filter(|cluster| cluster.run == run) {
            if cluster.ended == 0 {
                cluster.set_state("TERMINATED", "TERMINATING", now);
                cluster.ended = now;
            }
            self.usage.push(Usage::of_cluster(ids.uuid(), billed(owner), cluster));
        }
    }
}

fn billed(run: &Run) -> Billed {
    Billed {
        cloud: run.cloud,
        run: run.id,
        job: run.job_id,
        one_time: run.one_time,
        name: run.name.clone(),
        run_as: run.creator.clone(),
        performance: run.performance.clone(),
        policy: run.usage_policy.clone(),
        tags: json!(run.usage_tags),
    }
}

/// The tags of a job go to its clusters; their own come first.
fn with_tags(mut spec: Value, tags: &BTreeMap<String, String>) -> Value {
    for (name, value) in tags {
        if spec["custom_tags"].get(name).is_none() {
            spec["custom_tags"][name] = value.as_str().into();
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::state::Task;
    use crate::jobs::submission::RunRequest;

    fn run(jobs: &mut JobsState, ids: &Ids, specs: &[Value], job_clusters: &[Value]) -> u64 {
        let task = |(at, spec): (usize, &Value)| Task::new(format!("t{at}"), spec.clone(), Vec::new());
        let tasks = specs.iter().enumerate().map(task).collect();
        let tags = [("of".to_owned(), "job".to_owned()), ("a".to_owned(), "x".to_owned())].into();
        let request =
            RunRequest { tasks, job_clusters: job_clusters.to_vec(), job_id: 9, tags, ..RunRequest::default() };
        jobs.begin(request, "p", 8, ids, 1).unwrap().run()
    }

    #[test]
    fn tasks_of_one_key_share_a_cluster_and_it_is_billed_once() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        jobs.closed_catalogs.insert("workspace".to_owned());
        let shared = json!({"job_cluster_key": "c"});
        let job_clusters =
            json!({"job_cluster_key": "c", "new_cluster": {"runtime_engine": "PHOTON", "custom_tags": {"a": "b"}}});
        let run = run(
            &mut jobs,
            &ids,
            &[shared.clone(), shared, json!({"existing_cluster_id": ALL_PURPOSE})],
            &[job_clusters],
        );
        let started: Vec<_> = (0..3).map(|at| jobs.assign_cluster(run, at, &ids, 2)).collect();
        assert_eq!(started, [Some(true), Some(false), Some(false)]);
        let ids_of: Vec<_> = jobs.runs[&run].tasks.iter().map(|task| task.cluster.clone().unwrap()).collect();
        assert_eq!((&ids_of[0], ids_of[2].as_str()), (&ids_of[1], ALL_PURPOSE));
        assert!(jobs.start_failure(run, 2).is_none());
        jobs.set_running(run, 0, 3);
        assert_eq!(jobs.clusters[&ids_of[0]].task_keys, ["t0", "t1"]);
        jobs.end_clusters(run, &ids, 3_600_002);
        assert_eq!(jobs.clusters[&ids_of[0]].state, "TERMINATED");
        let cluster = &jobs.clusters[&ids_of[0]];
        assert!(cluster.spec["spark_conf"]["spark.sql.catalog.workspace"].is_string(), "closed to its Spark");
        assert_eq!(cluster.payload()["spark_conf"], json!({}), "and nobody's setting");
        assert_eq!(jobs.usage.len(), 1);
        let row = jobs.usage[0].row();
        assert_eq!((&row["custom_tags"]["a"], &row["usage_metadata"]["job_id"]), (&json!("b"), &json!("9")));
        assert_eq!(
            (&row["custom_tags"]["of"], &row["usage_metadata"]["job_run_id"]),
            (&json!("job"), &json!(run.to_string()))
        );
        assert_eq!(row["usage_quantity"], "2.000000000");
    }

    #[test]
    fn serverless_usage_has_the_tags_of_its_policy_alone() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let spec = json!({"environment_key": "e", "custom_tags": {"a": "b"}});
        for policy in [None, jobs.usage_policies.keys().next().cloned()] {
            let tasks = vec![Task::new("t".into(), spec.clone(), Vec::new())];
            let request =
                RunRequest { tasks, one_time: true, job_id: 9, usage_policy: policy, ..RunRequest::default() };
            let run = jobs.begin(request, "p", 8, &ids, 1).unwrap().run();
            let task = jobs.task_mut(run, 0).unwrap();
            (task.started, task.ended) = (1, 3_600_001);
            jobs.end_clusters(run, &ids, 3_600_001);
        }
        let rows: Vec<Value> = jobs.usage.iter().map(Usage::row).collect();
        assert_eq!((&rows[0]["custom_tags"], &rows[1]["custom_tags"]["team"]), (&json!({}), &json!("lake")));
        assert_eq!(
            (&rows[0]["usage_metadata"]["job_id"], &rows[0]["usage_metadata"]["cluster_id"]),
            (&json!("9"), &Value::Null)
        );
        assert_eq!(
            (&rows[0]["product_features"]["is_serverless"], &rows[0]["usage_quantity"]),
            (&json!(true), &json!("2.000000000"))
        );
        let unknown = RunRequest { usage_policy: Some("none".into()), ..RunRequest::default() };
        assert_eq!(jobs.begin(unknown, "p", 8, &ids, 1).unwrap_err().status, 400);
    }
}
