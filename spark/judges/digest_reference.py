"""The typed row digest of docs/digest.md, written a second time and on purpose without a look at the Rust code.

Two implementations that agree say more than one with many tests: this one is fed by Spark and PyIceberg, the other by
our own reader, so a row that either of them reads wrongly shows up as two different numbers.

Rows may come from anywhere Python gets them (Spark's collect, PyArrow's to_pylist, Iceberg's JSON), so every type takes
all the representations in which these hand a value over. What is not exact is refused instead of guessed: a float for a
decimal, a timestamp with more digits than its type has, a string for a number.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import math
import re
import struct
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

NULL = b"\x00"
PRESENT = b"\x01"
NAN_BITS = b"\x7f\xf8" + b"\x00" * 6
LANES = 4
LANE_MASK = (1 << 64) - 1
MICROS_PER_DAY = 86_400_000_000

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_DATE = dt.date(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_FIXED = re.compile(r"fixed\[\s*(\d+)\s*\]")
_MOMENT = re.compile(
    r"(?P<year>[+-]?\d{4,})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?"
)
_CLOCK = re.compile(r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?")


class DigestError(ValueError):
    """A value cannot be turned into canonical bytes without guessing."""


class Digest(NamedTuple):
    """The rows that were counted and the 64 hexadecimal digits of their sum."""

    rows: int
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """The form in which expected.json and the vectors keep a digest."""
        return {"rows": self.rows, "digest": self.digest}


def schema_dict(schema: Any) -> dict[str, Any]:
    """Return the JSON form of a schema, from a PyIceberg Schema, a JSON text or the dict of table metadata."""
    if isinstance(schema, str):
        schema = json.loads(schema)
    elif hasattr(schema, "model_dump_json"):
        schema = json.loads(schema.model_dump_json(by_alias=True))
    if not isinstance(schema, Mapping) or "fields" not in schema:
        raise DigestError("this is not an Iceberg schema: it has no fields")
    return dict(schema)


def canonical_row(schema: Mapping[str, Any], row: Any) -> bytes:
    """Return the canonical bytes of one row. A row is a struct that is never null and has no tag of its own."""
    return _struct(schema["fields"], row)


def canonical_rows(schema: Any, rows: Iterable[Any]) -> list[bytes]:
    """Return the canonical bytes of all rows, sorted: two tables that differ can be compared line by line."""
    plain = schema_dict(schema)
    return sorted(canonical_row(plain, row) for row in rows)


def digest_rows(schema: Any, rows: Iterable[Any]) -> Digest:
    """Return count and digest of the rows under the schema."""
    plain = schema_dict(schema)
    return digest_canonical(canonical_row(plain, row) for row in rows)


def digest_canonical(rows: Iterable[bytes]) -> Digest:
    """Return count and digest of rows that are canonical bytes already."""
    lanes = [0] * LANES
    count = 0
    for row in rows:
        count += 1
        for lane, number in enumerate(struct.unpack(">4Q", hashlib.sha256(row).digest())):
            lanes[lane] = (lanes[lane] + number) & LANE_MASK
    return Digest(count, "".join(f"{lane:016x}" for lane in lanes))


def _tagged(kind: Any, value: Any) -> bytes:
    return NULL if value is None else PRESENT + _payload(kind, value)


def _payload(kind: Any, value: Any) -> bytes:
    if isinstance(kind, Mapping):
        nested = kind.get("type")
        if nested == "struct":
            return _struct(kind["fields"], value)
        if nested == "list":
            return _list(kind["element"], value)
        if nested == "map":
            return _map(kind["key"], kind["value"], value)
        raise DigestError(f"no digest for the type {nested!r}")
    return _primitive(str(kind), value)


def _struct(fields: Sequence[Mapping[str, Any]], value: Any) -> bytes:
    parts = []
    for place, field in sorted(enumerate(fields), key=lambda item: item[1]["name"].encode("utf-8")):
        parts.append(_tagged(field["type"], _member(value, field["name"], place)))
    return b"".join(parts)


def _member(value: Any, name: str, place: int) -> Any:
    """Find a struct's field: by name in a mapping, by place in Spark's Row and PyIceberg's Record.

    Spark's Row finds names too, but by their first place only, and names may hold dots; the place is never ambiguous.
    """
    if isinstance(value, Mapping):
        if name not in value:
            raise DigestError(f"the row has no field {name!r}")
        return value[name]
    try:
        return value[place]
    except (IndexError, TypeError, KeyError) as cause:
        raise DigestError(f"the row has no field {name!r} at place {place}") from cause


def _list(element: Any, value: Iterable[Any]) -> bytes:
    items = list(value)
    return struct.pack(">I", len(items)) + b"".join(_tagged(element, item) for item in items)


def _map(key: Any, item: Any, value: Any) -> bytes:
    """Maps come as dicts (Spark), as lists of pairs (PyArrow) or as {"keys": [], "values": []} (Iceberg's JSON)."""
    if isinstance(value, Mapping) and set(value) == {"keys", "values"} and isinstance(value["keys"], list):
        entries = list(zip(value["keys"], value["values"], strict=True))
    elif isinstance(value, Mapping):
        entries = list(value.items())
    else:
        entries = [tuple(pair) for pair in value]
    return struct.pack(">I", len(entries)) + b"".join(sorted(_tagged(key, k) + _tagged(item, v) for k, v in entries))


def _primitive(kind: str, value: Any) -> bytes:
    fixed = _FIXED.fullmatch(kind)
    if fixed:
        return _sized(_bytes(value, int(fixed.group(1))))
    number = _DECIMAL.fullmatch(kind)
    if number:
        return _sized(_decimal_text(value, int(number.group(1)), int(number.group(2))).encode("ascii"))
    match kind:
        case "boolean":
            return bytes([_boolean(value)])
        case "int" | "long":
            return _long(_integer(value))
        case "float" | "double":
            return _double(value)
        case "date":
            return _long(_days(value))
        case "time":
            return _long(_time(value))
        case "timestamp" | "timestamptz":
            return _long(_moment(value, digits=6))
        case "timestamp_ns" | "timestamptz_ns":
            return _long(_moment(value, digits=9))
        case "string":
            return _sized(_text(value))
        case "binary":
            return _sized(_bytes(value, None))
        case "uuid":
            return _sized(_uuid(value))
    raise DigestError(f"no digest for the type {kind!r}" if kind != "unknown" else "an unknown column holds a value")


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _long(number: int) -> bytes:
    return struct.pack(">q", number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise DigestError(f"{value!r} is not a boolean")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise DigestError(f"{value!r} is not an integer")


def _double(value: Any) -> bytes:
    """JSON has no word for these three numbers, so the vectors write them as strings."""
    if isinstance(value, str):
        if value not in ("NaN", "Infinity", "-Infinity"):
            raise DigestError(f"{value!r} is not a floating point number")
        value = float(value.replace("Infinity", "inf"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DigestError(f"{value!r} is not a floating point number")
    return NAN_BITS if math.isnan(value) else struct.pack(">d", value)


def _decimal_text(value: Any, precision: int, scale: int) -> str:
    """Write the unscaled integer with a point in it: no arithmetic, so no context can round 38 digits."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        value = decimal.Decimal(value)
    if not isinstance(value, decimal.Decimal) or not value.is_finite():
        raise DigestError(f"{value!r} is not a decimal")
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits))
    shift = scale + int(exponent)
    if shift >= 0:
        text += "0" * shift
    elif text[shift:].strip("0") == "":
        text = text[:shift]
    else:
        raise DigestError(f"{value} has more than {scale} digits after the point")
    text = text.lstrip("0").rjust(scale + 1, "0")
    if len(text.lstrip("0")) > precision:
        raise DigestError(f"{value} does not fit into decimal({precision}, {scale})")
    minus = "-" if sign and text.strip("0") else ""
    return minus + (f"{text[:-scale]}.{text[-scale:]}" if scale else text)


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    raise DigestError(f"{value!r} is not a string")


def _bytes(value: Any, length: int | None) -> bytes:
    """Iceberg's JSON writes bytes as hexadecimal digits; everybody else gives bytes or a bytearray."""
    data = bytes.fromhex(value) if isinstance(value, str) else None
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
    if data is None:
        raise DigestError(f"{value!r} is not binary")
    if length is not None and len(data) != length:
        raise DigestError(f"{len(data)} bytes in a fixed({length})")
    return data


def _uuid(value: Any) -> bytes:
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, str):
        return uuid.UUID(value).bytes
    return _bytes(value, 16)


def _days(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return (value - _EPOCH_DATE).days
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)) and found["hour"] is None:
        return _days_of(int(found["year"]), int(found["month"]), int(found["day"]))
    raise DigestError(f"{value!r} is not a date")


def _time(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, dt.time) and value.tzinfo is None:
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    if isinstance(value, str) and (found := _CLOCK.fullmatch(value)):
        return _clock(found, 6)
    raise DigestError(f"{value!r} is not a time of day")


def _moment(value: Any, digits: int) -> int:
    """Return the units since the epoch. Integers are taken as these units: the exact way out of Spark (unix_micros).

    Datetimes without zone are taken as UTC: that is what PyArrow gives, and Spark too under the session time zone UTC.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    scale = 10 ** (digits - 6)
    if isinstance(value, dt.datetime):
        if getattr(value, "nanosecond", 0):
            raise DigestError(f"{value!r} has nanoseconds that a datetime cannot hold: give the integer")
        shift = value.utcoffset() or dt.timedelta(0)
        return ((value.replace(tzinfo=None) - shift - _EPOCH) // _MICROSECOND) * scale
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)) and found["hour"] is not None:
        days = _days_of(int(found["year"]), int(found["month"]), int(found["day"]))
        return days * MICROS_PER_DAY * scale + _clock(found, digits) - _offset(found["zone"]) * 10**digits
    raise DigestError(f"{value!r} is not a timestamp")


def _clock(found: re.Match[str], digits: int) -> int:
    fraction = found["fraction"] or ""
    if fraction[digits:].strip("0"):
        raise DigestError(f"{found.group(0)!r} has more than {digits} digits of a second")
    seconds = (int(found["hour"]) * 60 + int(found["minute"])) * 60 + int(found["second"] or 0)
    return seconds * 10**digits + int(fraction[:digits].ljust(digits, "0") or 0)


def _offset(zone: str | None) -> int:
    """Seconds east of UTC."""
    if zone in (None, "Z"):
        return 0
    seconds = (int(zone[1:3]) * 60 + int(zone[4:6])) * 60
    return -seconds if zone[0] == "-" else seconds


def _days_of(year: int, month: int, day: int) -> int:
    """Days since the epoch in the proleptic Gregorian calendar, also for years that Python's date does not have."""
    cycles, inner = divmod(year - 2000, 400)
    return (dt.date(2000 + inner, month, day) - _EPOCH_DATE).days + cycles * 146_097
