"""Mapping, pre-flight and plan of very many tables: `cargo xtask bench -- planning`.

Each is one run of the command line, with its whole answer as JSON, on a state whose inventory has that many tables. At
two sizes, so that what grows faster than the number of tables is seen. `first look` is the first page of the
pre-flight's view: it is made when somebody first asks for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benches import many_tables
from benches.run import machine, measured
from benches.window import icebridge

MB = 1_000_000
SECONDS, MEMORY = 1.0, 300 * MB
# The first look at a view has no goal of its own.
ROUTE = ["--source", "sample", "--target", "managed"]
STEPS = {
    "mapping": ["map", "preview", *ROUTE],
    "preflight": ["preflight", *ROUTE],
    "first look": ["tables", "sample", "--target", "managed", "--preflight", "--limit", "50"],
    "plan": ["plan", *ROUTE],
}
# A pre-flight with losses that wait to be accepted ends with 1.
ENDED = (0, 1)


@dataclass
class Step:
    """What one command took: the median of its runs, and the most memory of any."""

    name: str
    tables: int
    seconds: float
    peak_bytes: int


def state_with(cli: Path, folder: Path, count: int) -> Path:
    """A state whose inventory has so many tables."""
    state = folder / f"state-{count}"
    icebridge(cli, state, "sample", str(folder / f"sample-{count}"))
    icebridge(cli, state, "inventory", "sample")
    many_tables.main(state, count)
    icebridge(cli, state, "tables", "sample", "--limit", "1")
    return state


def taken(cli: Path, state: Path, count: int, runs: int) -> list[Step]:
    """The steps one after the other, as a person takes them."""
    times: dict[str, list[tuple[float, int]]] = {name: [] for name in STEPS}
    for turn in range(runs):
        for name, command in STEPS.items():
            out = ["--out", str(state / f"plan-{turn}.json")] if name == "plan" else []
            arguments = [str(cli), "--state", str(state), *command, *out, "--json"]
            _, seconds, peak = measured(arguments, state, allowed=ENDED)
            times[name].append((seconds, peak))
    return [
        Step(name, count, statistics.median(seconds for seconds, _ in found), max(peak for _, peak in found))
        for name, found in times.items()
    ]


def main() -> None:
    """Lay out the states, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tables", type=int, nargs="+", default=[25_000, 100_000], help="how many (default: two sizes)"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each step, of which the median counts")
    options = parser.parse_args()
    cli = Path(os.environ["ICEBRIDGE_BIN"]).resolve()
    with tempfile.TemporaryDirectory(prefix="icebridge-planning-") as folder:
        steps = [
            step
            for count in options.tables
            for step in taken(cli, state_with(cli, Path(folder), count), count, options.runs)
        ]
    print(f"{'':<12}{'tables':>10}{'seconds':>10}{'peak MB':>10}", file=sys.stderr)
    for step in steps:
        is_bound = step.name != "first look" and step.tables <= 100_000
        met = step.seconds <= SECONDS and step.peak_bytes <= MEMORY
        verdict = ("met" if met else "MISSED") if is_bound else ""
        row = f"{step.name:<12}{step.tables:>10,}{step.seconds:>10.2f}{step.peak_bytes / MB:>10.0f}  {verdict}"
        print(row, file=sys.stderr)
    print(json.dumps({"machine": machine(), "steps": [asdict(step) for step in steps]}, indent=2))


if __name__ == "__main__":
    main()
