"""What goes wrong is told by a code, what it is about and what to do; the rest goes on; nothing half-made stays."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError

from tests.digest_reference import Digest
from tests.harness.cli import Icebridge, fresh
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Job, Route, connect, files
from tests.harness.written import plain, reading, sqlite_catalog
from tests.lakehouse.broken import WAYS, Copy
from tests.lakehouse.registry import local
from tests.services import full_disk
from tests.services.fixtures import or_skip
from tests.services.process import free_port

GOOD = ("good_one", "good_two")


class Wreck(Copy):
    """One table of a lakehouse that has others too."""

    @property
    def metadata(self) -> Path:
        """The current metadata file, as the catalog has it."""
        with sqlite3.connect(self.root / "catalog.db") as catalog:
            sql = "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?"
            row = catalog.execute(sql, (self.table,)).fetchone()
        return local(row[0])


@dataclass(frozen=True)
class Lake:
    """A source with one table for each way of breaking, and sound ones."""

    folder: Path
    readings: dict[str, Digest]

    @property
    def catalog(self) -> SqlCatalog:
        """PyIceberg's view of it."""
        return sqlite_catalog(self.folder)

    def wreck(self, name: str) -> Wreck:
        """One of its tables, to be broken."""
        return Wreck(self.folder, "shop", name)


def make_lake(folder: Path) -> Lake:
    """Small tables; the one whose page will be flipped has checksums on its pages, as Spark writes them."""
    catalog = sqlite_catalog(folder)
    made = {}
    for name in (*WAYS, *GOOD):
        if name == "flipped_page":
            made[name] = reading(checksummed(catalog, f"shop.{name}", folder / "outside"))
        elif name == "unknown_transform":
            table = plain(catalog, f"shop.{name}")
            with table.update_spec() as change:
                change.add_identity("id")
            made[name] = reading(table)
        else:
            made[name] = reading(plain(catalog, f"shop.{name}"))
    return Lake(folder, made)


def checksummed(catalog: SqlCatalog, identifier: str, folder: Path) -> Any:
    """Plain, uncompressed pages: only their checksums tell that a bit is another."""
    folder.mkdir()
    rows = pa.table({"id": pa.array(range(1000), pa.int64())})
    path = folder / "checksummed.parquet"
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_page_checksum=True)
    catalog.create_namespace_if_not_exists("shop")
    table = catalog.create_table(identifier, rows.schema)
    table.add_files([str(path)])
    return table


def connected(cli: Icebridge, lake: Lake, target: Path) -> Route:
    """The lake as a source, and a managed catalog."""
    cli.connect_sql("foreign", lake.folder / "catalog.db")
    cli.connect_embedded("managed", target)
    return Route(cli)


def nothing_left(target: Path, table: str) -> None:
    """No row and no file of a table that did not arrive."""
    with pytest.raises(NoSuchTableError):
        pyiceberg_catalog(target).load_table(("shop", table))
    left = [path for path in files(target) if f"/{table}-" in path or ".icebridge-part" in path]
    assert left == []


# Broken when the inventory is taken: known before anything runs


# Where it is found, and its code.
BEFORE: dict[str, tuple[str, str]] = {
    "missing_data_file": ("run", "file-missing"),
    "truncated_data_file": ("run", "file-broken"),
    "flipped_page": ("run", "checksum-mismatch"),
    "broken_metadata": ("inventory", "metadata-broken"),
    "missing_metadata": ("inventory", "file-missing"),
    "missing_manifest": ("inventory", "file-missing"),
    "missing_manifest_list": ("inventory", "file-missing"),
    "broken_manifest": ("inventory", "metadata-broken"),
    "unknown_format_version": ("inventory", "unsupported"),
    "unknown_type": ("inventory", "unsupported"),
    "unknown_transform": ("plan", "IB-F008"),
}


