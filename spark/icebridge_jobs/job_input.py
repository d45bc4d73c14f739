"""Reading a job's input: one JSON file into dataclasses, where nothing unknown, missing or of another type gets
through.
"""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from icebridge_jobs.errors import JobError, invalid

Shape = TypeVar("Shape")
INPUT_VERSION = 1


def load(path: str) -> dict[str, Any]:
    """Read the file as a JSON object."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise JobError("invalid-input", "the input file cannot be read", about=path, cause=cause) from cause
    try:
        value = json.loads(text, object_pairs_hook=_no_twins)
    except ValueError as cause:
        raise JobError("invalid-input", "the input file is not JSON", about=path, cause=cause) from cause
    if not isinstance(value, dict):
        raise invalid("the input file must hold a JSON object", about=path)
    return value


def parse(shape: type[Shape], value: dict[str, Any], job: str) -> Shape:
    """Check version and job, then every field."""
    if value.get("input_version") != INPUT_VERSION:
        raise invalid(
            f"the input has the version {value.get('input_version')!r}; this job reads version {INPUT_VERSION}",
            about="input_version",
            hint="Upload the jobs that came with this version of IceBridge.",
        )
    if value.get("job") != job:
        raise invalid(f"the input is for the job {value.get('job')!r}, and this is {job}", about="job")
    return _value(shape, value, "")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return fields


def _value(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [part for part in get_args(kind) if part is not type(None)]
        return None if value is None else _value(inner[0], value, where)
    if origin is Literal:
        if value not in get_args(kind) or isinstance(value, bool):
            raise invalid(f"{value!r} is none of {', '.join(map(str, get_args(kind)))}", about=where)
        return value
    if origin is list:
        if not isinstance(value, list):
            raise _unlike("a list", value, where)
        return [_value(get_args(kind)[0], item, f"{where}[{place}]") for place, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise _unlike("an object", value, where)
        return {key: _value(get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _fields(kind, value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _unlike(
            {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}[kind], value, where
        )
    return value


def _fields(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _unlike("an object", value, where)
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in value:
        if name not in fields:
            known = ", ".join(fields)
            raise invalid(
                f"{where or 'the input'} has the unknown field {name!r}",
                about=_path(where, name),
                hint=f"Known: {known}.",
            )
    given: dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            given[name] = _value(hints[name], value[name], _path(where, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise invalid(f"{where or 'the input'} lacks the field {name!r}", about=_path(where, name))
    try:
        return kind(**given)
    except JobError as error:
        raise error.about(where or "the input") from None


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _unlike(wanted: str, value: Any, where: str) -> JobError:
    return invalid(f"{where} must be {wanted}, not {json.dumps(value, default=str)[:80]}", about=where)
