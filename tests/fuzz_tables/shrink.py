"""Make a failing history smaller, as long as it still fails in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tests.fuzz_tables.history import History

TRIES = 24
SECONDS = 150.0


def shrink(history: History, fails: Callable[[History], bool]) -> History:
    """Leave out operations one by one from the end, then columns, partitions and properties of the table, then rows."""
    until = time.monotonic() + SECONDS
    tries = 0

    def still(smaller: History) -> bool:
        nonlocal tries
        if tries >= TRIES or time.monotonic() > until:
            return False
        tries += 1
        return fails(smaller)

    place = len(history.operations) - 1
    while place >= 0:
        smaller = history.without(place)
        if still(smaller):
            history = smaller
        place -= 1
    for key in ("properties", "partition"):
        smaller = replace(history, create={**history.create, key: type(history.create[key])()})
        if history.create[key] and still(smaller):
            history = smaller
    few = [{**op, **({"rows": 1} if op.get("rows", 1) > 1 else {})} for op in history.operations]
    smaller = replace(history, operations=few)
    if few != history.operations and still(smaller):
        history = smaller
    return history
