"""The typed row digest of docs/digest.md in Spark SQL: built-in functions alone, so that Photon and serverless run it.

Every expression here is text. `canonical` gives the canonical bytes of a row, `row_hash` their SHA-256, and `measure`
the digest of a DataFrame. Types follow Spark's schema; where Iceberg knows more than Spark (a uuid is a string there),
give the Iceberg types by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LANES = 4
LANE_MASK = (1 << 64) - 1
HALVES = 2 * LANES
# Sums of 32-bit halves stay within a bigint up to this many rows of one group.
GROUP_ROWS = (1 << 31) - 1

# Without an alias, a struct column that is named as its table would be taken for the table.
_ROWS = "icebridge_rows"
_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_FLOATS = (T.FloatType, T.DoubleType)
_TWO_52 = "4503599627370496D"
_LEAST_NORMAL = "2.2250738585072014E-308D"
_GREATEST = "1.7976931348623157E308D"
_SIGN_BIT = "(-9223372036854775807L - 1L)"


class DigestError(ValueError):
    """A type that has no digest."""

    def __init__(self, column: str, kind: str) -> None:
        super().__init__(f"the column {column} has the type {kind}, which has no row digest")
        self.column = column


@dataclass(frozen=True)
class Digest:
    """The rows that were counted and the 64 hexadecimal digits of their sum."""

    rows: int
    digest: str


def measure(frame: DataFrame, iceberg_types: Mapping[str, str] | None = None) -> Digest:
    """Read the whole frame once and return its digest. Nothing is cached, and 256 rows reach the driver at most."""
    with exact_session(frame.sparkSession, frame.schema):
        hashed = frame.alias(_ROWS).select(F.expr(row_hash(frame.schema, iceberg_types, f"{_ROWS}.")).alias("h"))
        counts = F.count(F.lit(1)).alias("n")
        groups = hashed.groupBy(F.expr("substring(h, 63, 2)").alias("g")).agg(counts, *lane_sums("h")).collect()
    return _add_up(groups, "n", "")


def measure_columns(
    frame: DataFrame, columns: Sequence[str], iceberg_types: Mapping[str, str] | None = None
) -> dict[str, Digest]:
    """Return the digest of each column taken alone: what tells which column of two different tables differs."""
    found: dict[str, Digest] = {}
    with exact_session(frame.sparkSession, frame.schema):
        for start in range(0, len(columns), 16):
            part = columns[start : start + 16]
            hashes = [
                F.expr(row_hash(T.StructType([frame.schema[name]]), iceberg_types, f"{_ROWS}.")).alias(f"h{place}")
                for place, name in enumerate(part)
            ]
            # Grouped by the first column's hash, so that the halves' sums cannot overflow whatever the other columns
            # hold.
            counts = F.count(F.lit(1)).alias("n")
            sums = [half for place in range(len(part)) for half in lane_sums(f"h{place}", f"h{place}_")]
            hashed = (
                frame.alias(_ROWS)
                .select(*hashes)
                .withColumn("g", F.expr(f"pmod(monotonically_increasing_id(), {_SPREAD})"))
            )
            groups = hashed.groupBy("g").agg(counts, *sums).collect()
            for place, name in enumerate(part):
                found[name] = _add_up(groups, "n", f"h{place}_")
    return found


_SPREAD = 64


def lane_sums(hash_column: str, prefix: str = "") -> list:
    """The sums of the hash's eight 32-bit halves, named <prefix>0 to <prefix>7."""
    halves = []
    for half in range(HALVES):
        digits = f"substring({hash_column}, {half * 8 + 1}, 8)"
        halves.append(F.expr(f"sum(cast(conv({digits}, 16, 10) AS bigint))").alias(f"{prefix}{half}"))
    return halves


def _add_up(groups: Sequence[T.Row], count: str, prefix: str) -> Digest:
    rows = 0
    lanes = [0] * LANES
    for group in groups:
        if group[count] > GROUP_ROWS:
            raise OverflowError("more rows than the digest's sums can take: measure the table in parts")
        rows += group[count]
        for lane in range(LANES):
            high, low = group[f"{prefix}{2 * lane}"], group[f"{prefix}{2 * lane + 1}"]
            lanes[lane] = (lanes[lane] + (high << 32) + low) & LANE_MASK
    return Digest(rows, "".join(f"{lane:016x}" for lane in lanes))


