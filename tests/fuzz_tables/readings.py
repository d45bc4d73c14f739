"""What each engine reads in one table at one point of its history, or why it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spark.judges.digest_reference import DigestError, digest_rows, schema_dict
from tests.harness.cli import Icebridge
from tests.lakehouse.judge import FOREIGN_TO_SPARK, Judge, exact_column, uses


@dataclass(frozen=True)
class Read:
    """Rows and digest, or the reason why there are none. `rows` alone is known where only a count was asked for."""

    rows: int | None = None
    digest: str | None = None
    why: str = ""
    message: str = ""
    schema: Any = None
    # With null lists and maps of structs taken for empty ones, which PyIceberg does; only where there are such columns.
    loose: str | None = None

    def __str__(self) -> str:
        if self.rows is None:
            return f"cannot ({self.why}: {self.message[:300]})"
        return f"{self.rows} rows" + (f" {self.digest[:16]}" if self.digest else "")

    @property
    def known(self) -> bool:
        """Whether the engine read rows with a digest."""
        return self.digest is not None

    def same(self, other: Read) -> bool:
        """Whether two engines read the same rows."""
        return (self.rows, self.digest) == (other.rows, other.digest)


@dataclass
class Point:
    """One state of a table and what everybody reads there."""

    what: str
    snapshot: int | None
    spark: Read
    pyiceberg: Read
    ours: Read = Read(why="not asked")
    duck: Read = Read(why="not asked")


def by_spark(judge: Judge, snapshot: int | None) -> Read:
    """Spark's rows; what Spark has no type for is PyIceberg's to judge."""
    try:
        reading = judge.current() if snapshot is None else judge.snapshot(snapshot)
    except Exception as cause:  # Java's exceptions, and the judge's own where the schema is unexpected
        return Read(why=_spark_reason(cause), message=str(cause))
    if reading.judge != "spark":
        return Read(why="a type that Spark does not have")
    fields = reading.schema["fields"]
    try:
        digest = digest_rows(reading.schema, reading.rows)
    except DigestError as cause:
        return Read(rows=len(reading.rows), why="no digest", message=str(cause))
    return Read(digest.rows, digest.digest, schema=names(fields), loose=loosely(reading.schema, reading.rows))


def by_pyiceberg(load: Any, snapshot: int | None) -> Read:
    """PyIceberg's rows; `load` opens the table."""
    try:
        scan = load().scan(snapshot_id=snapshot)
        schema = scan.projection()
        table = scan.to_arrow()
        plain = schema_dict(schema)
        columns = [exact_column(table.column(place)) for place in range(table.num_columns)]
        rows = list(zip(*columns, strict=True)) if columns else [()] * table.num_rows
        digest = digest_rows(plain, rows)
    except Exception as cause:  # whatever a library of so many layers raises
        return Read(why=reason(cause), message=f"{type(cause).__name__}: {cause}")
    return Read(digest.rows, digest.digest, schema=names(plain["fields"]), loose=loosely(plain, rows))


def by_us(cli: Icebridge, catalog: str, table: Sequence[str], snapshot: int | None) -> Read:
    """Our own rows, by the command that measures a table."""
    at = [] if snapshot is None else ["--snapshot", str(snapshot)]
    spelled = ".".join(f"`{part.replace('`', '``')}`" for part in table)
    done = cli.outcome("table", "digest", catalog, spelled, *at)
    try:
        answer = done.json
    except ValueError:
        return Read(why="no JSON", message=f"exit code {done.code}: {done.stdout[:200]} {done.stderr[-600:]}")
    if done.code:
        return Read(why=answer.get("code", "no code"), message=f"{answer.get('message')} {answer.get('causes', '')}")
    return Read(answer["rows"], answer["digest"])


def loosely(schema: Any, rows: Sequence[Any]) -> str | None:
    """The digest with null lists and maps of structs as empty ones."""
    fields = schema["fields"]
    if not any(_holds_structs(field["type"]) for field in fields):
        return None
    loose = [[_loose(field["type"], row[place]) for place, field in enumerate(fields)] for row in rows]
    return digest_rows(schema, loose).digest


def _holds_structs(given: Any) -> bool:
    if isinstance(given, str):
        return False
    if given["type"] == "struct":
        return any(_holds_structs(field["type"]) for field in given["fields"])
    inner = given["element"] if given["type"] == "list" else given["value"]
    return _is_struct(inner) or _holds_structs(inner)


def _is_struct(given: Any) -> bool:
    return isinstance(given, dict) and given["type"] == "struct"


def _loose(given: Any, value: Any) -> Any:
    if isinstance(given, str):
        return value
    if given["type"] == "struct":
        if value is None:
            return None
        at = (lambda place, name: value[name]) if isinstance(value, Mapping) else (lambda place, name: value[place])
        return [_loose(field["type"], at(place, field["name"])) for place, field in enumerate(given["fields"])]
    if given["type"] == "list":
        if value is None:
            return [] if _is_struct(given["element"]) else None
        return [_loose(given["element"], item) for item in value]
    if value is None:
        return [] if _is_struct(given["value"]) else None
    pairs = value.items() if isinstance(value, Mapping) else value
    return [(key, _loose(given["value"], item)) for key, item in pairs]


def names(fields: Sequence[dict[str, Any]]) -> Any:
    """Names and types of a schema without ids, docs and nullability: what a copy must have kept."""
    return [(field["name"], _kind(field["type"])) for field in fields]


def _kind(given: Any) -> Any:
    if not isinstance(given, dict):
        return str(given).replace(" ", "")
    if given["type"] == "struct":
        return names(given["fields"])
    if given["type"] == "list":
        return "list", _kind(given["element"])
    return "map", _kind(given["key"]), _kind(given["value"])


def foreign(fields: Any) -> bool:
    """Whether Spark has no word for a type of the schema."""
    return uses({"fields": fields}, FOREIGN_TO_SPARK)


def reason(cause: BaseException) -> str:
    """A complaint without the names and numbers of this table, so that it can be counted."""
    first = next(iter(_lines(cause)), "")
    plain = re.sub(r"(file:)?/[^\s'\"]+|[0-9a-f]{8,}|\d+", "…", first)
    return f"{type(cause).__name__}: {plain[:110]}"


def _lines(cause: BaseException) -> Iterator[str]:
    yield from (line for line in str(cause).splitlines() if line.strip())


def _spark_reason(cause: BaseException) -> str:
    """What Spark wraps is in the innermost cause."""
    java = getattr(cause, "java_exception", None) or getattr(cause, "_origin", None)
    if java is None:
        return reason(cause)
    while java.getCause() is not None:
        java = java.getCause()
    plain = re.sub(r"(file:)?/[^\s'\"]+|[0-9a-f]{8,}|\d+", "…", str(java.toString()).splitlines()[0])
    return plain[:160]
