"""A table that is broken or moves on is told by a code and stops alone; the others arrive, nothing half-made stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge, fresh
from tests.harness.judged import pyiceberg_catalog
from tests.harness.lake import GOOD, Lake, connected, make_lake, nothing_left, small_lake
from tests.harness.route import Route, Run
from tests.harness.written import plain, reading
from tests.lakehouse.broken import WAYS

# Broken when the inventory is taken: known before anything runs


# Where it is found, and its code.
BEFORE: dict[str, tuple[str, str]] = {
    "missing_data_file": ("run", "file-missing"),
    "truncated_data_file": ("run", "file-broken"),
    "flipped_page": ("run", "checksum-mismatch"),
    "broken_metadata": ("inventory", "metadata-broken"),
    "missing_metadata": ("inventory", "file-missing"),
    "missing_manifest": ("inventory", "file-missing"),
    "missing_manifest_list": ("inventory", "file-missing"),
    "broken_manifest": ("inventory", "metadata-broken"),
    "unknown_format_version": ("inventory", "unsupported"),
    # Its metadata can be read, so that the pre-flight can say which columns.
    "unknown_type": ("plan", "IB-F007"),
    "unknown_transform": ("plan", "IB-F008"),
}


@dataclass(frozen=True)
class Broken:
    """A journey over a broken lake."""

    lake: Lake
    target: Path
    route: Route
    rows: dict[str, dict[str, Any]]
    plan: dict[str, Any]
    run: Run
    at: dict[str, Path]
    kept: dict[Path, bytes]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Everything was broken before the inventory; the rest is rewritten."""
    folder = tmp_path_factory.mktemp("known")
    lake = make_lake(folder / "source")
    at = {how: way(lake.wreck(how)) for how, way in WAYS.items()}
    route = connected(fresh(folder / "state"), lake, folder / "managed")
    plan = route.plan("rewrite")
    rows = {row["ident"].removeprefix("shop."): row for row in route.cli.run("tables", "foreign", "--facts")}
    return Broken(lake, folder / "managed", route, rows, plan["plan"], route.run(plan), at, {})


@pytest.mark.parametrize("how", WAYS)
def test_what_is_broken_is_told_before_or_in_the_run(how: str, known: Broken) -> None:
    where, code = BEFORE[how]
    left_out = {entry["source"]: entry for entry in known.plan["left_out"]}
    if where == "run":
        assert "facts" in known.rows[how]
        error = known.run.failed(f"shop.{how}", code)
        assert known.at[how].name in json.dumps(error)
    elif where == "plan":
        assert code in left_out[f"shop.{how}"]["codes"]
    else:
        problem = known.rows[how]["problem"]
        assert problem["code"] == code, problem
        assert problem["hint"]
        assert known.at[how].name in json.dumps(problem) or how.startswith("unknown"), problem
        assert left_out[f"shop.{how}"]["codes"] == ["IB-F001"]
    nothing_left(known.target, how)


def test_the_sound_tables_arrive_beside_the_broken(known: Broken) -> None:
    for name in GOOD:
        assert known.run.tables[f"shop.{name}"]["state"] == "migrated"
        assert reading(pyiceberg_catalog(known.target).load_table(f"shop.{name}")) == known.lake.readings[name]
    assert {name for _, name in pyiceberg_catalog(known.target).list_tables("shop")} == set(GOOD)
    assert known.run.outcome.code == 1


def test_findings_tell_of_the_broken_tables(known: Broken) -> None:
    found = known.route.findings("--mode", "rewrite")
    for how, (where, code) in BEFORE.items():
        if where == "inventory":
            finding = found[f"shop.{how}"][0]
            assert (finding["code"], finding["verdict"]) == ("IB-F001", "blocks")
            assert finding["reason"].startswith(f"{code}: ")
            assert finding["fix"]


# Broken between plan and run: told by the run, mended, resumed


# Unknown transforms are no surprise to a clone: it keeps what it does not understand, and the rows read the same.
DURING = {how: code for how, (where, code) in BEFORE.items() if where != "plan"} | {"unknown_type": "unsupported"}


@pytest.fixture(scope="module", params=["clone", "rewrite"])
def surprised(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Everything was sound when it was planned."""
    folder = tmp_path_factory.mktemp(f"surprised_{request.param}")
    lake = make_lake(folder / "source")
    route = connected(fresh(folder / "state"), lake, folder / "managed")
    plan = route.plan(request.param)
    kept = {path: path.read_bytes() for path in (folder / "source").rglob("*") if path.is_file()}
    at = {how: WAYS[how](lake.wreck(how)) for how in DURING}
    return Broken(lake, folder / "managed", route, {}, plan["plan"], route.run(plan), at, kept)


@pytest.mark.parametrize("how", DURING)
def test_what_breaks_after_the_plan_fails_alone(how: str, surprised: Broken) -> None:
    error = surprised.run.failed(f"shop.{how}", DURING[how])
    assert surprised.at[how].name in json.dumps(error) or how.startswith("unknown"), error
    nothing_left(surprised.target, how)


def test_what_was_sound_arrived_all_the_same(surprised: Broken) -> None:
    for name in GOOD:
        assert surprised.run.tables[f"shop.{name}"]["state"] == "migrated"
        assert reading(pyiceberg_catalog(surprised.target).load_table(f"shop.{name}")) == surprised.lake.readings[name]


def test_mended_tables_arrive_by_resume(surprised: Broken) -> None:
    """The last test on this lake: it mends it."""
    for path in surprised.at.values():
        path.write_bytes(surprised.kept[path])
    surprised.route.resume().succeeded()
    for name, expected in surprised.lake.readings.items():
        assert reading(pyiceberg_catalog(surprised.target).load_table(f"shop.{name}")) == expected, name


# The source moves on


@pytest.fixture
def small(tmp_path: Path) -> Lake:
    """Three sound tables."""
    return small_lake(tmp_path / "source")


MOVES: dict[str, Callable[[SqlCatalog], object]] = {
    "was written to": lambda catalog: catalog.load_table("shop.moved").append(
        catalog.load_table("shop.moved").scan().to_arrow()
    ),
    "was dropped": lambda catalog: catalog.drop_table("shop.moved"),
    "was replaced": lambda catalog: (catalog.drop_table("shop.moved"), plain(catalog, "shop.moved")),
    "has another schema": lambda catalog: (
        catalog.load_table("shop.moved").update_schema().delete_column("name").commit()
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_table_that_moved_on_is_not_migrated_by_an_old_plan(
    move: str, small: Lake, icebridge: Icebridge, tmp_path: Path
) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    plan = route.plan("clone")
    MOVES[move](small.catalog)
    run = route.run(plan)
    run.failed("shop.moved", "plan-stale")
    nothing_left(tmp_path / "managed", "moved")
    assert {name for name, table in run.tables.items() if table["state"] == "migrated"} == {f"shop.{n}" for n in GOOD}
    if move == "was dropped":
        return
    icebridge.run("inventory", "foreign")
    again = route.replan("clone")
    assert [table["source"] for table in again["plan"]["tables"]] == ["shop.moved"]
    route.run(again).succeeded()
    made = pyiceberg_catalog(tmp_path / "managed").load_table("shop.moved")
    assert reading(made) == reading(small.catalog.load_table("shop.moved"))
