"""Iceberg's own REST catalog as a source: what PyIceberg wrote through it arrives, whatever its tokens and keys do.

The Java server is somebody else's, PyIceberg writes and reads, and the proxy before the server decides who may ask.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog as PyIcebergRest

from spark.judges.digest_reference import Digest
from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, connect, files
from tests.harness.s3_gate import S3Gate, s3_gate
from tests.harness.written import history, orders, plain, reading, rest_client, sqlite_catalog
from tests.leakage.canary import credential
from tests.services import faults
from tests.services.auth_proxy import AuthProxy, auth_proxy
from tests.services.fixtures import or_skip
from tests.services.oauth import Answer, TokenIssuer
from tests.services.object_store import ObjectStore
from tests.services.rest_catalog import RestCatalog, rest_catalog
from tests.services.vending import Vending

WRONG = credential("wr0ng-s3cret")
ODD = {
    ("Odd space", "Tbl v.2"): "odd_space.tbl_v2",
    ("ünï", "cødé"): "uni.code",
    ("q", 'it\'s "quoted" (1)'): "q.quoted",
    ("q", "a+b&c=d"): "q.sum",
    ("q", "100%25"): "q.percent",
    ("Q", "upper"): "q.upper",
}
LIFE = {("sales", "orders"), ("sales", "eu", "de", "orders")}
PAGED = 7
# How `icebridge` writes a table's name.
QUOTED = {("Odd space", "Tbl v.2"): "Odd space.`Tbl v.2`"}


@dataclass(frozen=True)
class Foreign:
    """The catalog that is a source in these tests, and what PyIceberg read in each of its tables."""

    server: RestCatalog
    tables: dict[tuple[str, ...], dict[int, Digest]]

    @property
    def catalog(self) -> PyIcebergRest:
        """The catalog without the guard before it."""
        return rest_client(self.server.uri)


def text(name: tuple[str, ...]) -> str:
    """A table's name as the command line writes it."""
    return QUOTED.get(name, ".".join(name))


@pytest.fixture(scope="module")
def foreign() -> Iterator[Foreign]:
    """Nested namespaces, odd names, more tables than a page holds, snapshots and deletes."""
    with or_skip(rest_catalog()) as server:
        catalog = rest_client(server.uri)
        names = [("q", f"t{number}") for number in range(PAGED)]
        made = {name: orders(catalog, name) for name in LIFE}
        made |= {name: plain(catalog, name, rows=number + 1) for number, name in enumerate([*ODD, *names])}
        catalog.create_namespace("empty")
        yield Foreign(server, {name: history(table) for name, table in made.items()})


@pytest.fixture
def guard(foreign: Foreign) -> Iterator[AuthProxy]:
    """The source behind OAuth2, in pages of two."""
    with auth_proxy(foreign.server.uri, page_size=2) as proxy:
        yield proxy


def connect_guarded(cli: Icebridge, name: str, proxy: AuthProxy, *, target: bool = False, **more: Any) -> None:
    """Add a guarded catalog with its client's credentials."""
    secrets = {"credential": proxy.credential(), **more.pop("secrets", {})}
    connect(cli, name, "rest", proxy.uri, target=target, secrets=secrets, **more)


def test_inventory_lists_every_page(guard: AuthProxy, foreign: Foreign, icebridge: Icebridge) -> None:
    connect_guarded(icebridge, "foreign", guard)
    guard.forget()
    summary = icebridge.run("inventory", "foreign")
    assert (summary["tables"], summary["problems"]) == (len(foreign.tables), 0)
    listed = {row["ident"] for row in icebridge.run("tables", "foreign", "--facts")}
    assert listed == {text(name) for name in foreign.tables}
    # PyIceberg is asked too: it lists by its own paging, and namespaces one by one.
    catalog = foreign.catalog
    levels = [("sales",), ("sales", "eu"), ("sales", "eu", "de"), ("q",), ("Q",), ("Odd space",), ("ünï",), ("empty",)]
    assert {name for level in levels for name in catalog.list_tables(level)} == set(foreign.tables)
    assert guard.counts()["GET /v1/namespaces/q/tables"] > PAGED // 2


