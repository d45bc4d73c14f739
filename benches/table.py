"""The table that everybody copies: 20 million rows, ten mixed columns, eight partitions by eight appends, about 1 GB.

Written once by PyIceberg and kept in the cache. The values come from hashes of the row's number: the same on each
machine, and no better to compress than values in life.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

APPENDS = 8
PARTITIONS = 8
CODEC = "zstd"
LEVEL = 3
VERSION = 1
NAMESPACE = "bench"
TABLE = "orders"
PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": CODEC,
    "write.parquet.compression-level": str(LEVEL),
}

ROWS = """
SELECT
  i AS id,
  (hash(i) % 2000000)::INTEGER AS customer,
  ((hash(i + 1) % 10000000)::BIGINT / 100)::DECIMAL(12, 2) AS amount,
  (hash(i + 2) % 1000000007)::DOUBLE / 1000000007 AS weight,
  hash(i + 3) % 10 < 3 AS express,
  DATE '2020-01-01' + (hash(i + 4) % 2000)::INTEGER AS day,
  make_timestamptz((1577836800 + (hash(i + 5) % 172800000)::BIGINT) * 1000000) AS placed_at,
  'country-' || (hash(i + 6) % {partitions})::VARCHAR AS country,
  CASE WHEN hash(i + 7) % 5 = 0 THEN NULL
       ELSE 'note ' || (hash(i + 8) % 5000)::VARCHAR || ' of batch ' || (hash(i + 9) % 300)::VARCHAR END AS note,
  substr(md5(i::VARCHAR), 1, 24) AS token
FROM range({start}, {end}) AS rows(i)
"""


def catalog_uri(folder: Path) -> str:
    """The SQL catalog of a folder, as PyIceberg says it."""
    return f"sqlite:///{folder / 'catalog.db'}"


def warehouse(folder: Path) -> Path:
    """Where the tables of a folder's catalog lie."""
    return folder / "warehouse"


def ensure(cache: Path, rows: int) -> dict[str, object]:
    """Make the table unless the cache has it; tell where it is and what it holds."""
    folder = cache.resolve() / "bench" / f"source-{VERSION}-{rows}"
    told = folder / "source.json"
    if not told.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        told.write_text(json.dumps(write(folder, rows)))
    return dict(json.loads(told.read_text()))


def write(folder: Path, rows: int) -> dict[str, object]:
    """Write the table by PyIceberg from rows that DuckDB makes."""
    import duckdb
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("bench", uri=catalog_uri(folder), warehouse=f"file://{warehouse(folder)}")
    catalog.create_namespace(NAMESPACE)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    table = None
    for part in range(APPENDS):
        start, end = rows * part // APPENDS, rows * (part + 1) // APPENDS
        batch = database.execute(ROWS.format(partitions=PARTITIONS, start=start, end=end)).to_arrow_table()
        if table is None:
            table = catalog.create_table((NAMESPACE, TABLE), batch.schema, properties=PROPERTIES)
            with table.update_spec() as spec:
                spec.add_identity("country")
        table.append(batch)
        print(f"  source: {end:,} of {rows:,} rows", file=sys.stderr)
    if table is None:
        raise RuntimeError("no table was written")
    location = Path(table.location().removeprefix("file://"))
    sizes = [file.stat().st_size for file in location.rglob("*") if file.is_file()]
    return {
        "folder": str(folder),
        "location": str(location),
        "rows": rows,
        "bytes": sum(sizes),
        "data_files": len(list((location / "data").rglob("*.parquet"))),
        "files": len(sizes),
    }


if __name__ == "__main__":
    print(json.dumps(ensure(Path(sys.argv[1]), int(sys.argv[2]))))
