"""The vectors of docs/digest-vectors.json as DataFrames, for the types that Spark can hold."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as T

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "docs" / "digest-vectors.json").read_text(encoding="utf-8"))
# Iceberg's Spark runtime refuses to read columns of these types.
UNKNOWN_TO_SPARK = {"time", "timestamp_ns", "timestamptz_ns"}
_PLAIN = {
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "date": T.DateType(),
    "timestamp": T.TimestampNTZType(),
    "timestamptz": T.TimestampType(),
    "string": T.StringType(),
    "binary": T.BinaryType(),
    "uuid": T.StringType(),
    "unknown": T.NullType(),
}


def fits(vector: dict[str, Any]) -> bool:
    """Whether Spark has all its types."""
    return not any(
        field["type"] in UNKNOWN_TO_SPARK for field in vector["schema"]["fields"] if _is_plain(field["type"])
    )


def frame(spark: SparkSession, vector: dict[str, Any]) -> tuple[DataFrame, dict[str, str]]:
    """Its rows, and the Iceberg types of its columns."""
    fields = vector["schema"]["fields"]
    schema = T.StructType([T.StructField(field["name"], _type(field["type"])) for field in fields])
    rows = [tuple(_value(field["type"], row[field["name"]]) for field in fields) for row in vector["rows"]]
    return spark.createDataFrame(rows, schema), {f["name"]: f["type"] for f in fields if _is_plain(f["type"])}


def _is_plain(kind: Any) -> bool:
    return isinstance(kind, str)


def _type(kind: Any) -> T.DataType:
    if not _is_plain(kind):
        if kind["type"] == "struct":
            return T.StructType([T.StructField(f["name"], _type(f["type"])) for f in kind["fields"]])
        if kind["type"] == "list":
            return T.ArrayType(_type(kind["element"]))
        return T.MapType(_type(kind["key"]), _type(kind["value"]))
    if kind.startswith("decimal"):
        precision, scale = map(int, re.findall(r"\d+", kind))
        return T.DecimalType(precision, scale)
    return T.BinaryType() if kind.startswith("fixed") else _PLAIN[kind]


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if not _is_plain(kind):
        if kind["type"] == "struct":
            return tuple(_value(f["type"], value[f["name"]]) for f in kind["fields"])
        if kind["type"] == "list":
            return [_value(kind["element"], item) for item in value]
        pairs = zip(value["keys"], value["values"], strict=True)
        return {_value(kind["key"], key): _value(kind["value"], item) for key, item in pairs}
    if kind.startswith("decimal"):
        return decimal.Decimal(value)
    if kind.startswith("fixed") or kind == "binary":
        return bytes.fromhex(value)
    if kind in ("float", "double"):
        return float(value.replace("Infinity", "inf")) if isinstance(value, str) else float(value)
    if kind == "date":
        return dt.date.fromisoformat(value)
    return dt.datetime.fromisoformat(value) if kind.startswith("timestamp") else value