def test_facts_are_pyicebergs(guard: AuthProxy, foreign: Foreign, icebridge: Icebridge) -> None:
    connect_guarded(icebridge, "foreign", guard)
    table = foreign.catalog.load_table(("sales", "orders"))
    facts = icebridge.run("table", "facts", "foreign", "sales.orders")
    assert facts["metadata_location"] == table.metadata_location
    assert facts["uuid"] == str(table.metadata.table_uuid)
    assert facts["snapshot_id"] == table.current_snapshot().snapshot_id
    assert facts["snapshot_count"] == len(table.snapshots())
    assert [entry["id"] for entry in facts["schema"]["fields"]] == [entry.field_id for entry in table.schema().fields]
    inspected = table.inspect.files().to_pylist()
    assert facts["files"]["data_files"] == len(inspected)
    assert facts["files"]["data_records"] == sum(entry["record_count"] for entry in inspected)
    assert facts["files"]["data_bytes"] == sum(entry["file_size_in_bytes"] for entry in inspected)


def test_digests_are_pyicebergs_at_every_snapshot(guard: AuthProxy, foreign: Foreign, icebridge: Icebridge) -> None:
    connect_guarded(icebridge, "foreign", guard)
    for name in [("sales", "eu", "de", "orders"), *ODD]:
        readings = foreign.tables[name]
        current = icebridge.run("table", "digest", "foreign", text(name))
        assert (current["rows"], current["digest"]) == list(readings.values())[-1]
        for snapshot, expected in list(readings.items())[:-1]:
            found = icebridge.run("table", "digest", "foreign", text(name), "--snapshot", str(snapshot))
            assert (found["rows"], found["digest"]) == expected, (name, snapshot)


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_everything_moves_to_the_embedded_catalog(
    mode: str, guard: AuthProxy, foreign: Foreign, icebridge: Icebridge, tmp_path: Path
) -> None:
    connect_guarded(icebridge, "foreign", guard)
    icebridge.connect_embedded("managed", tmp_path / "managed")
    route = Route(icebridge)
    icebridge.run("inventory", "foreign")
    for name, target in ODD.items():
        icebridge.run("map", "set", *route.arguments, text(name), target)
    plan = route.plan(mode)
    assert not plan["plan"]["left_out"]
    run = route.run(plan)
    run.succeeded()
    assert len(run.tables) == len(foreign.tables)
    managed = pyiceberg_catalog(tmp_path / "managed")
    for name, readings in foreign.tables.items():
        target = ODD.get(name, f"{'_'.join(name[:-1])}.{name[-1]}")
        table = managed.load_table(target)
        assert reading(table) == list(readings.values())[-1], name
        if mode == "clone":
            assert history(table) == readings, name
        else:
            assert len(table.snapshots()) == 1
        paths = [entry["file_path"] for entry in table.inspect.files().to_pylist()]
        assert all(str(tmp_path / "managed") in path for path in paths), paths


@dataclass
class CountingIssuer(TokenIssuer):
    """An issuer that takes its time, and knows how many asked it at once."""

    at_once: int = 0
    most: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def token(self, form: Any, authorization: str | None) -> Answer:
        with self._counting:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.15)
        answer = super().token(form, authorization)
        with self._counting:
            self.at_once -= 1
        return answer


def test_a_token_is_renewed_before_it_expires(foreign: Foreign, icebridge: Icebridge) -> None:
    issuer = CountingIssuer(lifetime=2.0)
    with auth_proxy(foreign.server.uri, page_size=2, issuer=issuer) as proxy:
        connect_guarded(icebridge, "foreign", proxy)
        proxy.forget()
        issuer.grants.clear()
        proxy.faults.add(faults.slow(0.25, times=1000))
        assert icebridge.run("inventory", "foreign")["problems"] == 0
        assert len(issuer.grants) > 1
        assert issuer.most == 1
        assert 401 not in proxy.statuses()


