"""The command line: `python -m tests.fuzz_tables [--seed N] [--tables N] [--minutes M] [--only INDEX] [--keep DIR]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz_tables import synced
from tests.fuzz_tables.batch import Engines
from tests.fuzz_tables.fuzz import BATCH, Fuzz, histories
from tests.fuzz_tables.history import make, of
from tests.fuzz_tables.tally import Tally
from tests.lakehouse.registry import dumps


def main(arguments: list[str] | None = None) -> int:
    """Try tables and report; 1 where somebody disagrees."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_tables", description=__doc__)
    parser.add_argument("--seed", default="1", help="everything derives from it")
    parser.add_argument("--first", type=int, default=0, metavar="INDEX", help="begin with this table")
    parser.add_argument("--tables", type=int, default=100, metavar="N")
    parser.add_argument("--minutes", type=float, help="stop after the batch in which the time ends")
    parser.add_argument("--only", type=int, metavar="INDEX", help="replay one table, and say what was done")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="replay a history that was kept")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where failing histories are kept")
    parser.add_argument("--batch", type=int, default=BATCH, metavar="N", help="tables in one warehouse")
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="scratch (default: a temporary folder); one table by itself is left there",
    )
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--sync", action="store_true", help="copy each table early in its life, and sync it ever after")
    given = parser.parse_args(arguments)
    # For queries this small, compiling them well takes longer than it saves.
    os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.work) as scratch:
        one = given.only is not None or given.replay is not None
        folder = given.work / "one" if one and given.work else Path(scratch)
        fuzz = Fuzz(Engines(folder.resolve()), Tally(given.seed), keep=given.keep, shrinks=not given.no_shrink)
        try:
            if given.sync:
                return _synced(fuzz.engines, given)
            if one:
                return _one(fuzz, given)
            fuzz.run(histories(given.seed, given.first, given.tables), given.minutes, given.batch)
        finally:
            fuzz.engines.stop()
        print("\n".join(fuzz.tally.lines()))
        return 1 if fuzz.failures or fuzz.complaints else 0


def _synced(engines: Engines, given: argparse.Namespace) -> int:
    one = of(json.loads(given.replay.read_text(encoding="utf-8"))) if given.replay else None
    if one is None and given.only is not None:
        one = make(given.seed, given.only)
    if one:
        print(dumps(one.plain()))
        tally = synced.alone(engines, one)
    else:
        tally = synced.run(engines, histories(given.seed, given.first, given.tables), given.batch, given.minutes)
    print("\n".join([*tally.found, *tally.lines()]))
    return 1 if tally.found else 0


def _one(fuzz: Fuzz, given: argparse.Namespace) -> int:
    history = of(json.loads(given.replay.read_text(encoding="utf-8"))) if given.replay else make(given.seed, given.only)
    print(dumps(history.plain()))
    case, found = fuzz.alone(history, hold=given.work is not None)
    print("\n".join(case.bench.done))
    for point in case.points:
        told = f"ours {point.ours}; Spark {point.spark}; PyIceberg {point.pyiceberg}; DuckDB {point.duck}"
        print(f"{point.what}: {told}")
    for mode, end in case.ends.items():
        print(f"{mode}: {end.state} {' '.join(end.codes)} {end.message}")
        print(*(f"  {what}: {read}" for (of_mode, what), read in case.copies.items() if of_mode == mode), sep="\n")
    for difference in found:
        print(f"DIFFERENCE {difference.kind}, {difference.what}: {difference.text}")
    fuzz.tally.add(case, found, fuzz.judged(case)[1])
    print(fuzz.tally.lines()[-1])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
