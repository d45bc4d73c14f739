"""The vendor's own SDK has the sandbox run jobs: real processes, real logs, real ends, and never two for one step."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service import compute, jobs, workspace
from databricks.sdk.service.sql import StatementParameterListItem

from tests.harness.clusters import iceberg_jar
from tests.harness.sandbox import Sandbox, sandbox, until
from tests.leakage.canary import MARK, credential

pytest_plugins = ["tests.harness.sandbox"]

PHOTON = compute.ClusterSpec(
    spark_version="17.3.x-scala2.13",
    node_type_id="i3.xlarge",
    runtime_engine=compute.RuntimeEngine.PHOTON,
    autoscale=compute.AutoScale(min_workers=1, max_workers=4),
    custom_tags={"app": "icebridge"},
)


def script(box: Sandbox, name: str, text: str) -> str:
    """A script uploaded to the pilot's home; its path."""
    folder = f"/Workspace/Users/{box.user}/scripts"
    client = box.client()
    client.workspace.mkdirs(folder)
    path = f"{folder}/{name}.py"
    client.workspace.upload(path, text.encode(), format=workspace.ImportFormat.AUTO, overwrite=True)
    return path


def task(file: str, *parameters: str, key: str = "main", **settings: Any) -> jobs.SubmitTask:
    """A task on a Photon cluster of its own."""
    if not settings.keys() & {"environment_key", "existing_cluster_id"}:
        settings.setdefault("new_cluster", PHOTON)
    python = jobs.SparkPythonTask(python_file=file, parameters=list(parameters))
    return jobs.SubmitTask(task_key=key, spark_python_task=python, **settings)


def wait(client: WorkspaceClient, run_id: int) -> jobs.Run:
    """The run at its end."""

    def ended() -> jobs.Run | None:
        run = client.jobs.get_run(run_id)
        return run if run.status and run.status.state == jobs.RunLifecycleStateV2State.TERMINATED else None

    return until(ended)


def end(run: jobs.Run) -> tuple[str, str]:
    """Code and type of the run's termination."""
    details = run.status and run.status.termination_details
    assert details and details.code and details.type
    return details.code.value, details.type.value


def output(client: WorkspaceClient, run: jobs.Run, at: int = 0) -> jobs.RunOutput:
    """What a task of the run printed."""
    assert run.tasks
    return client.jobs.get_run_output(int(run.tasks[at].run_id or 0))


def test_a_script_runs_and_is_read(box: Sandbox) -> None:
    client = box.client()
    text = "import sys\nprint('hello', *sys.argv[1:])\nprint('to stderr', file=sys.stderr)\n"
    file = script(box, "hello", text)
    before = box.look("counts")
    waiter = client.jobs.submit(run_name="one", tasks=[task(file, "a b", "{{job.run_id}}")])
    run = wait(client, waiter.run_id)
    assert end(run) == ("SUCCESS", "SUCCESS")
    assert run.state and run.state.result_state == jobs.RunResultState.SUCCESS
    told = output(client, run)
    assert told.logs and f"hello a b {run.run_id}\n" in told.logs and "to stderr" in told.logs
    assert told.error is None
    counts = box.look("counts")
    for name in ("clusters_started", "submissions", "runs_started", "processes_started"):
        assert counts[name] - before[name] == 1, name
    cluster = run.tasks and run.tasks[0].cluster_instance
    assert cluster and cluster.cluster_id
    assert client.clusters.get(cluster.cluster_id).state == compute.State.TERMINATED
    kinds = [event.type.value for event in client.clusters.events(cluster.cluster_id) if event.type]
    assert kinds == ["TERMINATING", "RUNNING", "CREATING"]


