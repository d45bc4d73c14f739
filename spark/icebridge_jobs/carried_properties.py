"""Which properties of the source a new table gets. The same lists as src-tauri/crates/model/src/properties.rs, where
the reasons stand; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Carry = Literal["carried", "lost", "superseded"]

SUPERSEDED = (
    "format-version",
    "uuid",
    "owner",
    "provider",
    "location",
    "created-at",
    "created_at",
    "numFiles",
    "numRows",
    "totalSize",
    "rawDataSize",
    "EXTERNAL",
    "bucketing_version",
    "transient_lastDdlTime",
    "metadata_location",
    "previous_metadata_location",
    "table_type",
    "snapshot-count",
    "schema.name-mapping.default",
)
SUPERSEDED_PREFIXES = ("current-", "default-", "icebridge.")
ENGINE_PREFIXES = (
    "write.",
    "read.",
    "commit.",
    "history.",
    "gc.",
    "schema.",
    "compatibility.",
    "encryption.",
    "delta.",
    "spark.",
    "hive.",
    "engine.",
    "iceberg.",
    "flink.",
    "kafka.",
    "connector",
    "nessie.",
    "polaris.",
    "unity.",
    "s3.",
    "adls.",
    "gcs.",
    "client.",
    "io-impl",
)
CARRIED = (
    "write.target-file-size-bytes",
    "write.delete.target-file-size-bytes",
    "write.distribution-mode",
    "write.delete.mode",
    "write.update.mode",
    "write.merge.mode",
    "write.delete.isolation-level",
    "write.update.isolation-level",
    "write.merge.isolation-level",
    "write.delete.distribution-mode",
    "write.update.distribution-mode",
    "write.merge.distribution-mode",
    "write.metadata.compression-codec",
    "write.metadata.delete-after-commit.enabled",
    "write.metadata.previous-versions-max",
    "write.object-storage.enabled",
    "write.upsert.enabled",
    "write.wap.enabled",
    "gc.enabled",
)
CARRIED_PREFIXES = (
    "write.parquet.",
    "write.metadata.metrics.",
    "write.spark.",
    "read.split.",
    "read.parquet.",
    "commit.retry.",
    "commit.manifest",
    "history.expire.",
)
# Shown by Spark among a table's properties and none of them.
SHOWN_BY_SPARK = ("format", "comment", "sort-order", "identifier-fields")


def carry(key: str, value: str, *, engine_managed: bool) -> Carry:
    """`engine_managed`: the target decides itself how it writes and keeps history, as Unity Catalog does."""
    if key in SUPERSEDED or key.startswith(SUPERSEDED_PREFIXES):
        return "superseded"
    if not key.startswith(ENGINE_PREFIXES):
        return "carried"
    if engine_managed:
        return "superseded" if (key, value) == ("write.parquet.compression-codec", "zstd") else "lost"
    return "carried" if key in CARRIED or key.startswith(CARRIED_PREFIXES) else "lost"


def carried(source: Mapping[str, str], *, engine_managed: bool) -> tuple[dict[str, str], list[str]]:
    """What the new table gets, and the names of what it lacks."""
    kept: dict[str, str] = {}
    lost: list[str] = []
    for key, value in sorted(source.items()):
        if key in SHOWN_BY_SPARK:
            continue
        found = carry(key, value, engine_managed=engine_managed)
        if found == "carried":
            kept[key] = value
        elif found == "lost":
            lost.append(key)
    return kept, lost
