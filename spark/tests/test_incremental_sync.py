"""incremental_sync on real Iceberg tables: after every kind of change the target holds the source's rows."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PATIENCE, PLAN_HASH, Jobs, Ran

import row_digest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def start(spark: SparkSession, jobs: Jobs, name: str, rows: int = 60) -> None:
    """A foreign table, copied."""
    columns = "id BIGINT, name STRING, m MAP<STRING, INT>, x DOUBLE"
    spark.sql(f"CREATE TABLE foreign.s.{name} ({columns}) USING iceberg")
    grow(spark, name, 0, rows)
    copy = {"source": {"table": f"foreign.s.{name}"}, "target": {"table": f"managed.s.{name}"}, "method": "ctas"}
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[copy]).code == 0


def grow(spark: SparkSession, name: str, first: int, last: int) -> None:
    columns = ("concat('n', id % 7) AS name", "map('k', cast(id AS int)) AS m", "if(id % 3 = 0, NULL, id / 3) AS x")
    spark.range(first, last, 1, 2).selectExpr("id", *columns).writeTo(f"foreign.s.{name}").append()


def sync(jobs: Jobs, name: str, **fields: Any) -> Ran:
    table = {"source": {"table": f"foreign.s.{name}"}, "target": f"managed.s.{name}", "verify": "digest"}
    loop = {key: fields.pop(key) for key in list(fields) if key in LOOP}
    return jobs.run("incremental_sync", plan_hash=PLAN_HASH, tables=[{**table, **fields}], **loop)


LOOP = ("interval_seconds", "max_rounds", "stop_path", "stop_when_in_sync")


def last(ran: Ran) -> dict[str, Any]:
    """The only table of the last round."""
    (found,) = ran.result["rounds"][-1]["tables"]
    return found


def head(spark: SparkSession, table: str) -> int:
    return spark.sql(f"SELECT snapshot_id FROM {table}.refs WHERE name = 'main'").first()[0]


def commits(spark: SparkSession, name: str) -> int:
    return spark.table(f"managed.s.{name}.snapshots").count()


def same(spark: SparkSession, name: str) -> bool:
    here, there = (row_digest.measure(spark.table(f"{catalog}.s.{name}")) for catalog in ("foreign", "managed"))
    return here == there


@pytest.mark.every_spark
@pytest.mark.parametrize("keys", [["id"], []], ids=["keys", "no keys"])
def test_every_kind_of_change(spark: SparkSession, jobs: Jobs, name: str, keys: list[str]) -> None:
    start(spark, jobs, name)
    assert last(sync(jobs, name, keys=keys))["action"] == "none"

    grow(spark, name, 60, 80)
    grow(spark, name, 80, 90)
    before = commits(spark, name)
    ran = sync(jobs, name, keys=keys)
    assert ran.code == 0, ran.result
    assert (last(ran)["action"], last(ran)["rows"]) == ("append", 90)
    assert same(spark, name) and commits(spark, name) == before + 1
    # In the same commit as the rows.
    marked = spark.sql(
        f"SELECT summary['icebridge.synced-snapshot-id'] FROM managed.s.{name}.snapshots ORDER BY committed_at"
    )
    assert marked.collect()[-1][0] == str(head(spark, f"foreign.s.{name}"))

    spark.sql(f"UPDATE foreign.s.{name} SET name = 'changed', m = map('k', -1) WHERE id < 5")
    spark.sql(f"DELETE FROM foreign.s.{name} WHERE id BETWEEN 20 AND 29")
    grow(spark, name, 200, 205)
    if not keys:  # rows that occur more often than before, and less often
        spark.sql(f"INSERT INTO foreign.s.{name} SELECT * FROM foreign.s.{name} WHERE id IN (7, 8)")
        spark.sql(f"INSERT INTO managed.s.{name} SELECT * FROM managed.s.{name} WHERE id IN (9, 7)")
    ran = sync(jobs, name, keys=keys)
    assert ran.code == 0, ran.result
    assert last(ran)["action"] == ("merge" if keys else "recompare")
    assert same(spark, name)

    spark.sql(f"CALL foreign.system.rewrite_data_files(table => 's.{name}', options => map('rewrite-all', 'true'))")
    before = commits(spark, name)
    ran = sync(jobs, name, keys=keys)
    assert (last(ran)["action"], commits(spark, name)) == ("mark", before)
    assert last(sync(jobs, name, keys=keys))["action"] == "none"


@pytest.mark.every_spark
def test_a_rolled_back_source_and_expired_snapshots(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """The mark is no ancestor any more, so rows are compared: nothing of the abandoned snapshot stays."""
    start(spark, jobs, name)
    first = head(spark, f"foreign.s.{name}")
    grow(spark, name, 60, 70)
    assert last(sync(jobs, name))["action"] == "append"
    spark.sql(f"CALL foreign.system.rollback_to_snapshot('s.{name}', {first})")
    ran = sync(jobs, name)
    assert (ran.code, last(ran)["action"]) == (0, "recompare")
    assert same(spark, name)
    grow(spark, name, 70, 75)
    grow(spark, name, 75, 80)
    expire = (
        "CALL {c}.system.expire_snapshots(table => 's.{t}', older_than => TIMESTAMP '2100-01-01', retain_last => 1)"
    )
    spark.sql(expire.format(c="foreign", t=name))
    ran = sync(jobs, name, keys=["id"])
    assert (ran.code, last(ran)["action"]) == (0, "merge")
    assert same(spark, name)
    # The target's own history goes: the note in its properties still counts, and nothing is appended twice.
    spark.sql(expire.format(c="managed", t=name))
    grow(spark, name, 80, 85)
    ran = sync(jobs, name)
    assert (ran.code, last(ran)["action"], last(ran)["rows"]) == (0, "append", 75)


def test_a_repeated_round_changes_nothing(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """A crash after the rows and before the note: the mark in the snapshot is enough."""
    start(spark, jobs, name)
    grow(spark, name, 60, 70)
    assert last(sync(jobs, name))["action"] == "append"
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.synced-snapshot-id')")
    before = commits(spark, name)
    assert last(sync(jobs, name))["action"] == "none"
    spark.sql(f"UPDATE foreign.s.{name} SET name = 'z' WHERE id = 1")
    assert last(sync(jobs, name, keys=["id"]))["action"] == "merge"
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.synced-snapshot-id')")
    assert last(sync(jobs, name, keys=["id"]))["action"] == "none"
    assert commits(spark, name) == before + 1 and same(spark, name)


def test_keys_that_repeat_are_not_believed(spark: SparkSession, jobs: Jobs, name: str) -> None:
    start(spark, jobs, name)
    spark.sql(f"UPDATE foreign.s.{name} SET id = 1 WHERE id < 4")
    ran = sync(jobs, name, keys=["id"])
    assert (ran.code, last(ran)["action"]) == (0, "recompare")
    assert same(spark, name)


@pytest.mark.parametrize("keys", [["a.b", "x`y"], []], ids=["keys", "no keys"])
def test_columns_with_dots_and_backticks(spark: SparkSession, jobs: Jobs, name: str, keys: list[str]) -> None:
    spark.sql(f"CREATE TABLE foreign.s.{name} (`a.b` BIGINT, `x``y` INT, `é ü` STRING) USING iceberg")
    spark.sql(f"INSERT INTO foreign.s.{name} SELECT id, cast(id AS int), 'u' FROM range(20)")
    copy = {"source": {"table": f"foreign.s.{name}"}, "target": {"table": f"managed.s.{name}"}, "method": "ctas"}
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[copy]).code == 0
    spark.sql(f"UPDATE foreign.s.{name} SET `é ü` = 'changed' WHERE `a.b` < 5")
    ran = sync(jobs, name, keys=keys)
    assert (ran.code, last(ran)["action"]) == (0, "merge" if keys else "recompare"), ran.result
    assert same(spark, name)


def test_refusals(spark: SparkSession, jobs: Jobs, name: str) -> None:
    start(spark, jobs, name)
    spark.sql(f"CREATE TABLE managed.s.{name}_other (id BIGINT) USING iceberg")
    grow(spark, name, 60, 61)
    for fields, code, words in (
        ({"target": f"managed.s.{name}_other"}, "invalid-input", "does not say which snapshot"),
        ({"source": {"table": f"foreign.s.{name}", "snapshot_id": 5}}, "plan-stale", "no snapshot 5"),
    ):
        ran = sync(jobs, name, **fields)
        error = last(ran)["error"]
        assert (error and error["code"]) == code and words in str(error)
    spark.sql(f"ALTER TABLE foreign.s.{name} ADD COLUMN extra INT")
    spark.sql(f"DELETE FROM foreign.s.{name} WHERE id = 2")
    ran = sync(jobs, name)
    assert (ran.code, last(ran)["error"]["code"]) == (1, "plan-stale")
    assert "the column extra is INT in the source, missing in the target" in last(ran)["error"]["message"]
    spark.sql(f"ALTER TABLE managed.s.{name} ADD COLUMN extra INT")
    spark.sql(f"INSERT INTO managed.s.{name} SELECT * FROM managed.s.{name} WHERE id = 5")
    ran = sync(jobs, name, keys=["nope"])
    assert (ran.code, last(ran)["error"]["code"]) == (1, "invalid-input")
    ran = sync(jobs, name, keys=["id"], verify="count")
    assert (ran.code, last(ran)["error"]["code"]) == (1, "validation-failed")


def test_the_loop(spark: SparkSession, jobs: Jobs, name: str, tmp_path: Path) -> None:
    start(spark, jobs, name)
    grow(spark, name, 60, 61)
    ran = sync(jobs, name, max_rounds=9, interval_seconds=0, stop_when_in_sync=True)
    assert (ran.code, ran.result["stopped_by"], ran.result["rounds_total"]) == (0, "nothing left to do", 2)
    ran = sync(jobs, name, max_rounds=3, interval_seconds=0)
    assert (ran.result["stopped_by"], ran.result["rounds_total"], ran.result["in_sync"]) == ("the last round", 3, True)
    stop = tmp_path / "stop"
    stop.touch()
    ran = sync(jobs, name, max_rounds=99, interval_seconds=50, stop_path=str(stop))
    assert (ran.result["stopped_by"], ran.result["rounds_total"]) == ("asked to by the stop file", 1)


@pytest.mark.timeout(1800)
def test_killed_and_ended_from_outside(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """kill -9 in the middle of rounds, then a loop that SIGTERM ends after its round: no row twice."""
    start(spark, jobs, name)
    grow(spark, name, 60, 70)
    table = {"source": {"table": f"foreign.s.{name}"}, "target": f"managed.s.{name}", "verify": "none"}
    fields = {"plan_hash": PLAN_HASH, "tables": [table], "max_rounds": 1000, "interval_seconds": 0.0}
    process = jobs.start("incremental_sync", str(jobs.input("incremental_sync", **fields)))
    held = commits(spark, name)
    _until(lambda: commits(spark, name) > held)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    grow(spark, name, 70, 80)
    jobs.result_path.unlink(missing_ok=True)
    process = jobs.start("incremental_sync", str(jobs.input("incremental_sync", **fields)))
    _until(lambda: jobs.result().get("rounds_total", 0) >= 2)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and jobs.result()["stopped_by"] == "asked to by a signal"
    assert same(spark, name) and spark.table(f"managed.s.{name}").count() == 80


def _until(true: Any) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.1)
