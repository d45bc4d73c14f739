"""Unity Catalog lends what opens the places of its tables on Azure and on Google, and lends anew when that ends. The
sandbox lends as a workspace does; Azurite and fake-gcs-server keep the files; PyIceberg reads them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import Table

from spark.judges.digest_reference import Digest
from tests.harness.azure_gate import AzureGate, azure_gate
from tests.harness.cli import Icebridge
from tests.harness.google_gate import ENDS, GoogleGate, google_gate
from tests.harness.route import Route, connect
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.written import history, orders, rest_client, sqlite_catalog
from tests.services.azure_store import AzureStore
from tests.services.google_store import GoogleStore

pytest_plugins = ["tests.harness.sandbox"]

# Seconds. A signature tells whole ones, so that it lives up to one less.
LIFE = 3


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A workspace with its gate open."""
    with sandbox() as running:
        running.turn("gate", open=True, on=["main"])
        yield running


@pytest.fixture
def expected(icebridge: Icebridge, tmp_path: Path) -> Digest:
    """What PyIceberg reads in the source, a table of many small files."""
    readings = history(orders(sqlite_catalog(tmp_path / "s"), "shop.orders", days=4))
    connect(icebridge, "foreign", "sql", f"sqlite:{tmp_path / 's' / 'catalog.db'}")
    return list(readings.values())[-1]


def into_unity(cli: Icebridge, box: Sandbox, schema: str, gate: AzureGate | GoogleGate, **properties: str) -> None:
    """Migrate so slowly that what opened the table's place at first is over before the work is."""
    cli.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    cli.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    connect(cli, "managed", "unity", "here", target=True, warehouse="main", properties=properties)
    route = Route(cli)
    route.rename("shop.*", schema)
    plan = route.plan()
    before = box.look("counts")["credentials_lent"]
    gate.seen.clear()
    gate.delay = 0.25
    began = time.monotonic()
    route.run(plan).succeeded()
    assert time.monotonic() - began > LIFE, "the run was over before what was lent: nothing was proved"
    assert box.look("counts")["credentials_lent"] > before + 1


def made(box: Sandbox, schema: str, **properties: Any) -> Table:
    """The table in Unity Catalog, opened with the store's own keys."""
    catalog = rest_client(
        f"{box.url}/api/2.1/unity-catalog/iceberg-rest",
        **{"warehouse": "main", "token": box.token, "header.X-Iceberg-Access-Delegation": "", **properties},
    )
    return catalog.load_table((schema, "orders"))


def on_azure(store: AzureStore) -> dict[str, Any]:
    """What the sandbox lends, signed with the account's key."""
    return {"kind": "adls-key", "root": store.uri("uc"), "account_key": store.key, "ttl_s": LIFE}


def test_signatures_for_azure_end_in_mid_copy_and_are_renewed(
    box: Sandbox, azure: AzureStore, icebridge: Icebridge, expected: Digest
) -> None:
    with box.setting(lends=on_azure(azure)), azure_gate(azure) as gate:
        into_unity(icebridge, box, "azure", gate, **{"adls.endpoint": gate.endpoint})
        assert len(gate.signatures()) > 1 and not gate.refused()
        assert not [asked for asked in gate.seen if asked.keyed], "nobody gave us the account's key"
        table = made(box, "azure", **azure.pyiceberg())
        assert table.location().startswith(azure.uri("uc/"))
        assert list(history(table).values())[-1] == expected


def test_signatures_for_azure_that_are_taken_back_are_renewed_once_refused(
    box: Sandbox, azure: AzureStore, icebridge: Icebridge, expected: Digest
) -> None:
    lends = {**on_azure(azure), "ttl_s": 3600}
    with box.setting(lends=lends), azure_gate(azure) as gate:
        gate.life = 2.2
        into_unity(icebridge, box, "azure_early", gate, **{"adls.endpoint": gate.endpoint})
        assert gate.refused() and len(gate.signatures()) > 1
        assert list(history(made(box, "azure_early", **azure.pyiceberg())).values())[-1] == expected


def on_google(store: GoogleStore) -> dict[str, Any]:
    """What the sandbox lends: tokens by which the gate sees when they end."""
    return {"kind": "gcs", "root": store.uri("uc"), "token": f"{store.token}{ENDS}{{ends}}", "ttl_s": LIFE}


def test_tokens_for_google_end_in_mid_copy_and_are_renewed(
    box: Sandbox, google: GoogleStore, icebridge: Icebridge, expected: Digest
) -> None:
    with box.setting(lends=on_google(google)), google_gate(google) as gate:
        into_unity(icebridge, box, "google", gate, **{"gcs.service.host": gate.endpoint})
        assert len(gate.tokens()) > 1 and not gate.refused()
        table = made(box, "google", **google.pyiceberg())
        assert table.location().startswith(google.uri("uc/"))
        assert list(history(table).values())[-1] == expected


def test_tokens_for_google_that_end_early_are_renewed_once_refused(
    box: Sandbox, google: GoogleStore, icebridge: Icebridge, expected: Digest
) -> None:
    with box.setting(lends={**on_google(google), "ttl_s": 60}), google_gate(google) as gate:
        gate.early = 60 - 2.2
        into_unity(icebridge, box, "google_early", gate, **{"gcs.service.host": gate.endpoint})
        assert gate.refused() and len(gate.tokens()) > 1
        assert list(history(made(box, "google_early", **google.pyiceberg())).values())[-1] == expected
