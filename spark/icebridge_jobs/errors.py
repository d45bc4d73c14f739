"""One error for all jobs, in the shape and with the codes of src-tauri/crates/model/src/error.rs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from icebridge_jobs.engine_error import Link, chain

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
        "target-changed",
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


@dataclass(frozen=True)
class _Known:
    """An error by its condition or SQLSTATE, or by the class of Java's exception and of what it was thrown from."""

    code: str
    message: str
    hint: str
    told: str | None = None
    classes: str | None = None
    # Of Iceberg's classes: where it must have happened.
    at: str | None = None
    retryable: bool = False

    def has(self, link: Link) -> bool:
        """By the class: a message's words say nothing, for names of tables and columns stand in them."""
        if self.classes is None or not re.fullmatch(self.classes, link.name):
            return False
        return self.at is None or any(re.fullmatch(self.at, place) for place in link.places)


_GONE = ("plan-stale", "the pinned snapshot is not there any more")
_GONE_HINT = "Take the inventory and make the plan again; keep snapshots at the source until the run is over."
_CONFLICT = ("commit-conflict", "another writer changed the target at the same time")
_CONFLICT_HINT = "Let no other job write to the target, then run the same job again."
_METADATA = ("unsupported", "Iceberg's library refuses the table's metadata")
_METADATA_HINT = "See the cause. Mend the table at the source, or copy it with the embedded engine."
# The first match wins.
_KNOWN = (
    _Known(
        "table-not-found",
        "a table, schema or catalog is not there, or may not be seen",
        "Check the name, and that the job's principal may use the catalog and the schema and select from the table.",
        r"TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|NO_SUCH_CATALOG|CATALOG_NOT_FOUND|SQLSTATE 42P01",
        r"NoSuch(Table|Namespace|View)Exception",
    ),
    _Known(
        "table-exists",
        "the target is there already",
        "Drop it if it is not wanted, or map the table to another name.",
        r"TABLE_OR_VIEW_ALREADY_EXISTS|TABLE_ALREADY_EXISTS|SQLSTATE 42P07",
    ),
    _Known(*_GONE, _GONE_HINT, r"DELTA_VERSION_NOT_FOUND|INVALID_TIME_TRAVEL"),
    _Known(*_GONE, _GONE_HINT, classes=r"IllegalArgumentException", at=r"SnapshotUtil"),
    _Known(
        "commit-unknown",
        "the catalog did not say whether a commit happened",
        "Run the same job again: it looks for the commit before it writes.",
        classes=r"CommitStateUnknownException",
        retryable=True,
    ),
    _Known(
        *_CONFLICT,
        _CONFLICT_HINT,
        r"DELTA_CONCURRENT",
        r"CommitFailedException|Concurrent(Append|Modification|Write|DeleteRead|DeleteDelete|Transaction)Exception",
        retryable=True,
    ),
    # A commit validates that nobody was in between; whatever else Iceberg validates is the table itself.
    _Known(*_CONFLICT, _CONFLICT_HINT, classes=r"ValidationException", at=r"SnapshotProducer", retryable=True),
    _Known(*_METADATA, _METADATA_HINT, classes=r"ValidationException|Json(Parse|Processing|Mapping|EOF)Exception"),
    _Known(
        *_METADATA,
        _METADATA_HINT,
        classes=r"Illegal(Argument|State)Exception|NullPointerException|ClassCastException|DateTimeParseException",
        at=r"\w*Parser",
    ),
    _Known(
        "catalog-refused",
        "permission was denied",
        "Grant what the cause names to the job's principal, then run the same job again.",
        r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|INSUFFICIENT_PRIVILEGES|SQLSTATE 42501",
        r"AccessDeniedException|ForbiddenException|NotAuthorizedException",
    ),
    _Known(
        "validation-failed",
        "the keys do not tell rows apart",
        "Give keys that are unique in the source, or none.",
        r"MERGE_CARDINALITY_VIOLATION|DELTA_MULTIPLE_SOURCE_ROW",
    ),
    _Known(
        "unsupported",
        "the engine refused a statement",
        "See the cause. Another copy method may do.",
        r"MANAGED_ICEBERG|UNSUPPORTED_FEATURE|NOT_SUPPORTED|PARSE_SYNTAX_ERROR|SQLSTATE (0A|42601)",
        r"(Spark)?UnsupportedOperationException",
    ),
    _Known(
        "storage-failed",
        "a file could not be read or written",
        "Check the storage that the cause names, then run the same job again.",
        classes=r"(Spark)?(File)?NotFoundException|NoSuchKey(Exception)?|SocketTimeoutException|UnknownHostException"
        r"|RuntimeIOException|UncheckedIOException|\w*S3Exception|\w*AzureException",
        retryable=True,
    ),
)


def _known(error: BaseException) -> _Known | None:
    """By the condition first, then by the state, then by Java's classes; of causes as well."""
    links = chain(error)
    conditions = [link.condition for link in links if link.condition]
    states = [f"SQLSTATE {link.state}" for link in links if link.state]
    for texts in (conditions, states):
        for known in _KNOWN:
            if known.told and any(re.search(known.told, text) for text in texts):
                return known
    return next((known for known in _KNOWN if any(map(known.has, links))), None)


def explain(error: BaseException, about: str | None = None) -> JobError:
    """Turn what Spark raised into a coded error; what nobody foresaw is our fault and says so."""
    if isinstance(error, JobError):
        return error.about(about) if about else error
    words = _words(error)
    if (known := _known(error)) is not None:
        return JobError(
            known.code,
            known.message,
            about=about,
            hint=known.hint,
            cause=_shortened(words),
            retryable=known.retryable,
        )
    hint = "This is a defect in IceBridge, or a failing cluster. Keep the job's log when reporting it."
    return JobError(INTERNAL, "the job met something unforeseen", about=about, hint=hint, cause=_shortened(words))


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _shortened(words: str) -> str:
    """The head of a message: Spark appends plans and stack traces of any length."""
    head = re.split(r"\n\s*at |\nJVM stacktrace|\n\n==", words)[0].strip()
    return head if len(head) <= 2000 else head[:2000] + " ..."