def test_a_script_that_fails_tells_its_error(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "fails", "def f():\n    raise ValueError('column amount differs')\nf()\n")
    run = wait(client, client.jobs.submit(tasks=[task(file)]).run_id)
    assert end(run) == ("RUN_EXECUTION_ERROR", "CLIENT_ERROR")
    told = output(client, run)
    assert told.error == "ValueError: column amount differs"
    assert told.error_trace and "in f" in told.error_trace
    exits = script(box, "exits", "raise SystemExit(3)\n")
    run = wait(client, client.jobs.submit(tasks=[task(exits)]).run_id)
    assert "3" in (output(client, run).error or "")


def test_one_token_starts_one_run_however_often_it_is_sent(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "once", "print('once')\n")
    before = box.look("counts")
    ids: list[int] = []

    def submit() -> None:
        own = box.client()
        ids.append(own.jobs.submit(tasks=[task(file)], idempotency_token="step-1").run_id)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6 and len(set(ids)) == 1
    wait(client, ids[0])
    assert client.jobs.submit(tasks=[task(file)], idempotency_token="step-1").run_id == ids[0], "also after its end"
    counts = box.look("counts")
    assert counts["clusters_started"] - before["clusters_started"] == 1
    assert counts["processes_started"] - before["processes_started"] == 1
    assert counts["submissions_repeated"] - before["submissions_repeated"] == 6
    client.jobs.delete_run(ids[0])
    with pytest.raises(BadRequest, match="deleted"):
        client.jobs.submit(tasks=[task(file)], idempotency_token="step-1")
    with pytest.raises(BadRequest, match="64"):
        client.jobs.submit(tasks=[task(file)], idempotency_token="x" * 65)


def test_a_lost_answer_leaves_a_run_that_its_token_finds(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "lost", "print('lost and found')\n")
    before = box.look("counts")["clusters_started"]
    with box.fault("/api/2.2/jobs/runs/submit", "lost", count=1):
        # The client's own retry, with the same token, gets the run of the first attempt.
        run_id = client.jobs.submit(tasks=[task(file)], idempotency_token="lost-1").run_id
    assert end(wait(client, run_id)) == ("SUCCESS", "SUCCESS")
    assert box.look("counts")["clusters_started"] - before == 1
    assert [one["run_id"] for one in box.look("clusters")["clusters"]].count(run_id) == 1


def test_without_a_token_a_lost_answer_costs_a_second_cluster(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "twice", "print('twice')\n")
    before = box.look("counts")["clusters_started"]
    with box.fault("/api/2.2/jobs/runs/submit", "lost", count=1):
        run_id = client.jobs.submit(tasks=[task(file)]).run_id
    wait(client, run_id)
    until(lambda: box.look("counts")["clusters_started"] - before == 2)


