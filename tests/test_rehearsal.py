"""`icebridge cutover rehearse`: all of a plan, moved and moved back, without touching what it is about."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import Icebridge, fresh
from tests.harness.cut_over import FAST, cutover, states
from tests.harness.hooks import Hooks
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp, files
from tests.harness.lake import Lake
from tests.harness.route import meanwhile
from tests.harness.sandbox import until
from tests.harness.written import plain, reading, sqlite_catalog
from tests.test_approval import public_key, with_key

# Fixtures of other files.
from tests.test_cutover import hooks as hooks
from tests.test_cutover import wait_for
from tests.test_cutover_faults import window
from tests.test_sync_faults import MOVED, ONE, TWO, append
from tests.test_sync_faults import lake as lake

ALL = {ONE, TWO, MOVED}


@pytest.fixture
def kept(lake: Lake, tmp_path: Path) -> KeptUp:
    """Catalogs that know each other; nothing is copied."""
    return KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()


def plan(kept: KeptUp, *extra: str, mode: str = "clone") -> str:
    kept.cli.run("inventory", "foreign")
    return str(kept.route.replan(mode, "--max-commits-per-min", "100000", *extra)["path"])


def rehearse(kept: KeptUp, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """One rehearsal; it must leave the source and what the target had alone."""
    source, there = files(kept.source / "warehouse"), files(kept.target / "warehouse")
    done = kept.cli.outcome("cutover", "rehearse", *arguments, seconds=60)
    assert done.code == code, done
    left = files(kept.source / "warehouse")
    assert {path: left.get(path) for path in source} == source, "it touched the source"
    now = files(kept.target / "warehouse")
    assert {path: now.get(path) for path in there} == there, "it touched tables that were there"
    return done.json


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_all_of_it_is_done_and_nothing_of_it_is_left_in_the_state(
    mode: str, kept: KeptUp, lake: Lake, hooks: Hooks, tmp_path: Path
) -> None:
    made = plan(kept, "--change", "CHG-7", mode=mode)
    # A plan is older than its rehearsal.
    append(lake.catalog, ONE, 200, 3)
    # Somebody writes when those who read are told.
    hooks.do("announce", "sleep 3")
    writer = threading.Thread(target=lambda: (wait_for(hooks, "announce"), append(lake.catalog, ONE, 100, 7)))
    writer.start()
    told = rehearse(kept, made, "--schema", "try_1", "--hooks", hooks.path)
    writer.join(30)
    tables = {table["source"]: table for table in told["tables"]}
    assert set(tables) == ALL and all(table["went_back"] and "error" not in table for table in tables.values()), told
    assert all(table["downtime_ms"] >= 0 and table["proof"] in ("digest", "bytes") for table in tables.values())
    assert all(milliseconds > 0 for milliseconds in told["milliseconds"].values())
    assert all(call["rehearsal"] and call["plan_hash"] != told["plan_hash"] for call in hooks.calls())
    assert {table["target"] for call in hooks.calls() for table in call["tables"]} == {
        table["target"] for table in tables.values()
    }
    assert len(hooks.calls("move")) == len(hooks.calls("move_back")) == len(ALL)
    assert {name for name, table in tables.items() if table.get("is_newer")} == {ONE}, "its plan is older"
    assert tables[ONE]["rows"] == 20, "what was written meanwhile was brought along"
    copied = pyiceberg_catalog(kept.target)
    assert {namespace for (namespace,) in copied.list_namespaces()} == {"try_1"}
    for table in tables.values():
        _, name = table["target"].split(".")
        mine = copied.load_table(("try_1", name))
        assert reading(mine) == reading(sqlite_catalog(kept.source).load_table(table["source"]))
    # No run of this state; the plan's own run begins as if nothing had been.
    kept.cli.refuse("status", code="run-not-found")
    own = Icebridge(Path(told["state_folder"]))
    assert own.run("status")["run_id"] == told["run_id"]
    made = plan(kept, "--change", "CHG-7", mode=mode)
    rehearse(kept, made, "--schema", "try_2")
    kept.route.run({"path": made}).succeeded()
    page = kept.cli.run("cutover", "runbook")["text"]
    assert "## Rehearsed" in page and "Moved and moved back: 3 of 3" in page
    kept.cli.run("audit", "export", "--out", tmp_path / "bundle")
    assert kept.cli.run("audit", "verify", tmp_path / "bundle")["intact"]
    assert "Rehearsed" in (tmp_path / "bundle" / "summary.md").read_text()
    # Once more, after the run: it is written down there, too.
    again = rehearse(kept, made, "--table", TWO)
    assert [table["source"] for table in again["tables"]] == [TWO]
    assert again["schema"].startswith("icebridge_rehearsal_")
    kinds = [one["kind"] for one in kept.journal() if one["kind"] == "plan.rehearsed"]
    assert len(kinds) == 3 + 2, "each once outside of the run, and those of its plan in it"
    kept.cli.run("audit", "export", "--out", tmp_path / "later")
    assert kept.cli.run("audit", "verify", tmp_path / "later")["intact"]


def test_a_drill_takes_the_time_of_the_way_back_and_leaves_what_is_cut_over_alone(
    kept: KeptUp, lake: Lake, hooks: Hooks, tmp_path: Path
) -> None:
    kept.migrate("clone")
    cutover(kept, "move", *FAST)
    moved = states(cutover(kept, "look"))
    append(lake.catalog, ONE, 100, 7)
    there = files(kept.target / "warehouse")
    drilled = kept.cli.run("drill")
    assert {table["source"] for table in drilled["tables"]} == ALL
    assert all(table["went_back"] and 0 < table["recovery_ms"] < 60_000 for table in drilled["tables"]), drilled
    assert states(cutover(kept, "look")) == moved
    now = files(kept.target / "warehouse")
    assert {path: now.get(path) for path in there} == there
    # Hooks would be called for who is moved.
    kept.cli.refuse("drill", "--hooks", hooks.path, code="cut-over")
    kept.cli.run("audit", "export", "--out", tmp_path / "bundle")
    assert kept.cli.run("audit", "verify", tmp_path / "bundle")["intact"]
    assert "Longest recovery" in (tmp_path / "bundle" / "summary.md").read_text()
    # A real way back tells it, too, and an earlier attempt's time is not taken for a later one's.
    back = cutover(kept, "back", "--leave-rows")
    assert all(table["recovery_ms"] > 0 for table in back.values()), back
    assert all("recovery_ms" not in table for table in cutover(kept, "move", *FAST).values())


def test_a_drill_wants_a_run(kept: KeptUp) -> None:
    kept.cli.refuse("drill", code="run-not-found")
    plan(kept)
    kept.cli.refuse("drill", code="run-not-found")


def test_a_table_that_fails_stops_no_other(kept: KeptUp, lake: Lake) -> None:
    made = plan(kept)
    for file in lake.catalog.load_table(TWO).inspect.files().to_pylist():
        Path(file["file_path"].removeprefix("file://")).unlink()
    told = rehearse(kept, made, code=1)
    tables = {table["source"]: table for table in told["tables"]}
    assert tables[TWO]["error"]["code"] == "file-missing" and not tables[TWO]["went_back"]
    assert all(tables[name]["went_back"] and "error" not in tables[name] for name in ALL - {TWO}), told


def test_a_hook_that_fails_is_found_before_the_day(kept: KeptUp, hooks: Hooks) -> None:
    made = plan(kept)
    hooks.do("move", "exit 3")
    told = rehearse(kept, made, "--hooks", hooks.path, code=1)
    assert all(table["error"]["code"] == "hook-failed" and not table["went_back"] for table in told["tables"]), told
    assert len(hooks.calls("move_back")) == len(ALL), "whoever was half moved is moved back"


def test_hooks_are_not_called_for_who_is_moved_already(kept: KeptUp, hooks: Hooks) -> None:
    made = plan(kept)
    kept.route.run({"path": made}).succeeded()
    cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path)
    hooks.forget()
    error = kept.cli.refuse("cutover", "rehearse", made, "--hooks", hooks.path, code="cut-over")
    assert "--table" in error["hint"] and not hooks.calls()
    rehearse(kept, made, "--hooks", hooks.path, "--table", TWO)
    assert hooks.tables("move_back") == [[TWO]]
    assert rehearse(kept, made)["tables"] and states(cutover(kept, "look"))[ONE] == "on_probation"


def test_writers_that_nobody_releases_are_found(kept: KeptUp, hooks: Hooks) -> None:
    made = plan(kept)
    hooks.do("release", "exit 3")
    told = rehearse(kept, made, "--hooks", hooks.path, code=1)
    assert all(table["error"]["code"] == "hook-failed" for table in told["tables"]), told


def test_a_schema_of_others_is_not_taken(kept: KeptUp, lake: Lake) -> None:
    made = plan(kept)
    others = pyiceberg_catalog(kept.target)
    plain(others, "theirs.one", 1)
    for schema in ("theirs", "default"):
        kept.cli.refuse("cutover", "rehearse", made, "--schema", schema, code="invalid-input")
    kept.cli.refuse("cutover", "rehearse", made, "--schema", "free", "--hooks", "none.json", code="invalid-input")
    others.drop_table("theirs.one")
    assert rehearse(kept, made, "--schema", "theirs")["schema"] == "theirs", "without a table it is anybody's"
    rehearse(kept, made, "--schema", "free")


def test_a_plan_that_waits_for_its_approval_can_be_tried(kept: KeptUp, tmp_path: Path) -> None:
    ada = public_key(with_key(tmp_path / "approver"))
    made = plan(kept, "--approver", f"ada={ada}", "--freeze", window(-60, 3600))
    assert rehearse(kept, made)["milliseconds"]["back"] > 0
    kept.cli.environment.update(with_key(tmp_path / "runner").environment)
    kept.cli.refuse("run", made, code="not-approved")


def test_one_that_was_killed_is_begun_anew_elsewhere(kept: KeptUp, hooks: Hooks) -> None:
    made = plan(kept)
    hooks.do("move", "sleep 30")
    with meanwhile(kept.cli, "cutover", "rehearse", made, "--schema", "first", "--hooks", hooks.path) as killed:
        until(lambda: hooks.calls("move"), 60)
        killed.send_signal(signal.SIGKILL)
    hooks.forget()
    error = kept.cli.refuse("cutover", "rehearse", made, "--schema", "first", code="invalid-input")
    assert "Name a schema" in error["hint"]
    assert all(table["went_back"] for table in rehearse(kept, made, "--schema", "second")["tables"])


def test_what_cannot_be_rehearsed_is_refused_before_anything_is_copied(kept: KeptUp, tmp_path: Path) -> None:
    made = plan(kept)
    there = files(kept.target)
    schema = ONE.split(".")[0]
    for arguments in (
        (made, "--schema", schema.upper()),
        (made, "--schema", schema),
        (made, "--schema", "a.b"),
        (made, "--schema", "../up"),
        (made, "--table", "no.such"),
    ):
        kept.cli.refuse("cutover", "rehearse", *arguments, code="invalid-input")
    kept.cli.refuse("cutover", "rehearse", tmp_path / "none.json", code="plan-broken")
    assert files(kept.target) == there and not (Path(kept.cli.state) / "rehearsals").exists()
