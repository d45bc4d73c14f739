"""What a run of the fuzzer has seen, and the line that says so."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz_tables.batch import Case
from tests.fuzz_tables.compare import Difference


@dataclass
class Tally:
    """Counts of one run; each refusal keeps the first case that met it."""

    seed: str
    begun: float = field(default_factory=time.monotonic)
    tables: int = 0
    not_made: int = 0
    snapshots: int = 0
    copies: int = 0
    differences: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unread: dict[str, Counter[str]] = field(default_factory=dict)
    excused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, case: Case, found: Iterable[Difference], excused: Iterable[str]) -> None:
        """Count one table."""
        self.tables += 1
        self.not_made += bool(case.not_made)
        self._example(f"not made: {case.not_made}" if case.not_made else "", case)
        self.operations.update(op["op"] for op in case.history.operations)
        self.left_out.update(re.sub(r"\d+|`[^`]*`", "…", reason)[:140] for reason in case.skipped)
        self.differences += bool(list(found))
        for reason in excused:
            self._count(self.excused, reason, case)
        for point in case.points:
            reads = {"us": point.ours, "Spark": point.spark, "PyIceberg": point.pyiceberg, "DuckDB": point.duck}
            self.snapshots += point.ours.known and (point.spark.known or point.pyiceberg.known)
            for name, read in reads.items():
                if read.why:
                    self._count(self.unread.setdefault(name, Counter()), read.why, case, name)
        for mode, end in case.ends.items():
            for code in end.codes:
                self._count(self.refused, f"{mode} {code}", case)
        self.copies += sum(read.known for read in case.copies.values())

    def _count(self, counter: Counter[str], key: str, case: Case, prefix: str = "") -> None:
        counter[key] += 1
        self._example(f"{prefix} {key}".strip(), case)

    def _example(self, key: str, case: Case) -> None:
        if key:
            self.examples.setdefault(key, f"{case.history.seed}-{case.history.index}")

    @property
    def hourly(self) -> float:
        """Tables an hour."""
        return self.tables / max(1e-9, time.monotonic() - self.begun) * 3600

    def lines(self) -> list[str]:
        """The report; the last line is the one to look at."""
        told = [f"operations: {_listed(self.operations)}", f"left out: {_listed(self.left_out)}"]
        told += [f"not readable by {name}: {_listed(found)}" for name, found in sorted(self.unread.items())]
        told += [f"excused: {_listed(self.excused)}"] if self.excused else []
        told += [f"first seen in {place}: {key}" for key, place in self.examples.items()]
        told.append(
            f"seed {self.seed}: {self.tables} tables ({self.not_made} not made), {self.hourly:.0f} an hour, "
            f"{self.snapshots} snapshots compared, {self.copies} reads of copies compared; "
            f"refused by code: {_listed(self.refused) or 'none'}; "
            f"not readable by PyIceberg: {_listed(self.unread.get('PyIceberg', Counter())) or 'none'}; "
            f"differences in {self.differences} tables"
        )
        return told


def _listed(counter: Counter[Any]) -> str:
    return ", ".join(f"{key} {count}" for key, count in counter.most_common())
