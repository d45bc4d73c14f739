"""Where tables lie: SQL catalogs of every make, bare folders, S3; and what others see in the managed catalog."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable

from spark.judges.digest_reference import Digest, digest_rows
from tests.harness import duck
from tests.harness.cli import Icebridge
from tests.harness.judged import Migrated, pyiceberg_catalog, same
from tests.harness.route import Route, connect, files, split_secrets
from tests.harness.s3_gate import S3Gate, s3_gate
from tests.harness.written import history, orders, plain, reading, rest_client, sqlite_catalog
from tests.leakage.canary import MARK, credential
from tests.services import full_disk
from tests.services.fixtures import or_skip
from tests.services.object_store import ObjectStore
from tests.services.postgres import Postgres
from tests.services.process import free_port
from tests.services.rest_catalog import rest_catalog

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

WRONG = credential("n0t-the-right-secret")
ODD_PLACE = "odd place/%41+ü=&'"


@pytest.fixture
def managed(icebridge: Icebridge, tmp_path: Path) -> Path:
    """An embedded target."""
    folder = tmp_path / "managed"
    icebridge.connect_embedded("managed", folder)
    return folder


def now(readings: dict[int, Digest]) -> Digest:
    """The last of a table's readings."""
    return list(readings.values())[-1]


# PostgreSQL


@pytest.fixture(scope="module")
def pg_tables(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, ...], dict[int, Digest]]:
    """Two catalogs in one database, as PyIceberg writes them; the readings of the first."""
    folder = tmp_path_factory.mktemp("pg")
    other = SqlCatalog("other", uri=postgres_server.sqlalchemy, warehouse=f"file://{folder / 'other'}")
    plain(other, "shop.theirs")
    catalog = SqlCatalog("prod", uri=postgres_server.sqlalchemy, warehouse=f"file://{folder / 'warehouse'}")
    made = {("shop", "orders"): orders(catalog, "shop.orders"), ("a", "b", "deep"): plain(catalog, "a.b.deep")}
    return {name: history(table) for name, table in made.items()}


def address(server: Postgres) -> str:
    """The database without its password."""
    return f"postgresql://{server.user}@127.0.0.1:{server.port}/{server.database}"


def connect_postgres(cli: Icebridge, name: str, server: Postgres, **more: Any) -> None:
    """Add the database by its address; the password goes another way."""
    secrets = {"password": more.pop("password", server.password)}
    connect(cli, name, "sql", address(server), secrets=secrets, **more)


def traces(folder: Path, secret: str) -> list[str]:
    """Files of a folder with a secret in them, in any of the forms it could have been written in."""
    import base64
    import urllib.parse

    raw = secret.encode()
    forms = {raw, base64.b64encode(raw), urllib.parse.quote(secret, safe="").encode(), raw.hex().encode()}
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found
    return [str(path) for path in found if any(form in path.read_bytes() for form in forms)]


def test_tables_leave_postgresql_and_the_password_stays_nowhere(
    postgres_server: Postgres,
    pg_tables: dict[tuple[str, ...], dict[int, Digest]],
    icebridge: Icebridge,
    managed: Path,
    tmp_path: Path,
) -> None:
    connect_postgres(icebridge, "foreign", postgres_server, warehouse="prod")
    said = [icebridge.outcome("catalog", "list"), icebridge.outcome("inventory", "foreign")]
    listed = {row["ident"] for row in icebridge.run("tables", "foreign", "--facts")}
    assert listed == {".".join(name) for name in pg_tables}
    route = Route(icebridge)
    plan = route.plan("clone", "--out", str(tmp_path / "plan.json"))
    run = route.run(plan)
    run.succeeded()
    for name, readings in pg_tables.items():
        table = pyiceberg_catalog(managed).load_table((*("_".join(name[:-1]),), name[-1]))
        assert history(table) == readings
    said += [run.outcome, icebridge.outcome("audit", "export", "--out", str(tmp_path / "bundle"))]
    assert said[-1].code == 0, said[-1].stdout + said[-1].stderr
    assert not any(postgres_server.password in done.stdout + done.stderr for done in said)
    # State, log, plan, bundle and target: all of it lies below this folder.
    assert traces(tmp_path, postgres_server.password) == []