def row_hash(schema: T.StructType, iceberg_types: Mapping[str, str] | None = None, prefix: str = "") -> str:
    """SQL for the hexadecimal SHA-256 of a row; `prefix` is the row's alias with its dot (`t.`)."""
    return f"sha2({canonical(schema, iceberg_types, prefix)}, 256)"


def canonical(schema: T.StructType, iceberg_types: Mapping[str, str] | None = None, prefix: str = "") -> str:
    """SQL for the canonical bytes of a row under this schema."""
    known = iceberg_types or {}
    parts = [
        _tagged(field.dataType, f"{prefix}{quoted(field.name)}", _Place(field.name, 0, known.get(field.name)))
        for field in _by_name(schema)
    ]
    return f"concat({', '.join(parts)})" if parts else "X''"


@contextmanager
def exact_session(spark: SparkSession, schema: T.StructType) -> Iterator[None]:
    """Clocks in UTC, and names told apart by case where the schema needs it; both as before afterwards."""
    settings = {"spark.sql.session.timeZone": "UTC"}
    if _collides(schema):
        settings["spark.sql.caseSensitive"] = "true"
    before: dict[str, str | None] = {key: spark.conf.get(key) for key in settings}
    try:
        for key, value in settings.items():
            if before[key] != value:
                spark.conf.set(key, value)
        yield
    finally:
        for key, old in before.items():
            if old is not None and old != settings[key]:
                spark.conf.set(key, old)


