"""What others take: `python -m benches.contenders NAME SOURCE TARGET` does one copy and prints the seconds of its work.

Only the work is timed, not Python's start or imports; IceBridge is timed as a whole process. That favours the others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benches.table import CODEC, LEVEL, NAMESPACE, PROPERTIES, TABLE, catalog_uri, warehouse


def cp(source: dict[str, object], target: Path) -> float:
    """`cp -r` of the table's folder: what copying bytes costs on this disk."""
    program = shutil.which("cp")
    if program is None:
        raise SystemExit("there is no cp here")
    started = time.perf_counter()
    subprocess.run([program, "-r", str(source["location"]), str(target)], check=True)
    return time.perf_counter() - started


def cp_to_disk(source: dict[str, object], target: Path) -> float:
    """`cp -r`, and wait until it is on the disk, as a clone does before it says that the table is there."""
    started = time.perf_counter()
    cp(source, target)
    for path in target.rglob("*"):
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.close(file)
    return time.perf_counter() - started


def pyiceberg(source: dict[str, object], target: Path) -> float:
    """Scan the table and append it to a new one with the same partitions, codec and level."""
    from pyiceberg.catalog.sql import SqlCatalog

    folder = Path(str(source["folder"]))
    reads = SqlCatalog("bench", uri=catalog_uri(folder), warehouse=f"file://{warehouse(folder)}")
    target.mkdir(parents=True)
    writes = SqlCatalog("target", uri=catalog_uri(target), warehouse=f"file://{warehouse(target)}")
    started = time.perf_counter()
    table = reads.load_table((NAMESPACE, TABLE))
    writes.create_namespace(NAMESPACE)
    copy = writes.create_table((NAMESPACE, TABLE), table.schema(), partition_spec=table.spec(), properties=PROPERTIES)
    # A partitioned table takes no stream of batches (apache/iceberg-python#2152): all rows are in memory at once.
    copy.append(table.scan().to_arrow())
    return time.perf_counter() - started


def duckdb(source: dict[str, object], target: Path) -> float:
    """COPY the data files' rows into Parquet of the same codec and level.

    The least that DuckDB can be asked for: it reads the files without Iceberg, keeps no order, writes no partitions and
    commits nothing.
    """
    import duckdb as database

    target.mkdir(parents=True)
    session = database.connect()
    session.execute("SET preserve_insertion_order = false")
    files = str(Path(str(source["location"])) / "data" / "**" / "*.parquet")
    started = time.perf_counter()
    session.execute(
        f"COPY (SELECT * FROM read_parquet('{files}', hive_partitioning = false)) TO '{target / 'rows'}' "
        f"(FORMAT parquet, CODEC '{CODEC}', COMPRESSION_LEVEL {LEVEL}, PER_THREAD_OUTPUT true)"
    )
    return time.perf_counter() - started


NAMES: dict[str, Callable[[dict[str, object], Path], float]] = {
    "cp": cp,
    "cp-to-disk": cp_to_disk,
    "pyiceberg": pyiceberg,
    "duckdb": duckdb,
}


def main() -> None:
    """Do one copy."""
    name, source, target = sys.argv[1:]
    seconds = NAMES[name](json.loads(Path(source).read_text()), Path(target))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
