"""Iceberg's own REST catalog as a target: tables arrive once, whole and as they were, on good days and on bad ones."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyiceberg.catalog.rest import RestCatalog as PyIcebergRest
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from spark.judges.digest_reference import Digest
from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect, meanwhile, wait_until
from tests.harness.written import history, orders, plain, reading, rest_client, sqlite_catalog
from tests.services import faults
from tests.services.auth_proxy import AuthProxy
from tests.services.faults import Fault
from tests.services.rest_catalog import RestCatalog

REGISTER = r"^POST /v1/(.+/)?namespaces/[^/]+/register(\?|$)"
LOAD = r"^GET /v1/(.+/)?namespaces/[^/]+/tables/"
SMALL = ("one", "two", "three")
# How each mode makes a table visible.
PUBLISHES = {"rewrite": faults.COMMIT, "clone": REGISTER, "register": REGISTER}


@dataclass(frozen=True)
class Shop:
    """The source of these tests, and what PyIceberg read in it."""

    folder: Path
    orders: dict[int, Digest]
    small: dict[str, Digest]

    @property
    def now(self) -> Digest:
        """The orders of today."""
        return list(self.orders.values())[-1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A SQL catalog of PyIceberg's."""
    folder = tmp_path_factory.mktemp("shop")
    catalog = sqlite_catalog(folder)
    kept = history(orders(catalog, "shop.orders", days=2))
    small = {name: reading(plain(catalog, ("small", name), rows=5)) for name in SMALL}
    return Shop(folder, kept, small)


@dataclass
class Target:
    """One test's corner of the REST catalog: a namespace of its own, reached by us through a guard."""

    server: RestCatalog
    guard: AuthProxy
    namespace: str
    route: Route

    @property
    def judge(self) -> PyIcebergRest:
        """PyIceberg, past the guard."""
        return rest_client(self.server.uri)

    def table(self, name: str) -> Table:
        """A table as PyIceberg loads it."""
        return self.judge.load_table((self.namespace, name))

    @property
    def folder(self) -> Path:
        """Where the server puts this namespace's tables."""
        return Path(self.server.warehouse.removeprefix("file:")) / self.namespace

    def files(self) -> list[Path]:
        """Every file below the namespace."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def published(self, mode: str) -> int:
        """How many requests asked to make a table visible, whatever became of them."""
        pattern = re.compile(PUBLISHES[mode])
        return sum(1 for seen in self.guard.seen if pattern.search(f"{seen.method} {seen.path}"))


@pytest.fixture
def target(
    local_catalog: RestCatalog, guarded_catalog: AuthProxy, icebridge: Icebridge, shop: Shop
) -> Iterator[Target]:
    """A route from the shop to a fresh namespace."""
    namespace = f"ns_{time.monotonic_ns()}"
    icebridge.connect_sql("foreign", shop.folder / "catalog.db")
    credential = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=credential)
    route = Route(icebridge)
    route.rename("*", namespace)
    return Target(local_catalog, guarded_catalog, namespace, route)


def planned(target: Target, mode: str, only: str = "shop.*", *extra: str) -> dict[str, Any]:
    """A plan of some of the shop's tables."""
    target.route.cli.run("inventory", "foreign", "--only", only)
    plan = target.route.replan(mode, *extra)
    target.guard.forget()
    return plan


def test_a_rewrite_keeps_what_the_table_is(target: Target, shop: Shop) -> None:
    plan = planned(target, "rewrite")
    target.route.run(plan).succeeded()
    source, made = sqlite_catalog(shop.folder).load_table("shop.orders"), target.table("orders")
    assert reading(made) == shop.now
    assert made.schema().model_dump(exclude={"schema_id"}) == source.schema().model_dump(exclude={"schema_id"})
    assert [entry.field_id for entry in made.schema().fields] == [1, 3, 4, 5, 6, 7, 8, 12]
    assert made.schema().find_field("id").doc == "from the shop"
    assert made.schema().find_field("id").required
    assert made.metadata.last_column_id == source.metadata.last_column_id
    assert [(entry.source_id, str(entry.transform), entry.name) for entry in made.spec().fields] == [
        (3, "identity", "town")
    ]
    assert made.sort_order().fields == source.sort_order().fields
    for key in ("comment", "team", "write.parquet.compression-codec"):
        assert made.properties[key] == source.properties[key]
    assert made.properties["icebridge.plan"] == plan["plan"]["hash"]
    assert made.metadata.table_uuid != source.metadata.table_uuid
    assert len(made.snapshots()) == 1
    partitions = {str(entry["partition"]) for entry in made.inspect.files().to_pylist()}
    assert partitions == {str(entry["partition"]) for entry in source.inspect.files().to_pylist()}


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_version_3_is_made_where_it_is_asked_for(target: Target, shop: Shop, mode: str) -> None:
    source = sqlite_catalog(shop.folder).load_table("shop.orders")
    assert source.metadata.format_version == 2
    plan = planned(target, mode, "shop.*", "--target-format-version", "3")
    target.route.run(plan).succeeded()
    made = target.table("orders")
    assert made.metadata.format_version == 3
    assert reading(made) == shop.now
    rows = sum(1 for _ in made.scan().to_arrow().to_pylist())
    if mode == "rewrite":
        assert made.metadata.next_row_id == rows
    else:
        # What is there has no row ids yet; the next commit begins with the first.
        assert made.metadata.next_row_id == 0
        assert history(made) == shop.orders


