"""Failures to order: which request goes wrong, how, and whether the server had already done what was asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

# A commit to one table, or the multi-table one.
COMMIT = r"^POST /v1/(.+/)?(namespaces/[^/]+/tables/[^/?]+|transactions/commit)(\?|$)"
ANY_CALL = r"^\w+ /v1/(?!oauth/)"


@dataclass(frozen=True)
class Fault:
    """What happens to the n-th request (and `times - 1` more after it) whose "METHOD /path?query" matches.

    `forward` means that the real server carries the request out before the answer is lost or replaced.
    """

    match: str = COMMIT
    nth: int = 1
    times: int = 1
    status: int = 503
    body: dict[str, Any] | str = ""
    headers: dict[str, str] = field(default_factory=dict)
    forward: bool = False
    cut: bool = False
    delay: float = 0.0
    passes: bool = False


def error_body(code: int, kind: str, message: str) -> dict[str, Any]:
    """Iceberg's error model."""
    return {"error": {"message": message, "type": kind, "code": code}}


def conflict(nth: int = 1, times: int = 1, match: str = COMMIT) -> Fault:
    """409 without having committed: somebody else was faster."""
    body = error_body(409, "CommitFailedException", "Requirement failed: branch main has changed")
    return Fault(match, nth, times, 409, body)


def databricks_conflict(nth: int = 1, times: int = 1, match: str = COMMIT) -> Fault:
    """The same conflict as Unity Catalog has been seen to answer it: a 400 that only its text gives away."""
    text = "Malformed request: Commit validation failed. A concurrent update changed the table. [ErrorCode: 2010]"
    return Fault(match, nth, times, 400, error_body(400, "BadRequestException", text))


def unavailable(nth: int = 1, times: int = 1, retry_after: int = 1, match: str = ANY_CALL) -> Fault:
    """503 with Retry-After, not forwarded."""
    body = error_body(503, "ServiceUnavailableException", "try later")
    return Fault(match, nth, times, 503, body, {"Retry-After": str(retry_after)})


def rate_limited(nth: int = 1, times: int = 1, retry_after: int = 1, match: str = ANY_CALL) -> Fault:
    """429 with Retry-After, not forwarded."""
    body = error_body(429, "TooManyRequestsException", "rate limit exceeded")
    return Fault(match, nth, times, 429, body, {"Retry-After": str(retry_after)})


def lost_answer(nth: int = 1, times: int = 1, match: str = COMMIT) -> Fault:
    """500 after the commit was carried out: the client must look before it tries again."""
    body = error_body(500, "CommitStateUnknownException", "the state of the commit is unknown")
    return Fault(match, nth, times, 500, body, forward=True)


def cut(nth: int = 1, times: int = 1, match: str = ANY_CALL, *, after: bool = False) -> Fault:
    """The connection ends without an answer; `after` the server has done its work, or before it."""
    return Fault(match, nth, times, forward=after, cut=True)


def slow(seconds: float, nth: int = 1, times: int = 1, match: str = ANY_CALL) -> Fault:
    """The true answer, late."""
    return Fault(match, nth, times, delay=seconds, passes=True)


class FaultPlan:
    """The faults in force; each counts its own matches, from the moment it was added."""

    def __init__(self) -> None:
        """Start with nothing going wrong."""
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, re.Pattern[str]]] = []
        self._seen: list[int] = []

    def add(self, *faults: Fault) -> None:
        """Order failures."""
        with self._lock:
            for fault in faults:
                self._faults.append((fault, re.compile(fault.match)))
                self._seen.append(0)

    def clear(self) -> None:
        """Back to good weather."""
        with self._lock:
            self._faults.clear()
            self._seen.clear()

    def seen(self) -> list[int]:
        """How many requests each of them has met."""
        with self._lock:
            return list(self._seen)

    def pick(self, request: str) -> Fault | None:
        """The first fault which is due for this request; every matching one counts it."""
        due: Fault | None = None
        with self._lock:
            for index, (fault, pattern) in enumerate(self._faults):
                if not pattern.search(request):
                    continue
                self._seen[index] += 1
                if due is None and fault.nth <= self._seen[index] < fault.nth + fault.times:
                    due = fault
        return due


KINDS: dict[str, Callable[..., Fault]] = {
    "conflict": conflict,
    "databricks_conflict": databricks_conflict,
    "unavailable": unavailable,
    "rate_limited": rate_limited,
    "lost_answer": lost_answer,
    "cut": cut,
    "slow": slow,
}


def fault_from_json(order: Mapping[str, Any]) -> Fault:
    """A fault by the name of its function and arguments ({"kind": "cut", "nth": 2}), or by its bare fields."""
    arguments = dict(order)
    kind = arguments.pop("kind", None)
    if kind is not None:
        return KINDS[kind](**arguments)
    unknown = set(arguments) - {entry.name for entry in fields(Fault)}
    if unknown:
        raise ValueError(f"no such fields of a fault: {sorted(unknown)}")
    return Fault(**arguments)