def alive(pid: int) -> bool:
    """Whether the process is there, and not only its remains."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_cancel_ends_the_process_and_all_that_it_started(box: Sandbox) -> None:
    client = box.client()
    text = """
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("pids", os.getpid(), child.pid, flush=True)
        time.sleep(600)
    """
    file = script(box, "sleeps", "\n".join(line.strip() for line in text.splitlines()))
    waiter = client.jobs.submit(tasks=[task(file)])
    run = client.jobs.get_run(waiter.run_id)
    logs = until(
        lambda: (lambda log: log if "pids" in log and log.endswith("\n") else "")(output(client, run).logs or "")
    )
    pids = [int(word) for word in logs.split()[1:3]]
    assert all(map(alive, pids))
    client.jobs.cancel_run(waiter.run_id)
    run = wait(client, waiter.run_id)
    assert end(run)[0] == "USER_CANCELED"
    assert run.state and run.state.result_state == jobs.RunResultState.CANCELED
    assert run.state.user_cancelled_or_timedout
    until(lambda: not any(map(alive, pids)))


def test_a_run_that_takes_too_long_is_ended(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "long", "import time\ntime.sleep(600)\n")
    run = wait(client, client.jobs.submit(tasks=[task(file)], timeout_seconds=1).run_id)
    assert run.state and run.state.result_state == jobs.RunResultState.TIMEDOUT
    run = wait(client, client.jobs.submit(tasks=[task(file, timeout_seconds=1)]).run_id)
    assert run.state and run.state.result_state == jobs.RunResultState.TIMEDOUT


def test_tasks_wait_for_those_before_them(box: Sandbox) -> None:
    client = box.client()
    good, bad = script(box, "good", "print('good')\n"), script(box, "bad", "raise SystemExit('no')\n")
    after = [jobs.TaskDependency(task_key="first")]
    tasks = [task(bad, key="first"), task(good, key="second", depends_on=after), task(good, key="third")]
    run = wait(client, client.jobs.submit(tasks=tasks).run_id)
    results = {
        one.task_key: one.state.result_state.value for one in run.tasks or [] if one.state and one.state.result_state
    }
    assert results == {"first": "FAILED", "second": "UPSTREAM_FAILED", "third": "SUCCESS"}
    with pytest.raises(BadRequest, match="multiple tasks"):
        client.jobs.get_run_output(int(run.run_id or 0))
    with pytest.raises(BadRequest, match="no task before it"):
        client.jobs.submit(tasks=[task(good, key="second", depends_on=after)])


def test_a_task_that_runs_whatever_came_before_decides_how_the_run_ended(box: Sandbox) -> None:
    client = box.client()
    good, bad = script(box, "good", "print('good')\n"), script(box, "bad", "raise SystemExit('no')\n")
    after = [jobs.TaskDependency(task_key="first")]

    def then(first: str, second: str) -> tuple[str, str]:
        last = task(second, key="second", depends_on=after)
        last.run_if = jobs.RunIf.ALL_DONE
        return end(wait(client, client.jobs.submit(tasks=[task(first, key="first"), last]).run_id))

    assert then(bad, good) == ("SUCCESS_WITH_FAILURES", "SUCCESS")
    assert then(good, bad)[0] == then(bad, bad)[0] == "RUN_EXECUTION_ERROR"
    assert then(good, good) == ("SUCCESS", "SUCCESS")


def test_a_saved_job_shares_one_cluster_among_its_tasks(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "shared", "import sys\nprint('plan', sys.argv[1])\n")

    def one(key: str) -> jobs.Task:
        python = jobs.SparkPythonTask(python_file=file, parameters=["{{job.parameters.plan}}"])
        return jobs.Task(task_key=key, job_cluster_key="small", spark_python_task=python)

    made = client.jobs.create(
        name="small tables",
        tasks=[one("a"), one("b"), one("c")],
        job_clusters=[jobs.JobCluster(job_cluster_key="small", new_cluster=PHOTON)],
        parameters=[jobs.JobParameterDefinition(name="plan", default="none")],
    )
    before = box.look("counts")["clusters_started"]
    run = wait(client, client.jobs.run_now(int(made.job_id or 0), job_parameters={"plan": "p7"}).run_id)
    assert end(run) == ("SUCCESS", "SUCCESS")
    assert box.look("counts")["clusters_started"] - before == 1
    assert "plan p7" in (output(client, run, 2).logs or "")
    assert [job.settings.name for job in client.jobs.list(name="SMALL tables") if job.settings] == ["small tables"]
    assert len(client.jobs.get(int(made.job_id or 0)).settings.tasks or []) == 3
    client.jobs.delete(int(made.job_id or 0))
    with pytest.raises((ResourceDoesNotExist, InvalidParameterValue)):
        client.jobs.get(int(made.job_id or 0))


def test_runs_wait_in_the_queue(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "short", "import time\ntime.sleep(0.3)\n")
    with box.setting(max_runs=1):
        first = client.jobs.submit(tasks=[task(file)]).run_id
        second = client.jobs.submit(tasks=[task(file)]).run_id
        status = client.jobs.get_run(second).status
        assert status and status.state == jobs.RunLifecycleStateV2State.QUEUED
        assert status.queue_details and status.queue_details.code
        assert status.queue_details.code.value == "ACTIVE_RUNS_LIMIT_REACHED"
        refused = box.ask(
            "POST",
            "/api/2.2/jobs/runs/submit",
            json={"tasks": [task(file).as_dict()], "queue": {"enabled": False}},
        )
        assert refused.status_code == 429
        third = client.jobs.submit(tasks=[task(file)]).run_id
        client.jobs.cancel_run(third)
        assert end(wait(client, third))[0] == "USER_CANCELED"
        assert end(wait(client, first)) == end(wait(client, second)) == ("SUCCESS", "SUCCESS")


def test_clusters_are_refused_at_once_or_later_as_in_the_cloud(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "never", "print('never')\n")

    def spec(**changes: Any) -> compute.ClusterSpec:
        return compute.ClusterSpec.from_dict({**PHOTON.as_dict(), **changes})

    with pytest.raises(BadRequest, match="node_type_id"):
        client.jobs.submit(tasks=[task(file, new_cluster=spec(node_type_id=None))])
    run = wait(client, client.jobs.submit(tasks=[task(file, new_cluster=spec(node_type_id="quantum.large"))]).run_id)
    assert end(run) == ("INVALID_CLUSTER_REQUEST", "CLIENT_ERROR")
    assert "quantum" in ((run.tasks and run.tasks[0].state and run.tasks[0].state.state_message) or "")


def test_a_missing_script_or_a_notebook_fails_the_run(box: Sandbox) -> None:
    client = box.client()
    run = wait(client, client.jobs.submit(tasks=[task("/Workspace/Shared/none.py")]).run_id)
    assert end(run)[0] == "RESOURCE_NOT_FOUND"
    script(box, "note", "# Databricks notebook source\nprint(1)\n")
    run = wait(client, client.jobs.submit(tasks=[task(f"/Workspace/Users/{box.user}/scripts/note")]).run_id)
    assert end(run)[0] == "INVALID_RUN_CONFIGURATION"


def test_an_end_can_be_asked_for(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "spot", "print('never')\n")
    box.turn("runs/next", code="CLOUD_FAILURE", type="CLOUD_FAILURE", message="No spot instances.")
    run = wait(client, client.jobs.submit(tasks=[task(file)]).run_id)
    assert end(run) == ("CLOUD_FAILURE", "CLOUD_FAILURE")
    assert run.state and run.state.life_cycle_state == jobs.RunLifeCycleState.INTERNAL_ERROR
    assert end(wait(client, client.jobs.submit(tasks=[task(file)]).run_id)) == ("SUCCESS", "SUCCESS")


def test_serverless_and_existing_clusters_start_none(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "serverless", "print('here')\n")
    before = box.look("counts")["clusters_started"]
    environment = jobs.JobEnvironment(environment_key="e", spec=compute.Environment(environment_version="4"))
    run_id = client.jobs.submit(tasks=[task(file, environment_key="e")], environments=[environment]).run_id
    assert end(wait(client, run_id)) == ("SUCCESS", "SUCCESS")
    there = [one.cluster_id for one in client.clusters.list() if one.cluster_name == "shared"]
    run_id = client.jobs.submit(tasks=[task(file, existing_cluster_id=str(there[0]))]).run_id
    assert end(wait(client, run_id)) == ("SUCCESS", "SUCCESS")
    assert box.look("counts")["clusters_started"] == before


def test_a_script_sees_volumes_secrets_and_settings_and_nothing_of_the_shell(box: Sandbox) -> None:
    client = box.client()
    client.secrets.create_scope("jobs")
    client.secrets.put_secret("jobs", "key", string_value=credential("scope"))
    volume = "/Volumes/main/default/icebridge"
    client.files.upload(f"{volume}/in/plan ä.json", io.BytesIO(b'{"tables": 3}'), overwrite=True)
    text = f"""
