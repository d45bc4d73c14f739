//! Runs: serverless compute, and the token by which a repeated request is the same run.

use super::bench::{Bench, Seen};
use icebridge_databricks::jobs::{
    Environment, EnvironmentSpec, IdempotencyToken, JobRunId, Queue, SparkPythonTask, Submission, Task,
};
use icebridge_model::Result;

const SERVERLESS: &str = "serverless compute takes a submission";
const TOKEN: &str = "the same token gives the same run";

pub(super) async fn try_all(bench: &mut Bench<'_>) -> Result<()> {
    if !bench.request.submit_run {
        let not_asked = || Ok(Seen::NotTried("no run was allowed (--submit-run)".into()));
        bench.add("serverless", SERVERLESS, not_asked())?;
        bench.add("idempotency_token", TOKEN, not_asked())?;
        return Ok(());
    }
    let token = IdempotencyToken::of(&["doctor", &bench.schema]);
    let wanted = submission(bench);
    let first = bench.client.submit_run(&wanted, &token).await.map(|answer| answer.value);
    match first {
        Ok(run) => {
            bench.add("serverless", SERVERLESS, Ok(Seen::Holds("it was taken, and cancelled".into())))?;
            let again = bench.client.submit_run(&wanted, &token).await.map(|answer| answer.value);
            let mut started = vec![run];
            let seen = again.map(|second| {
                if second != run {
                    started.push(second);
                }
                if second == run {
                    Seen::Holds("one run".into())
                } else {
                    Seen::Differs("two runs were started".into())
                }
            });
            bench.add("idempotency_token", TOKEN, seen)?;
            cancel(bench, &started).await;
        }
        Err(error) => {
            bench.add("serverless", SERVERLESS, Err(error))?;
            bench.add("idempotency_token", TOKEN, Ok(Seen::NotTried("no run could be submitted".into())))?;
        }
    }
    Ok(())
}

async fn cancel(bench: &Bench<'_>, runs: &[JobRunId]) {
    for run in runs {
        if let Err(error) = bench.client.cancel_run(*run).await {
            tracing::warn!(%error, ?run, "a run of the examination cannot be cancelled; its script is not there, so it ends by itself");
        }
    }
}

/// Of a script that is not there: a run that is not cancelled in time does nothing.
fn submission(bench: &Bench<'_>) -> Submission {
    let python_file = format!("/Workspace/Users/{}/icebridge/{}.py", bench.me.user_name, bench.schema);
    Submission {
        run_name: format!("icebridge doctor {}", bench.schema),
        tasks: vec![Task {
            task_key: "doctor".into(),
            spark_python_task: Some(SparkPythonTask { python_file, parameters: Vec::new() }),
            environment_key: Some("doctor".into()),
            max_retries: Some(0),
            ..Task::default()
        }],
        environments: vec![Environment {
            environment_key: "doctor".into(),
            spec: EnvironmentSpec { environment_version: "4".into(), dependencies: Vec::new() },
        }],
        timeout_seconds: Some(600),
        queue: Queue { enabled: true },
        ..Submission::default()
    }
}
