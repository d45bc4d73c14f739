"""Migrated tables that are kept up with their sources, and what every round of `icebridge sync` must hold to."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.cli import Icebridge, Outcome
from tests.harness.route import Route

File = tuple[int, int, int]
Files = dict[str, File]
DELETES = ("-deletes.parquet", "-deletes.puffin", "-deletes.avro", "-deletes.orc")
UP_TO_DATE = "up_to_date"
UNIT_MAP = "/icebridge-units-"
HALF = ".icebridge-part"
# Of small tables: who takes longer hangs.
SECONDS = 30


@dataclass
class KeptUp:
    """A run whose tables are synced: a foreign lakehouse, a managed catalog and the state folder between them."""

    cli: Icebridge
    source: Path
    target: Path
    plan: str = ""
    # Delete files that the last sync wrote again.
    again: set[str] = field(default_factory=set)

    @property
    def route(self) -> Route:
        """The way of the run."""
        return Route(self.cli)

    def connect(self) -> KeptUp:
        """Make both catalogs known."""
        self.cli.connect_sql("foreign", self.source / "catalog.db")
        self.cli.connect_embedded("managed", self.target)
        return self

    def migrate(self, mode: str, tables: Iterable[str] = (), *extra: str) -> dict[str, Any]:
        """The whole way for these tables, or for all; every planned table must arrive. Returns the plan."""
        self.cli.run("inventory", "foreign", *(word for table in tables for word in ("--only", table)))
        planned = self.route.replan(mode, "--max-commits-per-min", "100000", *extra)
        self.plan = planned["path"]
        self.route.run(planned).succeeded()
        return planned["plan"]

    def outcome(self, *arguments: str) -> Outcome:
        """One sync whatever comes of it, though its exit code must say what it says."""
        done = self.cli.outcome("sync", *arguments, seconds=SECONDS)
        if "tables" in done.json:
            up_to_date = all(table["state"] == UP_TO_DATE for table in done.json["tables"])
            assert done.code == (0 if up_to_date else 1), done
        return done

    def sync(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """One sync, by source table. The source is left alone, and of the target no file is written again or lost."""
        source, target = files(self.source / "warehouse"), files(self.target / "warehouse")
        deletes = {path: (self.target / "warehouse" / path).read_bytes() for path in target if path.endswith(DELETES)}
        done = self.outcome(*arguments)
        assert files(self.source / "warehouse") == source, "a sync touched the source"
        now = files(self.target / "warehouse")
        again = {path for path, was in target.items() if now.get(path) != was}
        # Delete files are made by us: one may be made again for another manifest, though never as other bytes.
        self.again = again & set(deletes) & set(now)
        for path in self.again:
            assert (self.target / "warehouse" / path).read_bytes() == deletes[path], f"{path} has other bytes now"
        again -= self.again
        assert not again, f"files of the target were written again, or are gone: {again}"
        tables = {table["source"]: table for table in done.json["tables"]}
        rounds = [table["made"] for table in tables.values() if "made" in table]
        new = now.keys() - target.keys()
        assert sum(path.endswith(".metadata.json") for path in new) >= len(rounds)
        if all(table["state"] == UP_TO_DATE for table in tables.values()):
            content = [path for path in new if not path.endswith((".metadata.json", ".avro"))]
            assert len(content) + len(self.again) == sum(made["files_copied"] for made in rounds), content
            assert sum(path.endswith(".metadata.json") for path in new) == len(rounds)
        return tables

    def up_to_date(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """One sync after which every table is up to date."""
        tables = self.sync(*arguments)
        bad = {name: table for name, table in tables.items() if table["state"] != UP_TO_DATE}
        assert not bad, json.dumps(bad, indent=1)
        for table in tables.values():
            assert table["synced_snapshot_id"] == table["source_snapshot_id"]
            assert table["lag"]["snapshots"] == 0
            assert all(check["passed"] for check in table.get("made", {}).get("checks", ()))
        return tables

    def stopped(self, table: str, code: str, *arguments: str, state: str = "stopped") -> dict[str, Any]:
        """One sync that leaves a table as it is, for this reason, and says what to do about it."""
        target = files(self.target / "warehouse")
        told = {one["source"]: one for one in self.outcome(*arguments).json["tables"]}[table]
        assert (told["state"], told["error"]["code"]) == (state, code), told
        assert told["error"].get("hint") and told["error"].get("object"), told["error"]
        if state == "stopped":
            folder = f"/{table.split('.')[-1]}-"
            new = [path for path in files(self.target / "warehouse").keys() - target.keys() if folder in path]
            assert not new, new
        return told

    def journal(self) -> list[dict[str, Any]]:
        """Every entry of the state's journal."""
        with closing(sqlite3.connect(f"file:{self.cli.state / 'state.db'}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT ident, kind, body FROM journal ORDER BY sequence").fetchall()
        return [{"table": table, "kind": kind, **json.loads(body)} for table, kind, body in rows]

    def committed(self, table: str) -> list[dict[str, Any]]:
        """The rounds of a table that the journal has as committed."""
        steps = [one for one in self.journal() if (one["table"], one["kind"]) == (table, "table.synced")]
        return [step for step in steps if step["stage"] == "committed"]

    def state(self) -> dict[str, list[Any]]:
        """All that the state folder's database holds, but for the pages that are made of it."""
        with closing(sqlite3.connect(f"file:{self.cli.state / 'state.db'}?mode=ro", uri=True)) as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            kept = [name for (name,) in names if not name.startswith(("view", "sqlite"))]
            return {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in kept}

    def pointer(self, table: str) -> str:
        """The metadata file that the managed catalog shows for a table."""
        namespace, name = table.split(".")
        sql = "SELECT metadata_location FROM iceberg_tables WHERE table_namespace = ? AND table_name = ?"
        with closing(sqlite3.connect(self.target / "catalog.db")) as database:
            return str(database.execute(sql, (namespace, name)).fetchone()[0])


def files(folder: Path) -> Files:
    """Every file below a folder with its inode, size and time: what is written again shows.

    Not the maps of rewritten tables, of which there are two at most, nor what a kill left half written.
    """
    found = {str(path.relative_to(folder)): file(path) for path in folder.rglob("*") if path.is_file()}
    return {path: what for path, what in found.items() if UNIT_MAP not in path and not path.endswith(HALF)}


def file(path: Path) -> File:
    """What tells one writing of a file from another."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
