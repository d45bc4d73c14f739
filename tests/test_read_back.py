"""A SQL warehouse of the target's workspace reads the copy once more: the row digest in SQL, computed by Spark."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    UUIDType,
)

from tests.harness import bundle_verifier
from tests.harness.cli import Icebridge
from tests.harness.clusters import spark_workspace
from tests.harness.route import Route, connect
from tests.harness.sandbox import Sandbox
from tests.harness.written import named, sqlite_catalog

pytest_plugins = ["tests.harness.sandbox"]

FLOATS = (0.1, -0.0, 0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 2.2250738585072014e-308, -1.7e308, 3.0)
# Where clocks of the warehouse's own zone stand still or jump; before the epoch; the last microsecond.
MOMENTS = (
    dt.datetime(2024, 3, 10, 2, 30, 0, 1),
    dt.datetime(2024, 11, 3, 1, 30),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    dt.datetime(1, 1, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
)


@pytest.fixture(scope="module")
def spark_box() -> Iterator[Sandbox]:
    """A workspace whose warehouse has an engine."""
    with spark_workspace("--gate-open") as box:
        yield box


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every type that a warehouse can show, and one that must be converted."""
    folder = tmp_path_factory.mktemp("types")
    catalog = sqlite_catalog(folder)
    inner = StructType(
        NestedField(21, "zoned", TimestamptzType(), required=False),
        NestedField(22, "a`b", DoubleType(), required=False),
    )
    schema = Schema(
        NestedField(1, "flag", BooleanType(), required=False),
        NestedField(2, "small", IntegerType(), required=False),
        NestedField(3, "Big", LongType(), required=False),
        NestedField(4, "f", FloatType(), required=False),
        NestedField(5, "d", DoubleType(), required=False),
        NestedField(6, "money", DecimalType(38, 12), required=False),
        NestedField(7, "day", DateType(), required=False),
        NestedField(8, "at", TimestampType(), required=False),
        NestedField(9, "zoned", TimestamptzType(), required=False),
        NestedField(10, "text", StringType(), required=False),
        NestedField(11, "raw", BinaryType(), required=False),
        NestedField(12, "list", ListType(23, inner, element_required=False), required=False),
        NestedField(13, "map", MapType(24, StringType(), 25, ListType(26, FloatType(), False), False), required=False),
        # Named as its table, with a field that is named as a column: SQL takes it for the table where it may.
        NestedField(14, "types", StructType(NestedField(27, "flag", StringType(), required=False)), required=False),
    )
    table = catalog.create_table(named(catalog, "shop.types"), schema)
    arrow = table.schema().as_arrow()
    table.append(pa.Table.from_pylist([row(n) for n in range(30)], schema=arrow))
    table.append(pa.Table.from_pylist([dict.fromkeys(arrow.names)], schema=arrow))
    small = Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "u", UUIDType(), required=False))
    converted = catalog.create_table(named(catalog, "shop.converted"), small)
    ids = pa.array([bytes([n]) * 16 for n in range(3)], pa.binary(16))
    converted.append(pa.table({"id": pa.array(range(3), pa.int64()), "u": ids}, schema=converted.schema().as_arrow()))
    return folder


def row(n: int) -> dict[str, Any]:
    """One row; the numbers walk through what is hard to get right."""
    real, moment = FLOATS[n % len(FLOATS)], MOMENTS[n % len(MOMENTS)]
    zoned = moment.replace(tzinfo=dt.UTC)
    return {
        "flag": n % 2 == 0,
        "small": -(1 << 31) + n,
        "Big": (1 << 63) - 1 - n,
        "f": real if abs(real) < 1e38 or real in (float("inf"), float("-inf")) else 1.5,
        "d": real,
        "money": decimal.Decimal(n - 15).scaleb(-12) * (10 ** (n % 20)),
        "day": moment.date(),
        "at": moment,
        "zoned": zoned,
        "text": f"ü{n}\n'\\" + "\x00" * (n % 2),
        "raw": bytes([n, 0, 255]),
        "list": [None, *({"zoned": zoned, "a`b": value} for value in FLOATS[: n % 4])],
        "types": {"flag": f"nested {n}"},
        "map": {f"k{key}": [real if abs(real) < 1e38 else 0.25, None] for key in range(n % 3)},
    }