def test_one_catalog_of_several_has_to_be_named(
    postgres_server: Postgres, pg_tables: object, icebridge: Icebridge
) -> None:
    connect_postgres(icebridge, "foreign", postgres_server)
    error = icebridge.refuse("inventory", "foreign", code="invalid-input")
    assert "other, prod" in error["hint"]
    connect_postgres(icebridge, "absent", postgres_server, warehouse="prodd")
    assert "prod" in icebridge.refuse("inventory", "absent", code="catalog-not-found")["hint"]


def test_a_wrong_password_is_told(postgres_server: Postgres, pg_tables: object, icebridge: Icebridge) -> None:
    connect_postgres(icebridge, "foreign", postgres_server, warehouse="prod", password=WRONG)
    began = time.monotonic()
    error = icebridge.refuse("inventory", "foreign", code="credentials-rejected")
    assert time.monotonic() - began < 10
    assert "password" in error["hint"]
    assert WRONG not in json.dumps(error)
    assert traces(icebridge.state, WRONG) == []


@pytest.mark.parametrize("where", ["in the address", "in the query", "as a property"])
def test_a_password_in_the_open_is_refused(where: str, icebridge: Icebridge) -> None:
    # The arguments of a process hold it, so it is none of the credentials that nothing may hold.
    uri, extra = "postgresql://u@127.0.0.1/db", []
    if where == "in the address":
        uri = "postgresql://u:hunter2-pw@127.0.0.1/db"
    elif where == "in the query":
        uri += "?password=hunter2-pw"
    else:
        extra = ["--property", "password=hunter2-pw"]
    done = icebridge.outcome("catalog", "add", "foreign", "--kind", "sql", "--uri", uri, *extra)
    assert (done.code, done.json["code"]) == (1, "invalid-input")
    assert "--secret" in done.json["hint"]
    assert "hunter2-pw" not in done.stdout + done.stderr
    assert traces(icebridge.state, "hunter2-pw") == []


def test_a_database_that_is_not_there_is_told_soon(icebridge: Icebridge) -> None:
    uri = f"postgresql://icebridge@127.0.0.1:{free_port()}/postgres"
    connect(icebridge, "foreign", "sql", uri)
    began = time.monotonic()
    assert icebridge.refuse("inventory", "foreign", code="catalog-unreachable")["hint"]
    assert time.monotonic() - began < 10


def test_tables_go_to_postgresql(postgres_server: Postgres, icebridge: Icebridge, tmp_path: Path) -> None:
    expected = history(orders(sqlite_catalog(tmp_path / "source"), "shop.orders"))
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    warehouse = f"file://{tmp_path / 'warehouse'}"
    connect_postgres(
        icebridge, "managed", postgres_server, target=True, warehouse="ours", properties={"warehouse": warehouse}
    )
    Route(icebridge).migrate("clone")
    ours = SqlCatalog("ours", uri=postgres_server.sqlalchemy, warehouse=warehouse)
    assert history(ours.load_table("shop.orders")) == expected
    ours.load_table("shop.orders").append(ours.load_table("shop.orders").scan().to_arrow().slice(0, 2))
    assert reading(ours.load_table("shop.orders")).rows == now(expected).rows + 2
    with psycopg2.connect(postgres_server.dsn) as database, database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM iceberg_tables WHERE catalog_name = 'ours'")
        assert cursor.fetchone() == (1,)


# JdbcCatalog, as Java writes it


@pytest.mark.parametrize("version", ["V0", "V1"])
def test_javas_jdbc_catalog_is_read(version: str, icebridge: Icebridge, managed: Path) -> None:
    with or_skip(rest_catalog(schema_version=version)) as server:
        client = rest_client(server.uri)
        expected = history(orders(client, "shop.eu.orders"))
        few = reading(plain(client, ("shop", "it's (few)")))
        if version == "V1":
            make_view(server.uri, "shop", "a_view")
        icebridge.connect_sql("foreign", server.folder / "catalog.db", "backend")
        assert icebridge.run("inventory", "foreign")["tables"] == 2, "a view is no table"
        route = Route(icebridge)
        icebridge.run("map", "set", *route.arguments, "shop.it's (few)", "shop.few")
        assert len(route.migrate("clone").tables) == 2
        catalog = pyiceberg_catalog(managed)
        assert history(catalog.load_table("shop_eu.orders")) == expected
        assert reading(catalog.load_table("shop.few")) == few


