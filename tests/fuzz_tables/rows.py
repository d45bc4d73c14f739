"""Random rows in Iceberg's single-value JSON, and the same rows as SQL literals and as an Arrow table."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import re
import uuid
from collections.abc import Sequence
from typing import Any

from tests.fuzz_tables.kinds import sql

TEXTS = (
    *(
        "",
        " ",
        "a",
        "b",
        "null",
        "NULL",
        "a/b",
        "100%",
        "x=y&z",
        "%2F",
        "Grüße",
        "日本語",
        "😀🏳️‍🌈",
        "e\u0301",
        "\u00e9",
    ),
    *(
        "tab\tline\nquote\"'\\",
        "nul\u0000byte",
        "\u0000",
        "x" * 40,
        "__HIVE_DEFAULT_PARTITION__",
        "\ufeffbom",
        "{}",
        "a;b",
    ),
)
POOL: dict[str, tuple[Any, ...]] = {
    "boolean": (True, False),
    "int": (0, 1, 2, 3, 7, -1, 100, 2147483647, -2147483648),
    "long": (0, 1, 2, 3, 7, -1, 100, 5000000000, 9223372036854775807, -9223372036854775808),
    "float": (0.0, -0.0, 1.5, -1.5, 0.10000000149011612, 3.4028234663852886e38, 1.401298464324817e-45, "NaN"),
    "double": (0.0, -0.0, 0.1, -2.5, 1.7976931348623157e308, 5e-324, "NaN", "Infinity", "-Infinity"),
    "date": ("1970-01-01", "1969-12-31", "2024-02-29", "0001-01-01", "9999-12-31", "1582-10-15", "2024-03-01"),
    "time": ("00:00:00", "22:31:08.123456", "23:59:59.999999", "00:00:00.000001"),
    "string": TEXTS,
    "binary": ("", "00", "ff00ff", "00010203", "80" * 20, "6162"),
    "uuid": (
        "00000000-0000-0000-0000-000000000000",
        "579c3e09-677c-4bbd-a479-3f349cb785e7",
        "f79c3e09-677c-4bbd-a479-3f349cb785e7",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
}
MOMENTS = (
    *("1970-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2017-11-16T22:31:08.123456", "2024-02-29T12:00:00"),
    *("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1582-10-15T00:00:00", "1969-12-31T23:00:00"),
)
NANOS = ("1970-01-01T00:00:00.000000001", "2017-11-16T22:31:08.123456789", "1969-12-31T23:59:59.999999999")


def value(rng: random.Random, kind: Any, *, required: bool = False) -> Any:
    """A random value; values come from small pools, so that predicates and keys meet them."""
    if kind == "unknown" or (not required and rng.random() < 0.12):
        return None
    if isinstance(kind, str):
        return _primitive(rng, kind)
    if kind["type"] == "struct":
        return {one["name"]: value(rng, one["type"], required=one["required"]) for one in kind["fields"]}
    if kind["type"] == "list":
        must = kind.get("element-required", False)
        return [value(rng, kind["element"], required=must) for _ in range(rng.randint(0, 3))]
    keys: list[Any] = []
    for _ in range(rng.randint(0, 3)):
        key = value(rng, kind["key"], required=True)
        keys += [key] if key not in keys else []
    return {
        "keys": keys,
        "values": [value(rng, kind["value"], required=kind.get("value-required", False)) for _ in keys],
    }


def _primitive(rng: random.Random, kind: str) -> Any:
    if kind.startswith("decimal"):
        return _decimal(rng, kind)
    if kind.startswith("fixed"):
        length = int(kind[6:-1])
        return rng.choice(("00" * length, "ff" * length, "".join(f"{n:02x}" for n in range(length))))
    if kind.startswith("timestamp"):
        moment = rng.choice(NANOS if kind.endswith("_ns") else MOMENTS)
        return moment + ("+00:00" if "tz" in kind else "")
    if kind in ("int", "long") and rng.random() < 0.5:
        return rng.randint(0, 12)
    if kind == "string" and rng.random() < 0.4:
        return f"s{rng.randint(0, 9)}"
    if kind == "date" and rng.random() < 0.5:
        return (dt.date(2024, 1, 1) + dt.timedelta(days=rng.randint(0, 400))).isoformat()
    return rng.choice(POOL[kind])


def _decimal(rng: random.Random, kind: str) -> str:
    precision, scale = map(int, re.findall(r"\d+", kind))
    most = 10**precision - 1
    unscaled = rng.choice((0, 1, -1, 5, 12, -123, most, -most, rng.randint(-most, most)))
    return f"{decimal.Decimal(unscaled).scaleb(-scale, decimal.Context(prec=60)):.{scale}f}"


def some_rows(rng: random.Random, fields: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Rows of a table with these fields."""
    return [
        {field["name"]: value(rng, field["type"], required=field["required"]) for field in fields} for _ in range(count)
    ]