@pytest.fixture
def migrated(icebridge: Icebridge, spark_box: Sandbox, shop: Path, request: pytest.FixtureRequest) -> Route:
    """Copied from here into the workspace's catalog."""
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = spark_box.token
    token = f"{spark_box.token}\n"
    icebridge.run("workspace", "add", "here", "--host", spark_box.url, "--by", "token", stdin=token)
    icebridge.connect_sql("foreign", shop / "catalog.db")
    connect(icebridge, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(icebridge)
    route.rename("*", f"back_{len(request.node.name)}")
    route.migrate("rewrite")
    return route


def test_a_warehouse_reads_what_was_copied(migrated: Route) -> None:
    view = migrated.cli.run("validate", "--judge", "warehouse")
    tables = {table["source"]: table for table in view["tables"]}
    assert set(tables) == {"shop.types", "shop.converted"}
    for name, table in tables.items():
        assert table["validation"]["proof"] == "target_read_back", (name, table)
        check = next(check for check in table["validation"]["checks"] if check["name"] == "target-read-back")
        assert check["passed"] and check["source"] == check["target"]
    # It is kept while the rows are the same, and both verifiers know the level.
    again = migrated.cli.run("validate")
    assert {table["validation"]["proof"] for table in again["tables"]} == {"target_read_back"}
    bundle = migrated.cli.run("audit", "export")
    assert migrated.cli.run("audit", "verify", bundle["path"])["lowest_proof"] == "target_read_back"
    bundle_verifier.verify(Path(bundle["path"]))


def test_a_run_reads_back_what_it_copied_where_the_plan_wants_it(
    icebridge: Icebridge, spark_box: Sandbox, shop: Path
) -> None:
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = spark_box.token
    token = f"{spark_box.token}\n"
    icebridge.run("workspace", "add", "here", "--host", spark_box.url, "--by", "token", stdin=token)
    icebridge.connect_sql("foreign", shop / "catalog.db")
    connect(icebridge, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(icebridge)
    route.rename("*", "back_in_a_run")
    icebridge.run("inventory", "foreign", "--only", "shop.converted")
    run = route.run(route.replan("rewrite", "--read-back"))
    assert run.outcome.code == 0, run.outcome.stdout
    table = run.tables["shop.converted"]
    assert table["validation"]["proof"] == "target_read_back"
    assert any("SQL warehouse" in step for step in table["governance"]["done"])


def test_a_reader_who_does_not_see_every_row_proves_nothing(migrated: Route, spark_box: Sandbox) -> None:
    view = migrated.cli.run("status")
    target = next(table["target"] for table in view["tables"] if table["source"] == "shop.converted")
    body = "CREATE FUNCTION main.bronze.some(id BIGINT) RETURNS BOOLEAN RETURN id > 1"
    warehouse = spark_box.ask("GET", "/api/2.0/sql/warehouses").json()["warehouses"][0]["id"]
    for statement in (body, f"ALTER TABLE main.{target} SET ROW FILTER main.bronze.some ON (id)"):
        asked = {"warehouse_id": warehouse, "statement": statement}
        answer = spark_box.ask("POST", "/api/2.0/sql/statements", json=asked).json()
        assert answer["status"]["state"] == "SUCCEEDED", answer
    outcome = migrated.cli.outcome("validate", "--judge", "warehouse")
    table = next(table for table in outcome.json["tables"] if table["source"] == "shop.converted")
    assert table["not_read_back"]["code"] == "unsupported"
    assert table["validation"]["proof"] == "digest"
    assert outcome.code == 1


def test_only_a_workspace_has_a_warehouse(icebridge: Icebridge, tmp_path: Path) -> None:
    icebridge.run("sample", tmp_path / "sample")
    connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
    icebridge.run("inventory", "sample", "--only", "crm.contacts")
    icebridge.run("run", Route(icebridge, source="sample").replan("rewrite")["path"])
    assert icebridge.refuse("validate", "--judge", "warehouse", code="invalid-input")["hint"]
