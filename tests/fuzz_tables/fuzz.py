"""One run: batches of random tables until enough were tried, and for each failing one the smallest history."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz_tables.batch import Batch, Case, Engines, Meddle
from tests.fuzz_tables.compare import Difference, codes, differences
from tests.fuzz_tables.history import History, make
from tests.fuzz_tables.known import excuse
from tests.fuzz_tables.shrink import shrink
from tests.fuzz_tables.tally import Tally
from tests.lakehouse.registry import dumps

BATCH = 25
NUMBERS = r"[0-9a-f]{16}|\d+"


@dataclass
class Failure:
    """A table on which somebody disagrees."""

    history: History
    differences: list[Difference]
    done: list[str]

    def plain(self) -> dict[str, Any]:
        """For JSON: the history can be replayed, the rest is to be read."""
        told = [f"{one.kind}, {one.what}: {one.text}" for one in self.differences]
        return {**self.history.plain(), "differences": told, "done": self.done}


@dataclass
class Fuzz:
    """The engines and what they found."""

    engines: Engines
    tally: Tally
    failures: list[Failure] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    meddle: Meddle | None = None
    shrinks: bool = True
    keep: Path | None = None
    _codes: frozenset[str] = field(default_factory=codes)
    _batches: int = 0
    _seen: set[str] = field(default_factory=set)

    def run(self, histories: Iterator[History], minutes: float | None = None, size: int = BATCH) -> None:
        """Try batches of the histories until they end or the time is over."""
        until = time.monotonic() + minutes * 60 if minutes else None
        while part := [history for _, history in zip(range(size), histories, strict=False)]:
            self.batch(part)
            print(
                f"{self.tally.tables} tables, {self.tally.hourly:.0f} an hour, {len(self.failures)} differ", flush=True
            )
            if until and time.monotonic() > until:
                break

    def batch(self, histories: Sequence[History]) -> None:
        """Try one batch, and shrink what fails."""
        batch = self._batch(histories)
        failures = []
        for case in batch.run(self.meddle):
            found, excused = self.judged(case)
            self.tally.add(case, found, excused)
            if found:
                failures.append(Failure(case.history, found, list(case.bench.done)))
        # Only now, for shrinking opens other catalogs in the place of this batch's.
        for failure in failures:
            self._failed(failure)
        for complaint in batch.complaints:
            print(f"COMPLAINT: {complaint}", flush=True)
        self.complaints += batch.complaints
        batch.clear()

    def judged(self, case: Case) -> tuple[list[Difference], list[str]]:
        """The differences, and the reasons for which others are none."""
        found, excused = [], []
        for difference in differences(case, self._codes):
            reason = excuse(case, difference)
            if reason:
                excused.append(reason)
            else:
                found.append(difference)
        return found, excused

    def alone(self, history: History, *, hold: bool = False) -> tuple[Case, list[Difference]]:
        """One table by itself; its files may be held back to be looked at."""
        batch = self._batch([history])
        case = batch.run(self.meddle)[0]
        found, _ = self.judged(case)
        if not hold:
            batch.clear()
        return case, found

    def _batch(self, histories: Sequence[History]) -> Batch:
        self._batches += 1
        return Batch(self.engines, self.engines.folder / f"batch-{self._batches}", histories)

    def _failed(self, failure: Failure) -> None:
        # What looks like one that was made small already is not worth the minutes again.
        looks = {f"{one.kind} {re.sub(NUMBERS, '…', one.text)[:160]}" for one in failure.differences}
        new, self._seen = not looks <= self._seen, self._seen | looks
        if self.shrinks and new:
            kinds = {difference.kind for difference in failure.differences}
            last: dict[str, Failure] = {}

            def fails(history: History) -> bool:
                case, found = self.alone(history)
                still = bool(kinds & {difference.kind for difference in found})
                if still:
                    last["is"] = Failure(history, found, list(case.bench.done))
                return still

            begun = time.monotonic()
            shrink(failure.history, fails)
            # Shrinking is no part of the time that a table takes.
            self.tally.begun += time.monotonic() - begun
            failure = last.get("is", failure)
        self.failures.append(failure)
        told = dumps(failure.plain())
        print(f"DIFFERENCE in {failure.history.seed}-{failure.history.index}:\n{told}", flush=True)
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
            path = self.keep / f"{failure.history.seed}-{failure.history.index}.json"
            path.write_text(told, encoding="utf-8")


def histories(seed: str | int, first: int, count: int) -> Iterator[History]:
    """The histories of a seed."""
    return (make(seed, index) for index in range(first, first + count))
