"""Limits of the judges, each with its evidence: a disagreement that one of them explains is counted, not reported."""

from __future__ import annotations

from typing import Any

from tests.fuzz_tables.batch import Case
from tests.fuzz_tables.bench import Bench
from tests.fuzz_tables.compare import Difference

# pyiceberg/io/pyarrow.py, ArrowProjectionVisitor: lists and maps of structs are made anew from their offsets alone
# (`from_arrays(offsets, ...)` without a mask), so that a null one becomes an empty one. Spark and the files have null.
NULL_LISTS = "PyIceberg 0.12 takes null lists and maps of structs for empty ones"
# The same class casts a list or map of lists or maps by the names inside, which in the file may be others: fields of
# structs in there that were renamed, or whose names Avro does not allow, are read as null.
DEEP_NAMES = "PyIceberg 0.12 looks for fields by name in structs in lists in lists"
# DuckDB 1.5.5 joins equality deletes by `=` and over the whole table: rows whose key is null go too, and so do rows of
# other partitions than the delete file's. Spark and the specification keep both.
DUCK_EQUALITY = "DuckDB 1.5.5 applies equality deletes to null keys and in other partitions"
# DuckDB answers count(*) with added_rows_count of the manifest list, which the form `wrong_hints` makes larger.
DUCK_HINTS = "DuckDB 1.5.5 counts by the manifest list"
# Iceberg's Java library declares a partition value of type fixed as Avro's fixed, and writes it as Avro's bytes, with a
# length in front. It reads that itself; fastavro, PyIceberg and DuckDB lose their place in the file, as we do.
JAVA_FIXED = "Iceberg 1.11 for Java writes fixed partition values that only itself can read"
# So it fails on what we write, which is as Avro's specification has it. IB-F118 asks about it before the run.
FIXED_ASKED = "Iceberg 1.11 for Java cannot read fixed partition values as Avro has them"

# pyiceberg/table/puffin.py goes by the name of the data file in the Puffin footer, Iceberg's Java library and we by
# referenced_data_file of the manifest. The form `spell_paths` respells the manifest alone, as moved tables have it.
PUFFIN_NAMES = "PyIceberg 0.12 takes a deletion vector's data file from the Puffin footer"


def excuse(case: Case, difference: Difference) -> str | None:
    """Why a difference is the judge's and not ours, or None."""
    point = next((point for point in case.points if point.what == difference.what), None)
    agreed = point is not None and (point.ours.same(point.spark) or point.ours.same(point.pyiceberg))
    if difference.kind == "ours and PyIceberg" and point is not None and point.ours.same(point.spark):
        loose = point.spark.loose
        if loose is not None and loose == point.pyiceberg.loose and point.spark.rows == point.pyiceberg.rows:
            return NULL_LISTS
        if point.spark.rows == point.pyiceberg.rows and _deep(point.spark.schema):
            return DEEP_NAMES
        if _did(case, "form spell_paths") and case.bench.table().operations().current().formatVersion() > 2:
            return PUFFIN_NAMES
    if difference.kind in ("ours and DuckDB", "clone by DuckDB") and agreed:
        if _did(case, "newRowDelta") and _did(case, "equality delete"):
            return DUCK_EQUALITY
        if _did(case, "form wrong_hints"):
            return DUCK_HINTS
    if difference.blames and fixed_partition(case.bench):
        return JAVA_FIXED
    if difference.kind == "rewrite cannot be read" and fixed_partition(case.bench):
        return FIXED_ASKED
    return None


def _deep(kind: Any, above: int = 0) -> bool:
    """Whether a struct is in two lists or maps, the one in the other; the schema is as `readings.names` gives it."""
    if isinstance(kind, list):
        return above > 1 or any(_deep(inner, 0) for _, inner in kind)
    return isinstance(kind, tuple) and any(_deep(inner, above + 1) for inner in kind[1:])


def _did(case: Case, what: str) -> bool:
    return any(done.startswith(what) for done in case.bench.done)


def fixed_partition(bench: Bench) -> bool:
    """Whether a partition spec, of now or of earlier, has the plain value of a fixed column."""
    table = bench.table()
    types = {
        field.fieldId(): str(field.type()) for schema in dict(table.schemas()).values() for field in schema.columns()
    }
    return any(
        types.get(field.sourceId(), "").startswith("fixed") and field.transform().isIdentity()
        for spec in dict(table.specs()).values()
        for field in spec.fields()
    )
