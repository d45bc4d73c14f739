"""Reads Iceberg tables by an engine that is not IceBridge's own, and gives the row digest of each (docs/digest.md).

IceBridge starts it with a Python of this machine: `icebridge validate --judge duckdb`, `spark` or `pyiceberg`. Standard
input has one JSON object a line, each answered by one line on standard output:

    {"order": 1, "metadata": "/lake/t/metadata/v3.metadata.json", "snapshot_id": 17, "schema": {...}}
    {"order": 1, "rows": 3, "digest": "..."}  or  {"order": 1, "error": "..."}

The first line out says who reads, `{"engine": "DuckDB 1.5.5"}`, or why nobody can, `{"missing": "..."}`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import digest_reference

Reader = Callable[[str, "int | None", "Mapping[str, Any]"], "tuple[int, str]"]
JARS = "ICEBRIDGE_JUDGE_JARS"


class Missing(Exception):
    """What is not installed."""


def main(engine: str) -> None:
    """Answer until standard input ends."""
    # Engines print what they like; answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(line: Mapping[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    try:
        name, read = ENGINES[engine]()
    except Missing as cause:
        return answer({"missing": str(cause)})
    except Exception as cause:
        return answer({"missing": said(cause)})
    answer({"engine": name})
    for line in sys.stdin:
        order = json.loads(line)
        try:
            rows, digest = read(order["metadata"], order["snapshot_id"], order["schema"])
            answer({"order": order["order"], "rows": rows, "digest": digest})
        except Exception as cause:
            answer({"order": order["order"], "error": said(cause)})


def said(cause: BaseException) -> str:
    """The first lines of an error: a JVM's have hundreds."""
    return f"{type(cause).__name__}: {' '.join(str(cause).split())[:600]}"


def module(name: str, package: str) -> Any:
    """A module, or what to install for it."""
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        raise Missing(f"{sys.executable} has no {package} ({cause}); install it with pip install {package}") from cause


def duckdb() -> tuple[str, Reader]:
    """DuckDB with its Iceberg extension: from its own folder of extensions, or from the wheels of the same names."""
    duck = module("duckdb", "duckdb")
    module("pyarrow", "pyarrow")
    database = duck.connect(config={"autoinstall_known_extensions": "false"})
    for name in ("avro", "iceberg"):
        try:
            database.execute(f"LOAD {name}")
        except duck.Error:
            wheel = module(f"duckdb_extension_{name}", f"duckdb-extension-{name}")
            found = next(Path(str(wheel.__file__)).parent.rglob("*.duckdb_extension"))
            database.execute(f"LOAD '{found}'")
    database.execute("SET TimeZone = 'UTC'")

    def read(metadata: str, snapshot_id: int | None, schema: Mapping[str, Any]) -> tuple[int, str]:
        at = "" if snapshot_id is None else f", snapshot_from_id => {snapshot_id}"
        path = metadata.removeprefix("file://").replace("'", "''")
        found = database.execute(f"SELECT * FROM iceberg_scan('{path}'{at})")
        return of_batches(schema, found.to_arrow_reader(8192))

    return f"DuckDB {duck.__version__}", read


def pyiceberg() -> tuple[str, Reader]:
    """PyIceberg, from the metadata file alone."""
    package = module("pyiceberg", "pyiceberg[pyarrow]")
    tables = module("pyiceberg.table", "pyiceberg[pyarrow]")
    module("pyarrow", "pyarrow")

    def read(metadata: str, snapshot_id: int | None, schema: Mapping[str, Any]) -> tuple[int, str]:
        table = tables.StaticTable.from_metadata(metadata)
        return of_batches(schema, table.scan(snapshot_id=snapshot_id).to_arrow_batch_reader())

    return f"PyIceberg {package.__version__}", read


def spark() -> tuple[str, Reader]:
    """Spark on this machine, with the Iceberg runtime that ICEBRIDGE_JUDGE_JARS names, or that Spark's folder has."""
    package = module("pyspark", "pyspark")
    sql = module("pyspark.sql", "pyspark")
    row_digest = importlib.import_module("row_digest")
    scratch = tempfile.TemporaryDirectory(prefix="icebridge-judge-")
    catalog = "spark.sql.catalog.judge"
    extensions = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    builder = sql.SparkSession.builder.master("local[*]").appName("icebridge-judge")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": os.environ.get(JARS, ""),
        "spark.sql.session.timeZone": "UTC",
        # A name or a path may hold ${...}, and Spark would put something of this machine in its place.
        "spark.sql.variable.substitute": "false",
        "spark.sql.extensions": extensions,
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        # A catalog of its own, for names alone. Nothing in it is ever dropped: the files are not its own.
        f"{catalog}.type": "hadoop",
        f"{catalog}.warehouse": scratch.name,
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        session.sql("CREATE NAMESPACE judge.n")
    except Exception as cause:
        raise Missing(f"Spark has no Iceberg runtime; name its jars in {JARS} ({said(cause)})") from cause
    count = iter(range(1 << 62))

    def read(metadata: str, snapshot_id: int | None, schema: Mapping[str, Any]) -> tuple[int, str]:
        name = f"n.t{next(count)}"
        session.sql(f"CALL judge.system.register_table(table => '{name}', metadata_file => {quoted(metadata)})")
        at = "" if snapshot_id is None else f" VERSION AS OF {snapshot_id}"
        frame = session.sql(f"SELECT * FROM judge.{name}{at}")
        kinds = {field["name"]: field["type"] for field in schema["fields"] if isinstance(field["type"], str)}
        found = row_digest.measure(frame, kinds)
        return found.rows, found.digest

    # Held by the reader, and removed with it.
    read.scratch = scratch  # type: ignore[attr-defined]
    return f"Spark {package.__version__}", read


def quoted(text: str) -> str:
    """A text of Spark SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def of_batches(schema: Mapping[str, Any], batches: Any) -> tuple[int, str]:
    """Add up Arrow's batches one by one."""
    found = digest_reference.digest_rows(schema, rows(schema, batches))
    return found.rows, found.digest


def rows(schema: Mapping[str, Any], batches: Any) -> Iterator[tuple[Any, ...]]:
    """The rows. Columns go by their places: DuckDB renames those whose names differ in case alone."""
    wanted = len(schema["fields"])
    for batch in batches:
        if batch.num_columns != wanted:
            raise ValueError(f"{batch.num_columns} columns were read of a table that has {wanted}")
        columns = [exact(column) for column in batch.columns]
        if columns:
            yield from zip(*columns, strict=True)
        else:
            yield from [()] * batch.num_rows


def exact(column: Any) -> list[Any]:
    """Values as digest_reference takes them. Dates and times are numbers: Python's own end in the year 9999."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return list(column.cast(pa.int64() if kind.bit_width == 64 else pa.int32()).to_pylist())
    if pa.types.is_date32(kind):
        return list(column.cast(pa.int32()).to_pylist())
    return list(column.to_pylist())


ENGINES: dict[str, Callable[[], tuple[str, Reader]]] = {"duckdb": duckdb, "pyiceberg": pyiceberg, "spark": spark}