def quoted(name: str) -> str:
    """A name between backticks."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class _Place:
    """Where in the row we are: the column for messages, the depth for names of lambda variables."""

    column: str
    depth: int
    iceberg_type: str | None = None

    def inner(self) -> _Place:
        return _Place(self.column, self.depth + 1)


def _by_name(struct: T.StructType) -> list[T.StructField]:
    return sorted(struct.fields, key=lambda field: field.name.encode("utf-8"))


def _collides(kind: T.DataType) -> bool:
    if isinstance(kind, T.StructType):
        names = [field.name.lower() for field in kind.fields]
        return len(set(names)) < len(names) or any(_collides(field.dataType) for field in kind.fields)
    if isinstance(kind, T.ArrayType):
        return _collides(kind.elementType)
    return isinstance(kind, T.MapType) and (_collides(kind.keyType) or _collides(kind.valueType))


def _tagged(kind: T.DataType, value: str, place: _Place) -> str:
    if isinstance(kind, T.NullType):
        return "X'00'"
    return f"if({value} IS NULL, X'00', concat(X'01', {_payload(kind, value, place)}))"


def _payload(kind: T.DataType, value: str, place: _Place) -> str:
    if isinstance(kind, T.BooleanType):
        return f"if({value}, X'01', X'00')"
    if isinstance(kind, _INTEGERS):
        return _long(value)
    if isinstance(kind, _FLOATS):
        return _double(value)
    if isinstance(kind, T.DecimalType):
        return _sized(f"cast({decimal_text(value)} AS binary)")
    if isinstance(kind, T.DateType):
        return _long(f"unix_date({value})")
    if isinstance(kind, T.TimestampType):
        return _long(f"unix_micros({value})")
    if isinstance(kind, T.TimestampNTZType):
        # The session's clock is UTC (exact_session), so this shifts nothing.
        return _long(f"unix_micros(cast({value} AS timestamp))")
    if isinstance(kind, T.StringType):
        if place.iceberg_type == "uuid":
            return _sized(f"unhex(replace({value}, '-', ''))")
        return _sized(f"cast({value} AS binary)")
    if isinstance(kind, T.BinaryType):
        return _sized(value)
    if isinstance(kind, T.StructType):
        fields = [_tagged(f.dataType, f"{value}.{quoted(f.name)}", place.inner()) for f in _by_name(kind)]
        return f"concat({', '.join(fields)})" if fields else "X''"
    if isinstance(kind, T.ArrayType):
        item = f"x{place.depth}"
        items = f"transform({value}, {item} -> hex({_tagged(kind.elementType, item, place.inner())}))"
        return _joined(value, items)
    if isinstance(kind, T.MapType):
        entry = f"x{place.depth}"
        key = _tagged(kind.keyType, f"{entry}.key", place.inner())
        item = _tagged(kind.valueType, f"{entry}.value", place.inner())
        entries = f"transform(map_entries({value}), {entry} -> hex(concat({key}, {item})))"
        # Hexadecimal capitals sort as their bytes do.
        return _joined(value, f"array_sort({entries})")
    raise DigestError(place.column, kind.simpleString())


def _joined(value: str, pieces: str) -> str:
    """Count, then the pieces: joined as text, because appending binaries one by one would cost the square of them."""
    return f"concat({_int4(f'cardinality({value})')}, unhex(array_join({pieces}, '')))"


def _long(number: str) -> str:
    return f"unhex(lpad(hex(cast({number} AS bigint)), 16, '0'))"


def _int4(number: str) -> str:
    return f"unhex(lpad(hex(cast({number} AS bigint)), 8, '0'))"


def _sized(data: str) -> str:
    return f"concat({_int4(f'octet_length({data})')}, {data})"


def decimal_text(value: str) -> str:
    """Plain decimal text. Outside ANSI mode Spark writes small numbers as -5E-10, which is unfolded here.

    Without abs(): Spark 4.0 rounds its result to 34 digits. With try_cast: an engine may compute the branch that it
    does not take, where in ANSI mode the cast of an ordinary number's text to a count of zeros would be an error.
    """
    text = f"cast({value} AS string)"
    zeros = f"repeat('0', try_cast(substring_index({text}, 'E-', -1) AS int) - 1)"
    digits = f"replace(replace(substring_index({text}, 'E', 1), '.', ''), '-', '')"
    unfolded = f"concat(if({value} < 0, '-', ''), '0.', {zeros}, {digits})"
    return f"if(instr({text}, 'E') > 0, {unfolded}, {text})"


def _double(value: str) -> str:
    """The bits of a double by arithmetic that is exact at every step, since SQL has no function that shows them.

    A power of two scales without rounding. log2 may be off by one at the edges of a binade, so the significand `m` is
    taken from [0.5, 4) and its own exponent added as a whole number. Every part is defined for every number, because an
    engine may compute the branches that it does not take, and in ANSI mode an overflow there would be an error.
    """
    x = f"cast({value} AS double)"
    a = f"abs({x})"
    ordinary = f"if({a} BETWEEN {_LEAST_NORMAL} AND {_GREATEST}, {a}, 1D)"
    exponent = f"cast(floor(log2({ordinary})) AS int)"
    m = f"({ordinary} * pow(2D, -({exponent})))"
    fraction = f"CASE WHEN {m} >= 2D THEN {m} * 2251799813685248D"
    fraction += f" WHEN {m} < 1D THEN (2D * {m} - 2D) * {_TWO_52} ELSE ({m} - 1D) * {_TWO_52} END"
    normal = f"((cast({exponent} AS bigint) + 1023L) * 4503599627370496L + cast({fraction} AS bigint))"
    subnormal = f"cast(if({a} < {_LEAST_NORMAL}, {a}, 0D) * pow(2D, 537) * pow(2D, 537) AS bigint)"
    magnitude = f"CASE WHEN {a} > {_GREATEST} THEN 9218868437227405312L"
    magnitude += f" WHEN {a} < {_LEAST_NORMAL} THEN {subnormal} ELSE {normal} END"
    bits = f"CASE WHEN isnan({x}) THEN 9221120237041090560L"
    bits += f" WHEN {x} = 0D THEN if(cast({x} AS string) = '-0.0', {_SIGN_BIT}, 0L)"
    bits += f" WHEN {x} < 0D THEN {magnitude} + {_SIGN_BIT} ELSE {magnitude} END"
    return _long(bits)
