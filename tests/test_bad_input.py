"""Plans, bundles, state folders and command lines that are not what they should be: told by a code and what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import Icebridge, fresh
from tests.harness.lake import Lake, connected, small_lake
from tests.harness.route import Route, Run, files, meanwhile, wait_until
from tests.harness.written import plain, sqlite_catalog


@pytest.fixture
def small(tmp_path: Path) -> Lake:
    """Three sound tables."""
    return small_lake(tmp_path / "source")


# Plans and bundles in wrong hands


EDITS: dict[str, Callable[[str], str]] = {
    "another target": lambda text: text.replace('"managed"', '"damaged"', 1),
    "another snapshot": lambda text: re.sub(r'"snapshot_id": (\d+)', '"snapshot_id": 1', text, count=1),
    "another hash": lambda text: text.replace(json.loads(text)["hash"], "0" * 64),
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "not JSON": lambda text: "plan: yes",
    "of the future": lambda text: text.replace('"plan_version": 1', '"plan_version": 99'),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_plan_is_refused(edit: str, small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    path = Path(route.plan("clone", "--out", str(tmp_path / "plan.json"))["path"])
    text = path.read_text()
    edited = EDITS[edit](text)
    assert edited != text
    path.write_text(edited)
    error = icebridge.refuse("run", path, code="plan-broken")
    assert str(path) in error["object"]
    assert error["hint"]
    assert icebridge.run("runs") == []
    assert files(tmp_path / "managed") == {}


def test_a_plan_that_is_not_there_is_told(icebridge: Icebridge, tmp_path: Path) -> None:
    assert icebridge.refuse("run", tmp_path / "none.json", code="plan-broken")["hint"]


def test_a_plan_of_another_state_folder_names_the_catalog(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    route = connected(icebridge, small, tmp_path / "managed")
    plan = route.plan("clone")
    error = fresh(tmp_path / "other").refuse("run", plan["path"], code="catalog-not-found")
    assert "foreign" in json.dumps(error)
    assert error["hint"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Icebridge, Path]:
    """A verified bundle of three migrated tables."""
    folder = tmp_path_factory.mktemp("bundle")
    catalog = sqlite_catalog(folder / "source")
    for name in ("a", "b", "c"):
        plain(catalog, f"shop.{name}")
    cli = fresh(folder / "state")
    cli.connect_sql("foreign", folder / "source" / "catalog.db")
    cli.connect_embedded("managed", folder / "managed")
    Route(cli).migrate("clone")
    cli.run("audit", "export", "--out", folder / "bundle")
    verdict = cli.run("audit", "verify", folder / "bundle")
    assert verdict["intact"], verdict
    return cli, folder / "bundle"


def in_file(name: str, change: Callable[[str], str], seal: bool = False) -> Callable[[Path], None]:
    """Change a file's text; `seal`: and make the manifest agree, as a careful forger does."""

    def tamper(folder: Path) -> None:
        path = next(folder.glob(name))
        text = path.read_text()
        changed = change(text)
        assert changed != text
        path.write_text(changed)
        if seal:
            reseal(folder, path)

    return tamper


def reseal(folder: Path, path: Path) -> None:
    """Give the manifest the file's new size and SHA-256."""
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["path"] == str(path.relative_to(folder)):
            data = path.read_bytes()
            entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """A change of the journal's lines."""
    return lambda text: "".join(change(text.splitlines(keepends=True)))


def other_digest(text: str) -> str:
    """Another row digest, of the right length."""
    found = re.search(r'"digest": ?"([0-9a-f]{64})"', text)
    assert found
    return text.replace(found.group(1), "0" * 64)


