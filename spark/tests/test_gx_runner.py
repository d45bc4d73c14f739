"""gx_runner with real Great Expectations: a good copy passes, and every seeded defect is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import PLAN_HASH, Jobs

import row_digest
from icebridge_jobs import column_measures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = (
    "id BIGINT NOT NULL, d DATE, ts TIMESTAMP, amount DECIMAL(9, 2), name STRING COMMENT 'who', x DOUBLE, flag BOOLEAN,"
    " `odd.name` INT, s STRUCT<a: INT, b: STRING>, l ARRAY<INT>"
)
ROWS = 200


def make(spark: SparkSession, name: str, columns: str = COLUMNS) -> None:
    """The same rows as foreign and managed table."""
    for catalog in ("foreign", "managed"):
        spark.sql(f"CREATE TABLE {catalog}.s.{name} ({COLUMNS if catalog == 'foreign' else columns}) USING iceberg")
    rows = spark.range(ROWS).selectExpr(
        "id",
        "date_add(DATE'2024-01-01', cast(id % 40 AS int)) AS d",
        "timestamp_micros(1700000000000001 + id) AS ts",
        "cast((id - 50) / 7 AS decimal(9, 2)) AS amount",
        "if(id % 5 = 0, NULL, concat('n', id % 3)) AS name",
        "if(id % 11 = 0, double('NaN'), id / 3) AS x",
        "id % 2 = 0 AS flag",
        "cast(id AS int) AS `odd.name`",
        "named_struct('a', cast(id AS int), 'b', 'é') AS s",
        "array(1, NULL, cast(id AS int)) AS l",
    )
    rows.writeTo(f"foreign.s.{name}").append()
    spark.table(f"foreign.s.{name}").writeTo(f"managed.s.{name}").append()


def given(name: str, jobs: Jobs, **fields: Any) -> dict[str, Any]:
    """The input's fields for one table."""
    table = {"target": f"managed.s.{name}", "source": {"table": f"foreign.s.{name}"}, "keys": ["id"], **fields}
    return {"plan_hash": PLAN_HASH, "docs_path": str(jobs.folder / "volume" / "docs"), "tables": [table]}


def measured(spark: SparkSession, name: str) -> dict[str, Any]:
    """The source as the product's reader would measure it."""
    rows = spark.table(f"foreign.s.{name}")
    digest = row_digest.measure(rows)
    columns = [vars(measure) for measure in column_measures.measure(rows)]
    return {"rows": digest.rows, "digest": digest.digest, "columns": columns, "snapshot_id": 1}


def test_a_good_copy_passes_and_is_documented(spark: SparkSession, jobs: Jobs, name: str) -> None:
    make(spark, name)
    ran = jobs.script("gx_runner", **given(name, jobs))
    assert ran.code == 0, ran.said[-3000:]
    told = ran.table
    assert (told["passed"], told["rows"], told["failed_columns"], told["error"]) == (True, ROWS, [], None)
    assert told["digest"] == told["expected_digest"] == row_digest.measure(spark.table(f"foreign.s.{name}")).digest
    names = {check["name"] for check in told["checks"]}
    wanted = {"count", "schema", "digest", "unique:id", "nulls:id", "range:id", "range:d", "aggregates:amount"}
    assert wanted <= names and "schema:odd.name" in names and "nulls:name" not in names
    kinds = {check["expectation"] for check in told["checks"]}
    assert {"expect_table_row_count_to_equal", "expect_column_values_to_be_unique"} <= kinds
    docs = Path(ran.result["docs_index"])
    assert docs == jobs.folder / "volume" / "docs" / "index.html"
    pages = [path.read_text(encoding="utf-8") for path in docs.parent.rglob("*.html")]
    assert f"managed.s.{name} rows" in docs.read_text(encoding="utf-8")
    assert any(told["digest"] in page for page in pages)


DEFECTS = [
    ("UPDATE {t} SET amount = amount + 1 WHERE id = 7", {"amount"}),
    ("UPDATE {t} SET name = NULL WHERE id = 7", {"name"}),
    ("UPDATE {t} SET name = 'n1' WHERE id = 9", {"name"}),
    ("UPDATE {t} SET ts = ts + INTERVAL 1 MICROSECOND WHERE id = 3", {"ts"}),
    ("UPDATE {t} SET x = -x WHERE id = 0 OR id = 6", {"x"}),
    ("UPDATE {t} SET s = named_struct('a', 1, 'b', 'e') WHERE id = 9", {"s"}),
    ("UPDATE {t} SET l = array(1, 9) WHERE id = 9", {"l"}),
    ("UPDATE {t} SET `odd.name` = 500 WHERE id = 9", {"odd.name"}),
    ("UPDATE {t} SET id = 8 WHERE id = 9", {"id"}),
]


