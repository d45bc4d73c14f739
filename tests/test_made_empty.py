"""Targets that cannot stage a table: it is made empty, and filled by one commit. Until then it says what it waits for.

The sandbox refuses to stage as workspaces have been seen to; Iceberg's own REST catalog takes tables this way, too.
Both give columns ids of their own.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from databricks.sdk.service import catalog
from pyiceberg.catalog.rest import RestCatalog as PyIcebergRest
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from tests.harness.cli import Icebridge, fresh
from tests.harness.route import Route, connect, meanwhile, wait_until
from tests.harness.sandbox import Sandbox
from tests.harness.written import orders, plain, reading, rest_client, sqlite_catalog
from tests.services import faults
from tests.services.auth_proxy import AuthProxy
from tests.services.faults import Fault
from tests.services.rest_catalog import RestCatalog

pytest_plugins = ["tests.harness.sandbox"]

CREATE = r"^POST /v1/(.+/)?namespaces/[^/]+/tables(\?|$)"
WAITING = ("icebridge.filled-by-plan", "icebridge.filled-from")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables whose ids have gaps, a nested column, a partition spec and a sort order."""
    folder = tmp_path_factory.mktemp("shop")
    catalog = sqlite_catalog(folder)
    orders(catalog, "shop.orders", days=2)
    for name in ("one", "two"):
        plain(catalog, ("shop", name), rows=5)
    return folder


def arrived(made: Table, shop: Path, plan: dict[str, Any], name: str = "orders") -> None:
    """The copy is whole, one commit made it so, and nothing says any more that it waits."""
    source = sqlite_catalog(shop).load_table(f"shop.{name}")
    assert reading(made) == reading(source)
    assert [column.name for column in made.schema().fields] == [column.name for column in source.schema().fields]
    assert len(made.snapshots()) == 1
    assert not set(WAITING) & set(made.properties)
    assert made.properties["icebridge.plan"] == plan["plan"]["hash"]
    made.append(made.scan().to_arrow().slice(0, 1))
    assert reading(made).rows == reading(source).rows + 1


@pytest.fixture(autouse=True)
def gate(box: Sandbox) -> Iterator[None]:
    """Open for each test."""
    box.turn("gate", open=True, on=["main"])
    yield
    box.turn("gate", open=False, on=["main"])