TAMPERING: dict[str, Callable[[Path], None]] = {
    "evidence changed": in_file("tables/*.json", other_digest),
    "evidence changed and sealed": in_file("tables/*.json", other_digest, seal=True),
    "rows changed and sealed": in_file("tables/*.json", lambda t: re.sub(r'"rows": ?10', '"rows": 11', t), seal=True),
    "entry dropped": in_file("journal.jsonl", lines(lambda all_: all_[:5] + all_[6:]), seal=True),
    "last entry dropped": in_file("journal.jsonl", lines(lambda all_: all_[:-1]), seal=True),
    "entries swapped": in_file("journal.jsonl", lines(lambda a: [*a[:3], a[4], a[3], *a[5:]]), seal=True),
    "entry changed": in_file("journal.jsonl", lambda t: t.replace("shop.a", "shop.z"), seal=True),
    "entry repeated": in_file("journal.jsonl", lines(lambda all_: [*all_, all_[-1]]), seal=True),
    "journal cut off": in_file("journal.jsonl", lambda t: t[:-20], seal=True),
    "plan changed": in_file("plan.json", lambda t: t.replace("shop.a", "shop.z"), seal=True),
    "summary changed": in_file("summary.md", lambda t: t + "\nAll is well.\n", seal=True),
    "page changed": in_file("summary.html", lambda t: t.replace("shop", "store"), seal=True),
    "environment changed": in_file("environment.json", lambda t: t.replace('"version"', '"versiom"', 1) + " "),
    "totals changed": in_file("manifest.json", lambda t: re.sub(r'"migrated": ?3', '"migrated": 4', t)),
    "head changed": in_file("manifest.json", lambda t: re.sub(r'"journal_head": ?"[0-9a-f]', '"journal_head": "x', t)),
    "file added": lambda folder: (folder / "extra.txt").write_text("hello") and None,
    "evidence added": lambda folder: shutil.copy(next(folder.glob("tables/*")), folder / "tables" / "z.json") and None,
    "file removed": lambda folder: (folder / "summary.html").unlink(),
    "evidence removed": lambda folder: next(folder.glob("tables/*")).unlink(),
    "file replaced by a link": lambda folder: link(folder / "summary.md"),
}


