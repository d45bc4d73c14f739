"""Our reader's rows are Spark's rows, as a typed multiset, for every shape, snapshot and ref.

The digests that we are held to were computed in Python (spark/judges/digest_reference.py) from rows that Spark read, or
PyIceberg where Spark cannot; nothing here compares us with ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Lakehouse
from tests.harness.cli import Icebridge

# Not read by us, each for a reason that the person is told in these words.
REFUSED = {
    "files.avro_table": "AVRO data files cannot be read",
    "files.mixed_formats": "data files cannot be read",
    "files.orc_table": "ORC data files cannot be read",
    "deletes.pos_avro": "AVRO delete files cannot be read",
    "equality.eq_avro": "AVRO delete files cannot be read",
    "types.v3_variant": "the type variant is not supported",
}
# Spark forgets equality deletes in time travel to before their key's promotion: it looks up an int among longs. It had
# 18 and 17 rows at the time of writing; the rows of the current snapshot agree.
SPARK_IS_WRONG = {("equality.eq_promoted_key", 2): 18, ("equality.eq_promoted_key", 3): 17}
# Snapshots in the past that hold such files, of tables that can be read today.
REFUSED_IN_HISTORY = ("files.orc_in_history",)


@pytest.fixture(scope="module")
def connected(lakehouse: Lakehouse, icebridge_for: Callable[[str], Icebridge]) -> Icebridge:
    """The lakehouse as a source."""
    cli = icebridge_for("reader")
    cli.connect_sql("foreign", lakehouse.database)
    return cli


def readings(table: dict[str, Any]) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Every way to read a table that a judge has an answer for."""
    yield "current", [], table["current"]
    for snapshot in table["snapshots"]:
        # By its id, the current snapshot shows the schema it was written with; without, the table's. We pin the latter.
        if (
            snapshot["snapshot_id"] != table["current_snapshot_id"]
            or snapshot["schema_id"] == table["current_schema_id"]
        ):
            yield f"snapshot {snapshot['snapshot_id']}", ["--snapshot", str(snapshot["snapshot_id"])], snapshot
    for name, ref in table["refs"].items():
        if ref["snapshot_id"] != table["current_snapshot_id"] or ref["schema_id"] == table["current_schema_id"]:
            yield f"ref {name}", ["--ref", name], ref


def quoted(identifier: list[str]) -> str:
    """A table's name as the command line takes it."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in identifier)


def test_there_are_enough_shapes(lakehouse: Lakehouse) -> None:
    assert len(lakehouse.tables) >= 30


def test_every_read_is_sparks(lakehouse: Lakehouse, connected: Icebridge) -> None:
    wrong: list[str] = []
    compared = 0
    for name, table in lakehouse.tables.items():
        if table.get("view") or name in REFUSED:
            continue
        for what, arguments, expected in readings(table):
            found = connected.outcome("table", "digest", "foreign", quoted(table["identifier"]), *arguments)
            if found.code != 0:
                known = name in REFUSED_IN_HISTORY and found.json["code"] == "unsupported"
                if not known:
                    wrong.append(f"{name}, {what}: {found.stdout[:400]}")
                continue
            compared += 1
            answer = found.json
            if truth := SPARK_IS_WRONG.get((name, expected.get("sequence_number", 0))):
                assert answer["rows"] == truth, (name, what)
                continue
            if (answer["rows"], answer["digest"]) != (expected["rows"], expected["digest"]):
                wrong.append(
                    f"{name}, {what}: {answer['rows']} rows, the judge {expected['judge']} has {expected['rows']}"
                )
    assert not wrong, "\n".join(wrong)
    assert compared > 300


def test_column_aggregates_are_sparks(lakehouse: Lakehouse, connected: Icebridge) -> None:
    wrong: list[str] = []
    for name, table in lakehouse.tables.items():
        if table.get("view") or name in REFUSED:
            continue
        answer = connected.run("table", "digest", "foreign", quoted(table["identifier"]))
        found = {column["name"]: column for column in answer["columns"]}
        for column, facts in table["columns"].items():
            if (found[column]["nulls"], found[column]["nans"]) != (facts["nulls"], facts.get("nans", 0)):
                wrong.append(f"{name}.{column}: {found[column]} where the judge has {facts}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_read_is_said(name: str, lakehouse: Lakehouse, connected: Icebridge) -> None:
    error = connected.refuse(
        "table", "digest", "foreign", quoted(lakehouse.tables[name]["identifier"]), code="unsupported"
    )
    assert REFUSED[name] in error["message"]
    assert error["hint"]


def test_rows_are_shown_with_their_values(lakehouse: Lakehouse, connected: Icebridge) -> None:
    table = lakehouse.tables[
        "layout.v2_plain" if "layout.v2_plain" in lakehouse.tables else next(iter(lakehouse.tables))
    ]
    answer = connected.run("table", "rows", "foreign", quoted(table["identifier"]), "--limit", "3")
    assert len(answer["rows"]) == min(3, table["current"]["rows"])
    assert set(answer["rows"][0]) == set(answer["columns"])