def to_unity(cli: Icebridge, box: Sandbox, shop: Path, schema: str) -> Route:
    """From the shop to a schema of the sandbox."""
    cli.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    cli.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    cli.connect_sql("foreign", shop / "catalog.db")
    connect(cli, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(cli)
    route.rename("shop.*", schema)
    return route


@pytest.mark.parametrize("setting", ["refused-400", "refused-501", "commit-refused"])
def test_unity_catalog_without_staging_takes_every_table(
    setting: str, icebridge: Icebridge, box: Sandbox, shop: Path
) -> None:
    schema = f"empty_{setting[-3:]}"
    route = to_unity(icebridge, box, shop, schema)
    unity = PyIcebergRest(
        "unity", uri=f"{box.url}/api/2.1/unity-catalog/iceberg-rest", warehouse="main", token=box.token
    )
    with box.setting(stage_create=setting):
        plan = route.plan("rewrite")
        route.run(plan).succeeded()
        ids = [column.field_id for column in unity.load_table((schema, "orders")).schema().fields]
        assert ids == list(range(1, len(ids) + 1)), "the server numbers anew"
        for name in ("orders", "one", "two"):
            arrived(unity.load_table((schema, name)), shop, plan, name)


def test_a_name_that_a_table_of_another_format_has_is_taken(icebridge: Icebridge, box: Sandbox, shop: Path) -> None:
    """The Iceberg endpoint shows tables of Iceberg alone."""
    route = to_unity(icebridge, box, shop, "taken")
    admin = box.client(box.admin_token)
    admin.schemas.create("taken", "main")
    kind, form, place = catalog.TableType.EXTERNAL, catalog.DataSourceFormat.DELTA, "s3://elsewhere/orders"
    admin.tables.create("ORDERS", "main", "taken", kind, form, place)
    icebridge.run("inventory", "foreign")
    blocked = {
        name: [found["code"] for found in findings if found["verdict"] == "blocks"]
        for name, findings in route.findings("--mode", "rewrite").items()
    }
    assert blocked["shop.orders"] == ["IB-F003"] and blocked["shop.one"] == []


@dataclass
class Target:
    """A namespace of Iceberg's REST catalog, where tables are made empty first."""

    guard: AuthProxy
    judge: PyIcebergRest
    namespace: str
    route: Route
    files: Callable[[], list[Path]]

    def table(self, name: str = "orders") -> Table:
        """A table as PyIceberg loads it."""
        return self.judge.load_table((self.namespace, name))


def target_for(
    cli: Icebridge, server: RestCatalog, guard: AuthProxy, shop: Path, namespace: str, empty: str = "true"
) -> Target:
    """A route from the shop to a namespace, in a state of its own."""
    cli.connect_sql("foreign", shop / "catalog.db")
    secrets = {"credential": guard.credential()}
    connect(cli, "managed", "rest", guard.uri, target=True, properties={"create-empty": empty}, secrets=secrets)
    route = Route(cli)
    route.rename("*", namespace)
    folder = Path(server.warehouse.removeprefix("file:")) / namespace
    files = lambda: sorted(path for path in folder.rglob("*") if path.is_file())  # noqa: E731
    return Target(guard, rest_client(server.uri), namespace, route, files)


@pytest.fixture
def target(local_catalog: RestCatalog, guarded_catalog: AuthProxy, icebridge: Icebridge, shop: Path) -> Target:
    """A fresh namespace."""
    return target_for(icebridge, local_catalog, guarded_catalog, shop, f"ns_{time.monotonic_ns()}")


def planned(target: Target, only: str = "shop.orders") -> dict[str, Any]:
    """A plan of some of the shop's tables."""
    target.route.cli.run("inventory", "foreign", "--only", only)
    plan = target.route.replan("rewrite")
    target.guard.forget()
    return plan


def commits(target: Target) -> list[dict[str, Any]]:
    """The bodies of all commits to the table."""
    found = re.compile(faults.COMMIT)
    return [json.loads(one.body) for one in target.guard.seen if found.search(f"{one.method} {one.path}")]


def test_a_table_is_made_empty_and_filled_by_one_commit(target: Target, shop: Path) -> None:
    plan = planned(target)
    target.route.run(plan).succeeded()
    (commit,) = commits(target)
    asserted = ["assert-table-uuid", "assert-ref-snapshot-id", "assert-current-schema-id", "assert-default-spec-id"]
    assert [one["type"] for one in commit["requirements"]] == asserted
    made = target.table()
    assert [column.field_id for column in made.schema().fields] == list(range(1, 9))
    assert [(field.source_id, field.name) for field in made.spec().fields] == [(2, "town")]
    assert [field.source_id for field in made.sort_order().fields] == [1]
    arrived(made, shop, plan)
    target.guard.forget()
    again = target.route.run(plan)
    assert again.tables["shop.orders"]["outcome"]["adopted"]
    assert not [one for one in target.guard.seen if one.method != "GET" and "/oauth/" not in one.path]


ILL = {
    "answer to the creation lost": lambda: faults.lost_answer(match=CREATE),
    "creation cut": lambda: faults.cut(match=CREATE, after=True),
    "conflict": faults.conflict,
    "answer to the commit lost": faults.lost_answer,
    "busy": lambda: faults.unavailable(match=faults.COMMIT),
}


@pytest.mark.parametrize("day", ILL)
def test_a_bad_day_changes_nothing(day: str, target: Target, shop: Path) -> None:
    plan = planned(target)
    target.guard.faults.add(ILL[day]())
    target.route.run(plan).succeeded()
    arrived(target.table(), shop, plan)
    assert target.judge.list_tables(target.namespace) == [(target.namespace, "orders")]


def test_a_table_that_cannot_be_filled_is_taken_back(target: Target, shop: Path) -> None:
    plan = planned(target)
    target.guard.faults.add(faults.conflict(times=100))
    target.route.run(plan).failed("shop.orders", "commit-conflict")
    with pytest.raises(NoSuchTableError):
        target.table()
    left = [path for path in target.files() if not path.name.endswith((".metadata.json", ".metadata.json.crc"))]
    assert left == [], "of ours nothing; what the catalog wrote is its own"
    target.guard.faults.clear()
    target.route.resume().succeeded()
    arrived(target.table(), shop, plan)


def test_rows_of_others_in_the_empty_table_stay(target: Target) -> None:
    """Somebody writes into the table while we copy: it is not filled, and not dropped."""
    plan = planned(target, "shop.one")
    theirs: list[dict[str, Any]] = [{"id": 77, "name": "theirs"}]

    def overtaken(request: str) -> Fault | None:
        if re.search(faults.COMMIT, request) and theirs:
            made = target.table("one")
            made.append(pa.Table.from_pylist([theirs.pop()], schema=made.schema().as_arrow()))
        return None

    target.guard.faults.pick = overtaken  # type: ignore[method-assign]
    target.route.run(plan).failed("shop.one", "table-exists")
    assert not [path for path in target.files() if "icebridge-owner" in path.name]
    assert target.table("one").scan().to_arrow().to_pylist() == [{"id": 77, "name": "theirs"}]


def test_killed_while_it_copies_it_goes_on_with_the_same_table(target: Target, shop: Path) -> None:
    plan = planned(target)
    target.guard.faults.add(faults.slow(30, match=faults.COMMIT))
    with meanwhile(target.route.cli, "run", plan["path"]) as run:
        wait_until(lambda: target.judge.table_exists((target.namespace, "orders")), 30)
        run.send_signal(signal.SIGKILL)
    target.guard.faults.clear()
    waiting = target.table()
    assert reading(waiting).rows == 0
    assert set(WAITING) <= set(waiting.properties)
    target.route.resume().succeeded()
    assert target.table().metadata.table_uuid == waiting.metadata.table_uuid
    arrived(target.table(), shop, plan)


def test_a_second_state_leaves_the_table_of_the_first_alone(
    target: Target, local_catalog: RestCatalog, guarded_catalog: AuthProxy, shop: Path, tmp_path: Path
) -> None:
    plan = planned(target)
    others = {
        way: target_for(fresh(tmp_path / way), local_catalog, guarded_catalog, shop, target.namespace, empty)
        for way, empty in (("empty", "true"), ("stages-first", "false"))
    }
    plans = {way: planned(other) for way, other in others.items()}
    assert {one["plan"]["hash"] for one in plans.values()} == {plan["plan"]["hash"]}
    target.guard.faults.add(faults.slow(30, match=faults.COMMIT))
    with meanwhile(target.route.cli, "run", plan["path"]) as first:
        wait_until(lambda: target.judge.table_exists((target.namespace, "orders")), 30)
        for way, other in others.items():
            other.route.run(plans[way]).failed("shop.orders", "commit-conflict")
        assert target.judge.table_exists((target.namespace, "orders"))
        target.guard.faults.clear()
        first.send_signal(signal.SIGKILL)
    target.route.resume().succeeded()
    arrived(target.table(), shop, plan)
    for way, other in others.items():
        assert other.route.run(plans[way]).tables["shop.orders"]["outcome"]["adopted"]


def left_empty(target: Target, name: str) -> tuple[dict[str, Any], Table]:
    """A plan whose run ended after it had made its table, and that table."""
    plan = planned(target, f"shop.{name}")
    target.guard.faults.add(faults.slow(30, match=faults.COMMIT))
    with meanwhile(target.route.cli, "run", plan["path"]) as run:
        wait_until(lambda: target.judge.table_exists((target.namespace, name)), 30)
        run.send_signal(signal.SIGKILL)
    target.guard.faults.clear()
    return plan, target.table(name)


def blocking(target: Target, name: str) -> list[str]:
    """The codes that block a table."""
    return [one["code"] for one in target.route.findings()[f"shop.{name}"] if one["verdict"] == "blocks"]


def test_an_empty_table_of_an_earlier_plan_is_taken_back_by_a_new_one(target: Target, shop: Path) -> None:
    plan, waiting = left_empty(target, "one")
    assert blocking(target, "one") == []
    # Another plan, by other settings.
    again = target.route.cli.run("plan", *target.route.arguments, "--mode", "rewrite", "--max-parallel-tables", "3")
    assert again["plan"]["hash"] != plan["plan"]["hash"]
    target.route.run(again).succeeded()
    made = target.table("one")
    assert made.metadata.table_uuid != waiting.metadata.table_uuid
    arrived(made, shop, again, "one")
    own = waiting.properties["icebridge.filled-from"]
    assert not [path for path in target.files() if own in str(path)], "nothing of the first copy is left"
    # Its run finds the table of another plan, and lets it be.
    target.route.run(plan).failed("shop.one", "table-exists")
    assert target.table("one").metadata.table_uuid == made.metadata.table_uuid


def test_an_empty_table_that_others_filled_or_made_blocks_a_new_plan(
    target: Target, local_catalog: RestCatalog, guarded_catalog: AuthProxy, shop: Path, tmp_path: Path
) -> None:
    _, waiting = left_empty(target, "one")
    other = target_for(fresh(tmp_path / "other"), local_catalog, guarded_catalog, shop, target.namespace)
    other.route.cli.run("inventory", "foreign", "--only", "shop.one")
    assert blocking(other, "one") == ["IB-F003"], "another state's"
    assert blocking(target, "one") == []
    again = target.route.cli.run("plan", *target.route.arguments, "--mode", "rewrite", "--max-parallel-tables", "3")
    rows = pa.Table.from_pylist([{"id": 77, "name": "theirs"}], schema=waiting.schema().as_arrow())
    waiting.append(rows)
    assert blocking(target, "one") == ["IB-F003"], "somebody wrote into it"
    # Planned before that: the run looks once more.
    target.route.run(again).failed("shop.one", "table-exists")
    assert target.table("one").scan().to_arrow().to_pylist() == [{"id": 77, "name": "theirs"}]
