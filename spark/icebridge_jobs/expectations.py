"""A Great Expectations checkpoint for one table, and its answers as checks.

Two assets: the target's rows, on which Great Expectations looks for itself, and one row of measures, in which every
fact about a side is a column: digests, exact aggregates and types have no expectation of their own.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import great_expectations as gx
import great_expectations.expectations as gxe
from pyspark.sql import functions as F
from pyspark.sql import types as T

from icebridge_jobs.column_measures import ColumnMeasure
from icebridge_jobs.comparison import Comparison, Fact
from icebridge_jobs.errors import JobError
from icebridge_jobs.validation_input import TableValidation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SITE = "volume"
# Great Expectations hands a date on as text, with a year of as many digits as it has: Spark reads four.
_FIRST_DATE = dt.date(1000, 1, 1)
_EASY_NAME = re.compile(r"\w+( \w+)*")


@dataclass(frozen=True)
class Check:
    """An answer, with the fields of the product's own Check and the column it is about."""

    name: str
    passed: bool
    source: str
    target: str
    column: str | None = None
    expectation: str = ""
    detail: str = ""


def context(docs: str) -> Any:
    """An ephemeral context whose one site lies in the folder."""
    found = gx.get_context(mode="ephemeral")
    for site in list(found.get_site_names()):
        found.delete_data_docs_site(site)
    found.add_data_docs_site(
        SITE,
        {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": docs},
        },
    )
    # Persisting is the default, and serverless compute refuses it.
    found.data_sources.add_spark("spark", persist=False)
    return found


def check(
    spark: SparkSession, docs: Any, table: TableValidation, both: Comparison, facts: Sequence[Fact]
) -> list[Check]:
    """Run the checkpoint: every expectation's answer, in the order of the expectations."""
    labels = _labels(both.target_rows.columns)
    rows = both.target_rows.toDF(*labels.values())
    runs = [
        (f"{table.target} rows", rows, _on_rows(both, labels)),
        (f"{table.target} measures", _measures(spark, facts, labels), _on_measures(facts, labels)),
    ]
    found: list[Check] = []
    for name, frame, expectations in runs:
        if expectations:
            found += _run(docs, name, frame, expectations)
    return found


def _run(docs: Any, name: str, frame: DataFrame, expectations: Sequence[Any]) -> list[Check]:
    asset = docs.data_sources.get("spark").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole")
    suite = docs.suites.add(gx.ExpectationSuite(name=name, expectations=list(expectations)))
    definition = docs.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    checkpoint = docs.checkpoints.add(
        gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=[SITE])],
            result_format="SUMMARY",
        )
    )
    ran = checkpoint.run(batch_parameters={"dataframe": frame})
    answers = [answer for suite_ran in ran.run_results.values() for answer in suite_ran.results]
    if len(answers) != len(expectations):
        raise JobError("internal", f"{len(expectations)} expectations gave {len(answers)} answers", about=name)
    return [_check(answer, name) for answer in answers]


def _check(answer: Any, about: str) -> Check:
    meta = answer.expectation_config.meta or {}
    detail = ""
    raised = [info for info in _exceptions(answer.exception_info) if info.get("raised_exception")]
    if raised:
        cause = str(raised[0].get("exception_message", ""))[:500]
        raise JobError(
            "internal", f"Great Expectations could not evaluate {meta.get('check')}", about=about, cause=cause
        )
    result = answer.result or {}
    found = meta.get("found")
    if found is None:
        found = str(result.get("observed_value", f"{result.get('unexpected_count', 0)} unexpected"))
    if not answer.success and result.get("partial_unexpected_list"):
        detail = f"for example {result['partial_unexpected_list'][:3]}"
    return Check(
        meta["check"],
        bool(answer.success),
        meta["expected"],
        found,
        meta.get("column"),
        answer.expectation_config.type,
        detail,
    )


def _exceptions(found: Any) -> list[dict[str, Any]]:
    """One exception, or one for each metric."""
    if not found:
        return []
    return [found] if "raised_exception" in found else [info for info in found.values() if isinstance(info, dict)]


