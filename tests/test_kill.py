"""A run may die at any instruction: killed, resumed, killed again, it ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.harness.cli import Icebridge, Outcome, fresh
from tests.harness.judged import pyiceberg_catalog

MODES = ("clone", "rewrite")
TABLES = 12
APPENDS = 6
ROWS = 30_000
KILLS = 20
# One file at a time, rows decoded: a run that takes long enough to be hit in all of its parts.
ONE_BY_ONE = (
    *("--max-parallel-writers", "1"),
    *("--max-parallel-tables", "3"),
    *("--max-commits-per-min", "600"),
    "--always-decode",
)
MINUTES = 60.0


@dataclass(frozen=True)
class Source:
    """Foreign tables as PyIceberg wrote them, and the hash of every file of them."""

    folder: Path
    hashes: dict[str, str]
    rows: dict[str, pa.Table]
    snapshots: dict[str, dict[int, int]]


@dataclass(frozen=True)
class Way:
    """A state folder and a target of its own, with the plan made; names are the same each time, so the plan is too."""

    cli: Icebridge
    target: Path
    plan: str


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Twelve tables with a history: appends with rows twice among them, rows deleted, a column renamed."""
    folder = tmp_path_factory.mktemp("kill-source")
    catalog = SqlCatalog(
        "foreign", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=f"file://{folder / 'warehouse'}"
    )
    for number in range(TABLES):
        write(catalog, ("shop", "web", "ops")[number % 3], f"t{number:02}", number)
    rows, snapshots = {}, {}
    for name in sorted(names(catalog)):
        table = catalog.load_table(name)
        rows[".".join(name)] = content(table)
        snapshots[".".join(name)] = history(table)
    catalog.engine.dispose()
    return Source(folder, hashes(folder), rows, snapshots)


def write(catalog: SqlCatalog, namespace: str, name: str, seed: int) -> None:
    """One table. Its text hardly compresses, so that its files have a size."""
    catalog.create_namespace_if_not_exists(namespace)
    made = random.Random(seed)
    table: Table | None = None
    for day in range(APPENDS):
        batch = plain_columns(day).append_column("text", noise(made))
        batch = pa.concat_tables([batch, *[batch.slice(0, 1)] * 5])
        table = table or catalog.create_table((namespace, name), batch.schema)
        table.append(batch)
    assert table is not None
    table.delete(f"id >= {ROWS // 2} and id < {ROWS // 2 + 200}")
    with table.update_schema() as change:
        change.rename_column("price", "amount")


@functools.cache
def plain_columns(day: int) -> pa.Table:
    """The columns that all tables share."""
    ids = range(day * ROWS, (day + 1) * ROWS)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "day": pa.array([day] * ROWS, pa.int32()),
            "price": pa.array([n / 7 for n in ids], pa.float64()),
            "tags": pa.array([[f"t{n % 5}"] * (n % 3) for n in ids], pa.list_(pa.string())),
        }
    )


def noise(made: random.Random) -> pa.Array:
    """Texts of 48 digits, some of them null."""
    offsets = pa.array(range(0, 48 * (ROWS + 1), 48), pa.int32()).buffers()[1]
    texts = pa.StringArray.from_buffers(ROWS, offsets, pa.py_buffer(made.randbytes(24 * ROWS).hex().encode()))
    return pc.if_else(pa.array([n % 9 == 0 for n in range(ROWS)]), pa.scalar(None, pa.string()), texts)


def names(catalog: SqlCatalog) -> list[tuple[str, ...]]:
    """All tables of a catalog."""
    return [table for namespace in catalog.list_namespaces() for table in catalog.list_tables(namespace)]


def content(table: Table) -> pa.Table:
    """All rows as PyIceberg reads them, in an order of their own. Rows of the same id are the same in all columns."""
    return table.scan().to_arrow().combine_chunks().sort_by("id")


def history(table: Table) -> dict[int, int]:
    """The row count of each snapshot."""
    return {s.snapshot_id: table.scan(snapshot_id=s.snapshot_id).count() for s in table.metadata.snapshots}


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder with its SHA-256."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def prepared(folder: Path, source: Source, mode: str) -> Way:
    """Everything up to the run."""
    cli = fresh(folder / "state")
    target = folder / "managed"
    cli.connect_sql("foreign", source.folder / "catalog.db")
    cli.connect_embedded("managed", target)
    plan = cli.plan("foreign", "managed", mode, *ONE_BY_ONE)
    assert len(plan["plan"]["tables"]) == TABLES, plan["plan"]["left_out"]
    assert {table["mode"] for table in plan["plan"]["tables"]} == {mode}
    return Way(cli, target, plan["path"])


