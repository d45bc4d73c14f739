"""Paths to columns as parts: by its text, `a.b` may be a column of that name or the field b of a struct a."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import types as T

from icebridge_jobs.errors import JobError
from icebridge_jobs.table_name import identifier, split

Path = tuple[str, ...]


def resolve(schema: T.StructType, text: str) -> Path | None:
    """The path that the text names: a column of this very name first, then fields of structs. Names with backticks are
    read as SQL writes them. Capitals count, unless nothing fits with them.
    """
    for same in (str.__eq__, _alike):
        if (found := _descend(schema, text, same)) is not None:
            return found
    if "`" not in text:
        return None
    try:
        parts = tuple(split(text))
    except JobError:
        return None
    for same in (str.__eq__, _alike):
        if (found := _walk(schema, parts, same)) is not None:
            return found
    return None


def kind_of(schema: T.StructType, path: Path) -> T.DataType:
    """The type at a path that was resolved."""
    kind: T.DataType = schema
    for part in path:
        if not isinstance(kind, T.StructType):
            raise JobError("internal", "a path leads through a column that is no struct", about=".".join(path))
        kind = kind[part].dataType
    return kind


def sql(path: Path) -> str:
    """Every part between backticks."""
    return ".".join(map(identifier, path))


def _alike(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _descend(schema: T.StructType, text: str, same: Callable[[str, str], bool]) -> Path | None:
    for field in schema.fields:
        if same(field.name, text):
            return (field.name,)
    for field in schema.fields:
        start, rest = text[: len(field.name)], text[len(field.name) :]
        if isinstance(field.dataType, T.StructType) and rest.startswith(".") and same(field.name, start):
            inner = _descend(field.dataType, rest[1:], same)
            if inner is not None:
                return (field.name, *inner)
    return None


def _walk(schema: T.DataType, parts: Path, same: Callable[[str, str], bool]) -> Path | None:
    found: list[str] = []
    for part in parts:
        if not isinstance(schema, T.StructType):
            return None
        field = next((field for field in schema.fields if same(field.name, part)), None)
        if field is None:
            return None
        found.append(field.name)
        schema = field.dataType
    return tuple(found)
