"""Places that cannot be reached, read or written to: told by a code, what it is about and what to do, in good time."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import pyarrow as pa
import pytest

from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.lake import GOOD, Lake, connected, nothing_left, small_lake
from tests.harness.route import Route, connect, files
from tests.harness.written import plain, reading, sqlite_catalog
from tests.services import full_disk
from tests.services.fixtures import or_skip
from tests.services.object_store import ACCESS_KEY, SECRET_KEY
from tests.services.process import free_port


@pytest.fixture
def small(tmp_path: Path) -> Lake:
    """Three sound tables."""
    return small_lake(tmp_path / "source")


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that does not even take connections: its queue is full, and what knocks more is dropped without a word."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


UNREACHABLE: dict[str, tuple[Callable[[], AbstractContextManager[int]], str, float]] = {
    "nobody there": (lambda: nullcontext(free_port()), "127.0.0.1:{port}", 12),
    "no such host": (lambda: nullcontext(0), "nowhere.invalid", 12),
    "black hole": (black_hole, "127.0.0.1:{port}", 15),
    "silent": (silent, "127.0.0.1:{port}", 30),
}


@pytest.mark.parametrize("how", UNREACHABLE)
@pytest.mark.parametrize("kind", ["rest", "sql"])
def test_a_catalog_out_of_reach_is_told_within_seconds(kind: str, how: str, icebridge: Icebridge) -> None:
    place, address, seconds = UNREACHABLE[how]
    with place() as port:
        host = address.format(port=port)
        connect(icebridge, "foreign", kind, f"http://{host}" if kind == "rest" else f"postgresql://u@{host}/db")
        told_as_unreachable(icebridge, seconds)


def told_as_unreachable(icebridge: Icebridge, seconds: float) -> None:
    """Both by a command that needs the catalog and by the check of it."""
    began = time.monotonic()
    error = icebridge.refuse("inventory", "foreign", code="catalog-unreachable")
    assert time.monotonic() - began < seconds
    assert error["retryable"]
    assert error["hint"]
    assert error["object"]
    check = icebridge.outcome("catalog", "check", "foreign")
    assert check.code == 1
    assert check.json["error"]["code"] == "catalog-unreachable"


def test_s3_out_of_reach_is_told(icebridge: Icebridge) -> None:
    secrets = {"s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY}
    properties = {"s3.endpoint": f"http://127.0.0.1:{free_port()}", "s3.region": "us-east-1"}
    connect(icebridge, "foreign", "files", "s3://lake/tables", properties=properties, secrets=secrets)
    began = time.monotonic()
    error = icebridge.refuse("inventory", "foreign", code="storage-unreachable")
    assert time.monotonic() - began < 20
    assert "s3://lake/tables" in error["object"]
    assert error["hint"]


@pytest.fixture
def heavy(tmp_path: Path) -> Lake:
    """Six megabytes that no codec makes smaller, beside small tables."""
    catalog = sqlite_catalog(tmp_path / "source")
    noise = random.Random(1)
    rows = pa.table({"noise": pa.array([noise.randbytes(1000) for _ in range(6000)], pa.binary())})
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.heavy", rows.schema)
    for start in range(0, 6000, 1000):
        table.append(rows.slice(start, 1000))
    readings = {name: reading(plain(catalog, f"shop.{name}")) for name in GOOD}
    return Lake(tmp_path / "source", {"heavy": reading(table), **readings})


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_a_full_disk_fails_the_tables_it_has_no_room_for(
    mode: str, heavy: Lake, tiny_disk: Path, icebridge: Icebridge
) -> None:
    route = connected(icebridge, heavy, tiny_disk / "managed")
    plan = route.plan(mode)
    run = route.run(plan)
    error = run.failed("shop.heavy", "storage-full")
    assert str(tiny_disk) in json.dumps(error)
    for name in ("heavy", *GOOD):
        if run.tables[f"shop.{name}"]["state"] != "migrated":
            run.failed(f"shop.{name}", "storage-full")
            nothing_left(tiny_disk / "managed", name)
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_disk)], check=True, timeout=20)
    route.resume().succeeded()
    for name, expected in heavy.readings.items():
        assert reading(pyiceberg_catalog(tiny_disk / "managed").load_table(f"shop.{name}")) == expected


def test_a_state_folder_without_room_is_told(tiny_disk: Path, small: Lake) -> None:
    full_disk.fill(tiny_disk)
    cli = Icebridge(tiny_disk / "state")
    error = cli.refuse("catalog", "list", code="storage-full")
    assert str(tiny_disk) in error["object"]
    assert error["hint"]
    full_disk.release(tiny_disk)
    assert cli.run("catalog", "list") == []


def test_a_read_only_target_is_told(frozen_folder: Path, small: Lake, icebridge: Icebridge) -> None:
    icebridge.connect_sql("foreign", small.folder / "catalog.db")
    icebridge.run("inventory", "foreign")
    added = icebridge.outcome(
        "catalog", "add", "managed", "--kind", "embedded", "--target", "--uri", frozen_folder / "managed"
    )
    done = added if added.code else icebridge.outcome("preflight", *Route(icebridge).arguments)
    assert (done.code, done.json["code"]) == (1, "storage-denied")
    assert str(frozen_folder) in done.json["object"]
    assert done.json["hint"]
    assert [path.name for path in frozen_folder.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_a_target_that_became_read_only_fails_and_is_resumed(mode: str, small: Lake, icebridge: Icebridge) -> None:
    with or_skip(full_disk.full_disk(16 << 20)) as disk:
        route = connected(icebridge, small, disk / "managed")
        plan = route.plan(mode)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=20)
        done = icebridge.outcome("run", plan["path"])
        assert done.code == 1
        errors = [done.json] if "code" in done.json else [table["error"] for table in done.json["tables"]]
        assert {error["code"] for error in errors} == {"storage-denied"}
        assert all(error["hint"] and str(disk) in json.dumps(error) for error in errors)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True, timeout=20)
        assert files(disk / "managed") == {}
        route.run(plan).succeeded()
        for name, expected in small.readings.items():
            assert reading(pyiceberg_catalog(disk / "managed").load_table(f"shop.{name}")) == expected


def test_a_read_only_state_folder_is_told(frozen_folder: Path) -> None:
    error = Icebridge(frozen_folder / "state").refuse("catalog", "list", code="storage-denied")
    assert str(frozen_folder) in error["object"]
    assert error["hint"]


def test_a_target_is_written_to_where_it_may_be(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    managed = tmp_path / "managed"
    icebridge.connect_sql("foreign", small.folder / "catalog.db")

    def allow(*places: Path) -> None:
        allowed = ",".join(map(str, places))
        add = ("catalog", "add", "managed", "--kind", "embedded", "--target", "--uri", managed)
        icebridge.run(*add, "--property", f"allowed-locations={allowed}")

    # Of what looks alike, too.
    elsewhere = (tmp_path / "manage", managed / "ware")
    allow(*elsewhere)
    route = ("--source", "foreign", "--target", "managed")
    icebridge.run("inventory", "foreign")
    judged = icebridge.outcome("preflight", *route).stdout
    assert "IB-F023" in judged and "allowed-locations" in judged
    allow(managed)
    plan = icebridge.plan("foreign", "managed", "clone")
    allow(*elsewhere)
    done = icebridge.outcome("run", plan["path"])
    assert done.code == 1
    codes = {table["error"]["code"] for table in done.json["tables"]}
    assert codes == {"storage-denied"}, done
    assert all("allowed-locations" in table["error"]["hint"] for table in done.json["tables"])
    assert not [path for path in (managed / "warehouse").rglob("*") if path.is_file()]
    assert "storage-denied" in json.dumps(icebridge.outcome("catalog", "check", "managed").json)
    allow(tmp_path / "other", managed)
    icebridge.run("run", plan["path"])
    # A list that would guard nothing is not saved.
    add = ("catalog", "add", "managed", "--kind", "embedded", "--target", "--uri", managed)
    for wrong in ("allowed-locations=", "allowed-locations=ftp://a/b", f"allowed_locations={managed}"):
        icebridge.refuse(*add, "--property", wrong, code="invalid-input")
