"""The jobs on a Databricks runtime: the sandbox's, which runs Databricks' own statements on the Spark that is here."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PLAN_HASH, SPARK, Databricks, Jobs, Ran

import row_digest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = "id BIGINT NOT NULL COMMENT 'the key', ts TIMESTAMP, `a.b` STRING, flag BOOLEAN"
AFTER_READ = {"ICEBRIDGE_SANDBOX_TIME_TRAVEL_OF_FOREIGN": "after_read"}
NEVER = {"ICEBRIDGE_SANDBOX_TIME_TRAVEL_OF_FOREIGN": "never"}
CLONES = {"ICEBRIDGE_SANDBOX_DEEP_CLONE_OF_FOREIGN": "supported"}
SHOWN = {"ICEBRIDGE_SANDBOX_METADATA_TABLES": "shown"}


def make(spark: SparkSession, databricks: Databricks, name: str, layout: str = "", rows: int = 40) -> int:
    """A foreign table, written from outside, and its snapshot."""
    table = f"foreign.s.{name}"
    with databricks.outside():
        spark.sql(f"CREATE TABLE {table} ({COLUMNS}) USING iceberg {layout}")
        grow(spark, name, rows)
        return head(spark, table)


def grow(spark: SparkSession, name: str, rows: int) -> None:
    columns = "id, timestamp_micros(1700000000000001 + id * 86400000000), concat('g', id % 3), id % 2 = 0"
    spark.sql(f"INSERT INTO foreign.s.{name} SELECT {columns} FROM range({rows})")


def head(spark: SparkSession, table: str) -> int:
    return spark.sql(f"SELECT snapshot_id FROM {table}.refs WHERE name = 'main'").first()[0]


def table(name: str, method: str, pin: int, target: str = "", **fields: Any) -> dict[str, Any]:
    """A table of the input."""
    source = {"table": f"foreign.s.{name}", "snapshot_id": pin, "delete_files": 0, **fields.pop("source", {})}
    given = {"table": f"managed.s.{target or name}", **fields.pop("layout", {})}
    return {"source": source, "target": given, "method": method, **fields}


def copy(jobs: Jobs, *tables: dict[str, Any]) -> Ran:
    return jobs.run("bulk_copy", plan_hash=PLAN_HASH, tables=list(tables))


def same(spark: SparkSession, databricks: Databricks, name: str, target: str = "") -> bool:
    with databricks.outside():
        tables = (f"foreign.s.{name}", f"managed.s.{target or name}")
        here, there = (row_digest.measure(spark.table(each)) for each in tables)
    return here == there and here.rows > 0


def of(databricks: Databricks, start: str) -> list[str]:
    return [text for text in databricks.statements if text.startswith(start)]


def test_a_table_never_read_before_is_primed(
    spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str
) -> None:
    """Every method; once the snapshot was read, it is pinned at once. Batches are taken back by their range."""
    pin = make(spark, databricks, name, "PARTITIONED BY (days(ts), `a.b`)")
    tables = [
        table(name, "insert_select", pin, batches={"rows": 15, "column": "id"}),
        table(name, "ctas", pin, f"{name}_c"),
    ]
    ran = copy(jobs, *tables)
    assert ran.code == 0, ran.result
    first, second = ran.result["tables"]
    assert (first["source_read"], second["source_read"]) == ("primed", "pinned")
    assert same(spark, databricks, name) and same(spark, databricks, name, f"{name}_c")
    assert len(of(databricks, "REFRESH FOREIGN TABLE")) == 1
    assert all("VERSION AS OF" in text for text in of(databricks, "INSERT INTO")) and first["batches_total"] == 3
    (created,) = [text for text in of(databricks, "CREATE TABLE") if "\nAS SELECT" not in text]
    assert "CLUSTER BY (`ts`, `a.b`)" in created and "PARTITIONED BY" not in created
    assert first["lost"] == ["partitioning by day of ts"]
    assert first["target_snapshot_id"] is None
    spark.sql(f"ALTER TABLE managed.s.{name} UNSET TBLPROPERTIES ('icebridge.copy-state')")
    spark.sql(f"ALTER TABLE managed.s.{name} SET TBLPROPERTIES ('icebridge.batches-done' = '0')")
    ran = copy(jobs, tables[0])
    assert ran.code == 0 and same(spark, databricks, name)
    assert (ran.table["batches_found"], ran.table["batches_taken_back"], ran.table["source_read"]) == (1, 2, "pinned")


@pytest.mark.parametrize("why", [NEVER, {**AFTER_READ, "ICEBRIDGE_SANDBOX_PRIME_COUNTS_AS_READ": "no"}])
def test_without_time_travel_the_table_is_read_as_it_is(
    spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str, why: dict[str, str]
) -> None:
    pin = make(spark, databricks, name)
    databricks.set(**why)
    ran = copy(jobs, table(name, "ctas", pin))
    code = "unsupported" if why is NEVER else "plan-stale"
    assert (ran.code, ran.table["error"]["code"], ran.table["source_read"]) == (1, code, None)
    assert not spark.catalog.tableExists(f"managed.s.{name}")
    allowed = {"source": {"unversioned": True}, "batches": {"rows": 25, "column": "id"}}
    # The clone is tried without a version, and refused.
    clone = table(name, "deep_clone", pin, f"{name}_c", source={"unversioned": True}, fall_back=True)
    ran = copy(jobs, table(name, "insert_select", pin, **allowed), clone)
    assert ran.code == 0, ran.result
    for told in ran.result["tables"]:
        assert told["source_read"] == "unversioned" and told["source_snapshot_id"] == pin
    assert same(spark, databricks, name) and same(spark, databricks, name, f"{name}_c")
    written = (*of(databricks, "INSERT INTO"), *of(databricks, "CREATE TABLE"))
    assert len(written) == 5 and not any("VERSION AS OF" in text for text in written)


def test_a_pin_that_the_source_has_left_is_told(
    spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str
) -> None:
    """Reading the table as it is makes another snapshot readable, not this one."""
    pin = make(spark, databricks, name)
    with databricks.outside():
        grow(spark, name, 5)
    ran = copy(jobs, table(name, "ctas", pin))
    assert (ran.code, ran.table["error"]["code"]) == (1, "plan-stale")
    assert "also after a refresh and a read" in ran.table["error"]["message"]


def test_a_clone_and_its_marks(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    pin = make(spark, databricks, name)
    databricks.set(**CLONES)
    # Killed between the clone and its properties: history tells that the table is ours.
    spark.sql(f"SELECT * FROM foreign.s.{name} LIMIT 1").collect()
    spark.sql(f"CREATE TABLE managed.s.{name} DEEP CLONE foreign.s.{name} VERSION AS OF {pin}")
    given = table(name, "deep_clone", pin, layout={"properties": {"extra": "1"}})
    ran = copy(jobs, given)
    assert ran.code == 0, ran.result
    assert (ran.table["method"], ran.table["note"], ran.table["batches_found"]) == ("deep_clone", None, 1)
    ran = copy(jobs, table(name, "deep_clone", pin, f"{name}_c", fall_back=True))
    assert (ran.code, ran.table["method"], ran.table["note"]) == (0, "deep_clone", None)
    assert same(spark, databricks, name) and same(spark, databricks, name, f"{name}_c")
    told = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES managed.s.{name}").collect()}
    assert (told["extra"], told["icebridge.plan"], told["icebridge.copy-state"]) == ("1", PLAN_HASH, "complete")


def test_a_clone_that_is_refused(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    pin = make(spark, databricks, name)
    ran = copy(jobs, table(name, "deep_clone", pin))
    assert (ran.code, ran.table["error"]["code"], ran.table["method"]) == (1, "unsupported", "deep_clone")
    assert not spark.catalog.tableExists(f"managed.s.{name}")
    given = table(name, "deep_clone", pin, fall_back=True)
    ran = copy(jobs, given)
    assert ran.code == 0 and same(spark, databricks, name), ran.result
    assert ran.table["method"] == "ctas" and ran.table["note"].startswith("fell back from deep_clone: ")
    assert "DELTA_CLONE_UNSUPPORTED_SOURCE" in ran.table["note"] and "NOT NULL of id" in ran.table["lost"]
    # What is there is what the earlier attempt made.
    again = copy(jobs, given)
    assert (again.code, again.table["method"]) == (0, "ctas")


def test_a_clone_that_failed_after_it_made_a_table_is_no_refusal(
    spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from databricks_runtime import memory
    from databricks_runtime.refusals import Refusal

    def fails(*_: Any) -> None:
        raise Refusal("DELTA_CLONE_UNSUPPORTED_SOURCE", "0AKDC", "after all")

    pin = make(spark, databricks, name)
    databricks.set(**CLONES)
    monkeypatch.setattr(memory, "note_clone", fails)
    ran = copy(jobs, table(name, "deep_clone", pin, fall_back=True))
    assert (ran.code, ran.table["method"], ran.table["error"]["code"]) == (1, "deep_clone", "unsupported")
    assert not of(databricks, "CREATE TABLE `managed`.`s`.`" + name + "`\nUSING")


def test_layouts(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    """Identity partitioning stays; clustering as asked for; format version 3 where the runtime has it."""
    pin = make(spark, databricks, name, "PARTITIONED BY (`a.b`, flag)")
    databricks.set(DATABRICKS_RUNTIME_VERSION="18.x")
    wanted = {"cluster_by": ["a.b", "id"], "format_version": 3, "comment": "it's"}
    tables = [
        table(name, "ctas", pin, source={"properties": {"team": "x", "write.delete.mode": "merge-on-read"}}),
        table(name, "insert_select", pin, f"{name}_c", layout=wanted),
        table(name, "ctas", pin, f"{name}_x", layout={"cluster_by": ["flag"]}),
    ]
    ran = copy(jobs, *tables)
    codes = [told["error"] and told["error"]["code"] for told in ran.result["tables"]]
    assert codes == [None, None, "unsupported"], ran.result
    assert ran.result["tables"][0]["lost"] == ["property write.delete.mode", "NOT NULL of id"]
    assert same(spark, databricks, name) and same(spark, databricks, name, f"{name}_c")
    shown = [row.col_name for row in spark.sql(f"DESCRIBE TABLE managed.s.{name}").collect()]
    assert shown[-2:] == ["`a.b`", "flag"]


def test_tables_that_databricks_cannot_read(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    with databricks.outside():
        spark.sql(f"CREATE TABLE foreign.s.{name} (id BIGINT, s STRUCT<must: BIGINT NOT NULL>) USING iceberg")
        spark.sql(f"INSERT INTO foreign.s.{name} SELECT id, named_struct('must', id) FROM range(3)")
        pin = head(spark, f"foreign.s.{name}")
    ran = copy(jobs, table(name, "ctas", pin))
    assert (ran.code, ran.table["error"]["code"]) == (1, "unsupported")
    assert "DELTA_NESTED_NOT_NULL_CONSTRAINT" in ran.table["error"]["causes"][0]


def test_a_validation_primes_too(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    pin = make(spark, databricks, name)
    assert copy(jobs, table(name, "ctas", pin)).code == 0
    (databricks_folder := jobs.folder / "foreign-reads.jsonl").unlink()
    databricks.set(DATABRICKS_RUNTIME_VERSION="client.5.1")  # where nothing may be persisted
    source = {"table": f"foreign.s.{name}", "snapshot_id": pin, "delete_files": 0}
    checked = {"target": f"managed.s.{name}", "source": source, "keys": ["id"], "ignore_nullability": True}
    docs = str(jobs.folder / "docs")
    ran = jobs.run("gx_runner", plan_hash=PLAN_HASH, docs_path=docs, tables=[checked])
    assert ran.code == 0, ran.result
    assert (ran.table["source_read"], ran.table["passed"]) == ("primed", True)
    assert databricks_folder.is_file()
    assert ran.result["engine"]["runtime"] is None and ran.result["engine"]["runtime_key"] == "client.5.1"


def test_synchronising(spark: SparkSession, jobs: Jobs, databricks: Databricks, name: str) -> None:
    """It needs Iceberg's metadata tables, which nobody promises; with them, rows are merged."""
    pin = make(spark, databricks, name)
    assert copy(jobs, table(name, "insert_select", pin)).code == 0
    given = {"source": {"table": f"foreign.s.{name}"}, "target": f"managed.s.{name}", "verify": "digest"}

    def sync(**fields: Any) -> dict[str, Any]:
        ran = jobs.run("incremental_sync", plan_hash=PLAN_HASH, tables=[{**given, **fields}])
        (found,) = ran.result["rounds"][-1]["tables"]
        return found

    assert sync()["error"]["code"] == "unsupported"
    # Who has read the source's metadata need not ask the engine for it.
    with databricks.outside():
        spark.sql(f"UPDATE foreign.s.{name} SET `a.b` = 'given' WHERE id < 3")
        wanted = head(spark, f"foreign.s.{name}")
    for kind, noted in (("append", "recompare"), ("compare", "none")):
        source = {"table": f"foreign.s.{name}", "snapshot_id": wanted, "delete_files": 0}
        changes = {"kind": kind, "reason": "told", "from_snapshot_id": pin}
        ran = jobs.run(
            "incremental_sync", plan_hash=PLAN_HASH, tables=[{**given, "source": source, "changes": changes}]
        )
        (made,) = ran.result["tables"]
        assert (made["state"], made["note"].split(":")[0]) == ("done", noted), ran.result
        assert made["source_snapshot_id"] == wanted and same(spark, databricks, name)
    databricks.set(**SHOWN)
    assert (sync()["action"], sync()["source_read"]) == ("none", None)
    for keys, action in ((["id"], "merge"), ([], "recompare")):
        with databricks.outside():
            spark.sql(f"UPDATE foreign.s.{name} SET `a.b` = '{action}' WHERE id < 9")
        found = sync(keys=keys)
        assert (found["action"], found["error"], found["source_read"]) == (action, None, "primed")
        assert same(spark, databricks, name)