import json, os, pathlib, shutil
from pyspark.dbutils import DBUtils

plan = json.loads(pathlib.Path("{volume}/in/plan ä.json").read_text())
pathlib.Path("{volume}/out/deep").mkdir(parents=True, exist_ok=True)
with open("{volume}/out/deep/result.json", "w") as result:
    json.dump({{
        "tables": plan["tables"], "listed": os.listdir("{volume}/in"), "exists": os.path.exists("{volume}/none"),
        "secret": len(DBUtils().secrets.get("jobs", "key")), "env": len(os.environ["FROM_SCOPE"]),
        "shell": "SANDBOX_TEST_SHELL" in os.environ,
    }}, result)
shutil.copy("{volume}/out/deep/result.json", "{volume}/out/copy.json")
"""
    # The module is named as on a cluster; a stub package stands in where PySpark is not installed.
    stub = "import sys, types\nsys.modules.setdefault('pyspark', types.ModuleType('pyspark')).__path__ = []\n"
    file = script(box, "volumes", stub + text)
    env = {"FROM_SCOPE": "{{secrets/jobs/key}}"}
    cluster = compute.ClusterSpec.from_dict({**PHOTON.as_dict(), "spark_env_vars": env})
    run = wait(client, client.jobs.submit(tasks=[task(file, new_cluster=cluster)]).run_id)
    assert end(run) == ("SUCCESS", "SUCCESS"), output(client, run).logs
    told = json.loads(client.files.download(f"{volume}/out/copy.json").contents.read())
    canary = len(credential("scope"))
    assert told == {
        "tables": 3, "listed": ["plan ä.json"], "exists": False, "secret": canary, "env": canary, "shell": False,
    }  # fmt: skip
    kept = [path for path in box.folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert kept == []
    client.secrets.delete_scope("jobs")


def test_runs_are_listed_newest_first_and_forgotten_after_sixty_days(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "listed", "print('listed')\n")
    ids = [wait(client, client.jobs.submit(run_name=f"listed {n}", tasks=[task(file)]).run_id).run_id for n in range(3)]
    listed = [run.run_id for run in client.jobs.list_runs(limit=2, completed_only=True, expand_tasks=True)]
    assert listed[:3] == ids[::-1]
    assert len(set(listed)) == len(listed)
    until(lambda: not list(client.jobs.list_runs(active_only=True)))
    with pytest.raises(BadRequest, match="limit"):
        list(client.jobs.list_runs(limit=26))


def test_usage_is_billed_to_the_tags(box: Sandbox) -> None:
    client = box.client()
    file = script(box, "billed", "import time\ntime.sleep(0.2)\n")
    cluster = compute.ClusterSpec.from_dict({**PHOTON.as_dict(), "custom_tags": {"plan": "b1ll"}})
    run = wait(client, client.jobs.submit(tasks=[task(file, new_cluster=cluster)]).run_id)
    warehouse = next(iter(client.warehouses.list())).id
    told = client.statement_execution.execute_statement(
        statement="""
            SELECT u.usage_metadata.job_run_id AS run, SUM(u.usage_quantity) AS dbus,
                   SUM(u.usage_quantity * p.pricing.default) AS dollars
            FROM system.billing.usage u JOIN system.billing.list_prices AS p
              ON u.sku_name = p.sku_name AND u.cloud = p.cloud AND u.usage_start_time >= p.price_start_time
              AND (p.price_end_time IS NULL OR u.usage_start_time < p.price_end_time)
            WHERE u.custom_tags.plan = :plan
            GROUP BY 1""",
        warehouse_id=str(warehouse),
        parameters=[StatementParameterListItem(name="plan", value="b1ll")],
    )
    assert told.status and told.status.state and told.status.state.value == "SUCCEEDED", told.status
    assert told.result and told.result.data_array
    (row,) = told.result.data_array
    seconds = float(row[1]) / (2.0 * (1 + 4)) * 3600
    assert row[0] == str(run.run_id) and 0.2 <= seconds < 20
    assert float(row[2]) == pytest.approx(float(row[1]) * 0.15)


def test_a_sandbox_without_python_says_so() -> None:
    with sandbox() as own:
        file = script(own, "none", "print('none')\n")
        client = own.client()
        run = wait(client, client.jobs.submit(tasks=[task(file)]).run_id)
        assert end(run)[0] == "CLUSTER_ERROR"
        assert "--python" in ((run.tasks and run.tasks[0].state and run.tasks[0].state.state_message) or "")


def slowly(client: WorkspaceClient, run_id: int) -> jobs.Run:
    """The run at its end, with the time that Spark takes to start."""
    return until(lambda: (run := client.jobs.get_run(run_id)).end_time and run, 240)


def test_a_spark_job_makes_a_table_that_unity_catalog_then_has() -> None:
    jar = iceberg_jar()
    if jar is None:
        pytest.skip("PySpark or Iceberg's runtime is not there")
    text = """
