"""The open-source Unity Catalog server: our inventory reads it, its Iceberg endpoint is a source, and it is no target.

As a server it is on no registry of packages, so these tests are for whoever has one on this machine:
ICEBRIDGE_OPEN_UNITY=http://127.0.0.1:8080 says where it listens. They make a catalog of their own in it, and take it
away.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, connect
from tests.harness.written import orders, plain, reading, rest_client, sqlite_catalog
from tests.leakage.canary import credential

SERVER = os.environ.get("ICEBRIDGE_OPEN_UNITY", "").rstrip("/")
SECONDS = 30
FEATURES = {
    "delta.universalFormat.enabledFormats": "iceberg",
    "delta.enableIcebergCompatV2": "true",
    "delta.columnMapping.mode": "name",
}

pytestmark = pytest.mark.skipif(not SERVER, reason="no server is named by ICEBRIDGE_OPEN_UNITY")


@dataclass
class Open:
    """A catalog in the running server, and the tables that its Iceberg endpoint shows."""

    name: str
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def iceberg(self) -> str:
        """The Iceberg endpoint."""
        return f"{SERVER}/api/2.1/unity-catalog/iceberg"

    def ask(self, method: str, path: str, **settings: Any) -> Any:
        """A request to the server's own API."""
        url = f"{SERVER}/api/2.1/unity-catalog/{path}"
        answer = requests.request(method, url, timeout=SECONDS, **settings)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return None if method == "DELETE" else answer.json()

    def listed(self) -> dict[str, dict[str, Any]]:
        """Every table of the catalog as the server itself lists it, by full name."""
        found = {}
        for schema in self.ask("GET", "schemas", params={"catalog_name": self.name})["schemas"]:
            where = {"catalog_name": self.name, "schema_name": schema["name"]}
            token = ""
            while True:
                page = self.ask("GET", "tables", params={**where, **({"page_token": token} if token else {})})
                found.update({f"{self.name}.{schema['name']}.{table['name']}": table for table in page["tables"]})
                token = page["next_page_token"]
                if not token:
                    break
        return found

    def show(self, schema: str, name: str, table: Table) -> None:
        """Register a table with Iceberg metadata, as Delta's UniForm writes them."""
        column = {"name": "id", "type": "long", "nullable": True, "metadata": {}}
        now = int(time.time() * 1000)
        uniform = {
            "metadata-location": table.metadata_location,
            "converted-delta-version": 0,
            "converted-delta-timestamp": now,
        }
        body = {
            "name": name,
            "location": table.metadata.location,
            "table-type": "EXTERNAL",
            "comment": f"{name} by UniForm",
            "columns": {"type": "struct", "fields": [column]},
            "protocol": {
                "min-reader-version": 2,
                "min-writer-version": 7,
                "reader-features": [],
                "writer-features": ["icebergCompatV2", "columnMapping"],
            },
            "properties": FEATURES,
            "last-commit-timestamp-ms": now,
            "uniform": {"iceberg": uniform},
        }
        self.ask("POST", f"delta/v1/catalogs/{self.name}/schemas/{schema}/tables", json=body)
        self.tables[f"{schema}.{name}"] = table


def parquet(name: str, place: Path) -> dict[str, Any]:
    """A table of Parquet files with nothing in it."""
    column = {"name": "id", "type_name": "LONG", "type_text": "bigint", "position": 0, "nullable": True}
    column["type_json"] = '{"name": "id", "type": "long", "nullable": true, "metadata": {}}'
    kind = {"table_type": "EXTERNAL", "data_source_format": "PARQUET"}
    return {"name": name, **kind, "columns": [column], "storage_location": f"file://{place}", "comment": "files"}


@pytest.fixture(scope="module")
def unity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A catalog with two tables to migrate, and more tables than fit on a page."""
    folder = tmp_path_factory.mktemp("open-unity")
    running = Open(f"icebridge_{secrets.token_hex(4)}")
    running.ask("POST", "catalogs", json={"name": running.name, "comment": "of the tests"})
    try:
        for schema in ("sales", "files"):
            running.ask("POST", "schemas", json={"name": schema, "catalog_name": running.name})
        source: SqlCatalog = sqlite_catalog(folder / "source")
        running.show("sales", "orders", orders(source, "sales.orders"))
        evolved = plain(source, "sales.evolved", rows=30)
        with evolved.update_schema() as update:
            update.add_column("later", evolved.schema().fields[0].field_type)
        evolved.append(pa.Table.from_pylist(evolved.scan().to_arrow().to_pylist()[:5], evolved.schema().as_arrow()))
        running.show("sales", "evolved", evolved)
        for number in range(130):
            table = parquet(f"f{number:03}", folder / "files" / str(number))
            running.ask("POST", "tables", json={**table, "catalog_name": running.name, "schema_name": "files"})
        yield running
    finally:
        running.ask("DELETE", f"catalogs/{running.name}", params={"force": "true"})


def test_the_inventory_is_what_the_server_lists(unity: Open, icebridge: Icebridge) -> None:
    token = credential("open")
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_OPEN_TOKEN"] = token
    icebridge.run("workspace", "add", "open", "--host", SERVER, "--by", "token", stdin=f"{token}\n")
    summary = icebridge.run("unity", "refresh", "open", "--catalog", unity.name)
    listed = unity.listed()
    assert len(listed) == 132
    assert summary["failed"] == [] and summary["tables"] == len(listed)
    rows = icebridge.run("unity", "list", "open", "--limit", "1000")["rows"]
    assert {row["full_name"]: row["comment"] for row in rows} == {
        name: table["comment"] for name, table in listed.items()
    }
    again = icebridge.run("unity", "refresh", "open", "--catalog", unity.name)
    assert again["unchanged"] == len(listed) and again["read"] == 0


def test_its_tables_are_migrated(unity: Open, icebridge: Icebridge, tmp_path: Path) -> None:
    connect(icebridge, "foreign", "rest", unity.iceberg, warehouse=unity.name)
    connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
    route = Route(icebridge)
    route.run(route.plan()).succeeded()
    target = pyiceberg_catalog(tmp_path / "managed")
    source = rest_client(unity.iceberg, warehouse=unity.name)
    assert sorted(unity.tables) == sorted(".".join(name) for name in target.list_tables("sales"))
    for name in unity.tables:
        assert reading(target.load_table(name)) == reading(source.load_table(name)), name


def test_what_takes_no_tables_is_no_target(unity: Open, icebridge: Icebridge, tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    plain(catalog, "sales.one")
    connect(icebridge, "foreign", "sql", f"sqlite:{tmp_path / 'source' / 'catalog.db'}")
    connect(icebridge, "managed", "rest", unity.iceberg, target=True, warehouse=unity.name)
    icebridge.run("inventory", "foreign")
    error = icebridge.refuse("preflight", *Route(icebridge).arguments, code="unsupported")
    assert error["object"] == "managed" and "/iceberg-rest" in error["hint"]
    assert icebridge.outcome("catalog", "check", "managed").code == 1
