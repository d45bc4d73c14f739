"""Write docs/digest-vectors.json: the cases that hold the Rust digest and the Python one together.

Run `python -m tests.lakehouse.vectors` after a change to docs/digest.md, and read the difference: a vector that
changes without a change to the definition is a mistake in the reference. The rows are Iceberg's single-value JSON by
column name; the three floating point numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from spark.judges.digest_reference import canonical_row, digest_rows

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "digest-vectors.json"


class _Schema:
    """Builds Iceberg's JSON schemas with ids that never meet."""

    def __init__(self) -> None:
        self._ids: Iterator[int] = count(1)

    def field(self, name: str, kind: Any, required: bool = False) -> dict[str, Any]:
        return {"id": next(self._ids), "name": name, "required": required, "type": kind}

    def struct(self, **kinds: Any) -> dict[str, Any]:
        return {"type": "struct", "fields": [self.field(name, kind) for name, kind in kinds.items()]}

    def list(self, element: Any) -> dict[str, Any]:
        return {"type": "list", "element-id": next(self._ids), "element-required": False, "element": element}

    def map(self, key: Any, value: Any) -> dict[str, Any]:
        ids = {"key-id": next(self._ids), "value-id": next(self._ids)}
        return {"type": "map", **ids, "key": key, "value": value, "value-required": False}

    def table(self, **kinds: Any) -> dict[str, Any]:
        return {"schema-id": 0, **self.struct(**kinds)}


def _simple() -> Iterator[tuple[str, Any, list[Any]]]:
    """One column per type row of the definition, each with its edges."""
    longest = "9" * 38
    yield "boolean", "boolean", [True, False, None]
    yield "int", "int", [0, 1, -1, 2147483647, -2147483648, None]
    yield "long", "long", [0, 1, -1, 9223372036854775807, -9223372036854775808, None]
    tiny = 1.401298464324817e-45
    floats = [0.0, -0.0, 1.5, -1.5, 0.10000000149011612, 3.4028234663852886e38, tiny]
    yield "float", "float", [*floats, "NaN", "Infinity", "-Infinity", None]
    doubles = [0.0, -0.0, 0.1, -2.5, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308]
    yield "double", "double", [*doubles, "NaN", "Infinity", "-Infinity", None]
    yield (
        "decimal(9, 2)",
        "decimal(9, 2)",
        ["-0.05", "0.05", "0.00", "12.00", "-12.30", "9999999.99", "-9999999.99", None],
    )
    yield "decimal(18, 4)", "decimal(18, 4)", ["-0.0001", "1.5000", "99999999999999.9999", "-99999999999999.9999", None]
    yield "decimal(5, 0)", "decimal(5, 0)", ["7", "0", "-7", "10", "99999", None]
    yield "decimal(3, 3)", "decimal(3, 3)", ["0.999", "-0.001", "0.000", None]
    yield (
        "decimal(38, 10)",
        "decimal(38, 10)",
        [longest[:28] + "." + longest[28:], "-0.0000000001", "1.0000000000", None],
    )
    yield "decimal(38, 0)", "decimal(38, 0)", [longest, "-" + longest, "1" + "0" * 37, None]
    yield "decimal(38, 38)", "decimal(38, 38)", ["0." + longest, "-0." + longest, "0." + "0" * 37 + "1", None]
    yield "date", "date", ["1970-01-01", "1969-12-31", "2024-02-29", "0001-01-01", "9999-12-31", "1582-10-15", None]
    yield "time", "time", ["00:00:00", "22:31:08.123456", "23:59:59.999999", "00:00:00.000001", None]
    moments = ["1970-01-01T00:00:00", "2017-11-16T22:31:08.123456", "1969-12-31T23:59:59.999999"]
    edges = ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1582-10-15T00:00:00"]
    yield "timestamp", "timestamp", [*moments, *edges, None]
    yield "timestamptz", "timestamptz", [f"{moment}+00:00" for moment in [*moments, *edges]] + [None]
    nanos = ["1970-01-01T00:00:00.000000001", "2017-11-16T22:31:08.123456789", "1969-12-31T23:59:59.999999999"]
    nano_edges = ["1677-09-21T00:12:43.145224193", "2262-04-11T23:47:16.854775807"]
    yield "timestamp_ns", "timestamp_ns", [*nanos, *nano_edges, None]
    yield "timestamptz_ns", "timestamptz_ns", [f"{moment}+00:00" for moment in [*nanos, *nano_edges]] + [None]
    texts = [
        "",
        " ",
        "a",
        "null",
        "Grüße, Ελλάδα",
        "日本語",
        "😀🏳️‍🌈",
        "e\u0301",
        "\u00e9",
        "tab\tline\nquote\"'\\",
        "\u0000",
        "x" * 300,
    ]
    yield "string", "string", [*texts, None]
    yield "binary", "binary", ["", "00", "ff00ff", "00010203", "80" * 20, None]
    yield "fixed", "fixed[4]", ["00000000", "ffffffff", "00010203", None]
    yield "uuid", "uuid", ["f79c3e09-677c-4bbd-a479-3f349cb785e7", "0" * 8 + "-0000-0000-0000-" + "0" * 12, None]
    yield "unknown", "unknown", [None, None]


