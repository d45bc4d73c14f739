"""Carry a history out: make the table and do to it what can be done; what does not fit is left out, for a reason."""

from __future__ import annotations

import random
from typing import Any

from pyspark.errors import PySparkException

from tests.fuzz_tables import changes, evolve, forms, imports, java_acts, upkeep
from tests.fuzz_tables.bench import Bench, Skip, acts
from tests.fuzz_tables.history import History
from tests.fuzz_tables.kinds import sql, transform_sql, with_ids
from tests.lakehouse.registry import quoted

ACTS = acts(changes.ACTS, evolve.ACTS, upkeep.ACTS, java_acts.ACTS, imports.ACTS, forms.ACTS)


def carry_out(bench: Bench, history: History) -> list[str]:
    """Make the table; the answer says which operations were left out."""
    create(bench, history.create)
    found = (operate(bench, history, place) for place in range(len(history.operations)))
    return [skipped for skipped in found if skipped]


def operate(bench: Bench, history: History, place: int) -> str:
    """Do the operation at that place of the history; the answer says why it was left out, if it was."""
    op = history.operations[place]
    try:
        ACTS[op["op"]](bench, op, random.Random(op["seed"]))
    except Skip as cause:
        bench.say(f"-- left out {place} {op['op']}: {cause}")
        return f"{op['op']}: {cause}"
    except Exception as cause:  # every engine has exceptions of its own for what it does not do
        why = f"{type(cause).__name__}: {_first(cause)}"
        bench.say(f"-- failed {place} {op['op']}: {why}")
        return f"{op['op']}: {why}"
    return ""


def create(bench: Bench, wanted: dict[str, Any]) -> None:
    """Make the empty table, by Spark where it has words for it."""
    properties = {"format-version": str(wanted["version"]), **wanted["properties"]}
    try:
        if wanted["writer"] == "spark":
            _by_spark(bench, wanted, properties)
            return
    except (PySparkException, KeyError) as cause:
        bench.say(f"-- not by Spark: {_first(cause)}")
    _by_java(bench, wanted, properties)


def _by_spark(bench: Bench, wanted: dict[str, Any], properties: dict[str, str]) -> None:
    columns = ", ".join(
        f"{quoted(one['name'])} {sql(one['type'])}{' NOT NULL' if one['required'] else ''}" for one in wanted["columns"]
    )
    parts = ", ".join(transform_sql(transform, name) for transform, name in wanted["partition"])
    by = f" PARTITIONED BY ({parts})" if parts else ""
    pairs = ", ".join(f"'{key}'='{value}'" for key, value in properties.items())
    bench.sql(f"CREATE TABLE {{t}} ({columns}) USING iceberg{by} TBLPROPERTIES ({pairs})")


def _by_java(bench: Bench, wanted: dict[str, Any], properties: dict[str, str]) -> None:
    fields = with_ids(wanted["columns"])
    ids = {one["name"]: one["id"] for one in fields}
    parts = []
    for transform, name in wanted["partition"]:
        word = transform.split("[")[0]
        parts.append((name if word == "identity" else f"{name}_{word}", transform, ids[name]))
    bench.say(f"Java: create {wanted['columns']} partitioned by {parts} with {properties}")
    bench.java.create(*bench.name, fields, partition=parts, properties=properties)


def _first(cause: BaseException) -> str:
    """The first line of what an engine said; Java's exceptions begin with Python's words on them."""
    java = getattr(cause, "java_exception", None)
    lines = str(java.toString() if java is not None else cause).strip().splitlines()
    return lines[0][:300] if lines else ""
