"""The digest in Spark SQL is the digest of the Rust reader, by their shared vectors."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING, Any

import pytest
import vectors
from pyspark.sql import functions as F
from pyspark.sql import types as T

import row_digest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.every_spark
FITTING = [vector for vector in vectors.VECTORS if vectors.fits(vector)]


def test_only_types_that_spark_lacks_are_left_out() -> None:
    left_out = {vector["name"] for vector in vectors.VECTORS} - {vector["name"] for vector in FITTING}
    assert left_out == {f"type {kind}" for kind in vectors.UNKNOWN_TO_SPARK}


@pytest.mark.parametrize("vector", FITTING, ids=[vector["name"] for vector in FITTING])
def test_vectors(spark: SparkSession, vector: dict[str, Any]) -> None:
    check(spark, vector)


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_decimals_in_both_modes(spark: SparkSession, ansi: str) -> None:
    """Spark 4.0 starts in ANSI mode and 3.5 does not; either may be set, and small decimals are written otherwise."""
    before = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        for vector in FITTING:
            if vector["name"].startswith(("type decimal(38", "type double")):
                check(spark, vector)
    finally:
        spark.conf.set("spark.sql.ansi.enabled", before)


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_no_branch_of_a_decimals_text_fails(spark: SparkSession, ansi: str) -> None:
    """Also where an engine computes all of them, as one does that works on columns: each by itself, on every number."""
    text = row_digest.decimal_text("d")
    assert text.startswith("if(")
    before = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        numbers = spark.sql(
            "SELECT cast(s AS DECIMAL(38, 10)) AS d FROM VALUES ('123.45'), ('-5e-10'), ('0'), (NULL) AS t(s)"
        )
        rows = numbers.select(F.expr(f"struct({text.removeprefix('if(')}").alias("all"), F.expr(text)).collect()
    finally:
        spark.conf.set("spark.sql.ansi.enabled", before)
    assert [row[1] for row in rows] == ["123.4500000000", "-0.0000000005", "0.0000000000", None]
    assert [row["all"][2] for row in rows[:1]] == ["123.4500000000"]


def check(spark: SparkSession, vector: dict[str, Any]) -> None:
    """The bytes first, because they tell where a wrong digest comes from."""
    frame, types = vectors.frame(spark, vector)
    with row_digest.exact_session(spark, frame.schema):
        canonical = F.lower(F.expr(f"hex({row_digest.canonical(frame.schema, types)})"))
        assert [row[0] for row in frame.select(canonical).collect()] == vector["canonical"]
    assert row_digest.measure(frame, types) == row_digest.Digest(vector["rows_count"], vector["digest"])


def test_doubles_at_every_edge(spark: SparkSession) -> None:
    """Bits by arithmetic are the bits: around every power of two, in the subnormals, and at the ends."""
    numbers = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308]
    for exponent in range(-1074, 1024, 7):
        power = math.ldexp(1.0, exponent)
        numbers += [
            power,
            math.nextafter(power, math.inf),
            math.nextafter(power, 0.0),
            -math.nextafter(power * 0.75, 0),
        ]
    numbers += [math.ldexp(1.0, exponent) for exponent in (-1023, -1022, -1, 0, 1, 1022, 1023)]
    frame = spark.createDataFrame([(number,) for number in numbers], "v double")
    found = frame.select("v", F.expr(f"hex({row_digest.canonical(frame.schema)})")).collect()
    assert len(found) == len(numbers)
    for number, digits in found:
        assert bytes.fromhex(digits) == b"\x01" + struct.pack(">d", number), number.hex()


def test_the_session_is_as_before_and_its_clock_does_not_matter(spark: SparkSession) -> None:
    vector = next(vector for vector in FITTING if vector["name"] == "type timestamp")
    frame, types = vectors.frame(spark, vector)
    spark.conf.set("spark.sql.session.timeZone", "America/St_Johns")
    try:
        assert row_digest.measure(frame, types).digest == vector["digest"]
        assert spark.conf.get("spark.sql.session.timeZone") == "America/St_Johns"
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


def test_columns_alone(spark: SparkSession) -> None:
    """Each column's digest is that of a table with this column alone, also beyond the sixteen that share a pass."""
    columns = [f"c{place}" for place in range(19)]
    frame = spark.range(50).selectExpr(*(f"id * {place + 1} AS {name}" for place, name in enumerate(columns)))
    found = row_digest.measure_columns(frame, columns)
    assert list(found) == columns
    for name in ("c0", "c15", "c16", "c18"):
        assert found[name] == row_digest.measure(frame.select(name))
    lanes = [0, 0, 0, 0]
    for number in range(50):
        hashed = hashlib.sha256(b"\x01" + struct.pack(">q", number * 19)).digest()
        lanes = [(lane + part) % 2**64 for lane, part in zip(lanes, struct.unpack(">4Q", hashed), strict=True)]
    assert found["c18"].digest == "".join(f"{lane:016x}" for lane in lanes)


def test_a_type_without_digest_is_named(spark: SparkSession) -> None:
    schema = T.StructType([T.StructField("gap", T.DayTimeIntervalType())])
    with pytest.raises(row_digest.DigestError, match="gap has the type interval"):
        row_digest.canonical(schema)