def make_view(uri: str, namespace: str, name: str) -> None:
    """A view in the same database, by a bare request."""
    schema = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "n", "required": False, "type": "int"}]}
    query = {"type": "sql", "sql": "SELECT 1 AS n", "dialect": "spark"}
    version = {"version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "representations": [query]}
    body = {
        "name": name,
        "schema": schema,
        "view-version": {**version, "default-namespace": [namespace]},
        "properties": {},
    }
    request = urllib.request.Request(
        f"{uri}/v1/namespaces/{namespace}/views", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


# SQLite: a source is never touched


def state_of(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time and content of every file."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_source_is_not_touched_in_any_mode(journal: str, tmp_path: Path) -> None:
    from tests.harness.cli import fresh

    source = tmp_path / "source"
    expected = history(orders(sqlite_catalog(source), "shop.orders", days=1))
    with sqlite3.connect(source / "catalog.db") as database:
        database.execute(f"PRAGMA journal_mode={journal}")
    database.close()
    before = state_of(source)
    for mode in ("clone", "rewrite", "register"):
        cli = fresh(tmp_path / mode / "state")
        cli.connect_sql("foreign", source / "catalog.db")
        cli.connect_embedded("managed", tmp_path / mode / "managed")
        Route(cli).migrate(mode)
        assert reading(pyiceberg_catalog(tmp_path / mode / "managed").load_table("shop.orders")) == now(expected)
        assert state_of(source) == before, mode


def test_a_source_on_a_read_only_disk_is_read(icebridge: Icebridge, managed: Path) -> None:
    """The kernel sees to it that nothing is written."""
    with or_skip(full_disk.full_disk(32 << 20)) as disk:
        catalog = sqlite_catalog(disk)
        expected = history(orders(catalog, "shop.orders", days=1))
        catalog.close()
        with sqlite3.connect(disk / "catalog.db") as database:
            database.execute("PRAGMA journal_mode=WAL")
        database.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=20)
        icebridge.connect_sql("foreign", disk / "catalog.db")
        connect(icebridge, "folder", "files", disk / "warehouse")
        Route(icebridge).migrate("clone")
        assert icebridge.run("inventory", "folder")["problems"] == 0
    assert history(pyiceberg_catalog(managed).load_table("shop.orders")) == expected


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_source_is_read_while_another_writes(
    journal: str, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    expected = reading(plain(sqlite_catalog(source), "shop.few"))
    writer = sqlite3.connect(source / "catalog.db", isolation_level=None)
    writer.execute(f"PRAGMA journal_mode={journal}")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO iceberg_tables VALUES ('foreign', 'shop', 'half', 'file:///none', NULL, 'TABLE')")
    try:
        icebridge.connect_sql("foreign", source / "catalog.db")
        assert set(Route(icebridge).migrate("clone").tables) == {"shop.few"}
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    assert reading(pyiceberg_catalog(managed).load_table("shop.few")) == expected


def test_a_source_locked_for_a_moment_is_waited_for(icebridge: Icebridge, tmp_path: Path) -> None:
    source = tmp_path / "source"
    plain(sqlite_catalog(source), "shop.few")
    icebridge.connect_sql("foreign", source / "catalog.db")
    writer = sqlite3.connect(source / "catalog.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(3, lambda: writer.execute("ROLLBACK"))
    release.start()
    began = time.monotonic()
    assert icebridge.run("inventory", "foreign")["tables"] == 1
    assert time.monotonic() - began >= 2
    release.join()
    writer.close()


# Folders and single files


def test_a_folder_of_tables_is_a_catalog(icebridge: Icebridge, managed: Path, tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    expected = {
        "shop.orders": history(orders(catalog, "shop.orders", days=1)),
        "shop.few": history(plain(catalog, "shop.few")),
    }
    (tmp_path / "source" / "catalog.db").unlink()
    connect(icebridge, "foreign", "files", tmp_path / "source" / "warehouse")
    assert set(Route(icebridge).migrate("clone").tables) == set(expected)
    for name, readings in expected.items():
        assert history(pyiceberg_catalog(managed).load_table(name)) == readings


def test_one_folder_and_one_metadata_file_are_catalogs(icebridge: Icebridge, managed: Path, tmp_path: Path) -> None:
    table = orders(sqlite_catalog(tmp_path / "source"), "shop.orders", days=2)
    location = Path(table.location().removeprefix("file://"))
    connect(icebridge, "folder", "files", location)
    found = icebridge.run("table", "digest", "folder", "default.orders")
    assert (found["rows"], found["digest"]) == reading(table)
    older = sorted((location / "metadata").glob("00002-*.metadata.json"))[0]
    connect(icebridge, "foreign", "files", older)
    Route(icebridge).migrate("clone")
    expected = history(StaticTable.from_metadata(str(older)))
    assert len(expected) == 2
    assert history(pyiceberg_catalog(managed).load_table("default.orders")) == expected


def test_a_table_whose_folder_was_moved_says_which_file_it_misses(
    icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    """Metadata holds absolute paths: a moved folder is a table without its files, and must not arrive empty."""
    table = plain(sqlite_catalog(tmp_path / "source"), "shop.few")
    location = Path(table.location().removeprefix("file://"))
    shutil.move(location, tmp_path / "moved")
    connect(icebridge, "foreign", "files", tmp_path / "moved")
    assert icebridge.outcome("inventory", "foreign").code == 1, "no table could be read"
    row = icebridge.run("tables", "foreign", "--facts")[0]
    assert row["problem"]["code"] == "file-missing"
    assert str(location) in row["problem"]["object"]
    assert icebridge.refuse("plan", "--source", "foreign", "--target", "managed", code="preflight-blocked")


# S3


@pytest.fixture
def open_gate(s3_store: ObjectStore) -> Iterator[S3Gate]:
    """S3 that takes its one key and counts."""
    with s3_gate(s3_store) as gate:
        yield gate


def connect_sql_on_s3(cli: Icebridge, name: str, database: Path, gate: S3Gate, **more: Any) -> None:
    """A SQL catalog with its warehouse in the bucket."""
    properties, secrets = split_secrets(gate.properties(**more.pop("changed", {})))
    properties |= more.pop("properties", {})
    connect(cli, name, "sql", f"sqlite:{database}", properties=properties, secrets=secrets, **more)


def etags(store: ObjectStore) -> dict[str, str]:
    """What lies in the bucket."""
    pages = store.client().get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_tables_leave_s3_from_odd_places(
    mode: str, open_gate: S3Gate, s3_store: ObjectStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    warehouse = s3_store.uri(f"{ODD_PLACE}/{mode}")
    expected = history(orders(sqlite_catalog(tmp_path / "s", warehouse, **open_gate.properties()), "shop.orders"))
    objects = etags(s3_store)
    connect_sql_on_s3(icebridge, "foreign", tmp_path / "s" / "catalog.db", open_gate)
    Route(icebridge).migrate(mode)
    made = pyiceberg_catalog(managed).load_table("shop.orders")
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected
    assert not [asked for asked in open_gate.refused() if asked.token]
    assert etags(s3_store) == objects, "nothing was written to the source"


@pytest.mark.parametrize("mode", ["clone", "rewrite", "register"])
def test_tables_move_within_s3(
    mode: str, open_gate: S3Gate, s3_store: ObjectStore, icebridge: Icebridge, tmp_path: Path
) -> None:
    source = sqlite_catalog(tmp_path / "s", s3_store.uri(f"{ODD_PLACE}/from-{mode}"), **open_gate.properties())
    expected = history(orders(source, "shop.orders"))
    connect_sql_on_s3(icebridge, "foreign", tmp_path / "s" / "catalog.db", open_gate)
    place = s3_store.uri(f"{ODD_PLACE}/to-{mode}")
    (tmp_path / "t").mkdir()
    connect_sql_on_s3(
        icebridge,
        "managed",
        tmp_path / "t" / "catalog.db",
        open_gate,
        target=True,
        warehouse="foreign",
        properties={"warehouse": place},
    )
    Route(icebridge).migrate(mode)
    made = sqlite_catalog(tmp_path / "t", place, **open_gate.properties()).load_table("shop.orders")
    assert made.location().startswith(place)
    assert reading(made) == now(expected)
    assert mode == "rewrite" or history(made) == expected
    if mode == "clone":
        # The copy stands by itself: every object of the source may go.
        client = s3_store.client()
        for key in s3_store.keys(f"{ODD_PLACE}/from-{mode}/"):
            client.delete_object(Bucket=s3_store.bucket, Key=key)
        assert history(made) == expected


def test_keys_that_s3_refuses_are_told(
    open_gate: S3Gate, s3_store: ObjectStore, icebridge: Icebridge, tmp_path: Path
) -> None:
    plain(sqlite_catalog(tmp_path / "s", s3_store.uri("refused"), **open_gate.properties()), "shop.few")
    changed = {"s3.access-key-id": f"AKIB{MARK.upper()}", "s3.secret-access-key": WRONG}
    connect_sql_on_s3(icebridge, "foreign", tmp_path / "s" / "catalog.db", open_gate, changed=changed)
    done = icebridge.outcome("inventory", "foreign")
    assert (done.code, done.json["tables"], done.json["problems"]) == (1, 1, 1)
    problem = icebridge.run("tables", "foreign", "--facts")[0]["problem"]
    assert problem["code"] == "storage-denied"
    assert problem["hint"]
    assert traces(icebridge.state, WRONG) == []


def test_a_folder_on_s3_is_a_catalog(
    open_gate: S3Gate, s3_store: ObjectStore, icebridge: Icebridge, managed: Path, tmp_path: Path
) -> None:
    warehouse = s3_store.uri(f"{ODD_PLACE}/bare")
    expected = history(plain(sqlite_catalog(tmp_path / "s", warehouse, **open_gate.properties()), "shop.few"))
    properties, secrets = split_secrets(open_gate.properties())
    connect(icebridge, "foreign", "files", warehouse, properties=properties, secrets=secrets)
    Route(icebridge).migrate("clone")
    assert history(pyiceberg_catalog(managed).load_table("shop.few")) == expected


def test_a_bucket_that_is_not_there_is_told(open_gate: S3Gate, icebridge: Icebridge) -> None:
    properties, secrets = split_secrets(open_gate.properties())
    connect(icebridge, "foreign", "files", "s3://no-such-bucket/x", properties=properties, secrets=secrets)
    done = icebridge.outcome("inventory", "foreign")
    assert done.code == 1
    assert done.json["code"] in ("file-missing", "catalog-not-found")
    assert "no-such-bucket" in done.json["object"]


# The managed catalog, as others open it


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_pyiceberg_duckdb_and_spark_open_the_managed_catalog(
    mode: str, icebridge: Icebridge, managed: Path, tmp_path: Path, spark: SparkSession, java: Java
) -> None:
    source = orders(sqlite_catalog(tmp_path / "source"), "shop.orders")
    expected = reading(source)
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    Route(icebridge).migrate(mode)
    shutil.rmtree(tmp_path / "source")

    made = pyiceberg_catalog(managed).load_table("shop.orders")
    assert reading(made) == expected
    assert digest_rows(made.schema(), duck.rows(made.metadata_location.removeprefix("file://"))) == expected
    migrated = Migrated(spark, java, managed)
    assert same(expected.as_dict(), migrated.judge("shop", "orders").current().answer())

    # It is theirs to write to.
    migrated.judge("shop", "orders")
    migrated.spark.sql(f"DELETE FROM {migrated.t} WHERE id < 3")
    made.refresh()
    assert reading(made).rows == expected.rows - 3
    assert len(duck.rows(made.metadata_location.removeprefix("file://"))) == expected.rows - 3
    made.append(made.scan().to_arrow().slice(0, 5))
    assert migrated.judge("shop", "orders").current().answer()["rows"] == expected.rows + 2


def test_two_runs_share_a_managed_catalog_with_a_writer(icebridge: Icebridge, managed: Path, tmp_path: Path) -> None:
    """Tables that PyIceberg made in the managed catalog stay; a table that it wrote to after our run stays written."""
    source = sqlite_catalog(tmp_path / "source")
    plain(source, "shop.first")
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    route = Route(icebridge)
    plan = route.plan("clone")
    route.run(plan).succeeded()
    ours = pyiceberg_catalog(managed)
    theirs = plain(ours, "shop.theirs")
    first = ours.load_table("shop.first")
    first.append(first.scan().to_arrow())
    again = route.run(plan)
    assert again.outcome.code == 0, again.outcome.stdout
    assert reading(ours.load_table("shop.first")).rows == 20
    assert reading(ours.load_table("shop.theirs")) == reading(theirs)
    assert files(managed)
