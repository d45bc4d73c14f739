"""Commits a minute by the number of tables at work, against real catalogs: `cargo xtask bench -- conflicts`.

The same small tables are copied into Iceberg's own REST catalog server and into a SQL catalog on PostgreSQL, with more
and more of them at work at the same time, and no limit on commits. A commit that is refused as a conflict, or throttled
is made again: attempts beyond one a table are counted. The curve is what stands behind the settings
`--max-parallel-tables` and `--max-commits-per-min`. At last a run finds the number by itself (`--adaptive`), and is
compared with the best of the curve.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benches.curve import Curve, draw
from benches.many_lake import write
from benches.run import machine, measured
from benches.window import icebridge

AT_WORK = (1, 2, 4, 8, 16, 32, 64)
UNLIMITED = "1000000"
ROUTE = ["--source", "lake", "--target", "managed"]
# What is usual for workspaces, and what the design of the product asked for.
LIMITS = {"usual limit": 600, "highest limit of the design": 800}


@dataclass
class Point:
    """One run of all tables."""

    target: str
    at_work: int
    tables: int
    seconds: float
    attempts: int

    @property
    def per_minute(self) -> float:
        """Tables that were committed."""
        return self.tables / self.seconds * 60

    @property
    def repeated(self) -> float:
        """The part of the attempts that had to be made again."""
        return (self.attempts - self.tables) / self.attempts


@contextmanager
def rest(_folder: Path) -> Iterator[list[str]]:
    """Iceberg's own server."""
    from tests.services.rest_catalog import rest_catalog

    with rest_catalog() as server:
        yield ["--kind", "rest", "--uri", server.uri]


@contextmanager
def postgresql(folder: Path) -> Iterator[list[str]]:
    """A database of its own, without a password."""
    from tests.services.postgres import postgres

    with postgres() as server:
        address = f"postgresql://{server.user}@127.0.0.1:{server.port}/{server.database}"
        place = f"warehouse=file://{folder / 'warehouse'}"
        yield ["--kind", "sql", "--uri", address, "--warehouse", "bench", "--property", place]


TARGETS = {"REST": rest, "PostgreSQL": postgresql}


def take(cli: Path, lake: Path, name: str, at_work: int, folder: Path, *, adaptive: bool = False) -> Point:
    """Copy all tables into an empty catalog; as many at work as the run finds, if `adaptive`."""
    folder.mkdir(parents=True)
    state = folder / "state"
    with TARGETS[name](folder) as target:
        icebridge(cli, state, "catalog", "add", "lake", "--kind", "sql", "--uri", f"sqlite:{lake}")
        icebridge(cli, state, "catalog", "add", "managed", "--target", *target)
        icebridge(cli, state, "inventory", "lake")
        icebridge(cli, state, "preflight", *ROUTE, "--mode", "clone")
        settings = ["--max-parallel-tables", str(at_work), "--max-parallel-writers", str(at_work)]
        settings += ["--adaptive"] if adaptive else []
        settings += ["--max-commits-per-min", UNLIMITED, "--out", str(folder / "plan.json")]
        icebridge(cli, state, "plan", *ROUTE, "--mode", "clone", *settings)
        command = [str(cli), "--state", str(state), "--json", "run", str(folder / "plan.json")]
        output, seconds, _ = measured(command, folder)
    tables = json.loads(output)["tables"]
    attempts = sum(table["outcome"]["commit_attempts"] for table in tables)
    return Point(name, at_work, len(tables), seconds, attempts)


def knee(points: list[Point]) -> int:
    """The fewest tables at work that reach nine tenths of the best rate."""
    best = max(point.per_minute for point in points)
    return min(point.at_work for point in points if point.per_minute >= 0.9 * best)


def main() -> None:
    """Take all points, tell, and draw."""
    parser = argparse.ArgumentParser(prog="cargo xtask bench -- conflicts", description=__doc__)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--at-work", type=int, nargs="+", default=AT_WORK, metavar="N")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--work", type=Path, help="where to make the tables (default: a temporary folder)")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    parser.add_argument("--svg", type=Path, help="draw the curve")
    given = parser.parse_args()
    cli = Path(os.environ["ICEBRIDGE_BIN"]).resolve()
    taken: dict[str, list[Point]] = {}
    found: dict[str, Point] = {}
    with tempfile.TemporaryDirectory(dir=given.work) as scratch:
        folder = Path(scratch).resolve()
        lake = write(folder / "lake", given.tables)
        for name in given.targets:
            for at_work in given.at_work:
                point = take(cli, lake, name, at_work, folder / name / str(at_work))
                taken.setdefault(name, []).append(point)
                print(
                    f"{name}, {at_work} tables at work: {point.per_minute:,.0f} commits a minute, "
                    f"{point.repeated:.1%} of the attempts repeated",
                    flush=True,
                )
            print(f"{name}: nine tenths of the best rate with {knee(taken[name])} tables at work")
            best = max(point.per_minute for point in taken[name])
            found[name] = take(cli, lake, name, max(given.at_work), folder / name / "adaptive", adaptive=True)
            print(
                f"{name}, adaptive: {found[name].per_minute:,.0f} commits a minute, "
                f"{found[name].per_minute / best:.2f} of the best",
                flush=True,
            )
    if given.svg:
        curves = [
            Curve(name, [(point.at_work, point.per_minute) for point in points]) for name, points in taken.items()
        ]
        title = f"Commits a minute, {given.tables} small tables"
        given.svg.write_text(draw(title, "tables at work", curves, LIMITS), encoding="utf-8")
    if given.out:
        told = {
            "machine": machine(),
            "points": [asdict(point) for points in taken.values() for point in points],
            "adaptive": [asdict(point) for point in found.values()],
        }
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
