use super::*;
use serde_json::json;

fn run(document: serde_json::Value) -> Run {
    let mut document = document;
    document["run_id"] = json!(1);
    serde_json::from_value(document).unwrap()
}

#[test]
fn stages_of_both_versions_are_read() {
    let new = |status: serde_json::Value| run(json!({"status": status})).stage();
    assert_eq!(new(json!({"state": "PENDING"})), Stage::Starting);
    assert_eq!(new(json!({"state": "FLOATING"})), Stage::Unknown("FLOATING".into()));
    let queued =
        new(json!({"state": "QUEUED", "queue_details": {"code": "ACTIVE_RUNS_LIMIT_REACHED", "message": "m"}}));
    assert_eq!(queued, Stage::Queued("the workspace runs as many jobs as it may at once".into()));
    let queued = new(json!({"state": "QUEUED", "queue_details": {"code": "NEW_REASON", "message": "the moon"}}));
    assert_eq!(queued, Stage::Queued("the moon".into()));
    let ended = |code: &str| {
        new(json!({"state": "TERMINATED", "termination_details": {"code": code, "message": "m", "type": "X"}}))
    };
    assert_eq!(ended("SUCCESS"), Stage::Over(Outcome::Succeeded));
    assert_eq!(ended("USER_CANCELED"), Stage::Over(Outcome::Cancelled));
    let Stage::Over(Outcome::Failed(termination)) = ended("CLOUD_FAILURE") else { panic!() };
    assert!(termination.retryable && termination.message == "m" && termination.code == "CLOUD_FAILURE");
    let Stage::Over(Outcome::Failed(termination)) = ended("COSMIC_RAYS") else { panic!() };
    assert_eq!((termination.code.as_str(), termination.retryable), ("COSMIC_RAYS", false));
    let old = |state: serde_json::Value| run(json!({"state": state})).stage();
    assert_eq!(old(json!({"life_cycle_state": "RUNNING"})), Stage::Running);
    let timed_out = old(json!({"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}));
    assert_eq!(timed_out, Stage::Over(Outcome::TimedOut));
    assert_eq!(
        old(json!({"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"})),
        Stage::Over(Outcome::Succeeded)
    );
    assert!(matches!(old(json!({"life_cycle_state": "INTERNAL_ERROR"})), Stage::Over(Outcome::Failed(_))));
    // Over without a result: not a success.
    assert!(matches!(old(json!({"life_cycle_state": "TERMINATED"})), Stage::Over(Outcome::Failed(_))));
    assert!(matches!(old(json!({})), Stage::Unknown(_)));
}

#[test]
fn a_run_with_an_end_is_over_whatever_its_state_is_called() {
    let of = |document| run(document).stage();
    let unknown = json!({"status": {"state": "ENDED"}});
    assert_eq!(of(unknown.clone()), Stage::Unknown("ENDED".into()));
    let with = |name: &str, value: serde_json::Value| {
        let mut document = unknown.clone();
        document[name] = value;
        of(document)
    };
    assert_eq!(with("end_time", json!(0)), Stage::Unknown("ENDED".into()), "as runs are given that go on");
    // A success that is not said is none.
    assert!(matches!(with("end_time", json!(1_700_000_000_000_i64)), Stage::Over(Outcome::Failed(_))));
    assert!(matches!(of(json!({"end_time": 5})), Stage::Over(Outcome::Failed(_))));
    assert_eq!(with("state", json!({"result_state": "SUCCESS"})), Stage::Over(Outcome::Succeeded));
    let details =
        json!({"status": {"state": "ENDED", "termination_details": {"code": "USER_CANCELED"}}, "end_time": 1});
    assert_eq!(of(details), Stage::Over(Outcome::Cancelled));
    assert_eq!(of(json!({"status": {"state": "RUNNING"}, "end_time": 5})), Stage::Running, "a known state counts");
}

#[test]
fn intentions_have_tokens_the_api_takes() {
    let token = IdempotencyToken::of(&["plan", "batch", "1"]);
    assert_eq!(token.as_str().len(), 64);
    assert_eq!(token, IdempotencyToken::of(&["plan", "batch", "1"]));
    assert_ne!(IdempotencyToken::of(&["ab", "c"]), IdempotencyToken::of(&["a", "bc"]));
}

fn submission(tasks: Vec<Task>) -> Submission {
    Submission {
        run_name: "r".into(),
        tasks,
        environments: vec![],
        timeout_seconds: None,
        queue: Queue { enabled: true },
        ..Submission::default()
    }
}

fn task(parameter: &str) -> Task {
    let python = SparkPythonTask { python_file: "/Workspace/a.py".into(), parameters: vec![parameter.into()] };
    Task { task_key: "t".into(), spark_python_task: Some(python), ..Task::default() }
}

#[test]
fn a_submission_that_the_api_would_refuse_is_not_sent() {
    let token = IdempotencyToken::of(&["x"]);
    let written = request::with_token(&submission(vec![task("--plan")]), &token).unwrap();
    let expected = json!({
        "run_name": "r", "idempotency_token": token.as_str(), "queue": {"enabled": true},
        "tasks": [{"task_key": "t", "spark_python_task": {"python_file": "/Workspace/a.py", "parameters": ["--plan"]}}],
    });
    assert_eq!(written, expected);
    let shared = Task { job_cluster_key: Some("k".into()), ..task("x") };
    for wrong in [vec![], vec![shared], vec![task("ü")], vec![task(&"x".repeat(10_001))]] {
        assert!(request::with_token(&submission(wrong), &token).is_err());
    }
}

#[test]
fn libraries_are_written_as_the_api_reads_them() {
    let libraries =
        [Library::Pypi { package: "great_expectations==1.24.1".into() }, Library::Whl("/Volumes/a.whl".into())];
    let expected = json!([{"pypi": {"package": "great_expectations==1.24.1"}}, {"whl": "/Volumes/a.whl"}]);
    assert_eq!(serde_json::to_value(libraries).unwrap(), expected);
}
