"""Conversions on a cluster: what Unity Catalog refuses becomes what it takes; the digest is of the converted values."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as T

import row_digest
from icebridge_jobs import conversions, target_ddl
from icebridge_jobs.conversions import Conversion
from icebridge_jobs.errors import JobError

REQUIRED = T.StructType(
    [
        T.StructField("id", T.LongType(), False, {"comment": "the key"}),
        T.StructField("s", T.StructType([T.StructField("a.b", T.LongType(), False, {"comment": "deep"})])),
        T.StructField("l", T.ArrayType(T.StringType(), False)),
        T.StructField("m", T.MapType(T.StringType(), T.StructType([T.StructField("x", T.LongType(), False)]), False)),
    ]
)
PATHS = [["s", "a.b"], ["l", "element"], ["m", "value"], ["m", "value", "x"]]
OPTIONAL = [Conversion("optional", path) for path in PATHS]


@pytest.mark.every_spark
def test_required_fields_become_optional_by_a_cast_that_names_them_all() -> None:
    assert target_ddl.refusals(REQUIRED, unity=True) == [
        ("s.a.b", "a required field in a struct"),
        ("l.element", "a required element of a list"),
        ("m.value", "a required value of a map"),
        ("m.value.x", "a required field in a struct"),
    ]
    assert conversions.expressions(REQUIRED, OPTIONAL) == [
        "`id`",
        "CAST(`s` AS STRUCT<`a.b`: BIGINT COMMENT 'deep'>) AS `s`",
        "CAST(`l` AS ARRAY<STRING>) AS `l`",
        "CAST(`m` AS MAP<STRING, STRUCT<`x`: BIGINT>>) AS `m`",
    ]
    assert not conversions.is_needed(REQUIRED, [])


@pytest.mark.every_spark
def test_what_no_job_makes_is_refused() -> None:
    with pytest.raises(JobError, match="no job makes long"):
        Conversion("type", ["t"], "long")
    with pytest.raises(JobError, match="bigint where string was planned"):
        conversions.expressions(REQUIRED, [Conversion("type", ["id"], "string")])
    for path in (["nowhere"], ["s", "nowhere"], ["id", "element"]):
        with pytest.raises(JobError, match="to convert"):
            conversions.expressions(REQUIRED, [Conversion("optional", path)])


def test_converted_rows_have_optional_fields_and_the_same_digest(spark: SparkSession) -> None:
    rows = [(1, {"a.b": 5}, ["x", ""], {"k": {"x": 7}}), (2, None, None, {})]
    before = spark.createDataFrame(rows, REQUIRED)
    after = conversions.converted(before, OPTIONAL)
    assert target_ddl.refusals(after.schema, unity=True) == []
    assert after.schema["id"].metadata == {"comment": "the key"} and not after.schema["id"].nullable
    assert row_digest.measure(after) == row_digest.measure(before)


def test_a_uuid_that_spark_reads_as_text_has_the_digest_of_its_text(spark: SparkSession) -> None:
    frame = spark.sql("SELECT '0a0b0c0d-0000-0000-0000-00000000000f' AS u, X'00FF' AS f")
    made = conversions.converted(frame, [Conversion("type", ["u"], "string"), Conversion("type", ["f"], "binary")])
    assert row_digest.measure(made) == row_digest.measure(frame)
    assert row_digest.measure(made) != row_digest.measure(frame, {"u": "uuid"})