def literal(kind: Any, given: Any) -> str:
    """A value as Spark's SQL writes it, of exactly this type."""
    if given is None:
        return f"CAST(NULL AS {sql(kind)})"
    if isinstance(kind, str):
        return _literal(kind, given)
    if kind["type"] == "struct":
        parts = [f"{text(one['name'])}, {literal(one['type'], given.get(one['name']))}" for one in kind["fields"]]
        return f"named_struct({', '.join(parts)})"
    if kind["type"] == "list":
        return f"CAST(array({', '.join(literal(kind['element'], one) for one in given)}) AS {sql(kind)})"
    pairs = [
        f"{literal(kind['key'], key)}, {literal(kind['value'], one)}"
        for key, one in zip(given["keys"], given["values"], strict=True)
    ]
    return f"CAST(map({', '.join(pairs)}) AS {sql(kind)})"


def _literal(kind: str, given: Any) -> str:
    if kind == "boolean":
        return "true" if given else "false"
    if kind in ("string", "uuid"):
        return text(given)
    if kind == "binary" or kind.startswith("fixed"):
        return f"X'{given}'"
    # Cut off the zone: the session's is UTC, and a timestamp without zone takes none.
    plain = str(given).removesuffix("+00:00").replace("T", " ") if kind.startswith("timestamp") else str(given)
    return f"CAST('{plain}' AS {sql(kind)})"


def text(given: str) -> str:
    """A string literal; by its bytes where an escape could change it."""
    plain = re.fullmatch(r"[A-Za-z0-9 _]*", given)
    return f"'{given}'" if plain else f"CAST(X'{given.encode().hex()}' AS STRING)"


def arrow(rows: Sequence[dict[str, Any]], fields: Sequence[dict[str, Any]], schema: Any) -> Any:
    """The rows as an Arrow table of the schema."""
    import pyarrow as pa

    columns = [
        pa.array([python(field["type"], row[field["name"]]) for row in rows], schema.field(place).type)
        for place, field in enumerate(fields)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def python(kind: Any, given: Any) -> Any:
    """A value as Arrow takes it."""
    if given is None:
        return None
    if not isinstance(kind, str):
        if kind["type"] == "struct":
            return {one["name"]: python(one["type"], given.get(one["name"])) for one in kind["fields"]}
        if kind["type"] == "list":
            return [python(kind["element"], one) for one in given]
        return [
            (python(kind["key"], key), python(kind["value"], one))
            for key, one in zip(given["keys"], given["values"], strict=True)
        ]
    if kind.startswith("decimal"):
        return decimal.Decimal(given)
    if kind == "date":
        return dt.date.fromisoformat(given)
    if kind == "time":
        return dt.time.fromisoformat(given)
    if kind in ("timestamp", "timestamptz"):
        return dt.datetime.fromisoformat(given)
    if kind == "uuid":
        return uuid.UUID(given).bytes
    if kind == "binary" or kind.startswith("fixed"):
        return bytes.fromhex(given)
    return float(given) if kind in ("float", "double") else given