def revoke_at(proxy: AuthProxy, nth: int) -> None:
    """Revoke every token when so many tables have been asked for; what is under way then is refused too."""
    load = r"^GET /v1/namespaces/[^/]+/tables/"
    proxy.faults.add(faults.slow(0.3, times=1000, match=load))
    pick, asked = proxy.faults.pick, []

    def watched(request: str) -> faults.Fault | None:
        if re.search(load, request):
            asked.append(request)
            if len(asked) == nth:
                proxy.issuer.expire_all()
        return pick(request)

    proxy.faults.pick = watched  # type: ignore[method-assign]


def test_a_revoked_token_is_renewed_once_for_all_who_wait(foreign: Foreign, icebridge: Icebridge) -> None:
    issuer = CountingIssuer()
    with auth_proxy(foreign.server.uri, issuer=issuer) as proxy:
        connect_guarded(icebridge, "foreign", proxy)
        issuer.grants.clear()
        proxy.forget()
        revoke_at(proxy, 5)
        assert icebridge.run("inventory", "foreign")["problems"] == 0
        assert proxy.statuses()[401] > 1, "several requests were under way with the old token"
        assert (len(issuer.grants), issuer.most) == (2, 1)


def test_wrong_credentials_are_told_at_once(guard: AuthProxy, icebridge: Icebridge) -> None:
    connect(icebridge, "foreign", "rest", guard.uri, secrets={"credential": f"icebridge:{WRONG}"})
    began = time.monotonic()
    error = icebridge.refuse("inventory", "foreign", code="credentials-rejected")
    assert time.monotonic() - began < 10
    assert "credential" in error["hint"]
    assert error["object"]
    assert WRONG not in str(error)
    assert guard.counts()["POST /v1/oauth/tokens"] <= 2, "a refusal is not asked again and again"


def test_no_credentials_are_told_at_once(guard: AuthProxy, icebridge: Icebridge) -> None:
    connect(icebridge, "foreign", "rest", guard.uri)
    assert icebridge.refuse("inventory", "foreign", code="credentials-rejected")["hint"]


def test_a_bearer_token_works_until_it_is_revoked(
    guard: AuthProxy, foreign: Foreign, icebridge: Icebridge, tmp_path: Path
) -> None:
    connect(icebridge, "foreign", "rest", guard.uri, secrets={"token": guard.issuer.mint()})
    icebridge.connect_embedded("managed", tmp_path / "managed")
    route = Route(icebridge)
    icebridge.run("inventory", "foreign", "--only", "q.t*")
    plan = route.replan("clone")
    guard.issuer.expire_all()
    guard.forget()
    assert icebridge.refuse("inventory", "foreign", code="credentials-rejected")["hint"]
    assert icebridge.refuse("run", plan["path"], code="credentials-rejected")["hint"]
    assert sum(guard.counts().values()) < 6
    assert not files(tmp_path / "managed")
    icebridge.environment["ICEBRIDGE_SECRET_FOREIGN_TOKEN"] = guard.issuer.mint()
    route.run(plan).succeeded()
    assert reading(pyiceberg_catalog(tmp_path / "managed").load_table("q.t0")).rows == len(ODD) + 1


def test_a_token_revoked_in_the_run_fails_the_rest_and_resume_does_them(
    guard: AuthProxy, foreign: Foreign, icebridge: Icebridge, tmp_path: Path
) -> None:
    connect(icebridge, "foreign", "rest", guard.uri, secrets={"token": guard.issuer.mint()})
    icebridge.connect_embedded("managed", tmp_path / "managed")
    route = Route(icebridge)
    icebridge.run("inventory", "foreign", "--only", "q.t*")
    plan = route.replan("clone")
    guard.forget()
    revoke_at(guard, PAGED - 2)
    run = route.run(plan)
    assert run.outcome.code == 1
    rejected = [table for table in run.tables.values() if table["state"] == "failed"]
    assert rejected
    assert {table["error"]["code"] for table in rejected} == {"credentials-rejected"}
    assert all(table["error"]["hint"] for table in rejected)
    guard.faults.clear()
    icebridge.environment["ICEBRIDGE_SECRET_FOREIGN_TOKEN"] = guard.issuer.mint()
    resumed = route.resume()
    resumed.succeeded()
    managed = pyiceberg_catalog(tmp_path / "managed")
    for number in range(PAGED):
        name = ("q", f"t{number}")
        assert history(managed.load_table(name)) == foreign.tables[name]


