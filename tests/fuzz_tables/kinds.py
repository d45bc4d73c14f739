"""Types of random columns, as Iceberg's JSON has them but without ids, and what each engine calls them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from tests.lakehouse.registry import quoted

SQL = {
    "boolean": "BOOLEAN",
    "int": "INT",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "timestamptz": "TIMESTAMP",
    "string": "STRING",
    "binary": "BINARY",
    "uuid": "STRING",
}
DECIMALS = ("decimal(9, 2)", "decimal(5, 0)", "decimal(3, 3)", "decimal(18, 4)", "decimal(38, 10)", "decimal(38, 0)")
PRIMITIVES = (*(kind for kind in SQL if kind != "uuid"), *DECIMALS)
# Spark's CREATE TABLE has no word for these; it reads and writes them.
BY_JAVA = ("uuid", "fixed[4]", "fixed[16]")
# Spark cannot read these at all.
NOT_SPARK = ("time", "timestamp_ns", "timestamptz_ns")
KEYS = ("string", "int", "long", "date", "boolean", "timestamptz", "decimal(9, 2)")
NAMES = (
    *("id", "name", "v", "region", "at", "Größe", "a b", "a.b", 'say "hi"', "it's", "UPPER", "x-y", "1st", "select"),
    *("😀", "back`tick", "pos", "file_path", "日本", "tail ", "x/y", "100%", "a=b&c", "_x", "element", "key", "value"),
    *("partition", "st.ru.ct", "ta\tb", "k1", "k2", "k3", "k4", "k5"),
)
PLAIN_NAMES = ("id", "name", "v", "region", "at", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8")


def column(name: str, kind: Any, *, required: bool = False) -> dict[str, Any]:
    """A column of a table to be made."""
    return {"name": name, "type": kind, "required": required}


def kind(rng: random.Random, primitives: Sequence[str], depth: int = 0) -> Any:
    """A random type: mostly primitive, sometimes nested up to three levels."""
    if depth >= 3 or rng.random() < (0.82 if depth == 0 else 0.7):
        return rng.choice(primitives)
    form = rng.choice(("struct", "struct", "list", "map"))
    if form == "list":
        return {"type": "list", "element": kind(rng, primitives, depth + 1)}
    if form == "map":
        return {"type": "map", "key": rng.choice(KEYS), "value": kind(rng, primitives, depth + 1)}
    names = rng.sample(NAMES if rng.random() < 0.3 else PLAIN_NAMES, rng.randint(1, 3))
    return {"type": "struct", "fields": [column(name, kind(rng, primitives, depth + 1)) for name in names]}


def columns(rng: random.Random, primitives: Sequence[str], *, nested: bool = True) -> list[dict[str, Any]]:
    """Columns of a table, the first of them always of a type that makes a good key."""
    odd = rng.random() < 0.35
    names = rng.sample(NAMES if odd else PLAIN_NAMES, rng.randint(1, 6))
    made = [column(names[0], rng.choice(("int", "long", "string")), required=rng.random() < 0.15)]
    for name in names[1:]:
        made.append(column(name, kind(rng, primitives, 0 if nested else 3), required=rng.random() < 0.08))
    if rng.random() < 0.03 and names[0].upper() not in names:
        made.append(column(names[0].upper(), "int"))
    return made


def with_ids(made: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns as fields of Iceberg's schema."""
    numbers = count(1)
    top = [next(numbers) for _ in made]
    return [
        {"id": number, "name": one["name"], "required": one["required"], "type": _numbered(one["type"], numbers)}
        for number, one in zip(top, made, strict=True)
    ]


def _numbered(given: Any, numbers: Iterator[int]) -> Any:
    if isinstance(given, str):
        return given
    if given["type"] == "struct":
        fields = [(next(numbers), one) for one in given["fields"]]
        return {
            "type": "struct",
            "fields": [
                {"id": n, "name": one["name"], "required": False, "type": _numbered(one["type"], numbers)}
                for n, one in fields
            ],
        }
    if given["type"] == "list":
        number = next(numbers)
        return {
            "type": "list",
            "element-id": number,
            "element-required": False,
            "element": _numbered(given["element"], numbers),
        }
    ids = {"key-id": next(numbers), "value-id": next(numbers)}
    return {
        "type": "map",
        **ids,
        "key": given["key"],
        "value-required": False,
        "value": _numbered(given["value"], numbers),
    }


def sql(given: Any) -> str:
    """The type as Spark's SQL writes it."""
    if isinstance(given, str):
        if given.startswith("fixed"):
            return "BINARY"
        return given.replace(" ", "").upper() if given.startswith("decimal") else SQL[given]
    if given["type"] == "struct":
        return "STRUCT<" + ", ".join(f"{quoted(one['name'])}: {sql(one['type'])}" for one in given["fields"]) + ">"
    if given["type"] == "list":
        return f"ARRAY<{sql(given['element'])}>"
    return f"MAP<{sql(given['key'])}, {sql(given['value'])}>"


def primitive(field: dict[str, Any]) -> bool:
    """Whether a field holds no others."""
    return isinstance(field["type"], str)


def leaves(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """Every struct inside a type with the path to it, as ALTER TABLE spells it."""
    if isinstance(given, str):
        return
    if given["type"] == "struct":
        yield path, given["fields"]
        for one in given["fields"]:
            yield from leaves(one["type"], (*path, one["name"]))
    elif given["type"] == "list":
        yield from leaves(given["element"], (*path, "element"))
    else:
        yield from leaves(given["value"], (*path, "value"))


def transforms(given: Any) -> list[str]:
    """The partition transforms that a column of this type can have."""
    if not isinstance(given, str):
        return []
    base = given.split("(")[0].split("[")[0]
    found = ["identity"]
    if base in (
        "int",
        "long",
        "decimal",
        "date",
        "timestamp",
        "timestamptz",
        "string",
        "binary",
        "uuid",
        "fixed",
        "time",
    ):
        found += ["bucket[3]", "bucket[7]"]
    if base in ("int", "long", "decimal", "string", "binary"):
        found += ["truncate[2]", "truncate[10]"]
    if base in ("date", "timestamp", "timestamptz"):
        found += ["year", "month", "day"]
    if base in ("timestamp", "timestamptz"):
        found += ["hour"]
    return found


def transform_sql(transform: str, name: str) -> str:
    """The partition transform of a column as Spark's SQL writes it."""
    reference = quoted(name)
    if transform == "identity":
        return reference
    word, _, width = transform.partition("[")
    return f"{word}({width[:-1]}, {reference})" if width else f"{word}s({reference})"
