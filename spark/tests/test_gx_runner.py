"""gx_runner with real Great Expectations: a good copy passes, and every seeded defect is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conftest import PLAN_HASH, Jobs
from pyspark.sql import functions as F

import row_digest
from icebridge_jobs import column_measures, uniqueness

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = (
    "id BIGINT NOT NULL, d DATE, ts TIMESTAMP, amount DECIMAL(9, 2), name STRING COMMENT 'who', x DOUBLE, flag BOOLEAN,"
    " `odd.name` INT, s STRUCT<a: INT, b: STRING>, l ARRAY<INT>"
)
ROWS = 200


def make(spark: SparkSession, name: str) -> None:
    """A foreign table, and the same rows as a managed one."""
    spark.sql(f"CREATE TABLE foreign.s.{name} ({COLUMNS}) USING iceberg")
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
    rows.coalesce(1).writeTo(f"foreign.s.{name}").append()
    copy(spark, name, name)


def copy(spark: SparkSession, name: str, target: str, columns: str = COLUMNS) -> None:
    """A managed table with the foreign one's rows."""
    spark.sql(f"CREATE TABLE managed.s.{target} ({columns}) USING iceberg")
    spark.table(f"foreign.s.{name}").writeTo(f"managed.s.{target}").append()


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
    assert {"expect_table_row_count_to_equal", "expect_column_values_to_be_between"} <= kinds
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