def test_a_rewrite_commits_once_and_only_if_nobody_has(target: Target) -> None:
    target.route.run(planned(target, "rewrite")).succeeded()
    commits = [seen for seen in target.guard.seen if seen.path.endswith("/tables/orders") and seen.method == "POST"]
    assert len(commits) == 1
    body = json.loads(commits[0].body)
    assert body["requirements"] == [{"type": "assert-create"}]
    assert sum(update["action"] == "add-snapshot" for update in body["updates"]) == 1


@pytest.mark.parametrize("mode", ["clone", "register"])
def test_history_comes_along_by_register(mode: str, target: Target, shop: Shop) -> None:
    target.route.run(planned(target, mode)).succeeded()
    made = target.table("orders")
    assert history(made) == shop.orders
    assert target.published(mode) == 1
    inside = [str(target.folder) in entry["file_path"] for entry in made.inspect.all_files().to_pylist()]
    assert inside
    assert all(inside) if mode == "clone" else not any(inside)
    # It is a live table: the server takes a commit on top.
    made.append(made.scan().to_arrow().slice(0, 1))
    assert reading(target.table("orders")).rows == shop.now.rows + 1
    assert history(sqlite_catalog(shop.folder).load_table("shop.orders")) == shop.orders


def test_nested_namespaces_are_made(target: Target, shop: Shop) -> None:
    target.route.rename("*", f"{target.namespace}.eu.de")
    target.route.run(planned(target, "rewrite")).succeeded()
    assert reading(target.judge.load_table((target.namespace, "eu", "de", "orders"))) == shop.now


def failing(match: str, status: int, times: int = 1) -> Fault:
    """A refusal without a reason, before anything was done."""
    return Fault(match, 1, times, status, faults.error_body(status, "InternalServerError", "out of order"))


BAD_DAYS: dict[str, Callable[[str], Fault]] = {
    "conflict": lambda match: faults.conflict(match=match),
    "conflict as databricks says it": lambda match: faults.databricks_conflict(match=match),
    "busy": lambda match: faults.unavailable(match=match),
    "too many requests": lambda match: faults.rate_limited(match=match),
    "answer lost after the commit": lambda match: faults.lost_answer(match=match),
    "cut after the commit": lambda match: faults.cut(match=match, after=True),
    "cut before the commit": lambda match: faults.cut(match=match),
    "500 before the commit": lambda match: failing(match, 500),
    "502 before the commit": lambda match: failing(match, 502),
    "504 before the commit": lambda match: failing(match, 504),
    "504 after the commit": lambda match: Fault(match, 1, 1, 504, "", forward=True),
}


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
@pytest.mark.parametrize("day", BAD_DAYS)
def test_one_table_and_one_snapshot_on_a_bad_day(day: str, mode: str, target: Target, shop: Shop) -> None:
    plan = planned(target, mode)
    target.guard.faults.add(BAD_DAYS[day](PUBLISHES[mode]))
    began = time.monotonic()
    run = target.route.run(plan)
    run.succeeded()
    if day in ("busy", "too many requests"):
        assert time.monotonic() - began >= 1, "Retry-After says a second"
    forwarded = "after the commit" in day
    assert target.published(mode) == (1 if forwarded else 2), target.guard.counts()
    made = target.table("orders")
    assert reading(made) == shop.now
    assert len(made.snapshots()) == (1 if mode == "rewrite" else len(shop.orders))
    assert target.judge.list_tables(target.namespace) == [(target.namespace, "orders")]
    assert made.metadata.metadata_log == [] or mode == "clone", "one commit made the table"


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_a_conflict_without_end_is_told_and_leaves_nothing(mode: str, target: Target, shop: Shop) -> None:
    plan = planned(target, mode)
    target.guard.faults.add(faults.conflict(times=100, match=PUBLISHES[mode]))
    error = target.route.run(plan).failed("shop.orders", "commit-conflict")
    assert error["retryable"]
    assert target.published(mode) > 2
    assert target.files() == []
    with pytest.raises(NoSuchTableError):
        target.table("orders")
    target.guard.faults.clear()
    target.route.resume().succeeded()
    assert reading(target.table("orders")) == shop.now


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_a_commit_nobody_knows_of_is_adopted_later(mode: str, target: Target, shop: Shop) -> None:
    """The commit is carried out, its answer is lost, and the catalog does not say what it has for a while."""
    plan = planned(target, mode)
    lost = faults.lost_answer(match=PUBLISHES[mode])
    target.guard.faults.add(lost)

    def dark(request: str) -> Fault | None:
        fault = picked(request)
        if fault is lost:
            target.guard.faults.add(Fault(LOAD, 1, 1000, 403, faults.error_body(403, "Dark", "no answer")))
        return fault

    picked, target.guard.faults.pick = target.guard.faults.pick, dark  # type: ignore[method-assign]
    target.route.run(plan).failed("shop.orders", "commit-unknown")
    assert target.files(), "the table may be there: its files must stay"
    made = target.table("orders").metadata_location
    target.guard.faults.clear()
    target.guard.forget()
    target.route.resume().succeeded()
    assert target.published(mode) == 0
    assert target.table("orders").metadata_location == made
    assert reading(target.table("orders")) == shop.now


