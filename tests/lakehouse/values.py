"""Iceberg's single-value JSON for values that a judge gives as exact numbers."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

_EPOCH = dt.datetime(1970, 1, 1)


def to_json(kind: str, value: Any) -> Any:
    """Write a primitive value; dates, times and timestamps come as days, microseconds and (for _ns) nanoseconds."""
    if value is None:
        return None
    if kind == "date":
        return (_EPOCH + dt.timedelta(days=value)).date().isoformat()
    if kind == "time":
        return (_EPOCH + dt.timedelta(microseconds=value)).time().isoformat("microseconds")
    if kind in ("timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns"):
        return _moment(value, nanos=kind.endswith("_ns")) + ("+00:00" if "tz" in kind else "")
    if kind.startswith("decimal"):
        scale = int(re.findall(r"\d+", kind)[1])
        return f"{value:.{scale}f}"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _moment(value: int, *, nanos: bool) -> str:
    micros, rest = divmod(value, 1000) if nanos else (value, 0)
    text = (_EPOCH + dt.timedelta(microseconds=micros)).isoformat(timespec="microseconds")
    return f"{text}{rest:03d}" if nanos else text
