"""One error for all jobs, in the shape and with the codes of src-tauri/crates/model/src/error.rs."""

from __future__ import annotations

import re
from typing import Any

from icebridge_jobs.engine_error import EngineError

INTERNAL = "internal"
# Codes are never renamed: scripts and the app match on them.
CODES = frozenset(
    {
        "invalid-input",
        "table-not-found",
        "table-exists",
        "unsupported",
        "plan-stale",
        "plan-broken",
        "commit-conflict",
        "commit-unknown",
        "catalog-refused",
        "storage-failed",
        "state-broken",
        "validation-failed",
        "cancelled",
        INTERNAL,
    }
)

DONE, YOURS, OURS = 0, 1, 2


class JobError(Exception):
    """What failed, on which object, why, and what to do next."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        about: str | None = None,
        hint: str | None = None,
        cause: BaseException | str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        if code not in CODES:
            raise ValueError(f"{code} is no error code")
        self.code = code
        self.message = message
        self.object = about
        self.hint = hint
        self.causes = [str(cause)] if cause else []
        self.retryable = retryable

    def about(self, name: str) -> JobError:
        """Name the object, unless a deeper layer, which knew better, already has."""
        self.object = self.object or name
        return self

    @property
    def exit_code(self) -> int:
        """1 where the person can mend it, 2 where we have to."""
        return OURS if self.code == INTERNAL else YOURS

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        shape: dict[str, Any] = {"code": self.code, "message": self.message, "object": self.object, "hint": self.hint}
        return {**shape, "causes": self.causes, "retryable": self.retryable}


def invalid(message: str, *, about: str | None = None, hint: str | None = None) -> JobError:
    """The input cannot be understood."""
    return JobError("invalid-input", message, about=about, hint=hint)


# By Spark's error condition or SQLSTATE, which are stable, or else by the words of a class that has neither. The first
# match wins.
_KNOWN: tuple[tuple[str, str, str, str, bool], ...] = (
    (
        r"\[?(TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|NO_SUCH_CATALOG|CATALOG_NOT_FOUND)|SQLSTATE 42P01",
        "table-not-found",
        "a table, schema or catalog is not there, or may not be seen",
        "Check the name, and that the job's principal may use the catalog and the schema and select from the table.",
        False,
    ),
    (
        r"TABLE_OR_VIEW_ALREADY_EXISTS|TABLE_ALREADY_EXISTS|SQLSTATE 42P07",
        "table-exists",
        "the target is there already",
        "Drop it if it is not wanted, or map the table to another name.",
        False,
    ),
    (
        r"Cannot find snapshot with ID|Cannot find a snapshot|DELTA_VERSION_NOT_FOUND|INVALID_TIME_TRAVEL",
        "plan-stale",
        "the pinned snapshot is not there any more",
        "Take the inventory and make the plan again; keep snapshots at the source until the run is over.",
        False,
    ),
    (
        r"CommitStateUnknown",
        "commit-unknown",
        "the catalog did not say whether a commit happened",
        "Run the same job again: it looks for the commit before it writes.",
        True,
    ),
    (
        r"CommitFailedException|ConcurrentAppend|ConcurrentModification|ConcurrentWrite|DELTA_CONCURRENT|ValidationException",
        "commit-conflict",
        "another writer changed the target at the same time",
        "Let no other job write to the target, then run the same job again.",
        True,
    ),
    (
        r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|INSUFFICIENT_PRIVILEGES|AccessDenied|ForbiddenException"
        r"|SQLSTATE 42501",
        "catalog-refused",
        "permission was denied",
        "Grant what the cause names to the job's principal, then run the same job again.",
        False,
    ),
    (
        r"MERGE_CARDINALITY_VIOLATION|multiple source rows",
        "validation-failed",
        "the keys do not tell rows apart",
        "Give keys that are unique in the source, or none.",
        False,
    ),
    (
        r"MANAGED_ICEBERG|UNSUPPORTED_FEATURE|NOT_SUPPORTED|PARSE_SYNTAX_ERROR|UnsupportedOperationException"
        r"|SQLSTATE (0A|42601)",
        "unsupported",
        "the engine refused a statement",
        "See the cause. Another copy method may do.",
        False,
    ),
    (
        r"FileNotFoundException|NoSuchKey|NotFoundException|SocketTimeout|UnknownHost|S3Exception|AzureException",
        "storage-failed",
        "a file could not be read or written",
        "Check the storage that the cause names, then run the same job again.",
        True,
    ),
)


def explain(error: BaseException, about: str | None = None) -> JobError:
    """Turn what Spark raised into a coded error; what nobody foresaw is our fault and says so."""
    if isinstance(error, JobError):
        return error.about(about) if about else error
    words = _words(error)
    told = EngineError.of(error)
    # The class first, then the state: only what has neither is known by its words.
    for text in (told.condition, told.state and f"SQLSTATE {told.state}", words):
        for pattern, code, message, hint, retryable in _KNOWN:
            if text and re.search(pattern, text):
                return JobError(code, message, about=about, hint=hint, cause=_shortened(words), retryable=retryable)
    hint = "This is a defect in IceBridge, or a failing cluster. Keep the job's log when reporting it."
    return JobError(INTERNAL, "the job met something unforeseen", about=about, hint=hint, cause=_shortened(words))


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _shortened(words: str) -> str:
    """The head of a message: Spark appends plans and stack traces of any length."""
    head = re.split(r"\n\s*at |\nJVM stacktrace|\n\n==", words)[0].strip()
    return head if len(head) <= 2000 else head[:2000] + " ..."
