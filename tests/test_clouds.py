"""Azure storage and Google Cloud Storage, on emulators: Azurite and fake-gcs-server. No real account was ever asked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from spark.judges.digest_reference import Digest
from tests.harness.azure_gate import AzureGate, azure_gate
from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, connect
from tests.harness.written import history, orders, plain, reading, rest_client, sqlite_catalog
from tests.leakage.canary import credential
from tests.services.auth_proxy import auth_proxy
from tests.services.azure_store import AzureStore
from tests.services.fixtures import or_skip
from tests.services.google_store import GoogleStore
from tests.services.lending_catalog import LendingCatalog, lending_catalog
from tests.services.rest_catalog import RestCatalog, rest_catalog
from tests.services.vending import Vending

ODD_PLACE = "odd place/%41+ü=&'"
SAS_OF_ACCOUNT = "adls.sas-token.{}.dfs.core.windows.net"


@pytest.fixture
def managed(icebridge: Icebridge, tmp_path: Path) -> Path:
    """An embedded target."""
    folder = tmp_path / "managed"
    icebridge.connect_embedded("managed", folder)
    return folder


def now(readings: dict[int, Digest]) -> Digest:
    """The last of a table's readings."""
    return list(readings.values())[-1]


def connect_azure(cli: Icebridge, name: str, kind: str, uri: str | Path, store: AzureStore, **more: Any) -> None:
    """A catalog whose files are opened by the account's key."""
    properties = store.properties() | more.pop("properties", {})
    secrets = more.pop("secrets", {"adls.account-key": store.key})
    connect(cli, name, kind, uri, properties=properties, secrets=secrets, **more)