class Process:
    """A command at work, in a process group of its own."""

    def __init__(self, cli: Icebridge, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            cli.command(*arguments, "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=cli.env(),
            start_new_session=True,
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """No chance to tidy up."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.communicate()

    def wait(self, seconds: float = MINUTES) -> Outcome:
        """Let it end by itself."""
        out, err = self.popen.communicate(timeout=seconds)
        return Outcome(self.popen.returncode, out, err)

    def killed_after(self, seconds: float) -> bool:
        """Kill it then, unless it has ended: whether the kill hit."""
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.popen.returncode == -signal.SIGKILL
        return False


def begin_or_resume(way: Way) -> list[str]:
    """What a person types after a crash."""
    return ["run", "--resume"] if way.cli.run("runs") else ["run", way.plan]


@dataclass(frozen=True)
class Reference:
    """A run that nobody disturbed."""

    way: Way
    seconds: float
    files: Counter[str]


@pytest.fixture(scope="module")
def references(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reference]:
    """The undisturbed run of a mode, made when first asked for."""
    made: dict[str, Reference] = {}

    def reference(mode: str) -> Reference:
        if mode not in made:
            way = prepared(tmp_path_factory.mktemp(f"reference-{mode}"), source, mode)
            began = time.monotonic()
            way.cli.run("run", way.plan)
            seconds = time.monotonic() - began
            judge(way, source, mode)
            made[mode] = Reference(way, seconds, kinds(way.target))
        return made[mode]

    return reference


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_twenty_instants(
    mode: str, source: Source, references: Callable[[str], Reference], tmp_path: Path
) -> None:
    reference = references(mode)
    dice = random.Random(f"kill {mode}")
    hits = journeys = 0
    seen: Counter[str] = Counter()
    while hits < KILLS:
        journeys += 1
        assert journeys <= KILLS, f"only {hits} kills hit in {journeys - 1} journeys"
        way = prepared(tmp_path / str(journeys), source, mode)
        # The first kill anywhere in the whole, later ones soon after the resume: in its first steps, and further on.
        delay = dice.uniform(0.02, reference.seconds)
        while hits < KILLS:
            with Process(way.cli, *begin_or_resume(way)) as process:
                if not process.killed_after(delay):
                    break
            hits += 1
            seen.update(left_behind(way))
            delay = dice.choice((dice.uniform(0.02, 0.3), dice.uniform(0.1, reference.seconds / 2)))
        finish(way)
        judge(way, source, mode)
        assert kinds(way.target) == reference.files
    print(f"{mode}: {hits} kills in {journeys} journeys, undisturbed {reference.seconds:.1f} s; tables then: {seen}")
    assert seen["copying"] and seen["migrated"], f"no kill hit in the middle: {seen}"
    assert hashes(source.folder) == source.hashes, "the source was touched"


def left_behind(way: Way) -> set[str]:
    """The tables' states after a kill, which is seen for what it is."""
    runs = way.cli.run("runs")
    if not runs:
        return {"no run yet"}
    states = {table["state"] for table in way.cli.run("status")["tables"]}
    [run] = runs
    # A kill may hit a run that has written down its end and has yet to print it.
    ended = run["state"] == "succeeded" and states == {"migrated"}
    assert ended or run["state"] == "interrupted", (run, states)
    return states


def finish(way: Way) -> None:
    """Let the last resume come to its end; a run that has ended already may be asked once more."""
    view = way.cli.run(*begin_or_resume(way))
    assert view["state"] == "succeeded", view
    assert len(way.cli.run("runs")) == 1, "a resume goes on with the run and makes no other"


def judge(way: Way, source: Source, mode: str) -> None:
    """The target holds every table once, with all of its rows, and not one file that no table needs."""
    view = way.cli.run("status")
    assert {table["source"]: table["state"] for table in view["tables"]} == dict.fromkeys(source.rows, "migrated")
    for table in view["tables"]:
        assert table["validation"]["passed"] and table["error"] is None, table["source"]
    with contextlib.closing(sqlite3.connect(way.target / "catalog.db")) as database:
        found = database.execute("SELECT catalog_name, table_namespace, table_name FROM iceberg_tables").fetchall()
    assert sorted(found) == sorted(("icebridge", *name.split(".")) for name in source.rows)
    catalog = pyiceberg_catalog(way.target)
    needed: set[Path] = set()
    for name, rows in source.rows.items():
        table = catalog.load_table(name)
        assert content(table).equals(rows), f"{name}: PyIceberg reads other rows"
        if mode == "clone":
            assert history(table) == source.snapshots[name], name
        else:
            assert len(table.metadata.snapshots) == 1, name
        needed |= set(reachable(table))
        if units := table.properties.get("icebridge.unit-map"):
            needed.add(local(f"{table.location()}/{units}"))
    catalog.engine.dispose()
    there = {path for path in (way.target / "warehouse").rglob("*") if path.is_file()}
    assert needed - there == set(), "files that a table needs are missing"
    assert there - needed == set(), "files that no table needs"
    assert {path.name for path in way.target.iterdir()} <= {"warehouse", "catalog.db"}, list(way.target.iterdir())
    proved(way)


def reachable(table: Table) -> Iterator[Path]:
    """Every file that the table's current metadata leads to."""
    yield local(table.metadata_location)
    for entry in table.metadata.metadata_log:
        yield local(entry.metadata_file)
    for statistics in table.metadata.statistics:
        yield local(statistics.statistics_path)
    for snapshot in table.metadata.snapshots:
        yield local(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            yield local(manifest.manifest_path)
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                yield local(entry.data_file.file_path)


def local(location: str) -> Path:
    """A location as a path."""
    return Path(location.removeprefix("file://").removeprefix("file:"))


def kinds(target: Path) -> Counter[str]:
    """How many files of which kind each table has: names hold hashes and numbers that may differ."""
    warehouse = target / "warehouse"
    paths = (path.relative_to(warehouse) for path in warehouse.rglob("*") if path.is_file())
    return Counter(f"{path.parts[0]}: {path.parent.name}/*{path.suffix}" for path in paths)


def proved(way: Way) -> None:
    """The journal's chain and the evidence hold."""
    folder = way.cli.state.parent / f"bundle-{time.monotonic_ns()}"
    way.cli.run("audit", "export", "--out", folder)
    verdict = way.cli.run("audit", "verify", folder)
    assert verdict["intact"] and verdict["migrated"] == TABLES, verdict
    journal = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [entry["sequence"] for entry in journal] == list(range(1, len(journal) + 1))


@pytest.mark.parametrize("mode", MODES)
def test_cancelled_and_resumed(
    mode: str, source: Source, references: Callable[[str], Reference], tmp_path: Path
) -> None:
    reference = references(mode)
    way = prepared(tmp_path, source, mode)
    with Process(way.cli, "run", way.plan) as process:
        time.sleep(reference.seconds / 2)
        process.popen.send_signal(signal.SIGINT)
        ended = process.wait()
    assert ended.code == 1, ended
    view = way.cli.run("status")
    assert view["state"] == "cancelled", view
    states = Counter(table["state"] for table in view["tables"])
    assert set(states) <= {"migrated", "cancelled"} and states["cancelled"], states
    finish(way)
    judge(way, source, mode)
    assert kinds(way.target) == reference.files


def test_two_runs_at_once(source: Source, tmp_path: Path) -> None:
    way = prepared(tmp_path, source, "rewrite")
    with Process(way.cli, "run", way.plan) as first:
        limit = time.monotonic() + 20
        while not any(run["state"] == "running" for run in way.cli.run("runs")):
            assert time.monotonic() < limit and first.popen.poll() is None, "the first run was not seen at work"
        began = time.monotonic()
        for arguments in (["run", way.plan], ["run", "--resume"]):
            error = refused(way.cli, *arguments)
            assert error["hint"]
        assert time.monotonic() - began < 10
        assert first.popen.poll() is None, "too fast to be met: make the tables larger"
        assert first.wait().code == 0
    assert len(way.cli.run("runs")) == 1
    judge(way, source, "rewrite")


def refused(cli: Icebridge, *arguments: str) -> dict[str, Any]:
    """The state is somebody else's at the moment."""
    return cli.refuse(*arguments, code="state-locked")
