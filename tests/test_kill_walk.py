"""A round of a sync and a cut-over, killed before each change that they make to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.cut_over import FAST, cutover, states, target
from tests.harness.hooks import Hooks
from tests.harness.kept_up import KeptUp, file
from tests.harness.kill_walk import KillWalk
from tests.harness.lake import Lake
from tests.harness.written import reading
from tests.test_cutover import hooks as hooks
from tests.test_kill import reachable
from tests.test_sync_faults import MOVED, ONE, TWO, append, is_the_source
from tests.test_sync_faults import kept as kept
from tests.test_sync_faults import lake as lake

# Of each walk; all of them with ICEBRIDGE_KILL_EVERYWHERE.
MOST = 24


@pytest.fixture
def walked(kept: KeptUp, tmp_path: Path) -> KillWalk:
    """What a command changes: the state folder and the target. The source and what hooks write stay beside them."""
    return KillWalk(kept.cli, tmp_path / "walk", kept.cli.state, kept.target)


def snapshots(kept: KeptUp) -> dict[str, int]:
    return {name: len(target(kept, name).snapshots()) for name in (ONE, TWO)}


def test_a_round_that_is_killed_anywhere_is_made_once(kept: KeptUp, lake: Lake, walked: KillWalk) -> None:
    append(lake.catalog, ONE, 100).delete("id = 101")
    walked.begin_here()
    kept.up_to_date()
    made = snapshots(kept)
    kills = 0
    for at, killed in walked.walk(MOST, "sync"):
        kills += killed
        # Readers see a state of the source, whole.
        for name in (ONE, TWO):
            copy, source = target(kept, name), lake.catalog.load_table(name)
            of = copy.properties["icebridge.source-snapshot-id"]
            assert reading(copy) == reading(source, int(of)), (at, name)
        visible = {path: file(path) for name in (ONE, TWO) for path in reachable(target(kept, name))}
        done = kept.outcome()
        assert done.code == 0, (at, done)
        assert {path: file(path) for path in visible} == visible, at
        is_the_source(kept)
        assert snapshots(kept) == made, f"killed at {at}"
        assert target(kept, ONE).properties["icebridge.sync-round"] == "1", at
        assert [step["round"] for step in kept.committed(ONE)] == [1], at
        assert kept.cli.run("validate")["state"] == "succeeded", at
    assert kills >= MOST // 2


def sides(kept: KeptUp, lake: Lake) -> dict[str, Any]:
    """What readers of either side get."""
    return {name: (reading(lake.catalog.load_table(name)), reading(target(kept, name))) for name in (ONE, TWO, MOVED)}


@pytest.mark.parametrize("kept", ["clone"], indirect=True)
def test_the_way_back_from_every_instant_of_a_cut_over(kept: KeptUp, lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    walked = KillWalk(kept.cli, tmp_path / "walk", kept.cli.state, kept.target, hooks.folder)
    walked.begin_here()
    before = sides(kept, lake)
    move = ("cutover", "move", *FAST, "--table", ONE, "--hooks", hooks.path)
    kills, found = 0, set()
    for at, killed in walked.walk(MOST, *move):
        kills += killed
        state = states(cutover(kept, "look", "--table", ONE))[ONE]
        found.add(state)
        back = kept.cli.outcome("cutover", "back", "--table", ONE, "--hooks", hooks.path)
        # Before its first entry there is nothing to take back.
        assert back.code == 0 or (state, back.json["code"]) == ("not_begun", "invalid-input"), (at, state, back)
        looked = cutover(kept, "look", "--table", ONE)[ONE]
        assert looked["state"] in ("not_begun", "failed") and not looked.get("writers_stopped"), (at, looked)
        assert sides(kept, lake) == before, at
        moves, backs = hooks.calls("move"), hooks.calls("move_back")
        assert not moves or backs, f"killed at {at}: readers were moved, and nobody moved them back"
        stops = {call["key"] for call in hooks.calls("quiesce")}
        assert not stops or hooks.calls("release"), f"killed at {at}: writers stand still"
        hooks.forget()
        # And once more, to its end.
        assert states(cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path)) == {ONE: "on_probation"}
        assert len(hooks.calls("move")) == 1
        hooks.forget()
    assert kills >= MOST // 2 and {"begun", "moving"} <= found, found
