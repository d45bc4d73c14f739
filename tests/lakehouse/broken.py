"""Break a copy of a generated table in one way, to see that the product says what is broken and touches nothing else.

`python -m tests.lakehouse.broken --from DIR --table NAMESPACE.NAME --out DIR [--how NAME ...]` makes a lakehouse of one
table for each way under --out, and broken.json with the file that was broken.

Tables hold absolute paths, so a plain copy would still read the sound files: the paths in the catalog, the metadata and
the manifests are rewritten. Position deletes and deletion vectors hold paths too, in files that cannot be rewritten
without becoming other files; tables that have them are refused.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lakehouse.registry import dumps, local
from tests.lakehouse.spark import CATALOG

POSITION_DELETES = 1


class CannotBreak(ValueError):
    """The table has not what this way of breaking needs."""


@dataclass(frozen=True)
class Copy:
    """A lakehouse of one table."""

    root: Path
    namespace: str
    table: str

    @property
    def metadata(self) -> Path:
        """The current metadata file, as the catalog has it."""
        with sqlite3.connect(self.root / "catalog.db") as catalog:
            row = catalog.execute("SELECT metadata_location FROM iceberg_tables").fetchone()
        return local(row[0])

    def read_metadata(self) -> dict[str, Any]:
        """The current metadata."""
        return json.loads(_unpacked(self.metadata))

    def write_metadata(self, metadata: dict[str, Any]) -> Path:
        """Replace the current metadata."""
        text = json.dumps(metadata).encode()
        path = self.metadata
        path.write_bytes(gzip.compress(text) if path.name.endswith(".gz.metadata.json") else text)
        return path

    def manifest_list(self) -> Path:
        """The manifest list of the current snapshot."""
        metadata = self.read_metadata()
        for snapshot in metadata["snapshots"]:
            if snapshot["snapshot-id"] == metadata.get("current-snapshot-id") and "manifest-list" in snapshot:
                return local(snapshot["manifest-list"])
        raise CannotBreak("the table has no snapshot with a manifest list")

    def manifests(self) -> list[Path]:
        """The manifests of the current snapshot."""
        return [local(record["manifest_path"]) for record in _records(self.manifest_list())]

    def data_files(self) -> list[Path]:
        """The live data files of the current snapshot."""
        entries = [entry for manifest in self.manifests() for entry in _records(manifest) if entry["status"] != 2]
        live = [entry["data_file"] for entry in entries]
        return [local(file["file_path"]) for file in live if file.get("content", 0) == 0]


def copy_table(root: Path, namespace: str, table: str, target: Path) -> Copy:
    """Copy one table into a lakehouse of its own, and rewrite the paths in it."""
    target.mkdir(parents=True)
    shutil.copy(root / "catalog.db", target / "catalog.db")
    key = (CATALOG, namespace, table)
    where = "catalog_name = ? AND table_namespace = ? AND table_name = ?"
    with sqlite3.connect(target / "catalog.db") as catalog:
        found = catalog.execute(f"SELECT metadata_location FROM iceberg_tables WHERE {where}", key).fetchone()
        if found is None:
            raise CannotBreak(f"no table {namespace}.{table} in {root}")
        catalog.execute(f"DELETE FROM iceberg_tables WHERE NOT ({where})", key)
        for column in ("metadata_location", "previous_metadata_location"):
            change = f"UPDATE iceberg_tables SET {column} = replace({column}, ?, ?)"
            catalog.execute(change, (str(root), str(target)))
    folder = local(found[0]).parent.parent
    if root / "warehouse" not in folder.parents:
        raise CannotBreak(f"{folder} is outside of the warehouse")
    copied = target / folder.relative_to(root)
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("*.crc"))
    for path in copied.joinpath("metadata").iterdir():
        _rewrite(path, str(root), str(target))
    return Copy(target, namespace, table)


def _rewrite(path: Path, old: str, new: str) -> None:
    if path.name.endswith(".metadata.json"):
        text = _unpacked(path).replace(old.encode(), new.encode())
        path.write_bytes(gzip.compress(text) if path.name.endswith(".gz.metadata.json") else text)
    elif path.suffix == ".avro":
        _rewrite_avro(path, old, new)


def _rewrite_avro(path: Path, old: str, new: str) -> None:
    """Rewrite the paths in a manifest or manifest list; the schema and all other values stay as they are."""
    import fastavro

    with path.open("rb") as file:
        reader = fastavro.reader(file)
        header = dict(reader.metadata)
        records = list(reader)
    for record in records:
        if record.get("data_file", {}).get("content") == POSITION_DELETES:
            raise CannotBreak(f"{path.name} lists position deletes, which hold paths of their own")
    schema = json.loads(header.pop("avro.schema"))
    codec = header.pop("avro.codec", "null")
    with path.open("wb") as file:
        fastavro.writer(file, schema, _replaced(records, old, new), codec=codec, metadata=header)


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return value


def _records(path: Path) -> list[dict[str, Any]]:
    import fastavro

    with path.open("rb") as file:
        return list(fastavro.reader(file))


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.endswith(".gz.metadata.json") else data


def missing_data_file(copy: Copy) -> Path:
    """A live data file is gone."""
    path = copy.data_files()[0]
    path.unlink()
    return path


def truncated_data_file(copy: Copy) -> Path:
    """A live data file ends in the middle."""
    path = copy.data_files()[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def flipped_page(copy: Copy) -> Path:
    """Bytes of a data page were changed; length and footer are sound."""
    import pyarrow.parquet as pq

    path = copy.data_files()[0]
    chunk = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    end = (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size
    for place in range(end - 8, end):
        data[place] ^= 0xFF
    path.write_bytes(data)
    return path


def broken_metadata(copy: Copy) -> Path:
    """The current metadata file ends in the middle."""
    path = copy.metadata
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def missing_metadata(copy: Copy) -> Path:
    """The current metadata file is gone, though the catalog names it."""
    path = copy.metadata
    path.unlink()
    return path


def missing_manifest(copy: Copy) -> Path:
    """A manifest of the current snapshot is gone."""
    path = copy.manifests()[0]
    path.unlink()
    return path


def missing_manifest_list(copy: Copy) -> Path:
    """The manifest list of the current snapshot is gone."""
    path = copy.manifest_list()
    path.unlink()
    return path


def broken_manifest(copy: Copy) -> Path:
    """A manifest of the current snapshot ends in the middle."""
    path = copy.manifests()[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def unknown_format_version(copy: Copy) -> Path:
    """The metadata says it is of a format version that nobody knows."""
    return copy.write_metadata({**copy.read_metadata(), "format-version": 9})


def unknown_transform(copy: Copy) -> Path:
    """The default partition spec has a transform that nobody knows."""
    metadata = copy.read_metadata()
    for spec in metadata["partition-specs"]:
        if spec["spec-id"] == metadata["default-spec-id"] and spec["fields"]:
            spec["fields"][0]["transform"] = "zorder[4]"
            return copy.write_metadata(metadata)
    raise CannotBreak("the table is not partitioned")


def unknown_type(copy: Copy) -> Path:
    """The current schema has a column of a type that nobody knows."""
    metadata = copy.read_metadata()
    for schema in metadata["schemas"]:
        if schema["schema-id"] == metadata["current-schema-id"]:
            schema["fields"][-1]["type"] = "hologram"
    return copy.write_metadata(metadata)


WAYS: dict[str, Callable[[Copy], Path]] = {
    way.__name__: way
    for way in (
        missing_data_file,
        truncated_data_file,
        flipped_page,
        broken_metadata,
        missing_metadata,
        missing_manifest,
        missing_manifest_list,
        broken_manifest,
        unknown_format_version,
        unknown_transform,
        unknown_type,
    )
}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR", help="a generated lakehouse")
    parser.add_argument("--table", required=True, metavar="NAMESPACE.NAME")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--how", nargs="+", choices=sorted(WAYS), default=sorted(WAYS))
    given = parser.parse_args(arguments)
    namespace, _, table = given.table.partition(".")
    report = {}
    for how in given.how:
        root = given.out.resolve() / how
        shutil.rmtree(root, ignore_errors=True)
        copy = copy_table(given.source.resolve(), namespace, table, root)
        file = WAYS[how](copy)
        report[how] = {
            "root": str(root),
            "identifier": [namespace, table],
            "file": str(file),
            "what": WAYS[how].__doc__,
        }
        print(f"{how}: {file}")
    (given.out / "broken.json").write_text(dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