def test_a_changed_value_names_its_column(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """One table for each defect, all in one run."""
    make(spark, name)
    fields = given(name, jobs)
    tables = []
    for place, (defect, _) in enumerate(DEFECTS):
        copy(spark, name, f"{name}_{place}")
        spark.sql(defect.format(t=f"managed.s.{name}_{place}"))
        tables.append({**fields["tables"][0], "target": f"managed.s.{name}_{place}"})
    ran = jobs.run("gx_runner", **{**fields, "tables": tables})
    assert ran.code == 1
    assert len(ran.result["tables"]) == len(DEFECTS)
    for told, (defect, columns) in zip(ran.result["tables"], DEFECTS, strict=True):
        assert (told["error"]["code"], told["error"]["object"]) == ("validation-failed", told["target"]), defect
        assert set(told["failed_columns"]) == columns, defect
        assert all(column in told["error"]["message"] for column in columns), defect
        failed = {check["name"] for check in told["checks"] if not check["passed"]}
        assert {"digest", *(f"digest:{column}" for column in columns)} <= failed, defect
    assert Path(ran.result["docs_index"]).is_file()


# Great Expectations cannot take the first two: a year of fewer than four digits.
FAR = {
    "year_1": "DATE'0001-01-01'",
    "year_999": "DATE'0999-12-31'",
    "before": "date_add(DATE'0001-01-01', -400)",
    "year_2300": "DATE'2300-01-01'",
    "beyond": "date_add(DATE'9999-12-31', 1000000)",
    "first": "timestamp_micros(-9223372036854775808)",
    "last": "cast(timestamp_micros(9223372036854775807) AS timestamp_ntz)",
    "digits": "cast('-99999999999999999999999999999999999999' AS decimal(38, 0))",
    "fraction": "cast('0.99999999999999999999999999999999999999' AS decimal(38, 38))",
    "infinite": "if(id = 0, double('-infinity'), double('infinity'))",
    "nan": "float('nan')",
    "long": "if(id = 0, -9223372036854775808, 9223372036854775807)",
    "text": "repeat('ab', 500000)",
    "bytes": "cast(repeat('z', 300000) AS binary)",
}


def test_no_value_fails_a_copy_that_is_right(spark: SparkSession, jobs: Jobs, name: str) -> None:
    values = spark.range(2).selectExpr("id", *(f"{sql} AS {column}" for column, sql in FAR.items()))
    values = values.withColumn("mixed", F.expr("if(id = 0, DATE'0900-01-01', DATE'2024-01-01')"))
    for catalog in ("foreign", "managed"):
        values.writeTo(f"{catalog}.s.{name}").using("iceberg").create()
    ran = jobs.run("gx_runner", **given(name, jobs))
    assert ran.code == 0, ran.table["error"]
    # What Great Expectations does not look at is still compared.
    spark.sql(f"UPDATE managed.s.{name} SET year_1 = DATE'0002-01-01' WHERE id = 0")
    ran = jobs.run("gx_runner", **given(name, jobs))
    assert ran.code == 1 and ran.table["failed_columns"] == ["year_1"]


def test_lost_and_doubled_rows(spark: SparkSession, jobs: Jobs, name: str) -> None:
    make(spark, name)
    spark.sql(f"DELETE FROM managed.s.{name} WHERE id = 3")
    spark.sql(f"INSERT INTO managed.s.{name} SELECT * FROM managed.s.{name} WHERE id = 4")
    ran = jobs.run("gx_runner", **given(name, jobs))
    failed = {check["name"] for check in ran.table["checks"] if not check["passed"]}
    assert ran.code == 1 and {"digest", "unique:id"} <= failed and "count" not in failed
    (unique,) = (check for check in ran.table["checks"] if check["name"] == "unique:id")
    assert (unique["source"], unique["target"]) == ("unique", "1 rows repeat an identifier")
    spark.sql(f"DELETE FROM managed.s.{name} WHERE id = 4")
    ran = jobs.run("gx_runner", **given(name, jobs))
    failed = {check["name"] for check in ran.table["checks"] if not check["passed"]}
    assert ran.code == 1 and "count" in failed


def test_what_is_one_identifier_is_as_iceberg_sees_it(spark: SparkSession) -> None:
    rows = spark.sql(
        "SELECT * FROM VALUES (0.0D, 1), (-0.0D, 1), (double('NaN'), 1), (-double('NaN'), 1), (1D, NULL), (1D, NULL),"
        " (1D, 0) AS t(x, `a.b`)"
    )
    assert uniqueness.repeated(rows, [("x",), ("a.b",)]) == 2
    assert uniqueness.repeated(rows.where("x = 0"), [("x",)]) == 0


def test_another_schema_names_the_column(spark: SparkSession, jobs: Jobs, name: str) -> None:
    make(spark, name)
    fields = given(name, jobs)
    changes = {
        "id": COLUMNS.replace("id BIGINT NOT NULL", "id BIGINT"),
        "amount": COLUMNS.replace("amount DECIMAL(9, 2)", "amount DECIMAL(12, 2)"),
        "name": COLUMNS.replace(" COMMENT 'who'", ""),
    }
    tables = []
    for column, columns in changes.items():
        copy(spark, name, f"{name}_{column}", columns)
        tables.append({**fields["tables"][0], "target": f"managed.s.{name}_{column}"})
    ran = jobs.run("gx_runner", **{**fields, "tables": tables})
    assert ran.code == 1
    for told, column in zip(ran.result["tables"], changes, strict=True):
        assert told["failed_columns"] == [column]
        assert [check["name"] for check in told["checks"] if not check["passed"]] == [f"schema:{column}"]
    accepted = [{**table, "ignore_nullability": True, "ignore_comments": True} for table in tables]
    ran = jobs.run("gx_runner", **{**fields, "tables": accepted})
    assert [told["passed"] for told in ran.result["tables"]] == [True, False, True]


def test_against_the_products_own_measurement(spark: SparkSession, jobs: Jobs, name: str) -> None:
    """No source is read: aggregates name the column, and keys of two columns are unique or not."""
    make(spark, name)
    fields = given(name, jobs, source=None, expected=measured(spark, name), keys=["id", "odd.name"])
    ran = jobs.run("gx_runner", **json.loads(json.dumps(fields, default=str)))
    assert ran.code == 0, ran.result
    assert "unique:id, odd.name" in {check["name"] for check in ran.table["checks"]}
    # A field of a struct may be a key, and a column with a dot in its name.
    field = given(name, jobs, source=None, expected=measured(spark, name), keys=["s.a", "odd.name"])
    assert jobs.run("gx_runner", **field).code == 0
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
