"""Tables as PyIceberg writes them, and what PyIceberg reads in them: the judge wherever Spark is not needed."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BinaryType,
    DecimalType,
    DoubleType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
)

from spark.judges.digest_reference import Digest, digest_rows

CITIES = ("Köln", "a/b c", "100%", "x=y&z", None)
EPOCH = dt.datetime(2024, 2, 28, 23, 59, 59, 999_999)


def plain(catalog: Catalog, identifier: str | tuple[str, ...], rows: int = 10, **options: Any) -> Table:
    """A small table with one snapshot."""
    names = [f"row {n}" if n % 3 else None for n in range(rows)]
    columns = {"id": pa.array(range(rows), pa.int64()), "name": pa.array(names, pa.string())}
    table = catalog.create_table(named(catalog, identifier), pa.table(columns).schema, **options)
    table.append(pa.table(columns))
    return table


def orders(catalog: Catalog, identifier: str | tuple[str, ...], days: int = 3, **options: Any) -> Table:
    """A table with a life behind it: partitions, a sort order, docs, deletes, and ids that are no longer in a row."""
    items = StructType(NestedField(9, "sku", StringType()), NestedField(10, "price", DecimalType(9, 2), required=True))
    schema = Schema(
        NestedField(1, "id", LongType(), required=True, doc="from the shop"),
        NestedField(2, "dropped", StringType()),
        NestedField(3, "city", StringType()),
        NestedField(4, "placed", TimestampType(), required=True),
        NestedField(5, "seen", TimestamptzType()),
        NestedField(6, "weight", DoubleType()),
        NestedField(7, "raw", BinaryType()),
        NestedField(8, "items", ListType(11, items, element_required=False)),
        identifier_field_ids=[],
    )
    spec = PartitionSpec(PartitionField(3, 1000, IdentityTransform(), "town"))
    order = SortOrder(SortField(1, IdentityTransform(), SortDirection.DESC, NullOrder.NULLS_LAST))
    properties = {"comment": "what was ordered", "write.parquet.compression-codec": "snappy", "team": "shop"}
    table = catalog.create_table(
        named(catalog, identifier), schema, partition_spec=spec, sort_order=order, properties=properties, **options
    )
    for day in range(days):
        table.append(order_rows(table, day))
    table.delete("id >= 3 and id < 6")
    with table.update_schema() as change:
        change.delete_column("dropped")
        change.rename_column("weight", "weight_kg")
        change.add_column("note", StringType(), doc="added late")
    table.append(order_rows(table, days))
    table.overwrite(order_rows(table, days, count=4), overwrite_filter=f"id >= {days * 20}")
    return table


def order_rows(table: Table, day: int, count: int = 20) -> pa.Table:
    """One day's orders under the table's schema of today."""
    ids = range(day * 20, day * 20 + count)
    values: dict[str, list[Any]] = {
        "id": list(ids),
        "dropped": ["gone" for _ in ids],
        "city": [CITIES[n % len(CITIES)] for n in ids],
        "placed": [EPOCH + dt.timedelta(days=day, microseconds=n) for n in ids],
        "seen": [None if n % 4 else (EPOCH + dt.timedelta(hours=n)).replace(tzinfo=dt.UTC) for n in ids],
        "weight": [(float("nan"), -0.0, 1e300, None)[n % 4] for n in ids],
        "weight_kg": [(0.1, float("inf"))[n % 2] for n in ids],
        "raw": [bytes([n % 256, 0, 255]) for n in ids],
        "items": [[{"sku": f"CM-{i}", "price": decimal.Decimal("0.01") * i} for i in range(n % 3)] for n in ids],
        "note": [f'note {n}\n\t"ü"' for n in ids],
    }
    schema = table.schema().as_arrow()
    return pa.table({name: pa.array(values[name], schema.field(name).type) for name in schema.names}, schema=schema)


def named(catalog: Catalog, identifier: str | tuple[str, ...]) -> tuple[str, ...]:
    """The name in parts, with every level of its namespace made."""
    parts = tuple(identifier.split(".")) if isinstance(identifier, str) else identifier
    for depth in range(1, len(parts)):
        catalog.create_namespace_if_not_exists(parts[:depth])
    return parts


def reading(table: Table, snapshot_id: int | None = None) -> Digest:
    """Count and digest of the rows that PyIceberg reads, now or at a snapshot."""
    scan = table.scan(snapshot_id=snapshot_id)
    return digest_rows(scan.projection(), scan.to_arrow().to_pylist())


def history(table: Table) -> dict[int, Digest]:
    """The reading of every snapshot there is."""
    return {snapshot.snapshot_id: reading(table, snapshot.snapshot_id) for snapshot in table.snapshots()}


def sqlite_catalog(folder: Path, warehouse: str | None = None, **properties: str) -> SqlCatalog:
    """A foreign SQL catalog: `catalog.db` and a warehouse in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    place = warehouse or f"file://{folder / 'warehouse'}"
    return SqlCatalog("foreign", uri=f"sqlite:///{folder / 'catalog.db'}", warehouse=place, **properties)


def rest_client(uri: str, **properties: str) -> RestCatalog:
    """PyIceberg at a REST catalog."""
    return RestCatalog("judge", uri=uri, **properties)