# Azure


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_tables_leave_azure_from_odd_places(
    mode: str, azure: AzureStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    warehouse = azure.uri(f"{ODD_PLACE}/{mode}")
    expected = history(orders(sqlite_catalog(tmp_path / "s", warehouse, **azure.pyiceberg()), "shop.orders", days=2))
    blobs = azure.etags()
    database = tmp_path / "s" / "catalog.db"
    # The catalog and the metadata name the same files in two ways.
    names = (azure.uri(), azure.uri("", "wasbs", "blob.core.windows.net"))
    with sqlite3.connect(database) as change:
        change.execute("UPDATE iceberg_tables SET metadata_location = replace(metadata_location, ?, ?)", names)
    change.close()
    connect_azure(icebridge, "foreign", "sql", f"sqlite:{database}", azure)
    assert icebridge.run("catalog", "check", "foreign")["reachable"]
    Route(icebridge).migrate(mode)
    made = pyiceberg_catalog(managed).load_table("shop.orders")
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected
    assert azure.etags() == blobs, "nothing was written to the source"


@pytest.mark.parametrize("mode", ["clone", "rewrite", "register"])
def test_tables_move_within_azure(mode: str, azure: AzureStore, icebridge: Icebridge, tmp_path: Path) -> None:
    source = sqlite_catalog(tmp_path / "s", azure.uri(f"{ODD_PLACE}/from-{mode}"), **azure.pyiceberg())
    expected = history(orders(source, "shop.orders", days=1))
    before = azure.etags(f"{ODD_PLACE}/from-{mode}/")
    assert before
    connect_azure(icebridge, "foreign", "sql", f"sqlite:{tmp_path / 's' / 'catalog.db'}", azure)
    # The same container by another of its names.
    place = azure.uri(f"{ODD_PLACE}/to-{mode}", "abfs", "blob.core.windows.net")
    (tmp_path / "t").mkdir()
    database = tmp_path / "t" / "catalog.db"
    connect_azure(
        icebridge,
        "managed",
        "sql",
        f"sqlite:{database}",
        azure,
        target=True,
        warehouse="foreign",
        properties={"warehouse": place},
    )
    assert icebridge.run("catalog", "check", "managed")["reachable"]
    Route(icebridge).migrate(mode)
    made = sqlite_catalog(tmp_path / "t", place, **azure.pyiceberg()).load_table("shop.orders")
    assert made.location().startswith(place)
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected
    assert azure.etags(f"{ODD_PLACE}/from-{mode}/") == before
    if mode == "clone":
        # The copy stands by itself: every blob of the source may go.
        client = azure.client()
        for blob in before:
            client.delete_blob(blob)
        assert history(made) == expected


def test_a_folder_on_azure_is_a_catalog_and_a_signature_opens_it(
    azure: AzureStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    warehouse = azure.uri(f"{ODD_PLACE}/bare")
    expected = history(plain(sqlite_catalog(tmp_path / "s", warehouse, **azure.pyiceberg()), "shop.few"))
    secrets = {SAS_OF_ACCOUNT.format(azure.account): azure.sas(600)}
    connect_azure(icebridge, "foreign", "files", warehouse, azure, secrets=secrets)
    Route(icebridge).migrate("clone")
    assert history(pyiceberg_catalog(managed).load_table("shop.few")) == expected


def test_a_copy_that_fails_leaves_nothing_on_azure(azure: AzureStore, icebridge: Icebridge, tmp_path: Path) -> None:
    table = orders(sqlite_catalog(tmp_path / "s"), "shop.orders")
    icebridge.connect_sql("foreign", tmp_path / "s" / "catalog.db")
    (tmp_path / "t").mkdir()
    place = azure.uri("failed")
    connect_azure(
        icebridge,
        "managed",
        "sql",
        f"sqlite:{tmp_path / 't' / 'catalog.db'}",
        azure,
        target=True,
        warehouse="foreign",
        properties={"warehouse": place},
    )
    route = Route(icebridge)
    plan = route.plan("clone")
    broken = [Path(task.file.file_path.removeprefix("file://")) for task in table.scan().plan_files()][-1]
    broken.write_bytes(broken.read_bytes()[:-9])
    assert route.run(plan).outcome.code == 1
    assert azure.etags("failed/") == {}


def test_keys_that_azure_refuses_are_told(azure: AzureStore, icebridge: Icebridge, tmp_path: Path) -> None:
    plain(sqlite_catalog(tmp_path / "s", azure.uri("refused"), **azure.pyiceberg()), "shop.few")
    wrong = credential("n0t-the-right-signature")
    sas = azure.sas(600).split("sig=")[0] + f"sig={wrong}"
    secrets = {"adls.sas-token": sas}
    connect_azure(icebridge, "foreign", "sql", f"sqlite:{tmp_path / 's' / 'catalog.db'}", azure, secrets=secrets)
    checked = icebridge.outcome("catalog", "check", "foreign")
    assert not checked.json["reachable"]
    assert checked.json["error"]["code"] == "storage-denied"
    done = icebridge.outcome("inventory", "foreign")
    assert (done.code, done.json["problems"]) == (1, 1)
    problem = icebridge.run("tables", "foreign", "--facts")[0]["problem"]
    assert (problem["code"], bool(problem["hint"])) == ("storage-denied", True)
    for told in (str(problem), checked.stdout, checked.stderr, done.stdout, done.stderr):
        assert wrong not in told
        assert "sig=" not in told
    kept = [path for path in icebridge.state.rglob("*") if path.is_file() and wrong.encode() in path.read_bytes()]
    assert kept == []


# Lent by a catalog


@pytest.fixture
def gate(azure: AzureStore) -> Iterator[AzureGate]:
    """Azure storage through a gate."""
    with azure_gate(azure) as gate:
        yield gate


@dataclass(frozen=True)
class Foreign:
    """Tables on Azure that a catalog lends, and what PyIceberg read in them."""

    catalog: SqlCatalog
    tables: dict[str, dict[int, Digest]]


@pytest.fixture(scope="module")
def foreign(azure: AzureStore, tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    """Two of them."""
    catalog = sqlite_catalog(tmp_path_factory.mktemp("lent"), azure.uri("lent"), **azure.pyiceberg())
    made = [orders(catalog, "lent.orders", days=2), plain(catalog, "lent.few")]
    return Foreign(catalog, {".".join(table.name()): history(table) for table in made})


def lending(gate: AzureGate, foreign: Foreign, seconds: float, prefix: str | None) -> Any:
    """A catalog that lends signatures for so long, as Unity Catalog does on Azure."""

    def lend() -> dict[str, str]:
        name = SAS_OF_ACCOUNT.format(gate.store.account)
        ends = str(int((time.time() + seconds) * 1000))
        return {
            name: gate.store.sas(seconds),
            name.replace("sas-token", "sas-token-expires-at-ms"): ends,
            "expiration-time": ends,
        }

    return lending_catalog(foreign.catalog, lend, prefix)


def run_slowly(
    cli: Icebridge, shown: LendingCatalog, gate: AzureGate, foreign: Foreign, mode: str, folder: Path
) -> None:
    """Migrate what is lent, so slowly that what opened it at first is over before the work is; and compare."""
    connect(cli, "foreign", "rest", shown.uri, properties={"adls.endpoint": gate.endpoint})
    cli.connect_embedded("managed", folder)
    route = Route(cli)
    plan = route.plan(mode)
    gate.seen.clear()
    # A rewrite asks more often, for less each time.
    gate.delay = 0.15 if mode == "clone" else 0.07
    began = time.monotonic()
    route.run(plan).succeeded()
    assert time.monotonic() - began > 2.5, "the run was over before the signatures were: nothing was proved"
    managed = pyiceberg_catalog(folder)
    for name, readings in foreign.tables.items():
        table = managed.load_table(name)
        assert reading(table) == now(readings)
        assert mode == "rewrite" or history(table) == readings
    assert len(gate.signatures()) > 1, "signatures were asked for again"
    assert not [asked for asked in gate.seen if asked.keyed], "nobody gave us the account's key"


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_lent_signatures_open_the_source_and_are_renewed(
    mode: str, gate: AzureGate, foreign: Foreign, icebridge: Icebridge, tmp_path: Path
) -> None:
    prefix = f"abfss://{gate.store.container}@" if mode == "clone" else None
    with lending(gate, foreign, 2.0, prefix) as shown:
        run_slowly(icebridge, shown, gate, foreign, mode, tmp_path / "managed")
    assert not gate.refused()


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_lent_signatures_that_end_before_they_say_are_renewed_once_refused(
    mode: str, gate: AzureGate, foreign: Foreign, icebridge: Icebridge, tmp_path: Path
) -> None:
    gate.life = 2.2
    with lending(gate, foreign, 3600.0, None) as shown:
        run_slowly(icebridge, shown, gate, foreign, mode, tmp_path / "managed")
    assert gate.refused(), "no signature ended early: nothing was proved"


@dataclass
class LentSignatures(Vending):
    """Signatures in place of keys, in the answers of Iceberg's own REST catalog."""

    store: AzureStore | None = None

    def fresh(self) -> dict[str, str]:
        """A new one, and when it ends."""
        self.given += 1
        assert self.store is not None
        return {SAS_OF_ACCOUNT.format(self.store.account): self.store.sas(self.lifetime)}


@pytest.fixture(scope="module")
def azure_catalog(azure: AzureStore) -> Iterator[RestCatalog]:
    """Iceberg's REST catalog with its warehouse on Azure, which Java's ADLSFileIO reads and writes."""
    with or_skip(rest_catalog(azure)) as catalog:
        yield catalog


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_a_catalog_on_azure_takes_tables_and_lends_what_opens_their_places(
    mode: str, azure_catalog: RestCatalog, gate: AzureGate, icebridge: Icebridge, tmp_path: Path
) -> None:
    expected = history(orders(sqlite_catalog(tmp_path / "s"), "shop.orders", days=2))
    icebridge.connect_sql("foreign", tmp_path / "s" / "catalog.db")
    gate.delay = 0.1
    lent = LentSignatures({}, lifetime=2.0, prefix=gate.store.uri(), in_config=False, store=gate.store)
    with auth_proxy(azure_catalog.uri, vending=lent) as proxy:
        secrets = {"credential": proxy.credential()}
        properties = {"adls.endpoint": gate.endpoint}
        connect(icebridge, "managed", "rest", proxy.uri, target=True, secrets=secrets, properties=properties)
        assert icebridge.run("catalog", "check", "managed")["reachable"]
        route = Route(icebridge)
        route.rename("*", f"lent_{mode}")
        route.migrate(mode)
    assert gate.signatures()
    assert not [asked for asked in gate.seen if asked.keyed], "nobody gave us the account's key"
    made = rest_client(azure_catalog.uri, **gate.store.pyiceberg()).load_table((f"lent_{mode}", "orders"))
    assert made.location().startswith(gate.store.uri("warehouse"))
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected


# Google


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_tables_leave_google(
    mode: str, google: GoogleStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    warehouse = google.uri(f"odd place/%41+ü/{mode}")
    expected = history(orders(sqlite_catalog(tmp_path / "s", warehouse, **google.pyiceberg()), "shop.orders", days=2))
    objects = google.etags()
    database = f"sqlite:{tmp_path / 's' / 'catalog.db'}"
    secrets = {"gcs.oauth2.token": google.token}
    connect(icebridge, "foreign", "sql", database, properties=google.properties(), secrets=secrets)
    assert icebridge.run("catalog", "check", "foreign")["reachable"]
    Route(icebridge).migrate(mode)
    made = pyiceberg_catalog(managed).load_table("shop.orders")
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected
    assert google.etags() == objects, "nothing was written to the source"


def test_a_folder_on_google_is_a_catalog_without_a_sign_in(
    google: GoogleStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    expected = history(plain(sqlite_catalog(tmp_path / "s", google.uri("bare"), **google.pyiceberg()), "shop.few"))
    properties = google.properties() | {"gcs.no-auth": "true"}
    connect(icebridge, "foreign", "files", google.uri("bare"), properties=properties)
    Route(icebridge).migrate("clone")
    assert history(pyiceberg_catalog(managed).load_table("shop.few")) == expected


# Out of reach


def test_storage_that_is_not_read_is_found_by_the_check(icebridge: Icebridge, tmp_path: Path) -> None:
    plain(sqlite_catalog(tmp_path / "s"), "shop.few")
    database = tmp_path / "s" / "catalog.db"
    with sqlite3.connect(database) as change:
        change.execute(
            "UPDATE iceberg_tables SET metadata_location = replace(metadata_location, 'file://', 'hdfs://n')"
        )
    change.close()
    icebridge.connect_sql("foreign", database)
    checked = icebridge.outcome("catalog", "check", "foreign")
    error = checked.json["error"]
    assert (error["code"], "hdfs" in error["message"], "abfss" in error["hint"]) == ("unsupported", True, True)
    icebridge.connect_embedded("managed", tmp_path / "managed")
    assert icebridge.outcome("inventory", "foreign").json["problems"] == 1
    findings = Route(icebridge).findings()["shop.few"]
    assert [finding["code"] for finding in findings] == ["IB-F001"]
    assert "hdfs" in findings[0]["reason"]


@pytest.mark.parametrize(
    ("place", "code", "word"),
    [
        ("hdfs://n/w", "unsupported", "hdfs"),
        ("abfss://w@onelake.dfs.fabric.microsoft.com/x", "unsupported", "OneLake"),
        ("abfss://nowhere@{account}.dfs.core.windows.net/w", "file-missing", "container"),
    ],
    ids=["scheme", "onelake", "container"],
)
def test_a_target_where_nothing_can_be_written_blocks_before_a_plan(
    place: str, code: str, word: str, azure: AzureStore, icebridge: Icebridge, tmp_path: Path
) -> None:
    plain(sqlite_catalog(tmp_path / "s"), "shop.few")
    icebridge.connect_sql("foreign", tmp_path / "s" / "catalog.db")
    (tmp_path / "t").mkdir()
    connect_azure(
        icebridge,
        "managed",
        "sql",
        f"sqlite:{tmp_path / 't' / 'catalog.db'}",
        azure,
        target=True,
        warehouse="foreign",
        properties={"warehouse": place.format(account=azure.account)},
    )
    checked = icebridge.outcome("catalog", "check", "managed")
    assert (checked.json["reachable"], checked.json["error"]["code"]) == (False, code)
    icebridge.run("inventory", "foreign")
    findings = Route(icebridge).findings("--accept-all-losses")["shop.few"]
    assert findings[0]["code"] == "IB-F023"
    assert word in findings[0]["reason"]
    icebridge.refuse("plan", "--source", "foreign", "--target", "managed", code="preflight-blocked")