@pytest.mark.parametrize("mode", ["rewrite", "clone", "register"])
def test_a_second_run_changes_nothing(mode: str, target: Target) -> None:
    plan = planned(target, mode)
    target.route.run(plan).succeeded()
    location, there = (
        target.table("orders").metadata_location,
        {path: path.stat().st_mtime_ns for path in target.files()},
    )
    target.guard.forget()
    again = target.route.run(plan)
    again.succeeded()
    assert again.tables["shop.orders"]["outcome"]["adopted"]
    assert not [seen for seen in target.guard.seen if seen.method != "GET" and "/oauth/" not in seen.path]
    assert target.table("orders").metadata_location == location
    assert {path: path.stat().st_mtime_ns for path in target.files()} == there


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_a_table_of_somebody_else_is_left_alone(mode: str, target: Target, shop: Shop) -> None:
    plan = planned(target, mode, "small.*")
    theirs = plain(target.judge, (target.namespace, "two"), rows=2)
    there = target.files()
    run = target.route.run(plan)
    run.failed("small.two", "table-exists")
    assert {name: table["state"] for name, table in run.tables.items()} == {
        "small.one": "migrated",
        "small.two": "failed",
        "small.three": "migrated",
    }
    found = target.table("two")
    assert (found.metadata_location, reading(found).rows) == (theirs.metadata_location, 2)
    assert [path for path in target.files() if "/two" in str(path)] == [path for path in there if "/two" in str(path)]
    for name in ("one", "three"):
        assert reading(target.table(name)) == shop.small[name]


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_a_table_made_in_the_very_last_moment_wins(mode: str, target: Target) -> None:
    """Somebody makes the table while our commit is on its way: the real server judges."""
    plan = planned(target, mode)
    pattern = re.compile(PUBLISHES[mode])
    theirs: list[Table] = []

    def overtaken(request: str) -> Fault | None:
        if pattern.search(request) and not theirs:
            theirs.append(plain(target.judge, (target.namespace, "orders"), rows=2))
        return None

    target.guard.faults.pick = overtaken  # type: ignore[method-assign]
    target.route.run(plan).failed("shop.orders", "table-exists")
    found = target.table("orders")
    assert (found.metadata_location, reading(found).rows) == (theirs[0].metadata_location, 2)
    own = Path(urlsplit(theirs[0].location()).path)
    assert all(own in path.parents for path in target.files()), "of ours nothing is left"


def test_commits_keep_to_the_limit(target: Target) -> None:
    plan = planned(target, "rewrite", "small.*", "--max-commits-per-min", "2")
    with meanwhile(target.route.cli, "run", plan["path"]) as run:
        wait_until(lambda: target.published("rewrite") == 2)
        time.sleep(4)
        assert target.published("rewrite") == 2
        run.send_signal(signal.SIGINT)
    states = sorted(table["state"] for table in run.outcome.json["tables"])
    assert states == ["cancelled", "migrated", "migrated"]
    assert run.outcome.code == 1
    assert len(target.judge.list_tables(target.namespace)) == 2


def test_a_plan_is_refused_where_the_server_cannot_be_reached(target: Target) -> None:
    plan = planned(target, "rewrite")
    cli = target.route.cli
    moved = Path(plan["path"]).with_name("elsewhere.json")
    shutil.copy(plan["path"], moved)
    connect(cli, "managed", "rest", "http://127.0.0.1:9", target=True)
    began = time.monotonic()
    error = cli.refuse("run", moved, code="catalog-unreachable")
    assert time.monotonic() - began < 15
    assert "127.0.0.1:9" in error["object"]
    assert error["hint"]
