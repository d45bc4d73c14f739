"""Behind a company's proxy, with the company's own authority: everything that asks the workspace goes that way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, connect
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.written import plain, reading, rest_client, sqlite_catalog
from tests.services.auth_proxy import auth_proxy
from tests.services.company import NAME, STORE, Company, company
from tests.services.object_store import ObjectStore
from tests.services.rest_catalog import RestCatalog
from tests.services.vending import Vending

ENDPOINT = "/api/2.1/unity-catalog/iceberg-rest/v1/"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox."""
    with sandbox() as running:
        yield running


@pytest.fixture
def behind(box: Sandbox, tmp_path: Path) -> Iterator[Company]:
    """Its only way in."""
    with company(tmp_path, {NAME: box.url}) as running:
        yield running


def add(icebridge: Icebridge, box: Sandbox, behind: Company, *, authority: bool = True, proxy: str = "") -> None:
    """The workspace, known by the name that only the proxy knows."""
    proxy = proxy or behind.proxy
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_PROXY"] = proxy
    way = ["--secret", "proxy", *(["--ca-file", str(behind.authority)] if authority else [])]
    add = ["workspace", "add", "here", "--host", behind.host, "--by", "token"]
    icebridge.run(*add, *way, stdin=f"{box.token}\n{proxy}\n")


def refused(icebridge: Icebridge) -> dict[str, Any]:
    """Why the workspace cannot be asked."""
    done = icebridge.outcome("workspace", "check", "here")
    assert done.code == 1 and done.json["error"]["code"] == "workspace-unreachable", done
    return dict(done.json["error"])


def test_tables_arrive_through_the_proxy(box: Sandbox, behind: Company, icebridge: Icebridge, tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    catalog.create_namespace("shop")
    plain(catalog, "shop.orders", rows=20)
    add(icebridge, box, behind)
    assert icebridge.run("workspace", "check", "here")["principal"] == box.user
    connect(icebridge, "foreign", "sql", f"sqlite:{tmp_path / 'source' / 'catalog.db'}")
    connect(icebridge, "managed", "unity", "here", target=True, warehouse="main")
    box.turn("gate", open=True, on=["main"])
    route = Route(icebridge)
    route.rename("shop.*", "by_proxy")
    # The sandbox's storage is this machine's, and its name is that of another host, which may not name local files.
    refused = route.run(route.plan())
    assert refused.tables["shop.orders"]["error"]["code"] == "storage-denied"
    local = {"allow-local-files": "true"}
    connect(icebridge, "managed", "unity", "here", target=True, warehouse="main", properties=local)
    route.run(route.plan()).succeeded()
    asked = {line.split("?")[0] for line in behind.requests}
    assert f"GET {ENDPOINT}config" in asked
    assert any(line.startswith("POST ") and line.endswith("/by_proxy/tables/orders") for line in asked), asked
    assert any("/unity-catalog/" in line and ENDPOINT not in line for line in asked), asked
    assert behind.opened and not behind.refused


def test_lent_storage_is_reached_through_the_proxy(
    box: Sandbox, s3_catalog: RestCatalog, s3_store: ObjectStore, icebridge: Icebridge, tmp_path: Path
) -> None:
    written = plain(rest_client(s3_catalog.uri, **s3_store.iceberg_properties()), "by_proxy.orders", rows=20)
    elsewhere = {**s3_store.iceberg_properties(), "s3.endpoint": f"https://{STORE}"}
    with auth_proxy(s3_catalog.uri, vending=Vending(elsewhere)) as catalog:
        catalog.issuer.accept(box.token)
        upstreams = {NAME: box.url, f"{NAME}{ENDPOINT.removesuffix('/v1/')}": catalog.uri, STORE: s3_store.endpoint}
        with company(tmp_path, upstreams) as behind:
            add(icebridge, box, behind)
            connect(icebridge, "lent", "unity", "here", warehouse="main")
            connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
            route = Route(icebridge, source="lent")
            icebridge.run("inventory", "lent", "--only", "by_proxy.*")
            route.run(route.plan()).succeeded()
            assert any(line.startswith(f"GET /{s3_store.bucket}/") and ".parquet" in line for line in behind.requests)
            assert not behind.refused
    managed = pyiceberg_catalog(tmp_path / "managed").load_table("by_proxy.orders")
    assert reading(managed) == reading(written)


def test_who_is_not_let_out_is_told_so(box: Sandbox, behind: Company, icebridge: Icebridge) -> None:
    add(icebridge, box, behind, authority=False)
    error = refused(icebridge)
    assert "certificate" in error["message"] and "--ca-file" in error["hint"], error
    assert behind.requests == [] and len(behind.opened) == 1, "what a setting is missing for is not tried again"
    add(icebridge, box, behind, proxy=f"http://{behind.address}")
    error = refused(icebridge)
    assert "password" in error["message"] and "proxy" in error["hint"], error
    assert len(behind.refused) == 1 and behind.requests == []