@dataclass(frozen=True)
class Broken:
    """A journey over a broken lake."""

    lake: Lake
    target: Path
    route: Route
    rows: dict[str, dict[str, Any]]
    plan: dict[str, Any]
    job: Job
    at: dict[str, Path]
    kept: dict[Path, bytes]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Everything was broken before the inventory; the rest is rewritten."""
    folder = tmp_path_factory.mktemp("known")
    lake = make_lake(folder / "source")
    at = {how: way(lake.wreck(how)) for how, way in WAYS.items()}
    route = connected(fresh(folder / "state"), lake, folder / "managed")
    plan = route.plan("rewrite")
    rows = {row["ident"].removeprefix("shop."): row for row in route.cli.run("tables", "foreign")}
    return Broken(lake, folder / "managed", route, rows, plan["plan"], route.run(plan), at, {})


# Broken between plan and run: told by the run, mended, resumed


DURING = {how: code for how, (where, code) in BEFORE.items() if where != "plan"}


@pytest.fixture(scope="module", params=["clone", "rewrite"])
def surprised(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Everything was sound when it was planned."""
    folder = tmp_path_factory.mktemp(f"surprised_{request.param}")
    lake = make_lake(folder / "source")
    route = connected(fresh(folder / "state"), lake, folder / "managed")
    plan = route.plan(request.param)
    kept = {path: path.read_bytes() for path in (folder / "source").rglob("*") if path.is_file()}
    # Unknown transforms are no surprise to a clone: it keeps what it does not understand.
    at = {how: WAYS[how](lake.wreck(how)) for how in DURING}
    return Broken(lake, folder / "managed", route, {}, plan["plan"], route.run(plan), at, kept)


def test_what_was_sound_arrived_all_the_same(surprised: Broken) -> None:
    for name in GOOD:
        assert surprised.job.tables[f"shop.{name}"]["state"] == "migrated"
        assert reading(pyiceberg_catalog(surprised.target).load_table(f"shop.{name}")) == surprised.lake.readings[name]


# The source moves on


@pytest.fixture
def small(tmp_path: Path) -> Lake:
    """Three sound tables."""
    catalog = sqlite_catalog(tmp_path / "source")
    return Lake(tmp_path / "source", {name: reading(plain(catalog, f"shop.{name}")) for name in ("moved", *GOOD)})


