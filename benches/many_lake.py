"""Write a lake of very many small tables: one by PyIceberg, and copies of its bytes with paths of equal length.

    python -m benches.many_lake FOLDER 10000

Each table has one data file of a few rows. They are listed in a SQL catalog, `sqlite:FOLDER/catalog.db`.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import uuid
from pathlib import Path

TABLES_PER_NAMESPACE = 200
TEMPLATE = ("namespace_00000", "table_000000")
ROWS = 50


def write_template(folder: Path) -> tuple[Path, str]:
    """The first table; its folder, and its metadata file's name."""
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("many", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=f"file://{folder}")
    catalog.create_namespace(TEMPLATE[0])
    rows = pa.table({"id": pa.array(range(ROWS), pa.int64()), "name": [f"row {row}" for row in range(ROWS)]})
    location = f"file://{folder / '/'.join(TEMPLATE)}"
    table = catalog.create_table(TEMPLATE, rows.schema, location=location)
    table.append(rows)
    catalog.close()
    return folder / "/".join(TEMPLATE), Path(table.metadata_location).name


def rewritten(path: Path, lengths: dict[str, int] | None = None) -> bytes:
    """The same records without compression, so that a path in them can be replaced by one as long.

    A manifest list gets the lengths of its rewritten manifests.
    """
    import io

    import fastavro

    with path.open("rb") as file:
        reader = fastavro.reader(file)
        records, schema = list(reader), reader.writer_schema
        kept = {key: value for key, value in reader.metadata.items() if not key.startswith("avro.")}
    for record in records if lengths else []:
        record["manifest_length"] = lengths[Path(record["manifest_path"]).name]
    out = io.BytesIO()
    fastavro.writer(out, schema, records, codec="null", metadata=kept)
    return out.getvalue()


def make_plain(table: Path) -> None:
    """Replace the template's Avro files by uncompressed ones."""
    manifests = [path for path in (table / "metadata").glob("*.avro") if not path.name.startswith("snap-")]
    for path in manifests:
        path.write_bytes(rewritten(path))
    lengths = {path.name: path.stat().st_size for path in manifests}
    for path in (table / "metadata").glob("snap-*.avro"):
        path.write_bytes(rewritten(path, lengths))


def copy_template(template: Path, target: Path, old: bytes, new: bytes, old_uuid: bytes) -> None:
    """One table: data files as links, metadata with its own path and table uuid."""
    (target / "data").mkdir(parents=True)
    (target / "metadata").mkdir()
    for path in (template / "data").rglob("*.parquet"):
        (target / "data" / path.name).hardlink_to(path)
    own = str(uuid.uuid4()).encode()
    for path in (template / "metadata").iterdir():
        content = path.read_bytes().replace(old, new)
        (target / "metadata" / path.name).write_bytes(content.replace(old_uuid, own))


def write(folder: Path, count: int) -> Path:
    """The lake, once; its catalog's database."""
    import json

    database = folder / "catalog.db"
    finished = folder / f"{count}.tables"
    if finished.exists():
        return database
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    template, metadata = write_template(folder)
    make_plain(template)
    old_uuid = json.loads((template / "metadata" / metadata).read_text())["table-uuid"].encode()
    rows = []
    for number in range(1, count):
        namespace, name = f"namespace_{number // TABLES_PER_NAMESPACE:05}", f"table_{number:06}"
        old, new = "/".join(TEMPLATE).encode(), f"{namespace}/{name}".encode()
        copy_template(template, folder / namespace / name, old, new, old_uuid)
        rows.append((namespace, name, f"file://{folder}/{namespace}/{name}/metadata/{metadata}"))
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) "
            "VALUES ('many', ?, ?, ?)",
            rows,
        )
    finished.touch()
    return database


if __name__ == "__main__":
    print(write(Path(sys.argv[1]).resolve(), int(sys.argv[2])))
