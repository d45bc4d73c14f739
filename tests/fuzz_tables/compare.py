"""Where the engines, the copies and the command line disagree about a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.fuzz_tables.batch import Case
from tests.fuzz_tables.readings import Point, Read
from tests.lakehouse.spark import ROOT

# Codes that say we are at fault or took a sound table for another: a generated table must not raise them.
NEVER = ("internal", "validation-failed", "checksum-mismatch", "plan-stale", "plan-broken", "state-broken", "no code")
# Codes that say a file of the source is broken or gone, which other engines read.
BLAMES = ("metadata-broken", "file-broken", "file-missing", "invalid-text", "IB-F001", "IB-F021")


@dataclass(frozen=True)
class Difference:
    """One disagreement; `kind` is what shrinking holds on to."""

    kind: str
    what: str
    text: str
    # We say that the source is broken.
    blames: bool = False


def codes() -> frozenset[str]:
    """The findings of docs/findings.md and the error codes of the command line."""
    findings = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    errors = (ROOT / "src-tauri" / "crates" / "model" / "src" / "error.rs").read_text(encoding="utf-8")
    return frozenset(_marked(findings, "`IB-F", "`") | _marked(errors, ' = "', '"'))


def _marked(text: str, start: str, end: str) -> set[str]:
    opening = start.lstrip('` ="')
    return {opening + part.partition(end)[0] for part in text.split(start)[1:]}


def differences(case: Case, known: frozenset[str]) -> list[Difference]:
    """Every disagreement about one table."""
    if case.not_made:
        return []
    found = [difference for point in case.points for difference in _readings(point)]
    found += _copies(case, known)
    return found


def _readings(point: Point) -> Iterator[Difference]:
    ours, spark, pyiceberg, duck = point.ours, point.spark, point.pyiceberg, point.duck
    told = f"ours {ours}; Spark {spark}; PyIceberg {pyiceberg}; DuckDB {duck}"
    if not ours.known and (ours.why in NEVER or ours.why == "no JSON"):
        yield Difference("ours fails", point.what, told)
    if ours.why in BLAMES and (spark.known or pyiceberg.known):
        yield Difference("ours blames the table", point.what, told, blames=True)
    if ours.known and spark.known and not ours.same(spark):
        yield Difference("ours and Spark", point.what, told)
    if ours.known and pyiceberg.known and not ours.same(pyiceberg):
        yield Difference("ours and PyIceberg", point.what, told)
    if ours.known and duck.rows is not None and duck.rows != ours.rows:
        yield Difference("ours and DuckDB", point.what, told)


def truth(point: Point) -> Read | None:
    """What a copy must show: Spark's rows, or where it has none PyIceberg's, or at last ours."""
    return next((read for read in (point.spark, point.pyiceberg, point.ours) if read.known), None)


def _copies(case: Case, known: frozenset[str]) -> Iterator[Difference]:
    for mode, end in case.ends.items():
        bad = [code for code in end.codes if code not in known or code in NEVER]
        if end.state == "broken" or bad:
            yield Difference(f"{mode} ends badly", mode, f"{end.state} {end.codes}: {end.message[:600]}")
        blamed = [code for code in end.codes if code in BLAMES]
        if blamed and all(point.spark.known or point.pyiceberg.known for point in case.points):
            text = f"{end.codes}: {end.message[:600]}"
            yield Difference(f"{mode} blames the table", mode, text, blames=True)
        if end.state != "migrated":
            continue
        for point in case.points:
            found = case.copies.get((mode, point.what))
            expected = truth(point)
            if found is None or expected is None:
                continue
            told = f"the copy {found}; the source {expected}; ours {point.ours}"
            if not found.known:
                if point.spark.known or mode == "rewrite":
                    yield Difference(f"{mode} cannot be read", point.what, told)
            elif not found.same(expected):
                yield Difference(f"{mode} has other rows", point.what, told)
            elif expected.schema is not None and found.schema != expected.schema:
                yield Difference(
                    f"{mode} has another schema", point.what, f"{found.schema} instead of {expected.schema}"
                )
        counted, first = case.copied_counts.get(mode), truth(case.points[0])
        if counted and counted.rows is not None and first and counted.rows != first.rows:
            yield Difference(f"{mode} by DuckDB", "current", f"{counted} instead of {first}")
