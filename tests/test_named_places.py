"""A REST server that names a table's folder by the table's name gives the next table of the name the same one.

Also where the first was renamed: nothing of it is written to, or taken away by a failed run or `icebridge tidy`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect, meanwhile, wait_until
from tests.harness.written import rest_client, sqlite_catalog
from tests.services import auth_proxy, faults
from tests.services.auth_proxy import AuthProxy, ProxyHandler
from tests.services.faults import Fault, error_body
from tests.services.http_server import Reply
from tests.services.rest_catalog import RestCatalog as RestServer

NAME = "noise"
SLOW = "0.3"


@dataclass
class Way:
    """From a table whose files do not compress to a server that names the places."""

    route: Route
    namespace: str
    database: Path
    warehouse: Path
    judge: RestCatalog
    guard: AuthProxy

    def pace(self, mib: str = "") -> None:
        """How fast the source may be read."""
        bound = ["--property", f"max-read-mib-per-second={mib}"] if mib else []
        uri = f"sqlite:{self.database}"
        self.route.cli.run("catalog", "add", "foreign", "--kind", "sql", "--uri", uri, *bound)

    def renamed(self) -> Table:
        """A run's table, under another name by now."""
        self.route.run(self.route.replan("rewrite")).succeeded()
        self.judge.rename_table((self.namespace, NAME), (self.namespace, f"{NAME}_2025"))
        return self.judge.load_table((self.namespace, f"{NAME}_2025"))

    def copies(self) -> set[Path]:
        """Data files in the target's namespace."""
        return {path for path in (self.warehouse / self.namespace).rglob("*.parquet") if path.is_file()}

    def cancelled(self, plan: dict[str, Any]) -> set[Path]:
        """The files that a run left which was interrupted while it copied."""
        before = self.copies()
        self.pace(SLOW)
        with meanwhile(self.route.cli, "run", plan["path"]) as run:
            wait_until(lambda: bool(self.copies() - before), 60)
            run.send_signal(signal.SIGINT)
        self.pace()
        return self.copies() - before

    def tidy(self, *words: str) -> list[dict[str, Any]]:
        """What becomes of staged copies."""
        told = self.route.cli.outcome("tidy", "--staged", *words).json
        return [left for left in told["leftovers"] if left["kind"] == "staged_copy"]


def files(table: Table) -> set[Path]:
    """What a table needs, as far as it is there."""
    needed = [table.metadata_location, *(file["file_path"] for file in table.inspect.files().to_pylist())]
    paths = {Path(path.removeprefix("file:")) for path in needed}
    return {path for path in paths if path.is_file()}


