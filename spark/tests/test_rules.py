"""The rule base without Spark's help: DDL, properties, deletes, batches, changes."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import types as T

from icebridge_jobs import carried_properties, column_path, commit_marks, source_changes, source_table, target_ddl
from icebridge_jobs.batch_copy import _from_spans, _spans
from icebridge_jobs.batch_plan import BatchPlan
from icebridge_jobs.errors import JobError, explain
from icebridge_jobs.iceberg_table import Snapshot
from icebridge_jobs.runtime import Runtime
from icebridge_jobs.session import Engine
from icebridge_jobs.source_table import Source
from icebridge_jobs.sync_input import GivenChanges
from icebridge_jobs.table_name import TableName
from icebridge_jobs.target_ddl import Layout, PartitionField, Wanted

pytestmark = pytest.mark.every_spark
ROOT = Path(__file__).resolve().parents[2]
SCHEMA = T.StructType(
    [
        T.StructField("id", T.LongType(), False, {"comment": "it's the key"}),
        T.StructField("ts", T.TimestampType()),
        T.StructField("raw", T.BinaryType()),
        T.StructField("a b", T.StructType([T.StructField("x.y", T.DecimalType(9, 2), True, {"comment": "deep"})])),
        T.StructField("m", T.MapType(T.StringType(), T.ArrayType(T.DateType()))),
    ]
)
NAME = TableName.parse("main.s.t")


def statement(layout: Layout, version: int = 2) -> str:
    return target_ddl.create(Wanted(NAME, SCHEMA, layout, {"team": "x"}, version, "all 'orders'"))


def test_create_says_everything_and_no_location() -> None:
    assert statement(target_ddl.layout([], SCHEMA, unity=True)) == (
        "CREATE TABLE `main`.`s`.`t` (\n"
        "  `id` BIGINT NOT NULL COMMENT 'it\\'s the key',\n"
        "  `ts` TIMESTAMP,\n"
        "  `raw` BINARY,\n"
        "  `a b` STRUCT<`x.y`: DECIMAL(9, 2) COMMENT 'deep'>,\n"
        "  `m` MAP<STRING, ARRAY<DATE>>\n"
        ")\n"
        "USING ICEBERG\n"
        "COMMENT 'all \\'orders\\''\n"
        "TBLPROPERTIES ('format-version' = '2', 'team' = 'x')"
    )


def test_plain_columns_partition_and_expressions_cluster() -> None:
    """Unity Catalog refuses expressions in PARTITIONED BY, and PARTITIONED BY beside CLUSTER BY."""
    plain = target_ddl.layout([PartitionField("identity", "id")], SCHEMA, unity=True)
    assert "PARTITIONED BY (`id`)" in statement(plain) and "CLUSTER BY" not in statement(plain)
    spec = [PartitionField("day", "ts"), PartitionField("bucket[16]", "id"), PartitionField("identity", "raw")]
    clustered = target_ddl.layout(spec, SCHEMA, unity=True)
    text = statement(clustered)
    assert "CLUSTER BY (`ts`, `id`)" in text and "PARTITIONED BY" not in text
    assert "'delta.enableDeletionVectors' = 'false', 'delta.enableRowTracking' = 'false'" in text
    assert "delta." not in statement(clustered, version=3)
    assert clustered.lost == [
        "partitioning by day of ts",
        "partitioning by bucket[16] of id",
        "partitioning by identity of raw",
    ]


def test_any_other_catalog_keeps_transforms() -> None:
    spec = [PartitionField("day", "ts"), PartitionField("truncate[4]", "id"), PartitionField("void", "id")]
    kept = target_ddl.layout(spec, SCHEMA, unity=False)
    assert "PARTITIONED BY (days(`ts`), truncate(4, `id`))" in statement(kept)
    assert kept.lost == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"unity": False, "cluster_by": ["id"]}, "unsupported"),
        ({"unity": True, "cluster_by": ["id"], "partition_by": ["id"]}, "invalid-input"),
        ({"unity": True, "cluster_by": ["nope"]}, "invalid-input"),
        ({"unity": True, "partition_by": ["raw"]}, "unsupported"),
        ({"unity": True, "cluster_by": ["raw"]}, "unsupported"),
        ({"unity": True, "cluster_by": ["id", "ts", "raw", "a b", "m"]}, "invalid-input"),
    ],
)
def test_layouts_that_cannot_be(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(JobError) as raised:
        target_ddl.layout([], SCHEMA, **arguments)
    assert raised.value.code == code


def test_columns_that_unity_catalog_cannot_hold() -> None:
    inner = T.StructType([T.StructField("must", T.LongType(), False)])
    schema = T.StructType([T.StructField("s", T.ArrayType(inner)), T.StructField("n", T.NullType())])
    assert target_ddl.refusals(schema, unity=False) == [("n", "the type void")]
    assert target_ddl.refusals(schema, unity=True)[0] == ("s.element.must", "a required field in a struct")


def test_required_parts_of_lists_and_maps_are_refused_and_keys_are_not() -> None:
    """Databricks refuses to read them (DELTA_NESTED_NOT_NULL_CONSTRAINT), however deep they are."""
    whole = T.MapType(T.StringType(), T.ArrayType(T.LongType(), True), True)
    deep = T.StructType([T.StructField("l", T.ArrayType(T.LongType(), False))])
    schema = T.StructType(
        [
            T.StructField("whole", whole, False),
            T.StructField("l", T.ArrayType(T.LongType(), False)),
            T.StructField("m", T.MapType(T.StringType(), T.LongType(), False)),
            T.StructField("s", T.ArrayType(T.MapType(deep, deep))),
        ]
    )
    assert target_ddl.refusals(schema, unity=False) == []
    assert target_ddl.refusals(schema, unity=True) == [
        ("l.element", "a required element of a list"),
        ("m.value", "a required value of a map"),
        ("s.element.key.l.element", "a required element of a list"),
        ("s.element.value.l.element", "a required element of a list"),
    ]


def test_properties_travel_as_in_the_embedded_engine() -> None:
    """The lists of the Rust crate, read from its source: two lists that drift apart would lose properties silently."""
    rust = (ROOT / "src-tauri/crates/model/src/properties.rs").read_text(encoding="utf-8")
    for name in ("SUPERSEDED", "SUPERSEDED_PREFIXES", "ENGINE_PREFIXES", "CARRIED", "CARRIED_PREFIXES"):
        listed = re.search(rf"const {name}: &\[&str\] = &\[(.*?)\];", rust, re.S)
        assert listed is not None, name
        assert tuple(re.findall(r'"([^"]+)"', listed[1])) == getattr(carried_properties, name), name
    kept, lost = carried_properties.carried(
        {"team": "x", "write.data.path": "s3://old", "format-version": "1", "write.parquet.page-size-bytes": "1"},
        engine_managed=True,
    )
    assert (kept, lost) == ({"team": "x"}, ["write.data.path", "write.parquet.page-size-bytes"])


@pytest.mark.parametrize(
    ("told", "cluster", "environment", "knows"),
    [
        *(("16.4", (16, 4), None, False), ("17", (17, 0), None, False), ("17.3", (17, 3), None, False)),
        *(("17.3.x-scala2.13", (17, 3), None, False), ("17.x", (17, 0), None, False)),
        *(("18", (18, 0), None, True), ("18.x", (18, 0), None, True), ("18.2", (18, 2), None, True)),
        *(("18.x-scala2.13", (18, 0), None, True), ("19", (19, 0), None, True), ("19.x", (19, 0), None, True)),
        ("18.x-aarch64-photon-scala2.13", (18, 0), None, True),
        *(("client.4", None, (4, 0), None), ("client.4.9", None, (4, 9), None), ("client.5.1", None, (5, 1), True)),
        *(("client.10", None, (10, 0), True), ("client", None, None, None), ("client.x", None, None, None)),
        *(("", None, None, None), ("dev", None, None, None), ("custom:mine__18.x", None, None, None)),
        *(("18a", None, None, None), ("1" * 5000, None, None, None)),
    ],
)
def test_runtimes_are_known_by_their_kind(
    told: str, cluster: tuple[int, int] | None, environment: tuple[int, int] | None, knows: bool | None
) -> None:
    runtime = Runtime.parse(told)
    assert (runtime.cluster, runtime.environment, runtime.knows_format_3) == (cluster, environment, knows)


@pytest.mark.parametrize(
    ("told", "counts", "words"),
    [
        (None, {"delete_files": 3}, None),
        ("17.3", {}, "does not say how many"),
        ("17.3", {"delete_files": 3}, "3 delete files"),
        ("17.3", {"delete_files": 0}, None),
        ("17.3", {"delete_files": 0, "deletion_vectors": 1}, "Databricks Runtime 17.3 does not apply them"),
        ("17", {"delete_files": 0, "deletion_vectors": 1}, "Databricks Runtime 17 does not apply them"),
        ("18", {"delete_files": 0, "deletion_vectors": 1}, None),
        ("19.x", {"delete_files": 0, "deletion_vectors": 1}, None),
        (
            "client.4.9",
            {"delete_files": 0, "deletion_vectors": 1},
            "not known whether serverless environment version 4",
        ),
        ("client.5", {"delete_files": 0, "deletion_vectors": 1}, None),
        ("dev", {"delete_files": 0, "deletion_vectors": 1}, "not known whether a runtime that calls itself 'dev'"),
        ("dev", {"delete_files": 0}, None),
    ],
)
def test_deletes_that_databricks_would_ignore(
    told: str | None, counts: dict[str, int], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    if told is not None:
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", told)
    spark: Any = SimpleNamespace(version="4.0.0")
    source, engine = Source("f.s.t", **counts), Engine.of(spark)
    if words is None:
        source_table.refuse_ignored_deletes(source, engine)
        return
    with pytest.raises(JobError, match=words) as raised:
        source_table.refuse_ignored_deletes(source, engine)
    assert (raised.value.code, raised.value.object) == ("unsupported", "f.s.t")


DOTTED = T.StructType(
    [
        T.StructField("a.b", T.StringType()),
        T.StructField("a", T.StructType([T.StructField("c", T.LongType()), T.StructField("d.e", T.DateType())])),
        T.StructField("10.0", T.LongType()),
        T.StructField("x`y", T.LongType()),
        T.StructField("Größe in m", T.LongType()),
    ]
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.b", ("a.b",)),
        ("`a.b`", ("a.b",)),
        ("a.c", ("a", "c")),
        ("a.d.e", ("a", "d.e")),
        ("a.`d.e`", ("a", "d.e")),
        ("A.C", ("a", "c")),
        ("10.0", ("10.0",)),
        ("x`y", ("x`y",)),
        ("`x``y`", ("x`y",)),
        ("größe in M", ("Größe in m",)),
        ("a", ("a",)),
        *(("a.x", None), ("10", None), ("", None), ("`a", None), ("a.b.c", None), ("a.", None)),
    ],
)
def test_a_column_with_a_dot_is_no_field_of_a_struct(text: str, path: tuple[str, ...] | None) -> None:
    assert column_path.resolve(DOTTED, text) == path


def test_names_of_every_kind_in_ddl() -> None:
    def create(layout: Layout) -> str:
        return target_ddl.create(Wanted(NAME, DOTTED, layout, {}, 2))

    plain = [PartitionField("identity", "a.b"), PartitionField("identity", "`x``y`")]
    for unity in (True, False):
        assert "PARTITIONED BY (`a.b`, `x``y`)" in create(target_ddl.layout(plain, DOTTED, unity=unity))
    spec = [PartitionField("bucket[4]", "a.b"), PartitionField("day", "a.d.e"), PartitionField("identity", "gone.x")]
    clustered = target_ddl.layout(spec, DOTTED, unity=True)
    assert "CLUSTER BY (`a.b`, `a`.`d.e`)" in create(clustered)
    assert clustered.lost[-1] == "partitioning by identity of gone.x"
    with pytest.raises(JobError, match="no such column") as raised:
        target_ddl.layout(spec, DOTTED, unity=False)
    assert (raised.value.code, raised.value.object) == ("unsupported", "gone.x")
    assert "PARTITIONED BY (bucket(4, `a.b`), days(`a`.`d.e`))" in create(
        target_ddl.layout(spec[:2], DOTTED, unity=False)
    )
    assert "CLUSTER BY (`10.0`, `a`.`c`)" in create(
        target_ddl.layout([], DOTTED, unity=True, cluster_by=["10.0", "a.c"])
    )
    assert "PARTITIONED BY (`a.b`)" in create(target_ddl.layout([], DOTTED, unity=True, partition_by=["a.b"]))
    with pytest.raises(JobError) as raised:
        target_ddl.layout([], DOTTED, unity=True, partition_by=["a.c"])
    assert (raised.value.code, raised.value.object) == ("unsupported", "a.c")


def test_batch_plans_survive_the_property() -> None:
    for plan in (
        BatchPlan("whole"),
        BatchPlan("range", ("d",), "DATE", ("2024-01-01", "2024-02-01")),
        BatchPlan("hash", ("a", "b"), parts=3),
    ):
        assert BatchPlan.from_text(plan.as_text()) == plan
    plan = BatchPlan("range", ("d",), "DATE", ("2024-01-01", "2024-02-01"))
    assert [plan.predicate(batch) for batch in range(plan.count)] == [
        "(`d` < CAST('2024-01-01' AS DATE) OR `d` IS NULL)",
        "`d` >= CAST('2024-01-01' AS DATE) AND `d` < CAST('2024-02-01' AS DATE)",
        "`d` >= CAST('2024-02-01' AS DATE)",
    ]
    for broken in ("", "{}", '{"kind":"range","columns":[]}', '{"kind":"other","columns":["a"]}', "[1]"):
        with pytest.raises(JobError) as raised:
            BatchPlan.from_text(broken)
        assert raised.value.code == "state-broken"


def test_spans() -> None:
    for numbers, text in (({0, 1, 2, 7}, "0-2,7"), (set(), ""), ({5}, "5")):
        assert _spans(numbers) == text
        assert _from_spans(text) == numbers
    with pytest.raises(JobError):
        _from_spans("1-x")


def chain(*operations: str, marks: dict[int, str] | None = None) -> list[Snapshot]:
    """Snapshots 1, 2, 3 ..., newest first."""
    found = []
    for place, operation in enumerate(operations, 1):
        summary = {commit_marks.SYNCED: (marks or {})[place]} if place in (marks or {}) else {}
        found.append(Snapshot(place, place - 1 or None, operation, summary))
    return found[::-1]


@pytest.mark.parametrize(
    ("operations", "last", "kind"),
    [
        ((), None, "none"),
        (("append",), 1, "none"),
        (("append", "append", "append"), 1, "append"),
        (("append", "replace", "append"), 1, "append"),
        (("append", "replace"), 1, "mark"),
        (("append", "overwrite"), 1, "compare"),
        (("append", "append", "delete"), 1, "compare"),
        (("append", "overwrite", "append"), 2, "append"),
        (("append", "append"), 99, "compare"),
        (("append",), None, "compare"),
    ],
)
def test_changes(operations: tuple[str, ...], last: int | None, kind: str) -> None:
    assert source_changes.classify(chain(*operations), last).kind == kind


@pytest.mark.parametrize(
    ("told", "held", "kind"),
    [
        ("append", 1, "append"),
        ("mark", 1, "mark"),
        ("compare", 1, "compare"),
        # An earlier attempt has brought it.
        ("append", 2, "none"),
        ("compare", 2, "none"),
        # Asked for as a whole: whatever the target holds.
        ("whole", 1, "compare"),
        ("whole", 2, "compare"),
        ("whole", None, "compare"),
        # Nobody knows how it came to hold that one.
        ("append", 7, None),
        ("compare", None, None),
    ],
)
def test_what_the_submitter_tells_is_held_against_what_the_target_holds(
    told: Any, held: int | None, kind: str | None
) -> None:
    changes = GivenChanges(told, "told", 1)
    if kind is None:
        with pytest.raises(JobError, match="was left with 1") as refused:
            source_changes.given(changes, 2, held)
        assert refused.value.code == "target-changed"
    else:
        assert source_changes.given(changes, 2, held).kind == kind


def test_the_newest_mark_counts_and_lost_marks_are_noticed() -> None:
    copied = {commit_marks.PLAN: "p", commit_marks.SOURCE_SNAPSHOT: "70"}
    found = source_changes.last_synced

    def last(*arguments: Any) -> tuple[int | None, bool] | None:
        told = found(*arguments)
        return told and (told.snapshot_id, told.certain)

    assert last(chain("append"), True, copied, None) == (70, True)
    assert last(chain("append", "append", marks={2: "80"}), True, copied, None) == (80, True)
    # A note at the newest snapshot is younger than that snapshot's mark, a note at an older one is not.
    noted = {**copied, commit_marks.SYNCED: "90@2"}
    assert last(chain("append", "append", marks={2: "80"}), True, noted, None) == (90, True)
    assert last(chain("append", "append", "append", marks={3: "95"}), True, noted, None) == (95, True)
    # Expired history: a mark may be gone, so nothing is certain, unless a note is still anchored.
    assert last(chain("append", "append")[:1], False, copied, None) == (None, False)
    assert last(chain("append", "append")[:1], False, noted, None) == (90, True)
    assert last([], True, {}, None) is None
    assert last([], True, {}, 5) == (5, True)
    assert last([], True, {commit_marks.PLAN: "p"}, None) == (None, True)


COMMIT = "\n\tat org.apache.iceberg.SnapshotProducer.commit(SnapshotProducer.java:1)"
SNAPSHOT = "\n\tat org.apache.iceberg.util.SnapshotUtil.schemaFor(SnapshotUtil.java:1)"
PARSER = "\n\tat org.apache.iceberg.TableMetadataParser.fromJson(TableMetadataParser.java:1)"
BAD_JSON = "\nCaused by: com.fasterxml.jackson.core.JsonParseException: Unexpected character"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table `a` cannot be found", "table-not-found"),
        (f"java.lang.IllegalArgumentException: no{SNAPSHOT}", "plan-stale"),
        ("org.apache.iceberg.exceptions.CommitFailedException: Requirement failed", "commit-conflict"),
        ("org.apache.iceberg.exceptions.CommitStateUnknownException: timeout", "commit-unknown"),
        (f"org.apache.iceberg.exceptions.ValidationException: no{COMMIT}", "commit-conflict"),
        ("(org.apache.iceberg.exceptions.ValidationException) CommitFailedException is a column", "unsupported"),
        (f"java.lang.IllegalStateException: no{PARSER}", "unsupported"),
        (f"org.apache.iceberg.exceptions.RuntimeIOException: no{BAD_JSON}", "unsupported"),
        ("org.apache.iceberg.exceptions.RuntimeIOException: no", "storage-failed"),
        ("java.lang.RuntimeException: no\nCaused by: java.net.UnknownHostException: s3", "storage-failed"),
        ("java.lang.RuntimeException: FileNotFoundException, TABLE_OR_VIEW_NOT_FOUND, AccessDenied", "internal"),
        ("[MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED] no", "unsupported"),
        ("[INSUFFICIENT_PERMISSIONS] User does not have SELECT", "catalog-refused"),
        ("java.lang.NullPointerException", "internal"),
    ],
)
def test_what_spark_raises_gets_a_code(words: str, code: str) -> None:
    error = explain(RuntimeError(f"{words}\n\tat org.apache.Spark.x(Spark.scala:1)"), "c.s.t")
    assert (error.code, error.object, error.exit_code) == (code, "c.s.t", 2 if code == "internal" else 1)
    assert error.hint and "Spark.scala" not in error.causes[0]


def test_an_error_from_afar_is_known_by_its_stack_trace() -> None:
    """Spark Connect keeps Java's trace beside a text that need not show it."""
    error = RuntimeError("(org.apache.iceberg.exceptions.ValidationException) no")
    error.getStackTrace = lambda: f"org.apache.iceberg.exceptions.ValidationException: no{COMMIT}"  # type: ignore[attr-defined]
    assert explain(error).code == "commit-conflict"
    error.getStackTrace = lambda: ""  # type: ignore[attr-defined]
    assert explain(error).code == "unsupported"


@pytest.mark.parametrize("script", ["bulk_copy.py", "gx_runner.py", "incremental_sync.py", "row_digest.py"])
def test_scripts_stay_plain_files(script: str) -> None:
    """A workspace makes a notebook of a file with this header, and then the job does not find it."""
    assert not (ROOT / "spark" / script).read_text(encoding="utf-8").startswith("# Databricks notebook source")


def test_error_codes_are_the_products() -> None:
    from icebridge_jobs.errors import CODES

    rust = (ROOT / "src-tauri/crates/model/src/error.rs").read_text(encoding="utf-8")
    assert set(re.findall(r'= "([a-z-]+)", (?:User|Ours);', rust)) >= CODES
