"""Forms found in life: what other writers' metadata looks like, put on a finished table without changing its rows."""

from __future__ import annotations

import random
import re
from typing import Any

from tests.fuzz_tables.avro import PACK, Avro, raw
from tests.fuzz_tables.bench import Act, Bench, Operation, Skip
from tests.harness.lake import Wreck
from tests.lakehouse.registry import local

POSITIONS = 1
OPTIONAL = (
    *("column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds"),
    *("split_offsets", "sort_order_id", "key_metadata"),
)


class Files:
    """The metadata file, manifest lists and manifests of a table."""

    def __init__(self, bench: Bench) -> None:
        self.wreck = Wreck(bench.out, *bench.name)
        self.root = str(bench.out)
        self.metadata = self.wreck.read_metadata()
        paths = [local(one["manifest-list"]) for one in self.metadata.get("snapshots", ()) if "manifest-list" in one]
        self.lists = [Avro.read(path) for path in paths if path.is_file()]
        named = {local(entry["manifest_path"]) for one in self.lists for entry in one.records}
        self.manifests = [Avro.read(path) for path in sorted(named) if path.is_file()]

    def save(self, *, lengths: bool = True) -> None:
        """Write everything back, with the lengths that the manifests have now; or nothing, if one cannot be written."""
        made = {one.path: one.bytes() for one in self.manifests}
        for one in self.lists:
            for entry in one.records if lengths else ():
                path = local(entry["manifest_path"])
                entry["manifest_length"] = len(made[path]) if path in made else entry["manifest_length"]
            made[one.path] = one.bytes()
        for path, data in made.items():
            path.write_bytes(data)
        # Hadoop keeps a checksum beside each file.
        for path in (*made, self.wreck.write_metadata(self.metadata)):
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def spell_paths(bench: Bench, op: Operation, rng: random.Random, files: Files) -> str:
    """Other spellings of local paths. Position deletes name files in their own words, so there data paths stay."""
    spelling = rng.choice(("file:", "file://", ""))
    levels = [level for level in ("metadata", "lists", "manifests") if rng.random() < 0.6]
    place = re.compile(r"(?:file:/*)?(?=" + re.escape(files.root) + ")")

    def spelled(value: Any) -> Any:
        if isinstance(value, str):
            bare = place.match(value)
            rest = value[bare.end() :] if bare else value
            return f"{spelling}/{rest.lstrip('/')}" if rest.startswith(files.root) else value
        if isinstance(value, dict):
            return {key: spelled(inner) for key, inner in value.items()}
        return [spelled(inner) for inner in value] if isinstance(value, list) else value

    if "metadata" in levels:
        files.metadata = spelled(files.metadata)
    for one in files.lists if "lists" in levels else ():
        one.records = spelled(one.records)
    entries = [entry["data_file"] for one in files.manifests for entry in one.records]
    by_path = any(file.get("content") == POSITIONS and file["file_format"].upper() != "PUFFIN" for file in entries)
    for one in files.manifests if "manifests" in levels and not by_path else ():
        one.records = spelled(one.records)
    return f"paths as {spelling or 'plain'} in {levels}{' but not data paths' if by_path else ''}"


def omit_fields(bench: Bench, op: Operation, rng: random.Random, files: Files) -> str:
    """Manifests without optional fields, as null or not even in the schema."""
    chosen = rng.sample(OPTIONAL, rng.randint(1, len(OPTIONAL)))
    away = rng.random() < 0.5
    for one in files.manifests:
        file = next(field for field in one.schema["fields"] if field["name"] == "data_file")["type"]
        there = [field["name"] for field in file["fields"]]
        for entry in one.records:
            for name in set(chosen) & set(there):
                entry["data_file"][name] = None
        if away:
            file["fields"] = [field for field in file["fields"] if field["name"] not in chosen]
    return f"{'without' if away else 'null in'} {sorted(chosen)}"


def avro_codec(bench: Bench, op: Operation, rng: random.Random, files: Files) -> str:
    """Another codec of manifests and lists."""
    codec = rng.choice(sorted(PACK))
    for one in (*files.manifests, *files.lists):
        one.codec = codec
    return codec


def wrong_hints(bench: Bench, op: Operation, rng: random.Random, files: Files) -> str:
    """Lengths and counts of a manifest list that are not so: engines take them for hints."""
    length, more = rng.choice((1, 10, -50, 7777)), rng.choice((0, 3, 1000))
    for one in files.lists:
        for entry in one.records:
            entry["manifest_length"] = max(0, entry["manifest_length"] + length)
            for name in ("added_rows_count", "existing_rows_count", "deleted_rows_count", "added_files_count"):
                # More, never fewer: a manifest that says it lists nothing alive may be passed over.
                if entry.get(name) is not None:
                    entry[name] += more
    return f"lengths {length:+}, counts {more:+}"


def bare_metadata(bench: Bench, op: Operation, rng: random.Random, files: Files) -> str:
    """A metadata file without what the specification leaves open."""
    metadata, gone = files.metadata, []
    candidates = ["metadata-log", "snapshot-log", "statistics", "partition-statistics"]
    if set(metadata.get("refs", ())) <= {"main"}:
        candidates.append("refs")
    if metadata["format-version"] == 1:
        candidates += (
            ["last-partition-id", "sort-orders default-sort-order-id"] if len(metadata["sort-orders"]) == 1 else []
        )
        candidates += ["schemas current-schema-id"] if len(metadata.get("schemas", ())) == 1 else []
        candidates += ["partition-specs default-spec-id"] if len(metadata.get("partition-specs", ())) == 1 else []
    for keys in candidates:
        if rng.random() < 0.6:
            for key in keys.split():
                gone += [key] if metadata.pop(key, None) is not None else []
    if "schemas" in gone or rng.random() < 0.3:
        for snapshot in metadata.get("snapshots", ()):
            gone += ["schema-id"] if snapshot.pop("schema-id", None) is not None else []
    return f"without {sorted(set(gone))}"


FORMS = {form.__name__: form for form in (spell_paths, omit_fields, avro_codec, wrong_hints, bare_metadata)}


def put_on(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Put one form on the table."""
    with raw():
        try:
            files = Files(bench)
        except Exception as cause:
            raise Skip(f"fastavro cannot read a manifest: {type(cause).__name__}") from cause
        what = FORMS[op["form"]](bench, op, rng, files)
        files.save(lengths=op["form"] != "wrong_hints")
    bench.say(f"form {op['form']}: {what}")


ACTS: dict[str, Act] = {"form": put_on}