REFUSED = [
    ("CREATE TABLE managed.s.x (id INT)", "UNSUPPORTED_FEATURE.SANDBOX"),
    ("CREATE TABLE managed.s.x (id INT) USING ICEBERG PARTITIONED BY (bucket(4, id))", "DELTA_OPERATION_NOT_ALLOWED"),
    ("CREATE TABLE managed.s.x (b BINARY) USING ICEBERG PARTITIONED BY (b)", "INVALID_PARTITION_COLUMN_DATA_TYPE"),
    ("CREATE TABLE managed.s.x (id INT) USING ICEBERG PARTITIONED BY (no)", "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA"),
    ("CREATE TABLE managed.s.x (`a.b` INT) USING ICEBERG PARTITIONED BY (a.b)", "PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA"),
    (
        "CREATE TABLE managed.s.x (id INT) USING ICEBERG PARTITIONED BY (id) CLUSTER BY (id)",
        "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED",
    ),
    *(
        (
            f"CREATE TABLE managed.s.x (id INT) USING ICEBERG CLUSTER BY {columns}",
            "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING",
        )
        for columns in ("(id)", "AUTO")
    ),
    ("CREATE TABLE managed.s.x (`a.b` INT) USING ICEBERG CLUSTER BY (a.b)", "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA"),
    (
        "CREATE TABLE managed.s.x (m MAP<STRING, INT>) USING ICEBERG CLUSTER BY (m)",
        "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED",
    ),
    (
        "CREATE TABLE managed.s.x (a INT, b INT, c INT, d INT, e INT) USING ICEBERG CLUSTER BY (a, b, c, d, e)",
        "DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS",
    ),
    ("CREATE TABLE managed.s.x (s STRUCT<a: INT NOT NULL>) USING ICEBERG", "DELTA_NESTED_NOT_NULL_CONSTRAINT"),
    *(
        (f"CREATE TABLE managed.s.x (id INT{more}", "MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED")
        for more in (
            " DEFAULT 1) USING ICEBERG",
            ") USING ICEBERG LOCATION '/x'",
            ") USING ICEBERG TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')",
            ") USING ICEBERG TBLPROPERTIES ('format-version' = '3')",
        )
    ),
    ("CREATE TABLE managed.s.x SHALLOW CLONE foreign.s.y", "MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED"),
    ("CREATE TABLE foreign.s.x (id INT) USING ICEBERG", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    ("INSERT INTO foreign.s.x SELECT 1", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    ("DELETE FROM foreign.s.x", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    ("DROP TABLE foreign.s.x", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    (
        "MERGE INTO foreign.s.x t USING managed.s.y s ON t.a = s.a WHEN MATCHED THEN DELETE",
        "UNSUPPORTED_FEATURE.TABLE_OPERATION",
    ),
    ("ALTER TABLE managed.s.x ADD PARTITION FIELD id", "PARSE_SYNTAX_ERROR"),
    ("ALTER TABLE managed.s.x WRITE ORDERED BY id", "PARSE_SYNTAX_ERROR"),
    ("ALTER TABLE managed.s.x CLUSTER BY id", "PARSE_SYNTAX_ERROR"),
    ("ALTER TABLE managed.s.x CLUSTER BY (id)", "TABLE_OR_VIEW_NOT_FOUND"),
    ("ALTER TABLE foreign.s.x CLUSTER BY (id)", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    ("ALTER TABLE managed.s.x CREATE BRANCH b", "PARSE_SYNTAX_ERROR"),
    ("ALTER TABLE managed.s.x SET TBLPROPERTIES ('write.data.path' = 'x')", "MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED"),
    ("REFRESH FOREIGN TABLE managed.s.x", "UNSUPPORTED_FEATURE.TABLE_OPERATION"),
    ("CALL managed.system.expire_snapshots('s.x')", "UNRESOLVED_ROUTINE"),
    ("SELECT * FROM managed.s.x.snapshots", "UC_INVALID_NAMESPACE"),
    ("MERGE INTO managed.s.x t USING managed.s.y s ON t.a = s.a", "PARSE_SYNTAX_ERROR"),
    ("CREATE TABLE managed.s.x (id INT USING ICEBERG", "PARSE_SYNTAX_ERROR"),
    ("MOVE TABLE managed.s.x", "PARSE_SYNTAX_ERROR"),
    ("SELECT 'open", "PARSE_SYNTAX_ERROR"),
]


def test_what_databricks_refuses_is_refused(spark: SparkSession, databricks: Databricks) -> None:
    """With the classes of life, which the jobs go by."""
    from icebridge_jobs.engine_error import EngineError

    for text, condition in REFUSED:
        with pytest.raises(Exception, match=re.escape(f"[{condition}]")) as raised:
            spark.sql(text)
        told = EngineError.of(raised.value)
        assert told.condition == condition and re.fullmatch(r"[0-9A-Z]{5}", told.state or ""), text


def test_what_the_vendor_documents_is_taken(spark: SparkSession, databricks: Databricks, name: str) -> None:
    """Beyond what the jobs send."""
    t = f"managed.s.{name}"
    off = "'delta.enableDeletionVectors' = false, delta.enableRowTracking = 'false'"
    inner = "l: ARRAY<MAP<STRING, INT>>"
    columns = f"id BIGINT NOT NULL COMMENT 'it\\'s', `a.b` STRUCT<`x.y`: DECIMAL(9, 2) COMMENT 'deep', {inner}>"
    spark.sql(
        f"CREATE OR REPLACE TABLE {t} ({columns}) USING ICEBERG CLUSTER BY (id, `a.b`.`x.y`) TBLPROPERTIES ({off});"
    )
    row = "named_struct('x.y', cast(1 AS DECIMAL(9, 2)), 'l', array(map('k', 1)))"
    spark.sql(f"INSERT INTO {t} SELECT id, {row} FROM range(10)")
    spark.sql(f"INSERT INTO {t} REPLACE WHERE id >= 5 SELECT id + 5, {row} FROM range(2)")
    assert sorted(row[0] for row in spark.sql(f"SELECT id FROM {t} -- all").collect()) == [0, 1, 2, 3, 4, 5, 6]
    spark.sql(f"UPDATE {t} SET id = 100 WHERE id = 6")
    case = "CASE WHEN s.id > 1 THEN true ELSE false END"
    spark.sql(
        f"MERGE INTO {t} AS t USING (SELECT id FROM {t} WHERE id < 4) s ON t.id = s.id AND {case}"
        f" WHEN MATCHED AND {case} THEN UPDATE SET t.id = CASE WHEN s.id = 2 THEN -2 ELSE -3 END"
        " WHEN NOT MATCHED BY SOURCE AND t.id = 100 THEN DELETE"
    )
    assert sorted(row[0] for row in spark.sql(f"SELECT id FROM {t}").collect()) == [-3, -2, 0, 1, 4, 5]
    spark.sql(f"ALTER TABLE {t} ALTER COLUMN id COMMENT 'new'")
    spark.sql(f"CREATE TABLE {t}_c USING ICEBERG CLUSTER BY NONE AS SELECT * FROM {t}")
    spark.sql(f"DROP TABLE IF EXISTS {t}_c")
    assert not spark.catalog.tableExists(f"{t}_c")
    with pytest.raises(ValueError, match="may be"):
        databricks.set(ICEBRIDGE_SANDBOX_METADATA_TABLES="perhaps")
        spark.sql(f"SELECT * FROM {t}")


def order(spark: SparkSession, databricks: Databricks, table: str) -> list[str]:
    """By which columns Iceberg's own library says that files are written."""
    with databricks.outside():
        load = spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable  # type: ignore[union-attr]
        found = load(spark._jsparkSession, table)
        fields = [str(found.schema().findColumnName(field.sourceId())) for field in found.sortOrder().fields()]
        return fields


def detail(spark: SparkSession, table: str) -> list[str]:
    (row,) = spark.sql(f"DESCRIBE DETAIL {table}").collect()
    assert row.partitionColumns == []
    return list(row.clusteringColumns)


def test_a_table_is_clustered_anew(spark: SparkSession, databricks: Databricks, name: str) -> None:
    """As a write order, by which what is written from then on is laid out."""
    t = f"managed.s.{name}"
    spark.sql(f"CREATE TABLE {t} (id BIGINT, `a.b` STRUCT<`x.y`: INT>, m MAP<STRING, INT>) USING ICEBERG")

    def refuses(condition: str, clustering: str, table: str = t) -> None:
        with pytest.raises(Exception, match=re.escape(f"[{condition}]")):
            spark.sql(f"ALTER TABLE {table} CLUSTER BY {clustering}")

    needs = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING"
    refuses(needs, "(id)")
    refuses(needs, "AUTO")
    # In the very words of the product, of which each is a statement of its own.
    off = "'delta.enableDeletionVectors' = 'false', 'delta.enableRowTracking' = 'false'"
    spark.sql(f"ALTER TABLE {t} SET TBLPROPERTIES ({off})")
    refuses("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "(`nothing`)")
    refuses("DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED", "(`m`)")
    refuses("DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "(id, id, id, id, id)")
    assert detail(spark, t) == [] and order(spark, databricks, t) == []
    spark.sql(f"ALTER TABLE {t} CLUSTER BY (`id`)")
    spark.sql(f"INSERT INTO {t} SELECT 7 - id, named_struct('x.y', 1), map() FROM range(0, 8, 1, 1)")
    assert [row.id for row in spark.sql(f"SELECT id FROM {t}").collect()] == list(range(8))
    spark.sql(f"ALTER TABLE {t} CLUSTER BY (`a.b`.`x.y`, `id`)")
    assert detail(spark, t) == ["a.b.x.y", "id"] == order(spark, databricks, t)
    told = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES {t}").collect()}
    assert told["clusteringColumns"] == '[["a.b","x.y"],["id"]]' and "clusterByAuto" not in told
    spark.sql(f"ALTER TABLE {t} CLUSTER BY AUTO")
    told = {row[0]: row[1] for row in spark.sql(f"SHOW TBLPROPERTIES {t}").collect()}
    assert told["clusterByAuto"] == "true"
    spark.sql(f"ALTER TABLE {t} CLUSTER BY NONE")
    assert detail(spark, t) == [] == order(spark, databricks, t)
    spark.sql(f"CREATE TABLE {t}_p (id BIGINT) USING ICEBERG PARTITIONED BY (id) TBLPROPERTIES ({off})")
    for clustering in ("(id)", "NONE", "AUTO"):
        refuses("DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED", clustering, f"{t}_p")


def test_only_what_was_read_counts_as_read(spark: SparkSession, databricks: Databricks, name: str) -> None:
    """Neither a refresh nor a query that nobody ran."""
    pin = make(spark, databricks, name)
    make(spark, databricks, f"{name}0")
    pinned = f"SELECT * FROM foreign.s.{name} VERSION AS OF {pin}"
    spark.sql(f"REFRESH FOREIGN TABLE foreign.s.{name}")
    frame = spark.sql(f"SELECT * FROM foreign.s.{name}")
    spark.sql(f"SELECT * FROM foreign.s.{name}0").collect()
    with pytest.raises(Exception, match="DELTA_VERSION_NOT_FOUND"):
        spark.sql(pinned)
    frame.limit(1).collect()
    assert spark.sql(pinned).count() == 40


WORDS = (
    "CREATE TABLE USING ICEBERG PARTITIONED BY CLUSTER COMMENT TBLPROPERTIES AS SELECT FROM WHERE VERSION OF DEEP CLONE"
    " INSERT INTO MERGE ON WHEN MATCHED NOT SOURCE THEN UPDATE DELETE VALUES ALTER SET REFRESH FOREIGN DESCRIBE HISTORY"
    " SHOW LIMIT"
)


def shape(text: str) -> str:
    """The words of the grammar, outside of brackets."""
    from databricks_runtime import tokens

    depth, found = 0, []
    for token in tokens.split(text):
        depth += token.upper == "("
        depth -= token.upper == ")"
        if depth == 0 and token.upper in WORDS.split():
            found.append(token.upper)
    return " ".join(found)


def test_every_statement_was_run_and_is_listed(request: pytest.FixtureRequest) -> None:
    """Last in this file. Each place of the jobs that sends SQL did so above, and the page lists each shape of it."""
    run = {item.name for item in request.session.items if item.path == request.node.path}
    every = {each.name for each in request.node.parent.collect()}
    if not every <= run:
        pytest.skip("needs all tests of this file")
    missing = []
    for path in sorted((SPARK / "icebridge_jobs").glob("*.py")):
        lines = {line for _, file, line in Databricks.sent if file == path.name}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            sends = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("spark.sql")
            if sends and not lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
                missing.append(f"{path.name}:{node.lineno}")
    # The one place where only open-source Spark goes: MERGE with marks in the session.
    assert [place.split(":")[0] for place in missing] == ["sync_table.py"], missing
    page = (SPARK.parent / "docs" / "spark-jobs.md").read_text(encoding="utf-8")
    section = page.split("### Statements on Databricks")[1].split("\n## ")[0]
    listed = {line.strip() for line in section.splitlines() if line.startswith("    ")}
    assert {shape(text) for text, _, _ in Databricks.sent} == listed
