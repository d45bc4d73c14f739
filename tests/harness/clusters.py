"""A workspace whose clusters are Spark on this machine, with tables in a foreign catalog that Spark itself wrote."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service import jobs

from tests.harness.cli import Icebridge
from tests.harness.route import Route, Run, connect
from tests.harness.sandbox import Sandbox, sandbox, until

VOLUME = "/Volumes/main/default/icebridge"
# With all other tests beside it, on two cores.
MINUTES = 900.0
SEED = """
import os
os.environ["ICEBRIDGE_SANDBOX_ENGINE"] = "outside"  # an engine of the foreign catalog, and no runtime of Databricks
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE NAMESPACE IF NOT EXISTS glue_lake.shop")
spark.sql('''CREATE TABLE glue_lake.shop.orders (id BIGINT NOT NULL COMMENT 'the number', customer STRING,
    amount DECIMAL(12, 2), at TIMESTAMP_NTZ, tags ARRAY<STRING>) USING iceberg COMMENT 'all orders' ''')
spark.sql('''INSERT INTO glue_lake.shop.orders
    SELECT id, CASE WHEN id % 7 = 0 THEN NULL ELSE concat('c', id % 13) END, CAST(id * 1.25 AS DECIMAL(12, 2)),
    timestamp_ntz'2026-01-01' + make_interval(0, 0, 0, CAST(id AS INT)), array('a', concat('t', id))
    FROM range(1000)''')
spark.sql('''CREATE TABLE glue_lake.shop.daily (id BIGINT, at TIMESTAMP_NTZ) USING iceberg PARTITIONED BY (days(at))''')
spark.sql('''INSERT INTO glue_lake.shop.daily
    SELECT id, timestamp_ntz'2026-01-01' + make_interval(0, 0, 0, CAST(id AS INT)) FROM range(30)''')
spark.sql('''CREATE TABLE glue_lake.shop.corrected (id BIGINT, note STRING) USING iceberg
    TBLPROPERTIES ('format-version' = '2', 'write.delete.mode' = 'merge-on-read')''')
spark.sql("INSERT INTO glue_lake.shop.corrected SELECT id, concat('n', id) FROM range(100)")
spark.sql("DELETE FROM glue_lake.shop.corrected WHERE id < 10")
print("made", spark.table("glue_lake.shop.corrected").count())
"""


def iceberg_jar() -> Path | None:
    """Iceberg's runtime for Spark, if the cache has it and this Python has PySpark."""
    try:
        import pyspark
    except ImportError:
        return None
    cache = os.environ.get("ICEBRIDGE_CACHE")
    # Each minor version of Spark has a jar of its own.
    version = ".".join(pyspark.__version__.split(".")[:2])
    found = sorted(Path(cache).glob(f"ivy/jars/*iceberg-spark-runtime-{version}_2.13*.jar")) if cache else []
    return found[0] if found else None


@contextmanager
def spark_workspace(*arguments: str | Path) -> Iterator[Sandbox]:
    """A sandbox that runs what is submitted on Spark, with the foreign tables in it and the gate open."""
    jar = iceberg_jar()
    if jar is None:
        if os.environ.get("CI"):
            pytest.fail("PySpark or Iceberg's runtime is not there")
        pytest.skip("PySpark or Iceberg's runtime is not there")
    with sandbox("--python", sys.executable, "--jar", jar, *arguments) as box:
        seed(box)
        box.turn("gate", open=True, on=["main", "glue_lake"])
        box.turn("counts/reset")
        yield box


def seed(box: Sandbox) -> None:
    """Have a run on a cluster write the foreign tables."""
    submit(box, SEED)


def write(box: Sandbox, *statements: str) -> None:
    """Have the foreign catalog's own engine write to its tables."""
    submit(box, "\n".join([*SEED.splitlines()[:5], *(f"spark.sql({statement!r})" for statement in statements)]))


def submit(box: Sandbox, script: str) -> None:
    """Run a script on serverless compute to its end."""
    client = box.client(box.admin_token)
    path = "/Workspace/Shared/seed.py"
    client.workspace.mkdirs("/Workspace/Shared")
    from databricks.sdk.service.workspace import ImportFormat

    client.workspace.upload(path, script.encode(), format=ImportFormat.RAW, overwrite=True)
    task = jobs.SubmitTask(
        task_key="seed", spark_python_task=jobs.SparkPythonTask(python_file=path), environment_key="e"
    )
    environment = jobs.JobEnvironment(environment_key="e")
    run_id = client.jobs.submit(tasks=[task], environments=[environment]).run_id
    run = until(lambda: (lambda run: run if run.end_time else None)(client.jobs.get_run(run_id)), MINUTES)
    told = client.jobs.get_run_output((run.tasks or [])[0].run_id or 0)
    assert run.state and run.state.result_state and run.state.result_state.value == "SUCCESS", told.error or told.logs


def route(cli: Icebridge, box: Sandbox, schema: str) -> Route:
    """From the foreign catalog to a schema of `main`, both of the same workspace."""
    cli.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    cli.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    connect(cli, "foreign", "unity", "here", warehouse="glue_lake")
    connect(cli, "managed", "unity", "here", target=True, warehouse="main")
    found = Route(cli)
    found.rename("shop.*", schema)
    return found


def settings(folder: Path, **photon: Any) -> list[str]:
    """Options by which classic clusters take all they can; what is no setting of clusters goes beside."""
    import json

    whole: dict[str, Any] = {}
    for name in ("after", "engine", "target_format_version"):
        if name in photon:
            whole[name] = photon.pop(name)
    whole["photon"] = {"volume": VOLUME, "use_above_bytes": 0, "compute": "classic", **photon}
    path = folder / "settings.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    return ["--settings", str(path)]


def plan(way: Route, options: list[str]) -> dict[str, Any]:
    """Inventory to plan under these settings, with every loss accepted."""
    way.cli.run("inventory", way.source)
    way.findings(*options, "--accept-all-losses")
    return way.cli.run("plan", *way.arguments, *options)


def run(way: Route, *arguments: str) -> Run:
    """Run or resume; Spark starts anew for each task."""
    return Run(way.cli.outcome("run", *arguments, seconds=MINUTES))


def sql(box: Sandbox, statement: str) -> list[list[str]]:
    """The admin's statement on the workspace's warehouse."""
    client = box.client(box.admin_token)
    warehouse = next(iter(client.warehouses.list())).id or ""
    execution = client.statement_execution
    done = execution.execute_statement(statement, warehouse, wait_timeout="10s")
    ended = ("SUCCEEDED", "FAILED", "CANCELED", "CLOSED")
    # What an engine carries out lasts as long as it takes to start.
    while not (done.status and done.status.state and done.status.state.value in ended):
        time.sleep(0.5)
        done = execution.get_statement(done.statement_id or "")
    assert done.status.state.value == "SUCCEEDED", done.status
    return (done.result and done.result.data_array) or []
