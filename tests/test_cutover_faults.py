"""`icebridge cutover` when it is killed, interrupted or cannot reach those whom it stopped."""

from __future__ import annotations

import datetime as dt
import itertools
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness.cli import fresh
from tests.harness.cut_over import FAST, cutover, stages, states, stopped, target
from tests.harness.hooks import STAGES, Hooks
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp
from tests.harness.lake import GOOD, Lake
from tests.harness.route import wait_until
from tests.harness.written import plain, reading, sqlite_catalog

# Fixtures of other files.
from tests.test_cutover import ALL
from tests.test_cutover import hooks as hooks
from tests.test_judge import lives
from tests.test_kill import Process
from tests.test_sync_faults import MOVED, ONE, TWO, append
from tests.test_sync_faults import kept as kept
from tests.test_sync_faults import lake as lake


@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_any_hook_it_goes_on(stage: str, kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    kill = "test -e killed || { touch killed; kill -9 $ICEBRIDGE; }"
    hooks.do(stage, kill)
    if stage == "release":
        hooks.do("move", "test -e moved || { touch moved; exit 1; }")
    move = ("move", *FAST, "--table", ONE, "--hooks", hooks.path)
    first = kept.cli.outcome("cutover", *move)
    if stage in ("announce", "quiesce", "move", "release"):
        assert first.code == -9, first
        append(lake.catalog, ONE, 9000, 2) if stage != "move" else None
        assert states(cutover(kept, *move)) == {ONE: "on_probation"}
        # Only after a release it is another attempt.
        keys = {what: len(keys) for (what, _), keys in hooks.keys().items()}
        assert keys.get(stage) == 1 and set(keys.values()) <= ({1, 2} if stage == "release" else {1}), keys
    else:
        assert first.code == 0
        verb = {"move_back": ("back",), "finish": ("finish", "--yes")}[stage]
        again = ("cutover", *verb, "--table", ONE, "--hooks", str(hooks.path))
        assert kept.cli.outcome(*again).code == -9
        wanted = {"move_back": "not_begun", "finish": "finished"}[stage]
        if stage == "move_back":
            assert states(cutover(kept, "look", "--table", ONE)) == {ONE: "returning"}
            assert states(cutover(kept, "move", *FAST, "--table", ONE, code=1)) == {ONE: "returning"}
            assert states(cutover(kept, *again[1:])) == {ONE: wanted}
        else:
            assert states(cutover(kept, "look", "--table", ONE)) == {ONE: wanted}
    assert (hooks.folder / "killed").exists()
    assert reading(target(kept, ONE)) == reading(sqlite_catalog(kept.source).load_table(ONE))


def test_until_the_move_an_interrupt_is_the_way_back(kept: KeptUp, hooks: Hooks) -> None:
    every = ("--hooks", str(hooks.path))
    with Process(kept.cli, "cutover", "move", "--quiet", "1h", "--within", "2h", *every) as move:
        wait_until(lambda: "quiesce" in hooks.stages(), 60)
        move.popen.send_signal(signal.SIGINT)
        assert move.wait().code == 1
    tables = cutover(kept, "look")
    assert states(tables) == dict.fromkeys(ALL, "failed") and stopped(tables) == set()
    assert hooks.tables("release") == hooks.tables("quiesce") and hooks.calls("move") == []


def test_a_move_that_was_cut_off_goes_on_by_its_hooks_alone(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    hooks.do("move", "kill -9 $ICEBRIDGE")
    one = ("--table", ONE, "--hooks", str(hooks.path))
    assert kept.cli.outcome("cutover", "move", *FAST, *one).code == -9
    hooks.forget()
    state = kept.state()
    for verb in ("move", "back"):
        kept.cli.refuse("cutover", verb, "--table", ONE, code="invalid-input")
    assert kept.state() == state
    # The new owners have written to the target, and somebody to the source: neither is left behind without a word.
    append(pyiceberg_catalog(kept.target), ONE, 7000, 4)
    append(lake.catalog, ONE, 300)
    tables = cutover(kept, "move", *FAST, *one, code=1)
    assert states(tables) == {ONE: "moving"} and hooks.calls("move_back") == []
    assert tables[ONE]["error"]["code"] == "source-not-quiet" and "--leave-rows" in tables[ONE]["error"]["hint"]
    assert kept.cli.outcome("cutover", "check").code == 1
    tables = cutover(kept, "back", *one, code=1)
    assert tables[ONE]["error"]["code"] == "target-changed"
    assert states(cutover(kept, "back", *one, "--leave-rows")) == {ONE: "not_begun"}
    assert hooks.tables("release") == [[ONE]]


def test_nobody_is_sent_to_a_table_that_is_not_there(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    hooks.do("move", "kill -9 $ICEBRIDGE")
    one = ("--table", ONE, "--hooks", str(hooks.path))
    assert kept.cli.outcome("cutover", "move", *FAST, *one).code == -9
    hooks.forget()
    pyiceberg_catalog(kept.target).drop_table(ONE)
    tables = cutover(kept, "move", *FAST, *one, code=1)
    assert states(tables) == {ONE: "moving"} and tables[ONE]["error"]["code"] == "table-not-found"
    assert hooks.calls() == []
    cutover(kept, "move", *FAST, "--table", TWO)
    lake.catalog.drop_table(TWO)
    plain(lake.catalog, TWO, 2)
    tables = cutover(kept, "back", "--table", TWO, "--leave-rows", code=1)
    assert states(tables) == {TWO: "on_probation"} and tables[TWO]["error"]["code"] == "source-replaced"


def window(begins: float, ends: float) -> str:
    """From and to, in seconds from now."""
    now = dt.datetime.now(dt.UTC)
    times = (now + dt.timedelta(seconds=seconds) for seconds in (begins, ends))
    return "/".join(time.isoformat(timespec="milliseconds").replace("+00:00", "Z") for time in times)


def test_nobody_is_moved_in_a_freeze_window(lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    kept = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    past, now = window(-9000, -3600), window(-60, 3600)
    kept.migrate("clone", [ONE, TWO], "--freeze", past, "--freeze", f"{now}=year-end closing")
    move = ("cutover", "move", *FAST, "--hooks", str(hooks.path))
    error = kept.cli.refuse(*move, code="frozen")
    assert "year-end closing" in error["message"] and "cutover back" in error["hint"]
    assert not hooks.calls() and set(states(cutover(kept, "look")).values()) == {"not_begun"}
    kept.up_to_date()
    page = kept.cli.run("cutover", "runbook")["text"]
    assert "(year-end closing)" in page and past.split("/")[0] in page


def test_a_window_that_begins_while_writers_are_waited_for_leaves_the_table(
    lake: Lake, hooks: Hooks, tmp_path: Path
) -> None:
    kept = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    began = time.monotonic()
    kept.migrate("clone", [ONE], "--freeze", window(15, 3600))
    left = 15 - (time.monotonic() - began)
    told = cutover(kept, "move", "--quiet", f"{max(1, round(left) + 2)}s", "--hooks", hooks.path, code=1)[ONE]
    assert (told["state"], told["error"]["code"]) == ("failed", "frozen"), told
    assert stages(kept, ONE)[-1] == "failed" and not told.get("writers_stopped"), "they may write again"


def test_a_window_that_begins_while_people_are_told_stops_no_writer(lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    kept = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    began = time.monotonic()
    kept.migrate("clone", [ONE], "--freeze", window(12, 3600))
    hooks.do("announce", f"sleep {12 - (time.monotonic() - began):.3f}")
    told = cutover(kept, "move", *FAST, "--hooks", hooks.path, code=1)[ONE]
    assert (told["state"], told["error"]["code"]) == ("failed", "frozen"), told
    assert hooks.stages() == ["announce", "release"], "who was told is told that it is off"


@pytest.mark.parametrize("end", ["proof fails", "killed again"])
def test_writers_that_were_stopped_are_released(end: str, kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    hooks.do("quiesce", "kill -9 $ICEBRIDGE")
    move = ("move", *FAST, "--table", ONE, "--hooks", str(hooks.path))
    assert kept.cli.outcome("cutover", *move).code == -9
    hooks.forget()
    if end == "killed again":
        hooks.do("move", "exit 1")
        hooks.do("release", "test -e killed || { touch killed; kill -9 $ICEBRIDGE; }")
        assert kept.cli.outcome("cutover", *move).code == -9
        cutover(kept, "back", "--hooks", hooks.path)
    else:
        append(pyiceberg_catalog(kept.target), ONE, 7000, 4)
        assert states(cutover(kept, *move, code=1)) == {ONE: "failed"}
    assert set(map(tuple, hooks.tables("release"))) == {(ONE,)}
    calls = len(hooks.calls("release"))
    cutover(kept, "back", "--hooks", hooks.path)
    assert len(hooks.calls("release")) == calls, "once it is done it is not done again"


@pytest.mark.parametrize("only", [(), ("--table", ONE)])
@pytest.mark.parametrize("stage", ["announce", "quiesce"])
def test_an_attempt_that_was_cut_off_is_given_up(stage: str, only: tuple[str, ...], kept: KeptUp, hooks: Hooks) -> None:
    hooks.do(stage, "kill -9 $ICEBRIDGE")
    every = ("--hooks", str(hooks.path))
    assert kept.cli.outcome("cutover", "move", *FAST, *every).code == -9
    before = {key for keys in hooks.keys().values() for key in keys}
    hooks.forget()
    told_to_stop = stage == "quiesce"
    assert states(cutover(kept, "look")) == dict.fromkeys(ALL, "begun")
    tables = cutover(kept, "back", *only, *every)
    given_up = [ONE] if only else list(ALL)
    assert states(tables) == dict.fromkeys(given_up, "failed")
    assert {table["error"]["code"] for table in tables.values()} == {"cancelled"}
    assert all("may write again" in table["error"]["hint"] for table in tables.values())
    assert sorted(itertools.chain(*hooks.tables("release"))) == (sorted(given_up) if told_to_stop else [])
    others = {name: table for name, table in cutover(kept, "look").items() if name not in given_up}
    assert set(states(others).values()) <= {"begun"}
    assert stopped(others) == (set(others) if told_to_stop else set())
    assert stages(kept, ONE)[-1] == "failed"
    # A new attempt, whose hooks do not take it for the old one.
    assert states(cutover(kept, "move", *FAST, "--table", ONE, *every)) == {ONE: "on_probation"}
    assert not before & {key for keys in hooks.keys().values() for key in keys}


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_a_hook_ends_with_us(way: signal.Signals, kept: KeptUp, hooks: Hooks) -> None:
    """At a kill and at the second Ctrl-C, with all that it has started."""
    hooks.do("quiesce", "sleep 600 & echo $PPID $$ $! > ids.new; mv ids.new ids; wait")
    ids = hooks.folder / "ids"
    with Process(kept.cli, "cutover", "move", *FAST, "--table", ONE, "--hooks", str(hooks.path)) as move:
        wait_until(ids.exists, 60)
        started = [int(one) for one in ids.read_text().split()]
        assert all(lives(one) for one in started)
        move.popen.send_signal(way)
        if way == signal.SIGINT:
            wait_until(lambda: move.popen.send_signal(way) or move.popen.poll() is not None, 60)
        wait_until(lambda: not any(lives(one) for one in started), 60)
    assert stopped(cutover(kept, "look", "--table", ONE)) == {ONE}
    hooks.forget()
    assert states(cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path)) == {ONE: "on_probation"}


def test_people_are_told_where_no_hook_releases_the_writers(kept: KeptUp, hooks: Hooks) -> None:
    with Process(kept.cli, "cutover", "move", "--quiet", "1h", "--within", "2h", "--table", ONE) as move:
        wait_until(lambda: stages(kept, ONE)[-1:] == ["announced"], 60)
        move.kill()
    tables = cutover(kept, "back", "--table", ONE)
    assert states(tables) == {ONE: "failed"} and "Tell those who were told to stop" in tables[ONE]["error"]["hint"]
    assert stopped(tables) == set(), "no hook has stopped them, and none is owed"
    # What a hook has stopped only a hook releases.
    hooks.do("quiesce", "kill -9 $ICEBRIDGE")
    assert kept.cli.outcome("cutover", "move", *FAST, "--table", ONE, "--hooks", str(hooks.path)).code == -9
    hooks.forget()
    for _ in range(2):
        kept.cli.outcome("cutover", "back", "--table", ONE)
        assert stopped(cutover(kept, "look", "--table", ONE)) == {ONE}
    assert stopped(cutover(kept, "back", "--table", ONE, "--hooks", hooks.path)) == set()
    assert hooks.tables("release") == [[ONE]]


def test_writers_that_stand_still_are_seen(kept: KeptUp, hooks: Hooks) -> None:
    every = ("--hooks", str(hooks.path))
    hooks.do("quiesce", "kill -9 $ICEBRIDGE")
    assert kept.cli.outcome("cutover", "move", *FAST, *every).code == -9
    hooks.forget()
    entries = len(kept.journal())
    assert stopped(cutover(kept, "look")) == set(ALL)
    assert stopped(cutover(kept, "check", code=1)) == set(ALL), "somebody has to look"
    assert len(kept.journal()) == entries
    text = in_words(kept, "look")
    assert text.count("writers are stopped\n") == len(ALL) and "icebridge cutover back" in text
    # A release that failed is owed, whatever became of the table.
    hooks.do("release", "exit 1")
    hooks.do("move", f'case "$TABLE" in *{GOOD[0]}*) exit 1;; esac')
    tables = cutover(kept, "move", *FAST, *every, code=1)
    assert states(tables) == {ONE: "failed", TWO: "on_probation", MOVED: "on_probation"}
    assert stopped(tables) == {ONE} == stopped(cutover(kept, "check", code=1))
    assert stopped(cutover(kept, "back", "--table", TWO, *every, code=1)) == {TWO}, "somebody has to look"
    hooks.forget()
    assert stopped(cutover(kept, "back", *every)) == set() == stopped(cutover(kept, "look"))
    assert "writers are stopped" not in in_words(kept, "check")


def in_words(kept: KeptUp, verb: str) -> str:
    """What a command tells people."""
    told = subprocess.run(kept.cli.command("cutover", verb), capture_output=True, text=True, env=kept.cli.env())
    return told.stdout


def test_what_was_taken_back_is_moved_under_another_key(kept: KeptUp, hooks: Hooks) -> None:
    hooks.do("quiesce", "kill -9 $ICEBRIDGE")
    every, one = ("--hooks", str(hooks.path)), ("--table", ONE, "--hooks", str(hooks.path))
    assert kept.cli.outcome("cutover", "move", *FAST, *every).code == -9
    hooks.forget()
    cutover(kept, "move", *FAST, *one)
    cutover(kept, "back", *one)
    cutover(kept, "move", *FAST, *every)
    keys = {what: keys for what, keys in hooks.keys().items() if what[0] == "move" and GOOD[0] in what[1]}
    assert [len(one) for one in keys.values()] == [2]
