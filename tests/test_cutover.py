"""`icebridge cutover`: readers and writers are moved once what they get is proved, and one action moves them back."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import fresh
from tests.harness.cut_over import FAST, cutover, stages, states, target
from tests.harness.hooks import Hooks
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp, files
from tests.harness.lake import GOOD, Lake
from tests.harness.written import plain, reading, sqlite_catalog
from tests.test_kill import Process
from tests.test_sync_faults import MOVED, ONE, TWO, append

# Fixtures of the other file.
from tests.test_sync_faults import kept as kept
from tests.test_sync_faults import lake as lake

ALL = (ONE, TWO, MOVED)


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    """Hooks of every stage."""
    return Hooks(tmp_path / "hooks")


def test_tables_are_moved_when_their_source_is_quiet(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    stop = threading.Event()

    def write() -> None:
        catalog, number = sqlite_catalog(kept.source), 1000
        while not stop.wait(0.05):
            append(catalog, ONE, number, 3)
            number += 10

    writer = threading.Thread(target=write)
    writer.start()
    # The one who stops the writers: a hook's side effect is all that the thread can see.
    stopper = threading.Thread(target=lambda: (wait_for(hooks, "quiesce"), stop.set()))
    stopper.start()
    tables = cutover(kept, "move", "--quiet", "1s", "--hooks", hooks.path)
    for thread in (stopper, writer):
        thread.join(30)
    assert set(states(tables).values()) == {"on_probation"} and set(tables) == set(ALL)
    for name, table in tables.items():
        source = sqlite_catalog(kept.source).load_table(name)
        moved = table["moved"]
        assert moved["source_snapshot_id"] == source.current_snapshot().snapshot_id
        assert moved["rows"] == source.scan().count() and len(moved["digest"]) == 64
        assert moved["proof"] in ("digest", "bytes") and moved["downtime_ms"] >= 1000
        assert reading(target(kept, name)) == reading(source)
        assert stages(kept, name) == ["begun", "announced", "quiet", "moving", "moved"]
    assert tables[ONE]["moved"]["rows"] > 10, "the writer wrote"
    assert hooks.stages()[:2] == ["announce", "quiesce"]
    assert sorted(hooks.stages()[2:]) == ["move"] * 3
    assert hooks.tables("quiesce") == [list(tables)]
    # What is moved is not moved again, and a sync leaves it alone.
    state, there = kept.state(), files(kept.target)
    assert states(cutover(kept, "move", *FAST, "--hooks", hooks.path)) == states(tables)
    assert states(cutover(kept, "look")) == states(tables)
    synced = kept.cli.outcome("sync")
    assert synced.code == 0 and {table["state"] for table in synced.json["tables"]} == {"cut_over"}
    assert (files(kept.target), len(kept.state()["journal"])) == (there, len(state["journal"]))
    assert len(hooks.calls("move")) == 3


def wait_for(hooks: Hooks, stage: str) -> None:
    deadline = time.monotonic() + 60
    while stage not in hooks.stages() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_source_that_is_never_quiet_is_not_moved(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    stop = threading.Event()

    def write() -> None:
        catalog, number = sqlite_catalog(kept.source), 1000
        while not stop.is_set():
            append(catalog, ONE, number, 1)
            number += 10

    writer = threading.Thread(target=write)
    writer.start()
    try:
        tables = cutover(kept, "move", "--quiet", "3s", "--within", "6s", "--hooks", hooks.path, code=1)
    finally:
        stop.set()
        writer.join(30)
    assert states(tables) == {ONE: "failed", TWO: "on_probation", MOVED: "on_probation"}
    assert tables[ONE]["error"]["code"] == "source-not-quiet" and tables[ONE]["error"]["hint"]
    assert hooks.tables("release") == [[ONE]], "its writers may write again"
    assert states(cutover(kept, "move", *FAST, "--table", ONE)) == {ONE: "on_probation"}
    assert reading(target(kept, ONE)) == reading(sqlite_catalog(kept.source).load_table(ONE))


def late_write(kept: KeptUp, hooks: Hooks) -> None:
    """A program `late.py` for hooks: somebody writes to the source of ONE."""
    late = f"""import sys; sys.path.insert(0, {str(Path.cwd())!r})