import os
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("runtime", os.environ["DATABRICKS_RUNTIME_VERSION"])
spark.sql("CREATE NAMESPACE IF NOT EXISTS main.made")
for statement in ("CREATE TABLE main.made.cut (id BIGINT) USING iceberg PARTITIONED BY (bucket(4, id))",
                  "DROP TABLE glue_lake.sales.orders"):
    try:
        spark.sql(statement)
    except Exception as error:
        print("refused", error.getCondition(), error.getSqlState())
spark.sql("CREATE TABLE main.made.orders (id BIGINT NOT NULL, at TIMESTAMP, tags ARRAY<STRING>) USING iceberg")
spark.sql("INSERT INTO main.made.orders SELECT id, current_timestamp(), array('a') FROM range(10)")
print("rows", spark.table("main.made.orders").count())
"""
    with sandbox("--python", sys.executable, "--jar", jar) as own:
        client = own.client()
        started = time.monotonic()
        run_id = client.jobs.submit(tasks=[task(script(own, "spark", text))]).run_id
        run = slowly(client, run_id)
        assert end(run) == ("SUCCESS", "SUCCESS"), output(client, run).logs
        logs = output(client, run).logs or ""
        assert "rows 10" in logs and "runtime 17.3" in logs
        assert "refused DELTA_OPERATION_NOT_ALLOWED 0AKDC" in logs
        assert "refused UNSUPPORTED_FEATURE.TABLE_OPERATION 0A000" in logs
        table = client.tables.get("main.made.orders", include_manifest_capabilities=True)
        assert table.securable_kind_manifest and table.securable_kind_manifest.securable_kind
        assert table.securable_kind_manifest.securable_kind.value == "TABLE_DELTA_ICEBERG_MANAGED"
        assert [column.type_text for column in table.columns or []] == ["bigint", "timestamp", "array<string>"]
        print(f"a Spark job took {time.monotonic() - started:.1f} s")


def test_default_storage_is_closed_to_clusters() -> None:
    jar = iceberg_jar()
    if jar is None:
        pytest.skip("PySpark or Iceberg's runtime is not there")
    text = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE TABLE workspace.default.t (id BIGINT) USING iceberg")
"""
    with sandbox("--python", sys.executable, "--jar", jar) as own:
        own.turn("catalogs", name="workspace", default_storage=True)
        client, file = own.client(), script(own, "spark", text)
        on_cluster = client.jobs.submit(tasks=[task(file)]).run_id
        serverless = client.jobs.submit(
            tasks=[task(file, environment_key="e")], environments=[jobs.JobEnvironment(environment_key="e")]
        ).run_id
        ends = [slowly(client, run_id) for run_id in (on_cluster, serverless)]
        assert [end(run)[0] for run in ends] == ["RUN_EXECUTION_ERROR", "SUCCESS"]
        assert "DefaultStorageNeedsServerlessCompute" in str(output(client, ends[0]).error_trace)
        spec = client.clusters.get(str(ends[0].tasks and ends[0].tasks[0].cluster_instance.cluster_id)).spark_conf
        assert not spec, "the sandbox's own setting does not show"
