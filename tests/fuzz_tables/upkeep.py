"""Operations on snapshots and files: branches, tags, rollback, compaction, expiry, properties, versions."""

from __future__ import annotations

import random

from tests.fuzz_tables.bench import Act, Bench, Operation, Skip, text_of
from tests.fuzz_tables.changes import predicate
from tests.lakehouse.registry import quoted

PROPERTIES = (
    ("write.delete.mode", ("merge-on-read", "merge-on-read", "copy-on-write")),
    ("write.update.mode", ("merge-on-read", "merge-on-read", "copy-on-write")),
    ("write.merge.mode", ("merge-on-read", "merge-on-read", "copy-on-write")),
    ("write.delete.granularity", ("file", "partition")),
    ("write.distribution-mode", ("none", "hash", "range")),
    ("write.parquet.compression-codec", ("zstd", "snappy", "gzip", "uncompressed", "lz4_raw")),
    ("write.parquet.page-version", ("v1", "v2")),
    ("write.parquet.dict-size-bytes", ("1024", "1048576")),
    ("write.metadata.compression-codec", ("gzip", "none")),
    ("write.metadata.metrics.default", ("none", "counts", "truncate(2)", "full")),
    ("commit.manifest-merge.enabled", ("true", "false")),
    ("commit.manifest.min-count-to-merge", ("2", "100")),
    ("write.object-storage.enabled", ("true", "false")),
    ("write.manifest.compression-codec", ("gzip", "zstd", "gzip", "zstd", "snappy")),
    ("write.avro.compression-codec", ("gzip", "zstd", "snappy")),
    ("write.spark.fanout.enabled", ("true", "false")),
)
NAMES = ("b1", "side", "tést", "a b", "v1.0")


def properties(rng: random.Random, most: int) -> dict[str, str]:
    """Some random properties that a writer goes by."""
    found = {key: rng.choice(values) for key, values in rng.sample(PROPERTIES, rng.randint(0, most))}
    if found.get("write.parquet.page-version") == "v2":
        # Iceberg 1.11's vectorized reader fails at a delta-encoded page of strings that are all null
        # (VectorizedDeltaEncodedValuesReader, ArrayIndexOutOfBoundsException); the plain one is right.
        found["read.parquet.vectorization.enabled"] = "false"
    return found


def set_properties(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Change how the table is written from now on."""
    bench.not_for_spark()
    pairs = ", ".join(f"'{key}'='{value}'" for key, value in (properties(rng, 3) or {"x": "1"}).items())
    bench.sql(f"ALTER TABLE {{t}} SET TBLPROPERTIES ({pairs})")


def upgrade(bench: Bench, op: Operation, rng: random.Random) -> None:
    """One format version up."""
    bench.not_for_spark()
    version = bench.table().operations().current().formatVersion()
    if version > 2:
        raise Skip("it is the newest version")
    bench.sql(f"ALTER TABLE {{t}} SET TBLPROPERTIES ('format-version'='{version + 1}')")


def branch(bench: Bench, op: Operation, rng: random.Random) -> None:
    """A branch or a tag at the current or an older snapshot."""
    bench.not_for_spark()
    kind = rng.choice(("BRANCH", "TAG"))
    at = f" AS OF VERSION {rng.choice(bench.snapshots())}" if rng.random() < 0.5 else ""
    bench.snapshots()
    bench.sql(f"ALTER TABLE {{t}} CREATE {kind} {quoted(rng.choice(NAMES))}{at}")


def roll_back(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Back to an older snapshot, or to any."""
    bench.not_for_spark()
    procedure = rng.choice(("rollback_to_snapshot", "set_current_snapshot"))
    bench.call(procedure, f"snapshot_id => {rng.choice(bench.snapshots())}")


def cherry_pick(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Apply one snapshot's changes once more, where Iceberg lets us."""
    bench.not_for_spark()
    bench.call("cherrypick_snapshot", f"snapshot_id => {rng.choice(bench.snapshots())}")


def rewrite_data(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Compact the data files, all or those of some rows."""
    bench.not_for_spark()
    options = {"rewrite-all": "true"}
    if rng.random() < 0.4:
        options["use-starting-sequence-number"] = rng.choice(("true", "false"))
    if rng.random() < 0.3:
        options["remove-dangling-deletes"] = "true"
    if rng.random() < 0.2:
        options["partial-progress.enabled"] = "true"
    arguments = f"options => map({', '.join(f'{text_of(part)}' for pair in options.items() for part in pair)})"
    if rng.random() < 0.3:
        arguments += f", where => {text_of(predicate(bench, rng))}"
    if rng.random() < 0.2:
        arguments += f", strategy => 'sort', sort_order => {text_of(quoted(bench.columns(plain=True)[0]['name']))}"
    bench.call("rewrite_data_files", arguments)


def rewrite_deletes(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Compact the position deletes."""
    bench.not_for_spark()
    bench.call("rewrite_position_delete_files", "options => map('rewrite-all', 'true')")


def rewrite_manifests(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Write the manifests anew."""
    bench.not_for_spark()
    bench.call("rewrite_manifests", "use_caching => false")


def expire(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Expire all but the last snapshots, with their files."""
    bench.not_for_spark()
    if not bench.snapshot_ids():
        raise Skip("there is no snapshot")
    clean = ", clean_expired_metadata => true" if rng.random() < 0.3 else ""
    bench.call(
        "expire_snapshots", f"older_than => TIMESTAMP'2100-01-01 00:00:00', retain_last => {rng.randint(1, 3)}{clean}"
    )


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        *(set_properties, upgrade, branch, roll_back, cherry_pick),
        *(rewrite_data, rewrite_deletes, rewrite_manifests, expire),
    )
}