@pytest.mark.parametrize(("defect", "columns"), DEFECTS, ids=[defect[20:50] for defect, _ in DEFECTS])
def test_a_changed_value_names_its_column(
    spark: SparkSession, jobs: Jobs, name: str, defect: str, columns: set[str]
) -> None:
    make(spark, name)
    spark.sql(defect.format(t=f"managed.s.{name}"))
    ran = jobs.run("gx_runner", **given(name, jobs))
    assert ran.code == 1
    assert (ran.table["error"]["code"], ran.table["error"]["object"]) == ("validation-failed", f"managed.s.{name}")
    assert set(ran.table["failed_columns"]) == columns
    assert all(column in ran.table["error"]["message"] for column in columns)
    failed = {check["name"] for check in ran.table["checks"] if not check["passed"]}
    assert {"digest", *(f"digest:{column}" for column in columns)} <= failed
    assert Path(ran.result["docs_index"]).is_file()


def test_lost_and_doubled_rows(spark: SparkSession, jobs: Jobs, name: str) -> None:
    make(spark, name)
    spark.sql(f"DELETE FROM managed.s.{name} WHERE id = 3")
    spark.sql(f"INSERT INTO managed.s.{name} SELECT * FROM managed.s.{name} WHERE id = 4")
    ran = jobs.run("gx_runner", **given(name, jobs))
    failed = {check["name"] for check in ran.table["checks"] if not check["passed"]}
    assert ran.code == 1 and {"digest", "unique:id"} <= failed and "count" not in failed
    spark.sql(f"DELETE FROM managed.s.{name} WHERE id = 4")
    ran = jobs.run("gx_runner", **given(name, jobs))
    failed = {check["name"] for check in ran.table["checks"] if not check["passed"]}
    assert ran.code == 1 and "count" in failed


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        (COLUMNS.replace("id BIGINT NOT NULL", "id BIGINT"), "id"),
        (COLUMNS.replace("amount DECIMAL(9, 2)", "amount DECIMAL(12, 2)"), "amount"),
        (COLUMNS.replace(" COMMENT 'who'", ""), "name"),
    ],
    ids=["nullable", "wider", "comment"],
)
def test_another_schema_names_the_column(spark: SparkSession, jobs: Jobs, name: str, columns: str, column: str) -> None:
    make(spark, name, columns)
    ran = jobs.run("gx_runner", **given(name, jobs))
    assert ran.code == 1 and ran.table["failed_columns"] == [column]
    failed = [check["name"] for check in ran.table["checks"] if not check["passed"]]
    assert failed == [f"schema:{column}"]
    if column != "amount":
        accepted = given(name, jobs, ignore_nullability=True, ignore_comments=True)
        assert jobs.run("gx_runner", **accepted).code == 0


def test_against_the_products_own_measurement(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """No source is read: aggregates name the column, and keys of two columns are unique or not."""
    make(spark, name)
    fields = given(name, jobs, source=None, expected=measured(spark, name), keys=["id", "flag"])
    ran = jobs.run("gx_runner", **json.loads(json.dumps(fields, default=str)))
    assert ran.code == 0, ran.result
    assert "unique:id, flag" in {check["name"] for check in ran.table["checks"]}
    spark.sql(f"UPDATE managed.s.{name} SET amount = 0 WHERE id = 7")
    ran = jobs.run("gx_runner", **fields)
    assert ran.code == 1 and ran.table["failed_columns"] == ["amount"]
    both = given(name, jobs, expected={**measured(spark, name), "digest": "0" * 64})
    ran = jobs.run("gx_runner", **both)
    assert (ran.code, ran.table["error"]["code"]) == (1, "plan-stale")


def test_one_bad_table_does_not_hide_the_others(spark: SparkSession, jobs: Jobs, name: str) -> None:
    make(spark, name)
    fields = given(name, jobs)
    absent = {"target": f"managed.s.{name}_absent", "source": {"table": f"foreign.s.{name}"}}
    keyless = {**fields["tables"][0], "keys": ["nope"]}
    ran = jobs.run("gx_runner", **{**fields, "tables": [absent, keyless, *fields["tables"]]})
    assert ran.code == 1
    codes = [told["error"] and told["error"]["code"] for told in ran.result["tables"]]
    assert codes == ["table-not-found", "invalid-input", None]
    assert ran.result["tables"][2]["passed"] is True