from tests.harness.written import sqlite_catalog
from tests.test_sync_faults import append
from pathlib import Path
append(sqlite_catalog(Path({str(kept.source)!r})), {ONE!r}, 5000, 1)"""
    (hooks.folder / "late.py").write_text(late)


def test_a_write_in_the_middle_of_the_move_takes_it_back(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    late_write(kept, hooks)
    hooks.do("move", f'case "$TABLE" in *{GOOD[0]}*) {sys.executable} late.py;; esac')
    tables = cutover(kept, "move", *FAST, "--hooks", hooks.path, code=1)
    assert states(tables) == {ONE: "failed", TWO: "on_probation", MOVED: "on_probation"}
    assert tables[ONE]["error"]["code"] == "source-not-quiet"
    assert hooks.tables("move_back") == [[ONE]] and hooks.tables("release") == [[ONE]]
    assert stages(kept, ONE)[-3:] == ["moving", "failed", "failed"], "the last one says that its writers were told"
    hooks.forget()
    assert states(cutover(kept, "move", *FAST, "--hooks", hooks.path))[ONE] == "on_probation"
    assert reading(target(kept, ONE)) == reading(sqlite_catalog(kept.source).load_table(ONE))


def test_a_hook_that_fails_moves_nothing(kept: KeptUp, hooks: Hooks) -> None:
    for stage in ("announce", "quiesce"):
        hooks.do(stage, "echo 'no such list' >&2; exit 3")
        tables = cutover(kept, "move", *FAST, "--hooks", hooks.path, code=1)
        assert set(states(tables).values()) == {"failed"}
        error = tables[ONE]["error"]
        assert error["code"] == "hook-failed" and "no such list" in json.dumps(error["causes"])
        assert hooks.calls("move") == []
        hooks.forget()
    hooks.do("move", f'case "$TABLE" in *{GOOD[0]}*) exit 1;; esac')
    tables = cutover(kept, "move", *FAST, "--hooks", hooks.path, code=1)
    assert states(tables) == {ONE: "failed", TWO: "on_probation", MOVED: "on_probation"}
    assert hooks.tables("move_back") == [[ONE]]
    # Neither the move nor its undo: nobody knows where readers are, and that is said until it is mended.
    hooks.forget()
    for stage in ("move", "move_back"):
        hooks.do(stage, "exit 1")
    for _ in range(2):
        tables = cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path, code=1)
        assert states(tables) == {ONE: "moving"} and tables[ONE]["error"]["code"] == "hook-failed"
        assert kept.cli.outcome("sync", "--table", ONE).json["tables"][0]["state"] == "cut_over"
    # The move was taken back, whatever became of that: it is another one.
    assert {what: len(keys) for (what, _), keys in hooks.keys().items()} == {
        "announce": 1,
        "quiesce": 1,
        "move": 2,
        "move_back": 2,
    }
    hooks.forget()
    assert states(cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path)) == {ONE: "on_probation"}


def test_the_way_back_loses_nothing_unseen(kept: KeptUp, lake: Lake, hooks: Hooks) -> None:
    cutover(kept, "move", *FAST, "--hooks", hooks.path)
    append(pyiceberg_catalog(kept.target), ONE, 7000, 4)
    state = kept.state()
    # By the same hooks, or not at all.
    kept.cli.refuse("cutover", "back", code="invalid-input")
    assert kept.state() == state
    tables = cutover(kept, "back", "--hooks", hooks.path, code=1)
    assert states(tables) == {ONE: "on_probation", TWO: "not_begun", MOVED: "not_begun"}
    error = tables[ONE]["error"]
    assert error["code"] == "target-changed" and "+4 rows" in error["message"] and "--leave-rows" in error["hint"]
    assert sorted(itertools.chain(*hooks.tables("move_back"))) == sorted([TWO, MOVED])
    assert hooks.tables("release") == [[TWO, MOVED]]
    # Those that went back are kept up as before.
    append(lake.catalog, TWO, 300)
    synced = {table["source"]: table for table in kept.cli.outcome("sync").json["tables"]}
    assert {name: table["state"] for name, table in synced.items()} == {
        ONE: "cut_over",
        TWO: "up_to_date",
        MOVED: "up_to_date",
    }
    assert states(cutover(kept, "move", *FAST, "--table", TWO)) == {TWO: "on_probation"}
    tables = cutover(kept, "back", "--table", ONE, "--leave-rows", "--hooks", hooks.path)
    assert states(tables) == {ONE: "not_begun"} and tables[ONE]["probation"]["target_rows"] == 4
    assert reading(sqlite_catalog(kept.source).load_table(ONE)) == lake.readings[GOOD[0]]
    kept.stopped(ONE, "target-changed", "--table", ONE)
    kept.cli.refuse("cutover", "back", "--table", ONE, code="invalid-input")
    # What was moved without a hook goes back without one.
    assert states(cutover(kept, "back", "--table", TWO)) == {TWO: "not_begun"}


def test_probation_sees_who_still_writes(kept: KeptUp, lake: Lake) -> None:
    cutover(kept, "move", *FAST)
    tables = cutover(kept, "check", "--compare")
    assert all(table["probation"]["compared"] for table in tables.values())
    entries = len(kept.journal())
    cutover(kept, "check", "--compare")
    assert len(kept.journal()) == entries, "no news is not written down"
    append(pyiceberg_catalog(kept.target), ONE, 7000, 4)
    append(lake.catalog, TWO, 300)
    append(lake.catalog, TWO, 400)
    tables = cutover(kept, "check", "--compare", code=1)
    assert tables[ONE]["probation"] == {
        "source_snapshots": 0,
        "target_snapshots": 1,
        "target_rows": 4,
        "compared": True,
    }
    assert tables[TWO]["error"]["code"] == "source-not-quiet" and tables[TWO]["probation"]["source_snapshots"] == 2
    tables = cutover(kept, "finish", "--yes", code=1)
    assert states(tables) == {ONE: "finished", TWO: "on_probation", MOVED: "finished"}
    assert states(cutover(kept, "finish", "--yes", "--anyway", "--table", TWO)) == {TWO: "finished"}


@pytest.mark.parametrize("somebody_writes", [False, True])
def test_a_check_that_goes_on_until_it_is_interrupted(somebody_writes: bool, kept: KeptUp, lake: Lake) -> None:
    cutover(kept, "move", *FAST)
    with Process(kept.cli, "cutover", "check", "--every", "1s") as check:
        assert "error" not in look_of(check)[ONE]
        if somebody_writes:
            append(lake.catalog, ONE, 300)
            while "error" not in look_of(check)[ONE]:
                pass
        check.popen.send_signal(signal.SIGINT)
        # That of the last look.
        assert check.wait().code == int(somebody_writes)
    kept.cli.refuse("cutover", "check", "--every", "0s", code="invalid-input")


def look_of(check: Process) -> dict[str, dict[str, Any]]:
    """The next one that it tells, by source table."""
    lines: list[str] = []
    while not lines or lines[-1] != "}\n":
        lines.append(check.popen.stdout.readline())
        assert lines[-1], "it has ended"
    return {table["source"]: table for table in json.loads("".join(lines))["tables"]}


def test_what_is_finished_has_no_way_back(kept: KeptUp, hooks: Hooks) -> None:
    cutover(kept, "move", *FAST, "--hooks", hooks.path)
    state = kept.state()
    cutover(kept, "finish", code=1)
    assert kept.state() == state, "without --yes it is only said what would be closed"
    tables = cutover(kept, "finish", "--yes", "--hooks", hooks.path)
    assert set(states(tables).values()) == {"finished"} and hooks.tables("finish") == [list(tables)]
    kept.cli.refuse("cutover", "back", "--table", ONE, code="cut-over")
    assert states(cutover(kept, "back")) == states(tables)
    assert states(cutover(kept, "move", *FAST)) == states(tables)
    kept.cli.refuse("run", kept.plan, code="cut-over")


def test_a_moved_table_stays_proved_when_its_new_owners_write(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    append(lake.catalog, ONE, 100)
    cutover(kept, "move", *FAST)
    ours = pyiceberg_catalog(kept.target).load_table(ONE)
    append(pyiceberg_catalog(kept.target), ONE, 7000, 4)
    with ours.refresh().update_schema() as update:
        update.rename_column("name", "title")
    run = kept.cli.run("validate")
    assert run["state"] == "succeeded"
    assert all(table["validation"]["passed"] for table in run["tables"]), run
    bundle = kept.cli.run("audit", "export", "--out", str(tmp_path / "bundle"))
    verdict = kept.cli.run("audit", "verify", bundle["path"])
    assert verdict["intact"], verdict
    # A run's plan is not run over what others have written since; for its other tables it is resumed.
    kept.cli.refuse("run", kept.plan, code="cut-over")
    resumed = kept.cli.run("run", "--resume", run["run_id"])
    assert resumed["state"] == "succeeded"
    assert target(kept, ONE).schema().column_names == ["id", "title"]
    assert target(kept, ONE).scan().count() == lake.readings[GOOD[0]].rows + 5 + 4


@pytest.mark.parametrize("change", ["nothing", "rows", "columns", "a spec", "a branch", "a comment", "a property"])
def test_a_rewritten_table_is_brought_up_and_moved(change: str, lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    kept = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    kept.migrate("rewrite")
    source = lake.catalog.load_table(ONE)
    match change:
        case "rows":
            append(lake.catalog, ONE, 100)
        case "columns":
            with source.update_schema() as update:
                update.rename_column("name", "title")
        case "a spec":
            with source.update_spec() as spec:
                spec.add_identity("name")
        case "a branch":
            source.manage_snapshots().create_branch(source.current_snapshot().snapshot_id, "dev").commit()
            source.refresh().append(source.scan().to_arrow().slice(0, 1), branch="dev")
        case "a comment":
            with source.update_schema() as update:
                update.update_column("name", doc="what it is called")
        case "a property":
            with source.transaction() as transaction:
                transaction.set_properties(owner="somebody else")
    tables = cutover(kept, "move", *FAST, "--table", ONE, "--table", TWO, "--hooks", hooks.path)
    assert states(tables) == {ONE: "on_probation", TWO: "on_probation"}
    assert reading(target(kept, ONE)) == reading(lake.catalog.load_table(ONE))
    # What was there before the move is no late write.
    assert states(cutover(kept, "check", "--compare"))[ONE] == "on_probation"


def test_a_copy_that_was_damaged_is_not_moved(kept: KeptUp, hooks: Hooks) -> None:
    [path] = (kept.target / "warehouse").glob(f"**/{GOOD[0]}*/**/*.parquet")
    path.write_bytes(path.read_bytes()[:-30])
    tables = cutover(kept, "move", *FAST, "--hooks", hooks.path, code=1)
    assert states(tables) == {ONE: "failed", TWO: "on_probation", MOVED: "on_probation"}
    assert hooks.tables("quiesce") == [[TWO, MOVED]], "its writers were not stopped"


def test_names_and_times_that_cannot_be(kept: KeptUp) -> None:
    kept.cli.refuse("cutover", "move", "--table", "shop.nothing", code="invalid-input")
    kept.cli.refuse("cutover", "move", "--hooks", "/none/hooks.json", code="invalid-input")
    kept.cli.refuse("cutover", "back", "--table", ONE, code="invalid-input")
    kept.cli.refuse("cutover", "finish", "--yes", "--table", ONE, code="invalid-input")
    kept.cli.refuse("cutover", "look", "no-such-run", code="run-not-found")
    assert stages(kept, ONE) == []
    for wrong in (("--quiet", "-1s"), ("--quiet", "1"), ("--within", "0s")):
        assert kept.cli.outcome("cutover", "move", *wrong).code in (1, 2)


class Web:
    """A server that is called, and answers as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: tuple[int, bytes] = (200, b"ok")
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.calls.append((self.path, json.loads(body)))
                self.send_response(web.answer[0])
                self.send_header("Content-Length", str(len(web.answer[1])))
                self.end_headers()
                self.wfile.write(web.answer[1])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def web() -> Iterator[Web]:
    """Its own for each test."""
    made = Web()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_web_address_is_called_and_its_secret_told_nowhere(kept: KeptUp, web: Web, tmp_path: Path) -> None:
    secret = "/services/T0/canary-of-a-webhook?sig=canary-of-a-query"
    path = tmp_path / "hooks.json"
    hook = {"on": "cutover.announce", "url": web.origin + secret, "seconds": 5}
    path.write_text(json.dumps({"hooks": [hook]}))
    web.answer = (500, b'{"message": "' + secret.encode() + b'"}')
    done = kept.cli.outcome("cutover", "move", *FAST, "--hooks", path)
    assert done.code == 1 and {table["error"]["code"] for table in done.json["tables"]} == {"hook-failed"}
    assert len(web.calls) == 1, "what it did is not known: it is not called again"
    path.write_text(json.dumps({"hooks": [{**hook, "if_it_fails": "go_on"}]}))
    told = kept.cli.outcome("cutover", "move", *FAST, "--hooks", path)
    assert told.code == 0 and told.json["hooks"][0]["error"]["code"] == "hook-failed"
    path.write_text(json.dumps({"hooks": [{**hook, "on": "cutover.finish"}]}))
    for answer in (b"ok", b"", b'{"ticket": "OPS-1"}'):
        web.answer = (200, answer)
        finished = kept.cli.outcome("cutover", "finish", "--yes", "--hooks", path)
        assert finished.code == 0
    assert [call[0] for call in web.calls] == [secret] * 3
    assert {call[1]["stage"] for call in web.calls[2:]} == {"cutover.finish"}
    heard = [done.stdout, done.stderr, told.stdout, finished.stdout]
    kept_bytes = [one.read_bytes().decode(errors="replace") for one in kept.cli.state.rglob("*") if one.is_file()]
    assert not any("canary-of-a" in text for text in heard + kept_bytes)
    assert web.origin in done.stdout, "which hook it was is said"