def _labels(columns: Sequence[str]) -> dict[str, str]:
    """Great Expectations takes a dot for a level, and knows no capitals: such names are replaced while it looks."""
    lower = [name.lower() for name in columns]
    found = {}
    for place, name in enumerate(columns):
        easy = _EASY_NAME.fullmatch(name) and lower.count(name.lower()) == 1
        found[name] = name if easy else f"column_{place}_{re.sub(r'[^0-9A-Za-z]', '_', name)}"
    return found


def _meta(name: str, expected: str, column: str | None = None, found: str | None = None) -> dict[str, Any]:
    return {"check": name, "expected": expected, "column": column, "found": found}


def _on_rows(both: Comparison, labels: dict[str, str]) -> list[Any]:
    expected = both.source.rows
    made: list[Any] = [gxe.ExpectTableRowCountToEqual(value=expected, meta=_meta("count", str(expected)))]
    wanted = [labels.get(name, name) for name in both.source.columns]
    # Not exact: on Spark it counts the fields of structs as columns. The measures find columns that are too many.
    made.append(
        gxe.ExpectTableColumnsToMatchSet(
            column_set=wanted, exact_match=False, meta=_meta("schema", f"{len(wanted)} columns")
        )
    )
    for name, measure in both.source.columns.items():
        label = labels.get(name)
        if label is None:
            continue
        if measure.nulls == 0:
            made.append(gxe.ExpectColumnValuesToNotBeNull(column=label, meta=_meta(f"nulls:{name}", "0", name)))
        limits = _limits(both, name, measure)
        if limits:
            made.append(
                gxe.ExpectColumnValuesToBeBetween(
                    column=label,
                    min_value=limits[0],
                    max_value=limits[1],
                    meta=_meta(f"range:{name}", f"{measure.least} to {measure.greatest}", name),
                )
            )
    return made


def _limits(both: Comparison, name: str, measure: ColumnMeasure) -> tuple[Any, Any] | None:
    """Least and greatest as Python values, where Great Expectations compares them exactly. The measures cover the
    others.
    """
    schema = both.target.schema
    if schema is None or measure.least is None or measure.greatest is None or measure.nans:
        return None
    kind = schema[name].dataType
    ends = (measure.least, measure.greatest)
    try:
        if isinstance(kind, T.IntegerType | T.LongType):
            return int(ends[0]), int(ends[1])
        if isinstance(kind, T.DateType):
            dates = dt.date.fromisoformat(ends[0]), dt.date.fromisoformat(ends[1])
            return dates if min(dates) >= _FIRST_DATE else None
        if isinstance(kind, T.DoubleType):
            return float(ends[0]), float(ends[1])
    except (ValueError, decimal.InvalidOperation):  # another type in the target: the schema check says so
        return None
    return None


def _measure_name(fact: Fact, labels: dict[str, str]) -> str:
    if fact.column is None:
        return fact.check
    label = labels.get(fact.column)
    # Keys are not one column, and may be of any name.
    return f"{fact.check} of {label or re.sub(r'[^0-9A-Za-z]', '_', fact.column)}".replace(".", "_")


def _measures(spark: SparkSession, facts: Sequence[Fact], labels: dict[str, str]) -> DataFrame:
    """One row of literals. Rows made in Python would go through a Python worker at each of the many looks at them."""
    found = (F.lit(fact.found).cast("string").alias(_measure_name(fact, labels)) for fact in facts)
    return spark.range(1).select(*found)


def _on_measures(facts: Sequence[Fact], labels: dict[str, str]) -> list[Any]:
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column=_measure_name(fact, labels),
            value_set=[fact.expected],
            meta=_meta(
                f"{fact.check}:{fact.column}" if fact.column else fact.check, fact.expected, fact.column, fact.found
            ),
        )
        for fact in facts
    ]


def as_dicts(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """For the result file."""
    return [asdict(found) for found in checks]
