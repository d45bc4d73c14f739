"""Random tables that live on after they were copied: an operation on each, one sync of all, and both sides compared."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.fuzz_tables.batch import Case, Engines, points
from tests.fuzz_tables.bench import NAMESPACE, Bench
from tests.fuzz_tables.carry_out import carry_out, operate
from tests.fuzz_tables.compare import truth
from tests.fuzz_tables.history import History
from tests.fuzz_tables.journey import Journey, source, travel
from tests.fuzz_tables.known import fixed_partition
from tests.fuzz_tables.readings import Point, Read, by_pyiceberg, by_spark, by_us
from tests.harness.judged import Migrated
from tests.harness.kept_up import DELETES, UP_TO_DATE, KeptUp, files
from tests.lakehouse.judge import Judge
from tests.lakehouse.registry import local

MODES = ("clone", "register", "rewrite")
# Whose registered copy is read too.
REGISTERED = 3
HOURS = 12
# Positions of deletes that name no file: somebody has to decide about them before a copy, and here is nobody to ask.
DANGLING = "IB-F113"


@dataclass
class Tally:
    """What was tried."""

    tables: int = 0
    rounds: int = 0
    readings: int = 0
    unread: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def lines(self) -> list[str]:
        """For people."""
        seconds = time.monotonic() - self.begun
        return [
            f"{self.tables} tables, {self.rounds} rounds in {seconds:.0f} s; compared by {dict(self.compared)}",
            f"{self.readings} states read on both sides, {self.unread} read by nobody but us",
            f"operations that a round brought: {dict(self.operations.most_common())}",
            f"not synced, for a reason: {dict(self.refused)}",
            f"{len(self.found)} differences",
        ]


@dataclass
class Copies:
    """The copies of one mode, and who of the cases has one."""

    mode: str
    journey: Journey
    kept: KeptUp
    migrated: Migrated
    cases: list[Case]
    # Tables whose last round did not come to its end: what it left behind is written again by the next.
    unsettled: set[str] = field(default_factory=set)


class Lives:
    """A batch of tables that are synced."""

    def __init__(self, engines: Engines, folder: Path, histories: Sequence[History], tally: Tally) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.engines, self.folder, self.tally = engines, folder, tally
        self.session = engines.session(folder)
        self.cases = [
            Case(history, Bench(self.session, engines.java, engines.positions, folder, history.name))
            for history in histories
        ]

    def run(self) -> None:
        """Begin all tables, copy them, and follow each through the rest of its life."""
        for case in self.cases:
            try:
                carry_out(case.bench, replace(case.history, operations=case.history.operations[:1]))
            except Exception as cause:  # a table that no engine makes is none of ours
                case.not_made = str(cause)
        made = [case for case in self.cases if not case.not_made]
        if not made:
            return
        self.tally.tables += len(made)
        both = [copies for mode in MODES if (copies := self._copied(mode, made))]
        for place in range(1, max(len(case.history.operations) for case in made)):
            done = {}
            for case in made:
                if place < len(case.history.operations):
                    case.bench.say(f"-- operation {place}")
                    left_out = operate(case.bench, case.history, place)
                    if case.history.operations[place]["op"] == "form":
                        as_another_file(case.bench)
                    done[case.history.index] = case.history.operations[place]["op"] + (" (failed)" if left_out else "")
            for copies in both:
                self._round(copies, place, done)
        for copies in both:
            self._end(copies)

    def _copied(self, mode: str, made: Sequence[Case]) -> Copies | None:
        journey = travel(self.folder, mode, [case.history for case in made])
        self.tally.found += [f"{mode}: {complaint}" for complaint in journey.complaints]
        ends = journey.ends
        there = [case for case in made if ends[case.history.index].state == "migrated"]
        if not there:
            return None
        migrated = Migrated(self.engines.spark, self.engines.java, journey.target)
        self.engines.prepare(migrated.spark)
        kept = KeptUp(journey.cli, self.folder, journey.target)
        return Copies(mode, journey, kept, migrated, there)

    def _round(self, copies: Copies, place: int, done: dict[int, str]) -> None:
        """One sync of all tables; those that had an operation are read on both sides."""
        tables = self._sync(copies, f"step {place}")
        for case in copies.cases:
            what = f"{copies.mode}, step {place} {done.get(case.history.index, '')}"
            told = tables.get(source(case.history))
            if told is None:
                self._found(case, what, "the sync does not tell of the table")
            elif told["state"] != UP_TO_DATE:
                self._refused(case, what, told)
            elif "made" in told:
                self.tally.rounds += 1
                self.tally.compared[told["made"]["compared"]] += 1
                self.tally.operations[done.get(case.history.index, "a round of its own")] += 1
                read = by_us(copies.journey.cli, "foreign", case.bench.name, None)
                if (read.rows, read.digest) != (told["made"]["rows"], told["made"]["digest"]):
                    self._found(case, what, f"the round says {told['made']}, and the source is {read}")
            if told and case.history.index in done and self._is_read(copies, case) and told["state"] == UP_TO_DATE:
                self._compare(copies, case, what, None)

    def _sync(self, copies: Copies, what: str) -> dict[str, dict[str, Any]]:
        warehouse = copies.kept.target / "warehouse"
        ours, theirs = files(warehouse), files(self.folder / "warehouse")
        deletes = {path: (warehouse / path).read_bytes() for path in ours if path.endswith(DELETES)}
        try:
            done = copies.kept.outcome().json
        except Exception as cause:
            self.tally.found.append(f"{self.folder.name} {copies.mode}, {what}: {cause}")
            return {}
        if "tables" not in done:
            self.tally.found.append(f"{self.folder.name} {copies.mode}, {what}: {done}")
            return {}
        now = files(warehouse)
        for path, was in ours.items():
            same = path in deletes and (warehouse / path).is_file() and (warehouse / path).read_bytes() == deletes[path]
            unsettled = path.startswith(tuple(copies.unsettled))
            if now.get(path) != was and not same and not unsettled:
                self.tally.found.append(f"{self.folder.name} {copies.mode}, {what}: {path} was written again")
        if files(self.folder / "warehouse") != theirs:
            self.tally.found.append(f"{self.folder.name} {copies.mode}, {what}: the source was touched")
        copies.unsettled = {
            f"{table['target'].replace('.', '/')}-" for table in done["tables"] if table["state"] != UP_TO_DATE
        }
        return {table["source"]: table for table in done["tables"]}

    def _refused(self, case: Case, what: str, told: dict[str, Any]) -> None:
        error = told.get("error") or {}
        if fixed_partition(case.bench):
            self.tally.refused["a fixed partition value"] += 1
        elif error.get("code") == "unsupported":
            self.tally.refused[f"unsupported: {error['message']}"] += 1
        elif DANGLING in str(error):
            self.tally.refused[DANGLING] += 1
        else:
            self._found(case, what, f"{told['state']}: {json.dumps(error)}")

    def _is_read(self, copies: Copies, case: Case) -> bool:
        return copies.mode != "register" or case.history.index % REGISTERED == 0

    def _compare(self, copies: Copies, case: Case, what: str, snapshot: int | None) -> None:
        expected, found = self._reads(copies, case, snapshot)
        if expected is None:
            self.tally.unread += 1
            return
        self.tally.readings += 1
        if not found.same(expected) or found.schema != expected.schema:
            told = f"{found} {found.schema} instead of {expected} {expected.schema}"
            self._found(case, what, f"at {snapshot or 'now'} {told}")

    def _reads(self, copies: Copies, case: Case, snapshot: int | None) -> tuple[Read | None, Read]:
        """The source and the copy by the first engine that can read the source."""
        name, target = case.bench.name, (NAMESPACE, case.history.target)
        try:
            spark = by_spark(Judge(case.bench), snapshot)
            if spark.known:
                return spark, by_spark(copies.migrated.judge(*target), snapshot)
            ours = case.bench.pyiceberg()
            python = by_pyiceberg(lambda: ours.load_table(name), snapshot)
            if python.known:
                theirs = copies.migrated.pyiceberg()
                return python, by_pyiceberg(lambda: theirs.load_table(target), snapshot)
            point = Point("", snapshot, spark, python, by_us(copies.journey.cli, "foreign", name, snapshot))
        except Exception as cause:  # the source loads, and the copy does not
            return Read(why="loaded"), Read(why="not loaded", message=str(cause))
        return truth(point) and None, Read()

    def _end(self, copies: Copies) -> None:
        """Validation holds, and older snapshots are the same."""
        done = copies.journey.cli.outcome("validate")
        try:
            tables = {table["source"]: table for table in done.json["tables"]}
        except (ValueError, KeyError):
            tables = {}
            self.tally.found.append(f"{self.folder.name} {copies.mode}: validate said {done}")
        for case in copies.cases:
            table = tables.get(source(case.history), {})
            validation = table.get("validation") or {}
            if table and not (table["state"] == "migrated" and validation.get("passed")):
                bad = [check for check in validation.get("checks", ()) if not check["passed"]]
                self._found(case, f"{copies.mode}, validate", f"{table['state']} {table.get('error')} {bad}")
            behind = f"{NAMESPACE}/{case.history.target}-" in copies.unsettled
            # A rewritten table has snapshots of its own.
            if self._is_read(copies, case) and not behind and copies.mode != "rewrite":
                for what, snapshot in points(case)[1:]:
                    self._compare(copies, case, f"{copies.mode}, the end, {what}", snapshot)

    def _found(self, case: Case, what: str, text: str) -> None:
        self.tally.found.append(f"{case.history.seed}-{case.history.index} {what}: {text[:1500]}")
        print(f"DIFFERENCE {self.tally.found[-1]}", flush=True)

    def clear(self) -> None:
        """Throw the batch away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def as_another_file(bench: Bench) -> None:
    """Forms are put on a metadata file where it is; writers never write one again, and so it is given a new name."""
    now = local(bench.table().operations().current().metadataFileLocation())
    new = now.with_name(f"99999-{uuid.uuid4()}{''.join(now.suffixes[-3 if '.gz' in now.name else -2 :])}")
    now.rename(new)
    with closing(sqlite3.connect(bench.out / "catalog.db")) as catalog, catalog:
        sql = "UPDATE iceberg_tables SET metadata_location = ? WHERE table_namespace = ? AND table_name = ?"
        catalog.execute(sql, (f"file://{new}", *bench.name))


def run(engines: Engines, histories: Iterator[History], size: int, minutes: float | None = None) -> Tally:
    """Batches until the histories end or the time is over."""
    tally = Tally()
    until = time.monotonic() + (minutes or HOURS * 60) * 60
    number = 0
    while part := [history for _, history in zip(range(size), histories, strict=False)]:
        number += 1
        lives = Lives(engines, engines.folder / f"lives-{number}", part, tally)
        lives.run()
        lives.clear()
        print("\n".join(tally.lines()), flush=True)
        if time.monotonic() > until:
            break
    return tally


def alone(engines: Engines, history: History) -> Tally:
    """One table by itself, whose files stay."""
    tally = Tally()
    lives = Lives(engines, engines.folder / "lives", [history], tally)
    lives.run()
    print("\n".join(lives.cases[0].bench.done))
    return tally