@pytest.fixture(scope="module")
def lent(s3_catalog: RestCatalog, s3_store: ObjectStore) -> Iterator[dict[tuple[str, ...], dict[int, Digest]]]:
    """Tables in the bucket, written with keys of one's own."""
    catalog = rest_client(s3_catalog.uri, **s3_store.iceberg_properties())
    yield {
        ("lent", "orders"): history(orders(catalog, "lent.orders", days=2)),
        ("lent", "few"): history(plain(catalog, "lent.few")),
    }


@pytest.fixture
def gate(s3_store: ObjectStore) -> Iterator[S3Gate]:
    """S3 that takes nothing but lent credentials, for two seconds each."""
    with s3_gate(s3_store, lifetime=2.0, delay=0.05) as gate:
        yield gate


def own_keys_are_absent(cli: Icebridge) -> bool:
    """The command line has no key of the bucket but what it is lent."""
    return not any(key.startswith("AWS_A") or key.startswith("AWS_S") for key in cli.env())


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_lent_keys_open_the_source_and_are_renewed(
    mode: str,
    s3_catalog: RestCatalog,
    gate: S3Gate,
    lent: dict[tuple[str, ...], dict[int, Digest]],
    icebridge: Icebridge,
    tmp_path: Path,
) -> None:
    assert own_keys_are_absent(icebridge)
    with auth_proxy(s3_catalog.uri, vending=gate.vending) as proxy:
        connect_guarded(icebridge, "foreign", proxy)
        icebridge.connect_embedded("managed", tmp_path / "managed")
        route = Route(icebridge)
        icebridge.run("inventory", "foreign", "--only", "lent.*")
        plan = route.replan(mode)
        gate.seen.clear()
        began = time.monotonic()
        # Slow enough that the keys which came with the table are over before the work is.
        gate.delay = 0.2
        route.run(plan).succeeded()
        assert time.monotonic() - began > 2.5, "the run was over before the keys were: nothing was proved"
        assert len(gate.tokens()) > len(lent), "keys were asked for again"
        assert not gate.refused()
    managed = pyiceberg_catalog(tmp_path / "managed")
    for name, readings in lent.items():
        table = managed.load_table(name)
        assert reading(table) == list(readings.values())[-1]
        assert mode == "rewrite" or history(table) == readings


def test_keys_that_the_store_refuses_are_told(
    s3_catalog: RestCatalog, gate: S3Gate, lent: dict[tuple[str, ...], dict[int, Digest]], icebridge: Icebridge
) -> None:
    """A catalog that lends nonsense."""
    with auth_proxy(s3_catalog.uri, vending=Vending(gate.properties())) as proxy:
        connect_guarded(icebridge, "foreign", proxy)
        error = icebridge.refuse("table", "digest", "foreign", "lent.few", code="storage-denied")
        assert error["hint"]
        assert "s3://" in error["object"]


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_lent_keys_open_the_target(
    mode: str, s3_catalog: RestCatalog, s3_store: ObjectStore, gate: S3Gate, icebridge: Icebridge, tmp_path: Path
) -> None:
    source = sqlite_catalog(tmp_path / "source")
    expected = history(orders(source, "shop.orders", days=2))
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    with auth_proxy(s3_catalog.uri, vending=gate.vending) as proxy:
        connect_guarded(icebridge, "managed", proxy, target=True)
        route = Route(icebridge)
        route.rename("*", f"lent_{mode}")
        plan = route.plan(mode)
        gate.delay = 0.15
        route.run(plan).succeeded()
        assert not gate.refused()
        assert any(asked.method == "PUT" and asked.token for asked in gate.seen)
    table = rest_client(s3_catalog.uri, **s3_store.iceberg_properties()).load_table((f"lent_{mode}", "orders"))
    assert table.location().startswith(s3_store.uri("warehouse"))
    assert reading(table) == list(expected.values())[-1]
    assert mode == "rewrite" or history(table) == expected