def test_the_hooks_of_the_docs_do_what_they_say(kept: KeptUp, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(Path("docs/examples"), folder)
    hooks = ("--hooks", folder / "hooks.json")
    cutover(kept, "move", *FAST, *hooks)
    routes = folder / "routes.json"
    assert json.loads(routes.read_text())[ONE] == {"catalog": "managed", "table": ONE}
    cutover(kept, "back", "--table", ONE, *hooks)
    assert json.loads(routes.read_text())[ONE] == {"catalog": "foreign", "table": ONE}
    assert json.loads(routes.read_text())[TWO]["catalog"] == "managed"
    cutover(kept, "finish", "--yes", *hooks)
    mails = {mail.name.rsplit("-", 1)[0]: mail.read_text() for mail in (folder / "outbox").glob("*.eml")}
    assert set(mails) == {"cutover.announce", "cutover.release", "cutover.finish"}
    assert all(f"{name} -> {name}" in mails["cutover.announce"] for name in ALL)
    assert ONE in mails["cutover.release"] and TWO not in mails["cutover.release"]
    assert ONE not in mails["cutover.finish"] and TWO in mails["cutover.finish"]


def test_the_runbook_tells_who_does_what(kept: KeptUp, lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    state, there = kept.state(), files(kept.target)
    page = kept.cli.run("cutover", "runbook", "--quiet", "2m")["text"]
    assert "people: stop every writer" in page and "2 min" in page
    assert all(f"| {name} | {name} |" in page for name in ALL)
    made = tmp_path / "runbook.html"
    kept.cli.run("cutover", "runbook", "--html", "--out", made, "--hooks", hooks.path, "--table", ONE)
    text = made.read_text()
    assert text.startswith("<!doctype html>") and "hook: python" in text and TWO not in text
    # Who follows the page does what it says, and no more.
    for verb in ("move", "back", "finish"):
        [command] = [line for line in text.splitlines() if f"icebridge cutover {verb} " in line]
        assert f"--table '{ONE}' --hooks '{hooks.path}'" in command
    assert (kept.state(), files(kept.target)) == (state, there), "it is only told"


def sections(page: str) -> dict[str, str]:
    """The text below each head of a runbook."""
    return {part.split("\n")[0]: part for part in page.split("\n## ")[1:]}


def test_the_runbook_is_about_what_is_still_to_be_moved(kept: KeptUp, hooks: Hooks) -> None:
    def runbook(*arguments: str | Path) -> dict[str, str]:
        return sections(kept.cli.run("cutover", "runbook", *arguments)["text"])

    apart = "Moved already, or on the way"
    assert apart not in runbook()
    cutover(kept, "move", *FAST, "--table", ONE)
    hooks.do("move", "kill -9 $ICEBRIDGE")
    assert kept.cli.outcome("cutover", "move", *FAST, "--table", TWO, "--hooks", str(hooks.path)).code == -9
    parts = runbook("--hooks", hooks.path)
    assert f"| {ONE} | {ONE} | on probation |" in parts[apart] and f"| {TWO} | {TWO} | moving |" in parts[apart]
    assert "hook: python" in parts["The way back"]
    for head in ("Tables", "Steps", "The way back", "Afterwards"):
        assert MOVED in parts[head] and ONE not in parts[head] and TWO not in parts[head], head
    hooks.forget()
    cutover(kept, "move", *FAST, "--hooks", hooks.path)
    cutover(kept, "finish", "--yes", "--table", MOVED)
    parts = runbook()
    assert f"| {MOVED} | {MOVED} | finished |" in parts[apart]
    assert "No table is left" in parts["Tables"] and not {"Steps", "The way back"} & set(parts)
    # One that went back is to be moved again.
    cutover(kept, "back", "--table", ONE)
    assert f"--table '{ONE}'" in runbook()["Steps"]


@pytest.mark.parametrize(
    "answer", ['{"seconds": 1.5}', '{"id": 36893488147419103232}', '{"a":' * 120 + "{}" + "}" * 120]
)
def test_whatever_a_hook_answers_the_journal_keeps(answer: str, kept: KeptUp, hooks: Hooks) -> None:
    (hooks.folder / "answer").write_text(answer)
    hooks.do("move", "cat answer; exit 0")
    (hooks.folder / "hook.py").write_text(
        (hooks.folder / "hook.py").read_text().replace("sys.exit(done.returncode)", "sys.exit(0)")
    )
    assert states(cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path)) == {ONE: "on_probation"}
    [moved] = [one for one in kept.journal() if one.get("stage") == "moved"]
    assert moved["hooks"][0]["answer"] == answer
    assert kept.cli.run("validate")["state"] == "succeeded"
    assert states(cutover(kept, "back", "--table", ONE, "--hooks", hooks.path)) == {ONE: "not_begun"}


def test_what_the_target_lost_in_between_is_seen(lake: Lake, hooks: Hooks, tmp_path: Path) -> None:
    kept = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    kept.migrate("rewrite")
    lose = f"""import sys; sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.harness.judged import pyiceberg_catalog
pyiceberg_catalog(Path({str(kept.target)!r})).load_table({ONE!r}).delete("id < 5")"""
    (hooks.folder / "lose.py").write_text(lose)
    hooks.do("quiesce", f"{sys.executable} lose.py")
    tables = cutover(kept, "move", *FAST, "--table", ONE, "--hooks", hooks.path, code=1)
    assert states(tables) == {ONE: "failed"} and tables[ONE]["error"]["code"] == "target-changed"
    assert hooks.calls("move") == [] and hooks.tables("release") == [[ONE]]


def test_other_columns_and_other_branches_are_writes_too(kept: KeptUp, lake: Lake) -> None:
    cutover(kept, "move", *FAST)
    with lake.catalog.load_table(ONE).update_schema() as update:
        update.rename_column("name", "title")
    source = lake.catalog.load_table(TWO)
    source.manage_snapshots().create_branch(source.current_snapshot().snapshot_id, "dev").commit()
    source.refresh().append(source.scan().to_arrow().slice(0, 1), branch="dev")
    tables = cutover(kept, "check", code=1)
    codes = {name: table.get("error", {}).get("code") for name, table in tables.items()}
    assert codes == {ONE: "source-not-quiet", TWO: "source-not-quiet", MOVED: None}


def test_a_later_run_does_not_hide_what_is_on_probation(kept: KeptUp, lake: Lake) -> None:
    cutover(kept, "move", *FAST, "--table", ONE)
    plain(lake.catalog, "shop.later", 3)
    kept.migrate("clone", ["shop.later"])
    append(lake.catalog, ONE, 300)
    assert states(cutover(kept, "check", code=1))[ONE] == "on_probation"
    assert states(cutover(kept, "back"))[ONE] == "not_begun"


def test_a_hooks_file_that_is_a_pipe_is_none(kept: KeptUp, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    kept.cli.refuse("cutover", "move", "--hooks", str(tmp_path / "pipe"), code="invalid-input")


def test_more_tables_than_at_once(tmp_path: Path) -> None:
    names = [f"shop.t{number}" for number in range(12)]
    for name in names:
        plain(sqlite_catalog(tmp_path / "lake"), name, 3)
    kept = KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()
    kept.migrate("clone", (), "--max-parallel-tables", "2")
    assert set(states(cutover(kept, "move", "--quiet", "1s")).values()) == {"on_probation"}
    assert set(states(cutover(kept, "check")).values()) == {"on_probation"}
    assert set(states(cutover(kept, "back")).values()) == {"not_begun"}


def test_what_is_read_together_is_one_wave(kept: KeptUp, tmp_path: Path) -> None:
    file = tmp_path / "readers.csv"
    file.write_text(f"reader,table\nreport,{ONE}\nreport,glue.{TWO.upper()}\nreport,ops.rates\n")
    waves = kept.cli.run("cutover", "waves", "--dependencies", file)["waves"]
    together = [wave for wave in waves if wave["readers"] == ["report"]]
    assert [sorted(table["source"] for table in wave["tables"]) for wave in together] == [sorted([ONE, TWO])]
    assert together[0]["outside"] == ["ops.rates"] and together[0]["bytes"] > 0
    assert len(waves) == len(kept.cli.run("status")["tables"]) - 1
    assert all(table["state"] == "not_begun" for wave in waves for table in wave["tables"])
    file.write_text("reader,table\nreport,\n")
    assert "line 2" in kept.cli.refuse("cutover", "waves", "--dependencies", file, code="invalid-input")["message"]
