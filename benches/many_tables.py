"""Fill the inventory of a state folder with synthetic tables, to see how lists behave with very many.

    icebridge --state DIR sample && icebridge --state DIR inventory sample
    python benches/many_tables.py DIR 100000

The tables are copies of those of the sample with other names and sizes. They exist in the inventory alone: they can be
listed, mapped, judged and planned, not copied. The views are built when the state is opened next.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

TABLES_PER_NAMESPACE = 200


def copies(rows: list[tuple[str, str]], count: int) -> Iterator[tuple[str, str, str]]:
    """Name, time and inventory row of each synthetic table."""
    for number in range(count):
        row = json.loads(rows[number % len(rows)][1])
        name = f"synthetic_{number // TABLES_PER_NAMESPACE:05}.table_{number:06}"
        row["ident"] = row["facts"]["ident"] = name
        files = row["facts"]["files"]
        files["data_bytes"] = files["data_bytes"] * (1 + number % 997) * 1000
        files["data_records"] = files["data_records"] * (1 + number % 991)
        yield name, row["captured_at"], json.dumps(row)


def main(state: Path, count: int) -> None:
    """Replace the sample's inventory."""
    with sqlite3.connect(state / "state.db") as database:
        wanted = "SELECT ident, inventory FROM tables WHERE source = 'sample' AND inventory LIKE '%\"facts\"%'"
        rows = database.execute(wanted).fetchall()
        if not rows:
            sys.exit("take the inventory of the sample first: icebridge sample && icebridge inventory sample")
        database.execute("DELETE FROM tables WHERE source = 'sample'")
        database.executemany("INSERT INTO tables VALUES ('sample', ?, ?, ?)", copies(rows, count))
        database.execute("DELETE FROM view_version")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