def link(path: Path) -> None:
    """The same content, but from elsewhere."""
    elsewhere = path.parent.parent / "elsewhere.md"
    shutil.copy(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("how", TAMPERING)
def test_a_tampered_bundle_is_found_out(how: str, bundle: tuple[Icebridge, Path], tmp_path: Path) -> None:
    cli, whole = bundle
    copy = tmp_path / "bundle"
    shutil.copytree(whole, copy)
    TAMPERING[how](copy)
    done = cli.outcome("audit", "verify", copy)
    assert done.code == 1, done.stdout
    failed = [check for check in done.json["checks"] if not check["passed"]]
    assert not done.json["intact"]
    assert failed
    assert all(check["detail"] for check in failed)


def test_a_bundle_is_verified_where_nothing_else_is_known(bundle: tuple[Icebridge, Path], tmp_path: Path) -> None:
    """A third party has the bundle alone."""
    moved = tmp_path / "received"
    shutil.copytree(bundle[1], moved)
    assert fresh(tmp_path / "third").run("audit", "verify", moved)["intact"]


@pytest.mark.parametrize("content", [None, "", "{}", '{"bundle_version": 99}', "\x00\xff"])
def test_what_is_no_bundle_is_told(content: str | None, icebridge: Icebridge, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "manifest.json").write_text(content)
    error = icebridge.refuse("audit", "verify", tmp_path / "b", code="bundle-broken")
    assert str(tmp_path / "b") in error["object"]
    assert error["hint"]


# The state


@pytest.fixture
def many(tmp_path: Path, icebridge: Icebridge) -> Iterator[tuple[Route, dict[str, Any]]]:
    """A plan that takes a moment."""
    catalog = sqlite_catalog(tmp_path / "source")
    table = plain(catalog, "shop.t0")
    for number in range(1, 40):
        catalog.register_table(f"shop.t{number}", table.metadata_location)
    icebridge.connect_sql("foreign", tmp_path / "source" / "catalog.db")
    icebridge.connect_embedded("managed", tmp_path / "managed")
    route = Route(icebridge)
    yield route, route.plan("clone")


def at_work(route: Route, process: meanwhile, target: Path) -> bool:
    """The run has the lock, and has begun to copy: by then its run is on record."""
    holder = route.cli.state / "state.lock.holder"
    return holder.is_file() and holder.read_text() == str(process.pid) and any(target.rglob("*.parquet"))


def test_two_processes_do_not_work_on_one_state(many: tuple[Route, dict[str, Any]], tmp_path: Path) -> None:
    route, plan = many
    cli = route.cli
    with meanwhile(cli, "run", plan["path"]) as first:
        wait_until(lambda: at_work(route, first, tmp_path / "managed"))
        first.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            error = cli.refuse("run", plan["path"], code="state-locked")
            assert time.monotonic() - began < 10
            assert str(first.pid) in error["message"]
            assert error["hint"]
            assert cli.refuse("run", "--resume", code="state-locked")
            # Looking is allowed.
            assert [run["state"] for run in cli.run("runs")] == ["running"]
            assert len(cli.run("catalog", "list")) == 2
        finally:
            first.send_signal(signal.SIGCONT)
    assert first.outcome.code == 0, first.outcome.stdout
    Run(first.outcome).succeeded()
    assert len(first.outcome.json["tables"]) == 40


def test_a_lock_does_not_outlive_its_process(many: tuple[Route, dict[str, Any]], tmp_path: Path) -> None:
    route, plan = many
    with meanwhile(route.cli, "run", plan["path"]) as first:
        wait_until(lambda: at_work(route, first, tmp_path / "managed"))
        first.send_signal(signal.SIGKILL)
    assert [run["state"] for run in route.cli.run("runs")] == ["interrupted"]
    route.resume().succeeded()


STATES: dict[str, Callable[[Path], None]] = {
    "garbage": lambda path: path.write_bytes(os.urandom(8192)) and None,
    "text": lambda path: path.write_text("this is my diary\n" * 100) and None,
    "of another program": lambda path: (
        sqlite_catalog(path.parent / "x") and shutil.copy(path.parent / "x" / "catalog.db", path) and None
    ),
}


@pytest.mark.parametrize("what", STATES)
def test_a_state_that_is_not_ours_is_refused_and_left_alone(what: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    STATES[what](state / "state.db")
    before = (state / "state.db").read_bytes()
    error = Icebridge(state).refuse("catalog", "list", code="state-broken")
    assert str(state) in error["object"]
    assert error["hint"]
    assert (state / "state.db").read_bytes() == before


def test_a_state_that_was_damaged_is_told(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    connected(icebridge, small, tmp_path / "managed").migrate("clone")
    database = icebridge.state / "state.db"
    for rest in ("-wal", "-shm"):
        assert not Path(f"{database}{rest}").exists() or Path(f"{database}{rest}").stat().st_size == 0
    data = bytearray(database.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    database.write_bytes(data)
    for command in (["runs"], ["catalog", "list"], ["audit", "export", "--out", str(tmp_path / "b")]):
        done = icebridge.outcome(*command)
        assert (done.code, done.json["code"]) == (1, "state-broken"), done.stdout
        assert done.json["hint"]


def test_a_journal_that_was_changed_is_not_exported(small: Lake, icebridge: Icebridge, tmp_path: Path) -> None:
    connected(icebridge, small, tmp_path / "managed").migrate("clone")
    with sqlite3.connect(icebridge.state / "state.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        changed = database.execute("UPDATE journal SET body = replace(body, 'committed', 'forgotten')").rowcount
    database.close()
    assert changed
    for command in (["status"], ["validate"], ["run", "--resume"], ["audit", "export", "--out", tmp_path / "bundle"]):
        done = icebridge.outcome(*command)
        assert done.code == 1, done.stdout
        assert done.json["code"] == "state-broken"
        assert done.json["hint"]
    assert not (tmp_path / "bundle").exists()


def test_a_source_that_is_gone_is_not_validated_and_takes_no_proof_back(
    small: Lake, icebridge: Icebridge, tmp_path: Path
) -> None:
    connected(icebridge, small, tmp_path / "managed").migrate("clone")
    assert icebridge.outcome("validate").code == 0
    small.folder.rename(tmp_path / "away")
    assert icebridge.outcome("validate").code == 1
    tables = icebridge.outcome("status").json["tables"]
    assert [table["state"] for table in tables] == ["migrated"] * len(tables)
    assert all(table["validation"]["passed"] for table in tables)


# Nonsense


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Icebridge:
    """A state with a source that was inventoried, and two targets, so that nobody can guess which is meant."""
    folder = tmp_path_factory.mktemp("ready")
    plain(sqlite_catalog(folder / "source"), "shop.few")
    cli = fresh(folder / "state")
    cli.connect_sql("foreign", folder / "source" / "catalog.db")
    cli.connect_embedded("managed", folder / "managed")
    cli.connect_embedded("spare", folder / "spare")
    cli.run("inventory", "foreign")
    return cli


ROUTE = ["--source", "foreign", "--target", "managed"]
NONSENSE: dict[str, tuple[list[str], str]] = {
    "no such command": (["migrate-all"], "invalid-input"),
    "no such option": (["runs", "--sideways"], "invalid-input"),
    "no command": ([], "invalid-input"),
    "no such kind": (["catalog", "add", "x", "--kind", "glue", "--uri", "y"], "invalid-input"),
    "no address": (["catalog", "add", "x", "--kind", "rest", "--uri", " "], "invalid-input"),
    "no URL": (["catalog", "add", "x", "--kind", "rest", "--uri", "ftp://x"], "invalid-input"),
    "name with a slash": (["catalog", "add", "a/b", "--kind", "rest", "--uri", "http://x"], "invalid-input"),
    "property without value": (
        ["catalog", "add", "x", "--kind", "rest", "--uri", "http://x", "--property", "a"],
        "invalid-input",
    ),
    "no such secret": (
        ["catalog", "add", "x", "--kind", "rest", "--uri", "http://x", "--secret", "pin"],
        "invalid-input",
    ),
    "folder as target": (["catalog", "add", "x", "--kind", "files", "--uri", "/x", "--target"], "invalid-input"),
    "other role": (["catalog", "add", "foreign", "--kind", "embedded", "--uri", "/x", "--target"], "invalid-input"),
    "no such catalog": (["inventory", "nobody"], "catalog-not-found"),
    "no such catalog to check": (["catalog", "check", "nobody"], "catalog-not-found"),
    "no such catalog to remove": (["catalog", "remove", "nobody"], "catalog-not-found"),
    "target as source": (["inventory", "managed"], "invalid-input"),
    "no table of that pattern": (["inventory", "foreign", "--only", "nothing.*"], "invalid-input"),
    "broken pattern": (["inventory", "foreign", "--only", "[z-a]"], "invalid-input"),
    "no such table": (["table", "facts", "foreign", "shop.none"], "table-not-found"),
    "no such namespace": (["table", "digest", "foreign", "none.few"], "table-not-found"),
    "table without namespace": (["table", "facts", "foreign", "few"], "table-not-found"),
    "name that ends in a dot": (["table", "facts", "foreign", "shop."], "invalid-input"),
    "open backtick": (["table", "facts", "foreign", "`shop.few"], "invalid-input"),
    "snapshot that is no number": (["table", "digest", "foreign", "shop.few", "--snapshot", "old"], "invalid-input"),
    "no such snapshot": (["table", "digest", "foreign", "shop.few", "--snapshot", "1"], "invalid-input"),
    "no such ref": (["table", "digest", "foreign", "shop.few", "--ref", "none"], "invalid-input"),
    "negative limit": (["table", "rows", "foreign", "shop.few", "--limit", "-1"], "invalid-input"),
    "no such mode": (["plan", *ROUTE, "--mode", "sideways"], "invalid-input"),
    "no such finding": (["preflight", *ROUTE, "--accept", "IB-F999"], "invalid-input"),
    "finding that blocks": (["preflight", *ROUTE, "--accept", "IB-F001"], "invalid-input"),
    "half a route": (["plan", "--source", "foreign"], "invalid-input"),
    "no such target": (["plan", "--source", "foreign", "--target", "nobody"], "catalog-not-found"),
    "broken rule": (["map", "rule", *ROUTE, "[", "a"], "invalid-input"),
    "rule with an unknown placeholder": (["map", "rule", *ROUTE, "*", "{nope}"], "invalid-input"),
    "no plan": (["run"], "invalid-input"),
    "no such run": (["run", "--resume", "0000"], "run-not-found"),
    "no run to resume": (["run", "--resume"], "run-not-found"),
    "no run to show": (["status"], "run-not-found"),
    "no run to export": (["audit", "export"], "run-not-found"),
    "no run to validate": (["validate"], "run-not-found"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_told_with_a_hint(what: str, ready: Icebridge) -> None:
    arguments, code = NONSENSE[what]
    error = ready.refuse(*arguments, code=code)
    assert error["message"]
    assert error.get("hint"), error


def test_people_read_it_on_standard_error(ready: Icebridge) -> None:
    """Without --json: the message, the object, the hint and the code, and nothing on standard output."""
    done = subprocess.run(
        ready.command("table", "facts", "foreign", "shop.none"),
        capture_output=True,
        text=True,
        env=ready.env(),
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    for word in ("table-not-found", "shop.none"):
        assert word in done.stderr
    assert "panicked" not in done.stderr
