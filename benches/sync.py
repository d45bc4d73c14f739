"""A round of a sync beside the copy before it: `cargo xtask bench -- sync`.

A table is cloned, its source gets one per cent more rows, and a round brings them. Told are bytes and seconds of both
and the round's share of the copy, at two sizes: what a round costs follows from what is new, not from what is there.
The goal is a share below 5 % of a copy of 1 GB, in bytes and in time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from benches.run import machine, measured
from benches.window import icebridge

MB = 1_000_000
# Of one row, as it is written below.
ROW_BYTES = 36
FILES = 20
SHARE = 0.05
ROUTE = ["--source", "lake", "--target", "managed"]


@dataclass
class Round:
    """A copy and the round after it."""

    copy_bytes: int
    copy_seconds: float
    round_bytes: int
    round_seconds: float
    rows_read: int

    def shares(self) -> tuple[float, float]:
        """The round's part of the copy: in bytes, in seconds."""
        return self.round_bytes / self.copy_bytes, self.round_seconds / self.copy_seconds


def rows(count: int, seed: int) -> pa.Table:
    """Rows that do not compress well."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "id": pa.array(np.arange(count) + seed * 10**9),
            "a": pa.array(rng.random(count)),
            "b": pa.array(rng.integers(0, 2**62, count)),
            "s": pa.array([f"{number:x}" for number in rng.integers(0, 2**62, count)]),
        }
    )


def take(cli: Path, folder: Path, size: int, mode: str) -> Round:
    """Make a table of about that size, copy it, add one per cent, and sync."""
    folder.mkdir()
    database = folder / "catalog.db"
    catalog = SqlCatalog("foreign", uri=f"sqlite:///{database}", warehouse=f"file://{folder / 'warehouse'}")
    catalog.create_namespace("bench")
    each = size // ROW_BYTES // FILES
    table = catalog.create_table("bench.table", schema=rows(1, 0).schema)
    for seed in range(FILES):
        table.append(rows(each, seed))
    state = folder / "state"
    icebridge(cli, state, "catalog", "add", "lake", "--kind", "sql", "--uri", f"sqlite:{database}")
    icebridge(
        cli, state, "catalog", "add", "managed", "--kind", "embedded", "--target", "--uri", str(folder / "managed")
    )
    icebridge(cli, state, "inventory", "lake")
    icebridge(cli, state, "preflight", *ROUTE, "--mode", mode, "--accept-all-losses")
    icebridge(cli, state, "plan", *ROUTE, "--mode", mode, "--out", str(folder / "plan.json"))
    command = [str(cli), "--state", str(state), "--json"]
    output, copy_seconds, _ = measured([*command, "run", str(folder / "plan.json")], folder)
    [copied] = json.loads(output)["tables"]
    table.append(rows(each * FILES // 100, FILES))
    output, round_seconds, _ = measured([*command, "sync"], folder)
    made = json.loads(output)["tables"][0]["made"]
    return Round(
        copied["outcome"]["bytes_written"], copy_seconds, made["bytes_written"], round_seconds, made["rows_read"]
    )


def main() -> None:
    """Take both sizes and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs=2, default=(250, 1000), metavar="N")
    parser.add_argument("--mode", choices=("clone", "rewrite"), default="clone", help="how the table is copied")
    parser.add_argument("--work", type=Path, help="where to make the tables (default: a temporary folder)")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    given = parser.parse_args()
    cli = Path(os.environ["ICEBRIDGE_BIN"]).resolve()
    taken = []
    for size in given.megabytes:
        with tempfile.TemporaryDirectory(dir=given.work) as folder:
            one = take(cli, Path(folder) / "bench", size * MB, given.mode)
        in_bytes, in_time = one.shares()
        print(
            f"copy {one.copy_bytes / MB:.0f} MB in {one.copy_seconds:.2f} s; round {one.round_bytes / MB:.1f} MB in "
            f"{one.round_seconds:.2f} s, {one.rows_read:,} rows read: {in_bytes:.2%} of the bytes, {in_time:.2%} of "
            "the time"
        )
        taken.append(one)
    met = all(share < SHARE for share in taken[-1].shares())
    print(f"goal (below {SHARE:.0%} at the larger size): {'met' if met else 'missed'}")
    if given.out:
        told = {"machine": machine(), "rounds": [asdict(one) for one in taken], "met": met}
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