@pytest.fixture
def names_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server passes over the location that a client asks for."""
    honest: Callable[[ProxyHandler, str, bytes], Reply] = ProxyHandler._honest

    def named(self: ProxyHandler, path: str, body: bytes) -> Reply:
        if self.command == "POST" and path.endswith("/tables") and b'"stage-create":true' in body.replace(b" ", b""):
            wanted = json.loads(body)
            wanted.pop("location", None)
            body = json.dumps(wanted).encode()
        return honest(self, path, body)

    monkeypatch.setattr(auth_proxy.ProxyHandler, "_honest", named)


@pytest.fixture
def way(local_catalog: RestServer, guarded_catalog: AuthProxy, icebridge: Icebridge, tmp_path: Path) -> Iterator[Way]:
    source = sqlite_catalog(tmp_path / "source")
    source.create_namespace("shop")
    table = source.create_table(f"shop.{NAME}", pa.schema([pa.field("b", pa.large_binary())]))
    for _ in range(4):
        table.append(pa.table({"b": pa.array([os.urandom(1 << 14) for _ in range(32)], pa.large_binary())}))
    namespace = f"named_{time.monotonic_ns()}"
    warehouse = Path(local_catalog.warehouse.removeprefix("file:"))
    route = Route(icebridge)
    way = Way(
        route, namespace, tmp_path / "source" / "catalog.db", warehouse, rest_client(local_catalog.uri), guarded_catalog
    )
    way.pace()
    secrets = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=secrets)
    route.rename("*", namespace)
    icebridge.run("inventory", "foreign", "--only", f"shop.{NAME}")
    yield way
    guarded_catalog.faults.clear()


@pytest.mark.usefixtures("names_places")
def test_a_renamed_table_keeps_its_files_when_another_takes_its_old_name(way: Way) -> None:
    table = way.renamed()
    needed = files(table)
    assert len(needed) > 1
    # A run that fails, one that is cancelled, and what tidy makes of it.
    failed = way.route.run(way.route.replan("rewrite", "--change", "CHG-2"))
    error = failed.failed(f"shop.{NAME}", "commit-conflict")
    assert "has files" in error["message"], error
    assert files(table) == needed
    assert {left["fate"] for left in way.tidy("--yes")} <= {"stays"}
    assert files(table) == needed


@pytest.mark.usefixtures("names_places")
def test_a_place_of_our_own_is_gone_on_with_and_cleared(way: Way) -> None:
    plan = way.route.replan("rewrite")
    assert way.cancelled(plan)
    # The list says what --yes does.
    assert {left["fate"] for left in way.tidy()} == {"removable"}
    assert {left["fate"] for left in way.tidy("--yes")} == {"removed"}
    assert not way.copies()
    assert way.cancelled(plan)
    way.route.resume().succeeded()
    assert len(files(way.judge.load_table((way.namespace, NAME)))) > 1


@pytest.mark.parametrize("status", [403, 404])
def test_a_namespace_that_cannot_be_listed_may_have_what_was_staged(status: int, way: Way) -> None:
    left = way.cancelled(way.route.replan("rewrite"))
    place = next(parent for parent in next(iter(left)).parents if parent.name == "data").parent
    hidden = f"hidden_{way.namespace}"
    way.judge.create_namespace(hidden)
    theirs = way.judge.create_table((hidden, "t"), pa.schema([("id", pa.int64())]), location=f"file:{place}")
    theirs.append(pa.table({"id": [1, 2]}))
    needed = files(way.judge.load_table((hidden, "t")))
    listing = rf"^GET /v1/(.+/)?namespaces/{hidden}/tables(\?|$)"
    way.guard.faults.add(Fault(listing, 1, 100, status, error_body(status, "ForbiddenException", "hidden")))
    assert {left["fate"] for left in way.tidy("--yes")} <= {"stays", "failed"}
    way.guard.faults.clear()
    assert files(way.judge.load_table((hidden, "t"))) == needed


@pytest.mark.usefixtures("names_places")
def test_a_table_renamed_after_its_run_was_killed_is_shared_with_no_other(way: Way) -> None:
    cli = way.route.cli
    plan = way.route.replan("rewrite")
    way.guard.faults.add(faults.slow(4, match=faults.COMMIT))
    with meanwhile(cli, "run", plan["path"]) as run:
        wait_until(lambda: way.guard.faults.seen() == [1], 30)
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: way.judge.table_exists((way.namespace, NAME)), 60)
    way.guard.faults.clear()
    renamed = (way.namespace, f"{NAME}_2025")
    way.judge.rename_table((way.namespace, NAME), renamed)
    needed = files(way.judge.load_table(renamed))
    # Neither a resume nor a new plan makes a table of its files, or writes to them.
    way.route.resume().failed(f"shop.{NAME}", "commit-conflict")
    way.route.run(way.route.replan("rewrite", "--change", "CHG-2")).failed(f"shop.{NAME}", "commit-conflict")
    assert {left["fate"] for left in way.tidy("--yes")} <= {"stays"}
    assert files(way.judge.load_table(renamed)) == needed and way.copies() <= needed
    assert not way.judge.table_exists((way.namespace, NAME))
    # With its name again it is the run's.
    way.judge.rename_table(renamed, (way.namespace, NAME))
    way.route.run(plan).succeeded()
    assert files(way.judge.load_table((way.namespace, NAME))) == needed


@pytest.mark.parametrize("status", [403, 404])
def test_a_table_that_is_listed_and_hidden_may_have_what_was_staged(status: int, way: Way) -> None:
    left = way.cancelled(way.route.replan("rewrite"))
    place = next(parent for parent in next(iter(left)).parents if parent.name == "data").parent
    name = f"theirs_{way.namespace}"
    way.judge.create_namespace(name)
    theirs = way.judge.create_table((name, "t"), pa.schema([("id", pa.int64())]), location=f"file:{place}/sub")
    theirs.append(pa.table({"id": [1, 2]}))
    needed = files(way.judge.load_table((name, "t")))
    kind = "ForbiddenException" if status == 403 else "NoSuchTableException"
    loading = rf"^GET /v1/(.+/)?namespaces/{name}/tables/t(\?|$)"
    way.guard.faults.add(Fault(loading, 1, 100, status, error_body(status, kind, "hidden")))
    assert {left["fate"] for left in way.tidy("--yes")} <= {"stays", "failed"}
    way.guard.faults.clear()
    assert files(way.judge.load_table((name, "t"))) == needed


def test_a_commit_that_is_on_its_way_keeps_what_a_later_run_has_in_hand(way: Way) -> None:
    cli = way.route.cli
    plan = way.route.replan("rewrite")
    way.guard.faults.add(faults.slow(25, match=faults.COMMIT))

    def states() -> list[str]:
        return [table["state"] for table in cli.run("status")["tables"]]

    with meanwhile(cli, "run", plan["path"]) as run:
        wait_until(lambda: bool(way.copies()), 30)
        wait_until(lambda: way.guard.faults.seen() == [1], 20)
        assert "committing" in states()
        run.send_signal(signal.SIGKILL)
    way.pace("0.001")
    with meanwhile(cli, "run", plan["path"]) as run:
        wait_until(lambda: "copying" in states(), 30)
        run.send_signal(signal.SIGINT)
    way.pace()
    assert {left["fate"] for left in way.tidy("--yes")} <= {"stays"}
    wait_until(lambda: way.judge.table_exists((way.namespace, NAME)), 60)
    table = way.judge.load_table((way.namespace, NAME))
    assert len(files(table)) == 1 + len(table.inspect.files())
