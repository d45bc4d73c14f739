"""What the engine says of an error besides its words: error class and SQLSTATE."""

from __future__ import annotations

from dataclasses import dataclass

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
