"""Operations that take Parquet files without field ids into the table, as other programs left them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tests.fuzz_tables.bench import Act, Bench, Operation, Skip, text_of
from tests.fuzz_tables.rows import arrow
from tests.lakehouse.spark import CATALOG


def add_files(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add a file by Spark's procedure, which gives the table a name mapping."""
    bench.not_for_spark()
    _unpartitioned(bench)
    path = _written(bench, op, rng)
    bench.sql(
        f"CALL {CATALOG}.system.add_files(table => {text_of(bench.p)}, "
        f"source_table => {text_of(f'`parquet`.`file://{path.parent}`')})"
    )


def python_add_files(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add a file by PyIceberg."""
    _unpartitioned(bench)
    path = _written(bench, op, rng)
    table = bench.pyiceberg().load_table(bench.name)
    table.add_files([f"file://{path}"])
    bench.say(f"PyIceberg: add_files([{path.name}])")


def _unpartitioned(bench: Bench) -> None:
    if any(not field.transform().isVoid() for field in bench.table().spec().fields()):
        raise Skip("rows would not say which partition they are in")


def _written(bench: Bench, op: Operation, rng: random.Random) -> Path:
    """A file of some of the columns, in one of the forms that writers have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = bench.fields()
    schema = pa.schema([_bare(field) for field in bench.pyiceberg().load_table(bench.name).schema().as_arrow()])
    table = arrow(bench.rows(rng, fields, op["rows"]), fields, schema)
    kept = [one["name"] for one in fields if one["required"] or rng.random() < 0.85] or [fields[0]["name"]]
    options: dict[str, Any] = {
        "use_dictionary": rng.random() < 0.5,
        "compression": rng.choice(("none", "snappy", "gzip", "zstd", "lz4")),
        "data_page_version": rng.choice(("1.0", "2.0")),
        "use_deprecated_int96_timestamps": rng.random() < 0.15,
        "use_compliant_nested_type": rng.random() < 0.7,
        "store_schema": rng.random() < 0.5,
        "store_decimal_as_integer": rng.random() < 0.3,
        "write_page_checksum": rng.random() < 0.5,
        "row_group_size": rng.choice((1, 3, 1000)),
        "write_statistics": rng.random() < 0.7,
    }
    # Each file has a folder of its own: Spark takes all that there are in one.
    folder = bench.folder(f"imported-{op['seed']}")
    path = folder / "data.parquet"
    pq.write_table(table.select(kept), path, **options)
    bench.say(f"Parquet without field ids {options}: {table.select(kept).to_pylist()}")
    return path


def _bare(field: Any) -> Any:
    """An Arrow field without the ids of Iceberg, at any depth."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_struct(kind):
        kind = pa.struct([_bare(kind.field(place)) for place in range(kind.num_fields)])
    elif pa.types.is_map(kind):
        kind = pa.map_(_bare(kind.key_field), _bare(kind.item_field))
    elif pa.types.is_large_list(kind) or pa.types.is_list(kind):
        kind = pa.list_(_bare(kind.value_field))
    return pa.field(field.name, kind, nullable=field.nullable)


ACTS: dict[str, Act] = {act.__name__: act for act in (add_files, python_add_files)}
