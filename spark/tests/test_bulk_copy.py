"""bulk_copy on real Iceberg tables."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PATIENCE, PLAN_HASH, Jobs

import row_digest
from icebridge_jobs import substitution
from icebridge_jobs.table_name import literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = (
    "id BIGINT NOT NULL COMMENT 'the key', d DATE, ts TIMESTAMP, amount DECIMAL(9, 2), name STRING,"
    " x DOUBLE, s STRUCT<a: INT COMMENT 'deep', b: STRING>, l ARRAY<INT>, m MAP<STRING, INT>"
)


def make(spark: SparkSession, name: str, rows: int, layout: str = "PARTITIONED BY (days(ts), bucket(4, id))") -> int:
    """A foreign table with every kind of column, NULLs, and rows that occur twice; returns its snapshot."""
    table = f"foreign.s.{name}"
    properties = "'team' = 'sales', 'write.data.path' = '', 'engine.hive.enabled' = 'true', 'format-version' = '2'"
    properties = properties.replace("'write.data.path' = '', ", "")
    spark.sql(f"CREATE TABLE {table} ({COLUMNS}) USING iceberg {layout} TBLPROPERTIES ({properties})")
    spark.range(0, rows, 1, 3).selectExpr(
        "id - id % 10 % 2 AS id",
        "if(id % 7 = 0, NULL, date_add(DATE'2024-01-01', cast(id % 40 AS int))) AS d",
        "timestamp_micros(1700000000000001 + id % 3 * 86400000000) AS ts",
        "cast((id - 50) / 7 AS decimal(9, 2)) AS amount",
        "if(id % 5 = 0, NULL, concat('n', id % 3)) AS name",
        "CASE WHEN id % 11 = 0 THEN double('NaN') WHEN id % 13 = 0 THEN -0.0D ELSE id / 3 END AS x",
        "named_struct('a', cast(id AS int), 'b', 'é') AS s",
        "if(id % 4 = 0, NULL, array(1, NULL, cast(id AS int))) AS l",
        "map('k', cast(id AS int), 'j', 2) AS m",
    ).writeTo(table).append()
    return spark.sql(f"SELECT snapshot_id FROM {table}.refs WHERE name = 'main'").first()[0]


def table(name: str, method: str, **fields: Any) -> dict[str, Any]:
    """A table of the input."""
    source = {"table": f"foreign.s.{name}", **fields.pop("source", {})}
    return {
        "source": source,
        "target": {"table": f"managed.s.{name}", **fields.pop("target", {})},
        "method": method,
    } | fields


def same(spark: SparkSession, name: str, snapshot_id: int | None = None) -> bool:
    version = f" VERSION AS OF {snapshot_id}" if snapshot_id else ""
    here = row_digest.measure(spark.sql(f"SELECT * FROM foreign.s.{name}{version}"))
    return here == row_digest.measure(spark.table(f"managed.s.{name}")) and here.rows > 0


def change_metadata(warehouse: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """The newest metadata file of a foreign table, as another writer might have left it."""
    path = max((warehouse / "foreign" / "s" / name / "metadata").glob("v*.metadata.json"))
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def batches_committed(spark: SparkSession, name: str) -> list[str]:
    """The batch of each commit, oldest first."""
    found = spark.sql(f"SELECT summary['icebridge.batch'] FROM managed.s.{name}.snapshots ORDER BY committed_at")
    return [row[0] for row in found.collect() if row[0]]


@pytest.mark.every_spark
def test_insert_select_copies_rows_and_the_shape(spark: SparkSession, jobs: Jobs, name: str) -> None:
    pin = make(spark, name, 300)
    spark.sql(f"DELETE FROM foreign.s.{name} WHERE id < 100")  # after the pin: must not be seen
    given = table(name, "insert_select", source={"snapshot_id": pin, "table_uuid": "u-1"}, batches={"rows": 60})
    given["target"] |= {"comment": "orders", "properties": {"extra": "1"}}
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0, ran.result
    assert same(spark, name, pin)
    told = ran.table
    assert (told["state"], told["rows_total"], told["rows_done"]) == ("done", 300, 300)
    assert told["batches_done"] == told["batches_total"] == len(batches_committed(spark, name)) > 2
    assert told["lost"] == ["property engine.hive.enabled"]
    assert (told["method"], told["note"], told["source_read"]) == ("insert_select", None, "pinned")
    assert spark.table(f"managed.s.{name}").schema == spark.table(f"foreign.s.{name}").schema
    assert (ran.result["complete"], ran.result["exit_code"], ran.result["error"]) == (True, 0, None)
    properties = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES managed.s.{name}").collect()}
    assert properties["icebridge.plan"] == PLAN_HASH and properties["icebridge.source-snapshot-id"] == str(pin)
    assert (properties["team"], properties["extra"], properties["icebridge.source-table-uuid"]) == ("sales", "1", "u-1")
    described = {row[0]: row[1] for row in spark.sql(f"DESCRIBE EXTENDED managed.s.{name}").collect()}
    assert (described["Part 0"], described["Part 1"], described["Comment"]) == ("days(ts)", "bucket(4, id)", "orders")
    # The same plan again finds everything and writes nothing.
    snapshots = spark.table(f"managed.s.{name}.snapshots").count()
    again = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert again.code == 0 and again.table["state"] == "done"
    assert spark.table(f"managed.s.{name}.snapshots").count() == snapshots


@pytest.mark.every_spark
def test_ctas(spark: SparkSession, jobs: Jobs, name: str) -> None:
    pin = make(spark, name, 40, "PARTITIONED BY (name)")
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[table(name, "ctas", source={"snapshot_id": pin})])
    assert ran.code == 0, ran.result
    assert same(spark, name)
    assert ran.table["lost"] == ["property engine.hive.enabled", "NOT NULL of id"]
    schema = spark.table(f"managed.s.{name}").schema
    assert schema["id"].metadata["comment"] == "the key"
    assert schema["s"].dataType["a"].metadata["comment"] == "deep"
    snapshots = spark.table(f"managed.s.{name}.snapshots").count()
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[table(name, "ctas")]).code == 0
    assert spark.table(f"managed.s.{name}.snapshots").count() == snapshots == 1


def test_batches_by_every_kind_of_column(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """NULLs, few values and columns without an order: always every row once."""
    make(spark, name, 120, "")
    for column in ("id", "d", "ts", "amount", "name", "x"):
        target = f"managed.s.{name}_{column}"
        given = table(name, "insert_select", batches={"rows": 25, "column": column})
        given["target"]["table"] = target
        ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
        assert ran.code == 0, ran.result
        assert ran.table["batches_total"] > 1, column
        here, there = (row_digest.measure(spark.table(each)) for each in (f"foreign.s.{name}", target))
        assert here == there, column


@pytest.mark.every_spark
def test_columns_with_dots_and_backticks(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """Such a column partitions, cuts batches, and is found by DESCRIBE: it is never taken for a field of a struct."""
    columns = "`10.0` BIGINT, `a.b` STRING, `x``y` INT, `é ü` DATE, s STRUCT<`c.d`: INT>"
    layout = "PARTITIONED BY (`a.b`, bucket(2, `x``y`), bucket(2, s.`c.d`))"
    spark.sql(f"CREATE TABLE foreign.s.{name} ({columns}) USING iceberg {layout}")
    rows = ("id", "concat('g', id % 3)", "cast(id as int)", "DATE'2024-01-01'", "named_struct('c.d', cast(id as int))")
    spark.sql(f"INSERT INTO foreign.s.{name} SELECT {', '.join(rows)} FROM range(40)")
    pairs = (("identity", "a.b"), ("bucket[2]", "x`y"), ("bucket[2]", "s.c.d"))
    fields = [{"transform": transform, "column": column} for transform, column in pairs]
    tables = []
    for method in ("ctas", "insert_select"):
        for told in (None, fields):
            target = {"table": f"managed.s.{name}_{method}_{'told' if told else 'described'}"}
            given = table(name, method, target=target, batches={"rows": 15, "column": "10.0"})
            given["source"] |= {"partition_fields": told} if told else {}
            tables.append(given)
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=tables)
    assert ran.code == 0, ran.result
    there = row_digest.measure(spark.table(f"foreign.s.{name}"))
    for given in tables:
        target = given["target"]["table"]
        assert row_digest.measure(spark.table(target)) == there
        described = {row[0]: row[1] for row in spark.sql(f"DESCRIBE {target}").collect()}
        parts = (described["Part 0"], described["Part 1"], described["Part 2"])
        assert parts == ("`a.b`", "bucket(2, `x``y`)", "bucket(2, s.`c.d`)")
    assert [told["batches_total"] for told in ran.result["tables"]] == [1, 1, 3, 3]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("resume", ["snapshot-summary", "replace-range"])
def test_killed_in_the_middle_of_batches(spark: SparkSession, jobs: Jobs, name: str, resume: str) -> None:
    """kill -9 again and again, each time one batch further: nothing is doubled, nothing is lost."""
    pin = make(spark, name, 4000, "")
    given = table(name, "insert_select", source={"snapshot_id": pin}, batches={"rows": 500, "column": "id"})
    given["batches"]["resume"] = resume
    kills = 0
    for wanted in (1, 3, 5):
        path = jobs.input("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
        jobs.result_path.unlink(missing_ok=True)
        process = jobs.start("bulk_copy", str(path))
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < PATIENCE:
            told = jobs.result().get("tables", [{}])[0]
            if told.get("batches_done", 0) >= wanted and told.get("batches_done") != told.get("batches_found"):
                time.sleep(0.05 * kills)  # another place in the batch each time
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.02)
        process.communicate(timeout=PATIENCE)
        assert jobs.result()["complete"] is False
    assert kills == 3
    if resume == "replace-range":
        # A batch whose rows are in and whose note is not: the instant that this way of resuming is about.
        spark.sql(f"ALTER TABLE managed.s.{name} SET TBLPROPERTIES ('icebridge.batches-done' = '1-2')")
    ran = jobs.script("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0, ran.said
    assert ran.table["batches_found"] >= 2
    assert same(spark, name, pin)
    if resume == "snapshot-summary":
        assert sorted(batches_committed(spark, name)) == [f"{batch}/8" for batch in range(8)]
    else:
        assert ran.table["batches_taken_back"] >= 1


def test_expired_marks_are_not_trusted(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """Somebody expired the target's snapshots while the copy stood still: batches without a mark may be there all the
    same.
    """
    pin = make(spark, name, 400, "")
    given = table(name, "insert_select", source={"snapshot_id": pin}, batches={"rows": 100, "column": "id"})
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given]).code == 0
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.copy-state')")
    expire = f"table => 's.{name}', older_than => TIMESTAMP '2100-01-01', retain_last => 1"
    spark.sql(f"CALL managed.system.expire_snapshots({expire})")
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0, ran.result
    assert same(spark, name, pin)
    assert ran.table["batches_taken_back"] == 3


def test_two_jobs_at_once_are_noticed(spark: SparkSession, jobs: Jobs, name: str) -> None:
    pin = make(spark, name, 100, "")
    given = table(name, "insert_select", source={"snapshot_id": pin}, batches={"rows": 50, "column": "id"})
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given]).code == 0
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.copy-state')")
    writer = spark.sql(f"SELECT * FROM foreign.s.{name} WHERE id < 5").writeTo(f"managed.s.{name}")
    writer.option("snapshot-property.icebridge.plan", PLAN_HASH).option(
        "snapshot-property.icebridge.batch", "0/2"
    ).append()
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert (ran.code, ran.table["error"]["code"]) == (1, "state-broken")


@pytest.mark.every_spark
def test_a_bad_table_stops_itself_alone(spark: SparkSession, jobs: Jobs, name: str) -> None:
    pin = make(spark, name, 10)
    spark.sql(f"CREATE TABLE managed.s.{name}_taken (id INT) USING iceberg")
    spark.sql(f"CREATE TABLE foreign.s.{name}_empty (id INT NOT NULL) USING iceberg")
    tables = [
        table(f"{name}_absent", "ctas"),
        table(name, "insert_select", source={"snapshot_id": 12}),
        table(f"{name}_empty", "insert_select"),
        table(name, "deep_clone", target={"table": f"managed.s.{name}_clone"}, source={"snapshot_id": pin}),
        table(name, "ctas", target={"table": f"managed.s.{name}_taken"}, source={"snapshot_id": pin}),
        table(name, "ctas", target={"table": f"managed.s.{name}_x", "cluster_by": ["id"]}, source={"snapshot_id": pin}),
    ]
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=tables)
    assert ran.code == 1
    codes = [told["error"] and told["error"]["code"] for told in ran.result["tables"]]
    assert codes == ["table-not-found", "plan-stale", None, "unsupported", "table-exists", "unsupported"]
    clone = ran.result["tables"][3]["error"]
    assert "DEEP CLONE is Databricks' own" in clone["message"] and "insert_select" in clone["hint"]
    assert clone["object"] == f"managed.s.{name}_clone"
    fallen = table(
        name, "deep_clone", target={"table": f"managed.s.{name}_f"}, source={"snapshot_id": pin}, fall_back=True
    )
    told = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[fallen]).table
    assert (told["state"], told["method"]) == ("done", "ctas") and "open-source Spark" in told["note"]
    empty = ran.result["tables"][2]
    assert (empty["state"], empty["rows_done"], empty["batches_total"]) == ("done", 0, 0)
    assert not spark.table(f"managed.s.{name}_empty").schema["id"].nullable
    assert spark.table(f"managed.s.{name}_taken").columns == ["id"]


LEAK = "key=${spark.sql.warehouse.dir} env=${env:HOME} sys=${system:user.name} none=${currency} \\${a} 'x'"


def variable_table(spark: SparkSession, name: str) -> None:
    """Variables in every text that a copy carries, and in names."""
    text = literal(LEAK)
    spark.sql(
        f"CREATE TABLE foreign.s.{name} (id INT COMMENT {text}, `${{env:HOME}}` INT,"
        f" s STRUCT<`${{v}}`: INT COMMENT {text}>) USING iceberg TBLPROPERTIES ('team' = {text}, {text} = '1')"
    )
    spark.sql(f"INSERT INTO foreign.s.{name} VALUES (1, 2, struct(3)), (2, 3, struct(4))")


@pytest.mark.parametrize("method", ["ctas", "insert_select"])
def test_nothing_is_put_in_place_of_a_variable(spark: SparkSession, jobs: Jobs, name: str, method: str) -> None:
    spark.conf.set("spark.sql.variable.substitute", "false")
    variable_table(spark, f"`{name}_${{v}}`")
    # As a session of a cluster is.
    spark.conf.set("spark.sql.variable.substitute", "true")
    given = table(f"`{name}_${{v}}`", method, batches={"rows": 1, "column": "${env:HOME}"})
    given["target"] |= {"comment": LEAK, "properties": {"own": LEAK}}
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0, ran.result
    assert same(spark, f"`{name}_${{v}}`")
    target = f"managed.s.`{name}_${{v}}`"
    schema = spark.table(target).schema
    assert schema.names == ["id", "${env:HOME}", "s"] and schema["s"].dataType.names == ["${v}"]
    assert schema["id"].metadata["comment"] == schema["s"].dataType["${v}"].metadata["comment"] == LEAK
    properties = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES {target}").collect()}
    assert (properties["team"], properties["own"], properties[LEAK]) == (LEAK, LEAK, "1")
    assert spark.catalog.getTable(target).description == LEAK
    assert ran.table["lost"] == []


def test_where_variables_cannot_be_switched_off_texts_are_kept_and_names_refused(
    spark: SparkSession, jobs: Jobs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark.conf.set("spark.sql.variable.substitute", "false")
    variable_table(spark, name)
    spark.sql(f"CREATE TABLE foreign.s.{name}_plain (id INT COMMENT {literal(LEAK)}) USING iceberg")
    spark.conf.set("spark.sql.variable.substitute", "true")
    # Serverless compute lets few settings be changed.
    monkeypatch.setattr(substitution, "_SETTING", "spark.sql.warehouse.dir")
    plain = table(f"{name}_plain", "insert_select")
    plain["target"]["comment"] = LEAK
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[table(name, "insert_select"), plain])
    refused, kept = ran.result["tables"]
    assert (refused["error"]["code"], kept["error"], kept["lost"]) == ("unsupported", None, [])
    assert "${env:HOME}" in refused["error"]["message"]
    assert not spark.catalog.tableExists(f"managed.s.{name}")
    assert spark.table(f"managed.s.{name}_plain").schema["id"].metadata["comment"] == LEAK
    assert spark.catalog.getTable(f"managed.s.{name}_plain").description == LEAK


def test_what_did_not_arrive_is_told(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """By another engine, that is: here a change after the copy, found when the same job runs again."""
    make(spark, name, 5)
    given = table(name, "insert_select")
    given["target"] |= {"comment": "orders", "properties": {"own": "1"}}
    assert jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given]).table["lost"] == ["property engine.hive.enabled"]
    spark.sql(f"ALTER TABLE managed.s.{name} SET TBLPROPERTIES ('team' = 'other', 'comment' = 'others')")
    spark.sql(f"ALTER TABLE managed.s.{name} ALTER COLUMN s.a COMMENT 'shallow'")
    told = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given]).table
    assert (told["state"], told["lost"]) == ("done", ["property team", "comment of the table", "comment of s.a"])


@pytest.mark.parametrize("method", ["ctas", "insert_select"])
def test_identifiers_that_repeat_fail_the_copy(spark: SparkSession, jobs: Jobs, name: str, method: str) -> None:
    spark.sql(f"CREATE TABLE foreign.s.{name} (id INT, `a.b` INT, s STRUCT<k: INT>) USING iceberg")
    spark.sql(f"INSERT INTO foreign.s.{name} VALUES (1, 1, struct(1)), (1, 2, struct(1)), (1, 3, struct(3))")
    repeated = table(name, method, keys=["id", "s.k"])
    for _ in range(2):  # also when it is found there
        ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[repeated])
        assert (ran.code, ran.table["state"], ran.table["error"]["code"]) == (1, "failed", "validation-failed")
        assert "unique:id, s.k: 1 rows repeat" in ran.table["error"]["message"]
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[{**repeated, "keys": ["id", "a.b"]}])
    assert (ran.code, ran.table["state"]) == (0, "done")


def test_what_icebergs_library_refuses_is_no_conflict(
    spark: SparkSession, jobs: Jobs, name: str, warehouse: Path
) -> None:
    """Nothing is made, nothing is worth a second try, and none of it is our fault."""
    for column in ("_file", "_pos", "_partition"):
        spark.sql(f"CREATE TABLE foreign.s.{name}{column} (id INT, `{column}` INT) USING iceberg")
    spark.sql(f"INSERT INTO foreign.s.{name}_pos VALUES (1, 2)")
    make(spark, f"{name}_sort", 5)
    make(spark, f"{name}_type", 5)
    sort = {"order-id": 1, "fields": [{"transform": "identity", "source-id": 99, "direction": "asc"}]}
    sort["fields"][0]["null-order"] = "nulls-first"
    change_metadata(
        warehouse, f"{name}_sort", lambda told: told.update({"sort-orders": [sort], "default-sort-order-id": 1})
    )
    change_metadata(warehouse, f"{name}_type", lambda told: told["schemas"][0]["fields"][0].update(type="odd"))
    names = [f"{name}{end}" for end in ("_file", "_pos", "_partition", "_sort", "_type")]
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[table(one, "insert_select") for one in names])
    told = [(one["error"]["code"], one["error"]["retryable"]) for one in ran.result["tables"]]
    assert (ran.code, told) == (1, [("unsupported", False)] * 5), ran.result
    assert "_file" in ran.result["tables"][0]["error"]["message"]
    assert not any(spark.catalog.tableExists(f"managed.s.{one}") for one in names)


def test_the_script_leaves_with_its_code(spark: SparkSession, jobs: Jobs, name: str) -> None:
    ran = jobs.script("bulk_copy", plan_hash=PLAN_HASH, tables=[table(name, "ctas", typo=1)])
    assert ran.code == 1
    assert ran.result["error"]["object"] == "tables[0].typo"
    assert '"code": "invalid-input"' in ran.said


def test_as_on_databricks(spark: SparkSession, jobs: Jobs, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statements that a cluster gets, run here: SQL alone, no marks in snapshots, batches taken back by range."""
    pin = make(spark, name, 200, "PARTITIONED BY (name)")
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    given = table(name, "insert_select", source={"snapshot_id": pin}, batches={"rows": 50, "column": "id"})
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert (ran.code, ran.table["error"]["code"]) == (1, "unsupported")
    assert "does not say how many delete files" in ran.table["error"]["message"]
    given["source"]["delete_files"] = 0
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0, ran.result
    told = {"spark": spark.version, "databricks": True, "runtime": "17.3", "runtime_key": "17.3"}
    assert ran.result["engine"] == told
    assert same(spark, name, pin) and batches_committed(spark, name) == []
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.copy-state')")
    spark.sql(f"ALTER TABLE managed.s.{name} SET TBLPROPERTIES ('icebridge.batches-done' = '0,2-3')")
    ran = jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=[given])
    assert ran.code == 0 and same(spark, name, pin)
    assert (ran.table["batches_found"], ran.table["batches_taken_back"]) == (3, 1)