def _composed() -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    s = _Schema()
    yield "empty table", s.table(id="long", name="string"), []
    yield (
        "one row, all null",
        s.table(id="long", name="string", flag="boolean"),
        [{"id": None, "name": None, "flag": None}],
    )
    pair = s.table(id="long", name="string")
    one = {"id": 1, "name": "a"}
    yield "one row", pair, [one]
    yield "the same row three times", pair, [one, one, one]
    yield "two rows", pair, [one, {"id": 2, "name": None}]
    yield (
        "two rows, the other order of rows and columns",
        s.table(name="string", id="long"),
        [{"name": None, "id": 2}, one],
    )
    yield "null is not the empty string", s.table(a="string", b="string"), [{"a": "", "b": None}, {"a": None, "b": ""}]
    yield "int as promoted to long", s.table(v="long"), [{"v": -5}, {"v": 2147483647}]
    yield "int before the promotion", s.table(v="int"), [{"v": -5}, {"v": 2147483647}]
    yield "float as promoted to double", s.table(v="double"), [{"v": 0.10000000149011612}, {"v": "NaN"}]
    yield "float before the promotion", s.table(v="float"), [{"v": 0.10000000149011612}, {"v": "NaN"}]
    names = s.struct()
    odd = {"b": 1, "a": 2, "B": 3, "ä": 4, "z": 5, "a b": 6, "a.b": 7, "😀": 8, "\uffee": 9, "aa": 10}
    names["fields"] = [s.field(name, "int") for name in odd]
    yield "columns in the order of the UTF-8 bytes of their names", {"schema-id": 0, **names}, [odd]
    inner = s.struct(street="string", city="string")
    outer = s.struct(z="int", address=inner, a="int")
    yield (
        "nested struct, fields out of order",
        s.table(s=outer, id="int"),
        [
            {"id": 1, "s": {"z": 1, "address": {"street": "High", "city": "York"}, "a": 2}},
            {"id": 2, "s": {"z": None, "address": None, "a": None}},
            {"id": 3, "s": None},
            {"id": 4, "s": {"z": 0, "address": {"street": None, "city": None}, "a": 0}},
        ],
    )
    yield (
        "list",
        s.table(v=s.list("int")),
        [{"v": []}, {"v": None}, {"v": [None]}, {"v": [1, None, 3]}, {"v": [3, None, 1]}],
    )
    yield "list of lists", s.table(v=s.list(s.list("int"))), [{"v": [[]]}, {"v": []}, {"v": [None, [1], [2, 3]]}]
    items = s.list(s.struct(sku="string", price="decimal(9, 2)"))
    yield (
        "list of structs",
        s.table(items=items),
        [
            {"items": [{"sku": "b", "price": "-0.05"}, {"sku": "a", "price": None}]},
            {"items": [None]},
            {"items": []},
        ],
    )
    yield (
        "map, entries in two orders",
        s.table(m=s.map("string", "int")),
        [
            {"m": {"keys": ["b", "a", "aa", ""], "values": [1, None, 3, 4]}},
            {"m": {"keys": ["", "aa", "a", "b"], "values": [4, 3, None, 1]}},
            {"m": {"keys": [], "values": []}},
            {"m": None},
        ],
    )
    yield (
        "map, numbers as keys",
        s.table(m=s.map("int", "string")),
        [
            {"m": {"keys": [10, 9, -1], "values": ["x", "y", "z"]}},
            {"m": {"keys": [-1, 9, 10], "values": ["z", "y", "x"]}},
        ],
    )
    deep = s.map("string", s.struct(scores=s.list("double"), at="timestamptz"))
    yield (
        "map of structs with lists",
        s.table(m=deep),
        [
            {
                "m": {
                    "keys": ["k2", "k1"],
                    "values": [
                        {"scores": [-0.0, "NaN"], "at": "2024-05-06T07:08:09.000001+00:00"},
                        {"scores": None, "at": None},
                    ],
                }
            },
            {"m": {"keys": ["k"], "values": [None]}},
        ],
    )
    keyed = s.map(s.struct(b="int", a="string"), s.map("date", "boolean"))
    yield (
        "map with struct keys and maps as values",
        s.table(m=keyed),
        [
            {
                "m": {
                    "keys": [{"b": 2, "a": "x"}, {"b": 1, "a": "y"}],
                    "values": [
                        {"keys": ["2024-01-02", "1969-12-31"], "values": [True, None]},
                        {"keys": [], "values": []},
                    ],
                }
            }
        ],
    )
    yield "many rows, so that every lane overflows", s.table(id="long"), [{"id": number} for number in range(100)]


def cases() -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """All cases as (name, schema, rows)."""
    for name, kind, values in _simple():
        yield f"type {name}", _Schema().table(v=kind), [{"v": value} for value in values]
    yield from _composed()


def build() -> list[dict[str, Any]]:
    """The vectors as they stand in the file."""
    vectors = []
    for name, schema, rows in cases():
        result = digest_rows(schema, rows)
        canonical = [canonical_row(schema, row).hex() for row in rows]
        vector = {"name": name, "schema": schema, "rows": rows, "canonical": canonical}
        vectors.append({**vector, "rows_count": result.rows, "digest": result.digest})
    return vectors


def render(vectors: list[dict[str, Any]]) -> str:
    """One line per vector: short enough to read, and a changed vector is one changed line."""
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    VECTORS.write_text(render(build()), encoding="utf-8")
    print(f"{len(build())} vectors written to {VECTORS}")