MOVES: dict[str, Callable[[SqlCatalog], object]] = {
    "was written to": lambda catalog: catalog.load_table("shop.moved").append(
        catalog.load_table("shop.moved").scan().to_arrow()
    ),
    "was dropped": lambda catalog: catalog.drop_table("shop.moved"),
    "was replaced": lambda catalog: (catalog.drop_table("shop.moved"), plain(catalog, "shop.moved")),
    "has another schema": lambda catalog: (
        catalog.load_table("shop.moved").update_schema().delete_column("name").commit()
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_table_that_moved_on_is_not_migrated_by_an_old_plan(
    move: str, small: Lake, icebridge: Icebridge, tmp_path: Path
) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    plan = route.plan("clone")
    MOVES[move](small.catalog)
    job = route.run(plan)
    job.failed("shop.moved", "plan-stale")
    nothing_left(tmp_path / "managed", "moved")
    assert {name for name, table in job.tables.items() if table["state"] == "migrated"} == {f"shop.{n}" for n in GOOD}
    if move == "was dropped":
        return
    icebridge.run("inventory", "foreign")
    again = route.replan("clone")
    assert [table["source"] for table in again["plan"]["tables"]] == ["shop.moved"]
    route.run(again).succeeded()
    made = pyiceberg_catalog(tmp_path / "managed").load_table("shop.moved")
    assert reading(made) == reading(small.catalog.load_table("shop.moved"))


# Plans and bundles in wrong hands


EDITS: dict[str, Callable[[str], str]] = {
    "another target": lambda text: text.replace('"managed"', '"damaged"', 1),
    "another snapshot": lambda text: re.sub(r'"snapshot_id": (\d+)', '"snapshot_id": 1', text, count=1),
    "another hash": lambda text: text.replace(json.loads(text)["hash"], "0" * 64),
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "not JSON": lambda text: "plan: yes",
    "of the future": lambda text: text.replace('"plan_version": 1', '"plan_version": 99'),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_plan_is_refused(edit: str, small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    path = Path(route.plan("clone", "--out", str(tmp_path / "plan.json"))["path"])
    text = path.read_text()
    edited = EDITS[edit](text)
    assert edited != text
    path.write_text(edited)
    error = icebridge.refuse("run", path, code="plan-broken")
    assert str(path) in error["object"]
    assert error["hint"]
    assert icebridge.run("jobs") == []
    assert files(tmp_path / "managed") == {}


def test_a_plan_that_is_not_there_is_told(icebridge: Icebridge, tmp_path: Path) -> None:
    assert icebridge.refuse("run", tmp_path / "none.json", code="plan-broken")["hint"]


def test_a_plan_of_another_state_folder_names_the_catalog(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    plan = route.plan("clone")
    error = fresh(tmp_path / "other").refuse("run", plan["path"], code="catalog-not-found")
    assert "foreign" in json.dumps(error)
    assert error["hint"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Icebridge, Path]:
    """A verified bundle of three migrated tables."""
    folder = tmp_path_factory.mktemp("bundle")
    catalog = sqlite_catalog(folder / "source")
    for name in ("a", "b", "c"):
        plain(catalog, f"shop.{name}")
    cli = fresh(folder / "state")
    cli.connect_sql("foreign", folder / "source" / "catalog.db")
    cli.connect_embedded("managed", folder / "managed")
    Route(cli).migrate("clone")
    cli.run("audit", "export", "--out", folder / "bundle")
    verdict = cli.run("audit", "verify", folder / "bundle")
    assert verdict["intact"], verdict
    return cli, folder / "bundle"


def in_file(name: str, change: Callable[[str], str], seal: bool = False) -> Callable[[Path], None]:
    """Change a file's text; `seal`: and make the manifest agree, as a careful forger does."""

    def tamper(folder: Path) -> None:
        path = next(folder.glob(name))
        text = path.read_text()
        changed = change(text)
        assert changed != text
        path.write_text(changed)
        if seal:
            reseal(folder, path)

    return tamper


def reseal(folder: Path, path: Path) -> None:
    """Give the manifest the file's new size and SHA-256."""
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["path"] == str(path.relative_to(folder)):
            data = path.read_bytes()
            entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """A change of the journal's lines."""
    return lambda text: "".join(change(text.splitlines(keepends=True)))


def other_digest(text: str) -> str:
    """Another row digest, of the right length."""
    found = re.search(r'"digest": ?"([0-9a-f]{64})"', text)
    assert found
    return text.replace(found.group(1), "0" * 64)


TAMPERING: dict[str, Callable[[Path], None]] = {
    "evidence changed": in_file("tables/*.json", other_digest),
    "evidence changed and sealed": in_file("tables/*.json", other_digest, seal=True),
    "rows changed and sealed": in_file("tables/*.json", lambda t: re.sub(r'"rows": ?10', '"rows": 11', t), seal=True),
    "entry dropped": in_file("journal.jsonl", lines(lambda all_: all_[:5] + all_[6:]), seal=True),
    "last entry dropped": in_file("journal.jsonl", lines(lambda all_: all_[:-1]), seal=True),
    "entries swapped": in_file("journal.jsonl", lines(lambda a: [*a[:3], a[4], a[3], *a[5:]]), seal=True),
    "entry changed": in_file("journal.jsonl", lambda t: t.replace("shop.a", "shop.z"), seal=True),
    "entry repeated": in_file("journal.jsonl", lines(lambda all_: [*all_, all_[-1]]), seal=True),
    "journal cut off": in_file("journal.jsonl", lambda t: t[:-20], seal=True),
    "plan changed": in_file("plan.json", lambda t: t.replace("shop.a", "shop.z"), seal=True),
    "summary changed": in_file("summary.md", lambda t: t + "\nAll is well.\n", seal=True),
    "page changed": in_file("summary.html", lambda t: t.replace("shop", "store"), seal=True),
    "environment changed": in_file("environment.json", lambda t: t.replace('"version"', '"versiom"', 1) + " "),
    "totals changed": in_file("manifest.json", lambda t: re.sub(r'"migrated": ?3', '"migrated": 4', t)),
    "head changed": in_file("manifest.json", lambda t: re.sub(r'"journal_head": ?"[0-9a-f]', '"journal_head": "x', t)),
    "file added": lambda folder: (folder / "extra.txt").write_text("hello") and None,
    "evidence added": lambda folder: shutil.copy(next(folder.glob("tables/*")), folder / "tables" / "z.json") and None,
    "file removed": lambda folder: (folder / "summary.html").unlink(),
    "evidence removed": lambda folder: next(folder.glob("tables/*")).unlink(),
    "file replaced by a link": lambda folder: link(folder / "summary.md"),
}


def link(path: Path) -> None:
    """The same content, but from elsewhere."""
    elsewhere = path.parent.parent / "elsewhere.md"
    shutil.copy(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("how", TAMPERING)
def test_a_tampered_bundle_is_found_out(how: str, bundle: tuple[Icebridge, Path], tmp_path: Path) -> None:
    cli, whole = bundle
    copy = tmp_path / "bundle"
    shutil.copytree(whole, copy)
    TAMPERING[how](copy)
    done = cli.outcome("audit", "verify", copy)
    assert done.code == 1, done.stdout
    failed = [check for check in done.json["checks"] if not check["passed"]]
    assert not done.json["intact"]
    assert failed
    assert all(check["detail"] for check in failed)


def test_a_bundle_is_verified_where_nothing_else_is_known(bundle: tuple[Icebridge, Path], tmp_path: Path) -> None:
    """A third party has the bundle alone."""
    moved = tmp_path / "received"
    shutil.copytree(bundle[1], moved)
    assert fresh(tmp_path / "third").run("audit", "verify", moved)["intact"]


@pytest.mark.parametrize("content", [None, "", "{}", '{"bundle_version": 99}', "\x00\xff"])
def test_what_is_no_bundle_is_told(content: str | None, icebridge: Icebridge, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "manifest.json").write_text(content)
    error = icebridge.refuse("audit", "verify", tmp_path / "b", code="bundle-broken")
    assert str(tmp_path / "b") in error["object"]
    assert error["hint"]


# Places


def test_s3_out_of_reach_is_told(icebridge: Icebridge) -> None:
    secrets = {"s3.access-key-id": "AKIAICEBRIDGETEST000", "s3.secret-access-key": "x" * 40}
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


# The state


@pytest.fixture
def many(tmp_path: Path, icebridge: Icebridge) -> Iterator[tuple[Route, dict[str, Any]]]:
    """A plan that takes a moment."""
    catalog = sqlite_catalog(tmp_path / "source")
    table = plain(catalog, "shop.t0")
    for number in range(1, 40):
        catalog.register_table(f"shop.t{number}", table.metadata_location)
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    icebridge.connect_embedded("managed", tmp_path / "managed")
    route = Route(icebridge)
    yield route, route.plan("clone")


STATES: dict[str, Callable[[Path], None]] = {
    "garbage": lambda path: path.write_bytes(os.urandom(8192)) and None,
    "text": lambda path: path.write_text("this is my diary\n" * 100) and None,
    "of another program": lambda path: (
        sqlite_catalog(path.parent / "x") and shutil.copy(path.parent / "x" / "catalog.db", path) and None
    ),
}


@pytest.mark.parametrize("what", STATES)
def test_a_state_that_is_not_ours_is_refused_and_left_alone(what: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    STATES[what](state / "state.db")
    before = (state / "state.db").read_bytes()
    error = Icebridge(state).refuse("catalog", "list", code="state-broken")
    assert str(state) in error["object"]
    assert error["hint"]
    assert (state / "state.db").read_bytes() == before


def test_a_state_that_was_damaged_is_told(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    connected(icebridge, small, tmp_path / "managed").migrate("clone")
    database = icebridge.state / "state.db"
    for rest in ("-wal", "-shm"):
        assert not Path(f"{database}{rest}").exists() or Path(f"{database}{rest}").stat().st_size == 0
    data = bytearray(database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    database.write_bytes(data)
    for command in (["jobs"], ["catalog", "list"], ["audit", "export", "--out", str(tmp_path / "b")]):
        done = icebridge.outcome(*command)
        assert (done.code, done.json["code"]) == (1, "state-broken"), done.stdout
        assert done.json["hint"]


def test_a_journal_that_was_changed_is_not_exported(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    connected(icebridge, small, tmp_path / "managed").migrate("clone")
    with sqlite3.connect(icebridge.state / "state.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        changed = database.execute("UPDATE journal SET body = replace(body, 'committed', 'forgotten')").rowcount
    database.close()
    assert changed
    done = icebridge.outcome("audit", "export", "--out", tmp_path / "bundle")
    assert done.code == 1, done.stdout
    assert done.json["code"] == "state-broken"
    assert done.json["hint"]


# Nonsense


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Icebridge:
    """A state with a source that was inventoried, and a target."""
    folder = tmp_path_factory.mktemp("ready")
    plain(sqlite_catalog(folder / "source"), "shop.few")
    cli = fresh(folder / "state")
    cli.connect_sql("foreign", folder / "source" / "catalog.db")
    cli.connect_embedded("managed", folder / "managed")
    cli.run("inventory", "foreign")
    return cli


def test_people_read_it_on_standard_error(ready: Icebridge) -> None:
    """Without --json: the message, the object, the hint and the code, and nothing on standard output."""
    done = subprocess.run(
        ready.command("table", "facts", "foreign", "shop.none"),
        capture_output=True,
        text=True,
        env=ready.env(),
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    for word in ("table-not-found", "shop.none"):
        assert word in done.stderr
    assert "panicked" not in done.stderr
