"""The Python reference against the shared vectors, against bytes written by hand, and what readers hand over."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import uuid
from typing import Any

import pytest

from spark.judges.digest_reference import DigestError, canonical_row, canonical_rows, digest_rows
from tests.lakehouse.vectors import VECTORS, build, render

ONE = json.loads(VECTORS.read_text(encoding="utf-8"))


def _column(kind: Any) -> dict[str, Any]:
    return {"type": "struct", "fields": [{"id": 1, "name": "v", "required": False, "type": kind}]}


def _hex(kind: Any, value: Any) -> str:
    return canonical_row(_column(kind), {"v": value}).hex()


@pytest.mark.parametrize("vector", ONE, ids=[vector["name"] for vector in ONE])
def test_vector(vector: dict[str, Any]) -> None:
    canonical = [canonical_row(vector["schema"], row).hex() for row in vector["rows"]]
    assert canonical == vector["canonical"]
    assert digest_rows(vector["schema"], vector["rows"]) == (vector["rows_count"], vector["digest"])


def test_the_file_is_what_the_generator_writes() -> None:
    assert VECTORS.read_text(encoding="utf-8") == render(build())


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("boolean", True, "0101"),
        ("int", -1, "01ffffffffffffffff"),
        ("long", 258, "010000000000000102"),
        ("float", 1.5, "013ff8000000000000"),
        ("double", -0.0, "018000000000000000"),
        ("double", float("nan"), "017ff8000000000000"),
        ("decimal(9, 2)", "-0.05", "0100000005" + b"-0.05".hex()),
        ("decimal(9, 2)", decimal.Decimal("-0.00"), "0100000004" + b"0.00".hex()),
        ("decimal(5, 0)", decimal.Decimal("7"), "0100000001" + b"7".hex()),
        ("date", "1969-12-31", "01ffffffffffffffff"),
        ("time", "00:00:01", "0100000000000f4240"),
        ("timestamp", "1970-01-01T00:00:01", "0100000000000f4240"),
        ("timestamp_ns", "1970-01-01T00:00:00.000000258", "010000000000000102"),
        ("string", "é", "0100000002c3a9"),
        ("binary", "", "0100000000"),
        ("fixed[2]", "00ff", "010000000200ff"),
        ("uuid", "00000000-0000-0000-0000-000000000001", "0100000010" + "00" * 15 + "01"),
        ("unknown", None, "00"),
    ],
)
def test_bytes_by_hand(kind: str, value: Any, expected: str) -> None:
    assert _hex(kind, value) == expected


def test_composed_bytes_by_hand() -> None:
    pair = {"type": "struct", "fields": [{"name": "b", "type": "int"}, {"name": "a", "type": "string"}]}
    assert _hex(pair, {"b": 1, "a": None}) == "01" + "00" + "010000000000000001"
    assert _hex({"type": "list", "element": "boolean"}, [None, True]) == "01" + "00000002" + "00" + "0101"
    entries = {"type": "map", "key": "boolean", "value": "boolean"}
    assert _hex(entries, {True: None, False: True}) == "01" + "00000002" + "01000101" + "010100"


def test_digest_by_hand() -> None:
    first, second = (hashlib.sha256(bytes([1, flag])).digest() for flag in (1, 0))
    lanes = []
    for lane in range(0, 32, 8):
        total = int.from_bytes(first[lane : lane + 8], "big") + int.from_bytes(second[lane : lane + 8], "big")
        lanes.append(f"{total % 2**64:016x}")
    assert digest_rows(_column("boolean"), [{"v": True}, {"v": False}]) == (2, "".join(lanes))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", ["f79c3e09-677c-4bbd-a479-3f349cb785e7", uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7")]),
        ("binary", ["00ff", b"\x00\xff", bytearray(b"\x00\xff")]),
        ("date", ["1960-03-01", dt.date(1960, 3, 1), -3593]),
        ("time", ["01:00:00.5", dt.time(1, 0, 0, 500000), 3_600_500_000]),
        ("timestamp", ["1960-01-01T00:00:00.000001", dt.datetime(1960, 1, 1, 0, 0, 0, 1), -315_619_199_999_999]),
        ("timestamptz", ["2024-01-01T02:00:00+02:00", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), 1_704_067_200_000_000]),
        ("timestamp", ["9999-12-31T23:59:59.999999", dt.datetime.max, 253_402_300_799_999_999]),
        ("timestamp_ns", ["2024-01-01T00:00:00.000001000", dt.datetime(2024, 1, 1, 0, 0, 0, 1)]),
        ("decimal(9, 2)", ["12.00", decimal.Decimal("12"), decimal.Decimal("1.2E+1"), decimal.Decimal("12.000"), 12]),
        ({"type": "map", "key": "string", "value": "int"}, [{"a": 1}, [("a", 1)], {"keys": ["a"], "values": [1]}]),
    ],
)
def test_every_representation_gives_the_same_bytes(kind: Any, values: list[Any]) -> None:
    assert len({_hex(kind, value) for value in values}) == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", 1.0),
        ("int", True),
        ("double", "1.5"),
        ("decimal(9, 2)", 0.1),
        ("decimal(9, 2)", "0.001"),
        ("decimal(3, 2)", "10.00"),
        ("timestamp", "2024-01-01T00:00:00.0000001"),
        ("fixed[3]", "00ff"),
        ("string", b"a"),
        ("unknown", 1),
        ("variant", {}),
        ("geometry", b""),
    ],
)
def test_what_is_not_exact_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(DigestError):
        _hex(kind, value)


def test_rows_as_tuples_are_read_by_place() -> None:
    schema = {"type": "struct", "fields": [{"name": "b", "type": "int"}, {"name": "a", "type": "int"}]}
    assert canonical_rows(schema, [(1, 2)]) == canonical_rows(schema, [{"a": 2, "b": 1}])


def test_missing_columns_are_refused() -> None:
    with pytest.raises(DigestError, match="no field 'v'"):
        canonical_row(_column("int"), {"w": 1})
