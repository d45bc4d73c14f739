"""What the engine says of an error besides its words: error class, SQLSTATE, and the classes of Java's exceptions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

# Time travel, as Databricks and Spark refuse it: no such version, or none at all.
_NO_VERSION = {
    "DELTA_VERSION_NOT_FOUND",
    "DELTA_VERSIONS_NOT_CONTIGUOUS",
    "DELTA_TIME_TRAVEL_INVALID_BEGIN_VALUE",
    "INVALID_TIME_TRAVEL_SPEC",
    "UNSUPPORTED_FEATURE.TIME_TRAVEL",
}
# "feature not supported", and numbers beyond what there is.
_NOT_SUPPORTED = ("0A",)
_OUT_OF_RANGE = "22003"
_SYNTAX = "42601"
# Chains of causes are short, and one that is a circle has to end.
_LONGEST_CHAIN = 16
_ICEBERG = "org.apache.iceberg."
_CLASS = r"(?:[a-z]\w*\.)+[A-Z][\w$]*"
# Where Java is far away (Spark Connect), its class or condition still stands at the head of the text, causes below.
_HEAD = re.compile(rf"\[(?P<condition>[A-Z][A-Z0-9_.]*)\]|\(?(?P<name>{_CLASS})\)?(?=[:\s]|$)")
_CAUSE = re.compile(rf"Caused by: ({_CLASS})")
_FRAME = re.compile(rf"\s+at ({_CLASS})\.[\w$<>]+\(")


@dataclass(frozen=True)
class EngineError:
    """None where the error tells nothing, as Java's own exceptions do."""

    condition: str | None = None
    state: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> EngineError:
        """Ask PySpark's exception. Spark 3.5 has `getErrorClass`, 4.0 has `getCondition` and warns of the other."""
        ask = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
        state = getattr(error, "getSqlState", None)
        try:
            return cls(ask() if ask else None, state() if state else None)
        except Exception:  # it asks Java, which may be gone by now
            return cls()


@dataclass(frozen=True)
class Link:
    """One exception of a chain of causes: its class, and the classes of Iceberg that it was thrown from, both without
    their packages.
    """

    condition: str | None = None
    state: str | None = None
    name: str = ""
    places: frozenset[str] = frozenset()


def chain(error: BaseException) -> list[Link]:
    """The error and its causes, outermost first."""
    told = EngineError.of(error)
    # Converted exceptions keep Java's own in the first, the others in the second.
    java = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    try:
        found = _of_java(java) if java is not None else _of_words(_far_words(error))
    except Exception:  # it asks Java, which may be gone by now
        found = []
    first = found[0] if found else Link()
    first = replace(first, condition=told.condition or first.condition, state=told.state or first.state)
    return [first, *found[1:]]


def _of_java(java: Any) -> list[Link]:
    found: list[Link] = []
    while java is not None and len(found) < _LONGEST_CHAIN:
        frames = [frame.getClassName() for frame in java.getStackTrace()]
        places = frozenset(_simple(name) for name in frames if name.startswith(_ICEBERG))
        condition, state = _asked(java, "getCondition", "getErrorClass"), _asked(java, "getSqlState")
        found.append(Link(condition, state, _simple(java.getClass().getName()), places))
        java = java.getCause()
    return found


def _asked(java: Any, *methods: str) -> str | None:
    """Of Spark's exceptions; others have no such method, and an older Spark has the second alone."""
    for method in methods:
        try:
            return getattr(java, method)()
        except Exception:  # py4j tells a missing method so
            continue
    return None


def _far_words(error: BaseException) -> str:
    """Of an error from afar: Java's stack trace, which its text shows only where a setting says so."""
    ask = getattr(error, "getStackTrace", None)
    return (ask() if ask else None) or str(error)


def _of_words(words: str) -> list[Link]:
    head = _HEAD.match(words)
    found = [Link(head["condition"], None, _simple(head["name"] or ""))] if head else [Link()]
    for line in words.splitlines()[1:]:
        if cause := _CAUSE.match(line):
            found.append(Link(name=_simple(cause[1])))
        elif (frame := _FRAME.match(line)) and frame[1].startswith(_ICEBERG):
            found[-1] = replace(found[-1], places=found[-1].places | {_simple(frame[1])})
    return found[:_LONGEST_CHAIN]


def _simple(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def refuses_version(error: BaseException) -> bool:
    """Whether the version is what cannot be read. An error without a class, as Iceberg's reader raises it, may be."""
    found = EngineError.of(error)
    if found.condition is None and found.state is None:
        return isinstance(error, Exception) and hasattr(error, "getSqlState")
    if found.condition in _NO_VERSION:
        return True
    return found.state is not None and (found.state == _OUT_OF_RANGE or found.state.startswith(_NOT_SUPPORTED))


def refuses_statement(error: BaseException) -> bool:
    """Whether the engine does not do such a thing at all: not supported, or no statement that it knows."""
    state = EngineError.of(error).state
    return state is not None and (state == _SYNTAX or state.startswith(_NOT_SUPPORTED))
