"""Secrets live in the desktop's real keychain and nowhere else; without one, the person is told of the other way."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge, Outcome
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import secret_variable
from tests.harness.written import plain, reading
from tests.leakage.canary import credential
from tests.services.fixtures import or_skip
from tests.services.keychain import Keychain
from tests.services.postgres import Postgres, postgres
from tests.services.process import need

# With characters that look otherwise in a URL, in JSON and in base64.
CANARY = f'{credential("database")}/?"+ü%'
WRONG = credential("wr0ng-secret")
VARIABLE = secret_variable("foreign", "password")
LOUD = {"ICEBRIDGE_LOG": "trace", "RUST_BACKTRACE": "1"}
# The product waits five seconds for a keychain; the rest is for a desktop session on a busy machine.
SOON = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A database that wants the canary."""
    with or_skip(postgres(CANARY)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def table(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A foreign table behind that password."""
    uri = f"postgresql+psycopg2://{server.user}:{urllib.parse.quote(CANARY, safe='')}@127.0.0.1:{server.port}/postgres"
    warehouse = tmp_path_factory.mktemp("pg-warehouse")
    return plain(SqlCatalog("prod", uri=uri, warehouse=f"file://{warehouse}"), "shop.orders")


@dataclass
class Desk:
    """Somebody's commands in their desktop session, everything they said, and everything `ps` could show of them."""

    keyring: Keychain
    cli: Icebridge
    said: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def outcome(
        self, *arguments: str | Path, stdin: str = "", locked: bool = False, env: dict[str, str] | None = None
    ) -> Outcome:
        """Run a command as loud as it can be."""
        command = self.cli.command(*arguments, "--json")
        with watched(self.seen):
            done = self.keyring.run(
                command, stdin=stdin, seconds=120, locked=locked, env={**self.cli.environment, **LOUD, **(env or {})}
            )
        self.said += [done.stdout, done.stderr]
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str | Path, stdin: str = "") -> Any:
        """Run a command that must work."""
        done = self.outcome(*arguments, stdin=stdin)
        assert done.code == 0, f"{arguments}: {done.stdout}\n{done.stderr[-4000:]}"
        return done.json

    def keychain(self) -> str:
        """What a person finds who looks for the product's secrets in the keychain."""
        need("secret-tool", "libsecret-tools")
        done = self.keyring.run(["secret-tool", "search", "--all", "service", "icebridge"])
        return done.stdout + done.stderr


@contextmanager
def watched(seen: list[str]) -> Iterator[None]:
    """Collect the arguments of every process on the machine, and the environment of ours, as others can read them."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    arguments = (process / "cmdline").read_bytes()
                    if b"icebridge" in arguments:
                        seen.append((arguments + (process / "environ").read_bytes()).decode(errors="replace"))
                except OSError:
                    continue
            over.wait(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def desk(keyring: Keychain, icebridge: Icebridge) -> Desk:
    """A fresh state folder and a fresh keyring."""
    return Desk(keyring, icebridge)


def address(server: Postgres) -> list[str]:
    """The options that say where the database is, and that it wants a password."""
    uri = f"postgresql://{server.user}@127.0.0.1:{server.port}/{server.database}"
    return ["catalog", "add", "foreign", "--kind", "sql", "--uri", uri, "--warehouse", "prod", "--secret", "password"]


def forms(secret: str) -> list[bytes]:
    """A secret in the shapes in which it could have got somewhere."""
    raw = secret.encode()
    texts = [urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret), json.dumps(secret)[1:-1], raw.hex()]
    texts.append(json.dumps(secret, ensure_ascii=False)[1:-1])
    return [raw, base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw), *(text.encode() for text in texts)]


def traces(folder: Path) -> list[str]:
    """Files with the canary in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms(CANARY))]


def leaks(texts: list[str]) -> list[str]:
    """Texts with the canary in them."""
    assert texts
    return [text[:400] for text in texts if any(form in text.encode() for form in forms(CANARY))]


def test_a_secret_is_in_the_keychain_and_nowhere_else(desk: Desk, server: Postgres, table: Any, tmp_path: Path) -> None:
    saved = desk.run(*address(server), stdin=f"{CANARY}\n")
    assert saved["secrets"] == ["password"]
    assert CANARY in desk.keychain()
    assert desk.run("catalog", "check", "foreign")["reachable"]
    desk.run("catalog", "add", "managed", "--target", "--kind", "embedded", "--uri", tmp_path / "managed")
    desk.run("inventory", "foreign")
    desk.run("preflight", "--accept-all-losses")
    desk.run("plan", "--out", tmp_path / "plan.json")
    run = desk.run("run", tmp_path / "plan.json")
    assert [run["state"] for run in run["tables"]] == ["migrated"]
    desk.run("validate")
    desk.run("audit", "export", "--out", tmp_path / "bundle")
    assert reading(pyiceberg_catalog(tmp_path / "managed").load_table("shop.orders")) == reading(table)
    # State, plan, bundle and target lie below this folder; the logs were as loud as they get.
    assert traces(tmp_path) == []
    assert leaks(desk.said) == []
    assert any("DEBUG" in text or "TRACE" in text for text in desk.said), "there was no log to look into"
    assert any("catalog" in text for text in desk.seen), "no command was seen at work"
    assert leaks(desk.seen) == []
    # Only the keyring itself, in the home folder that is not below tmp_path, may hold it: encrypted.
    assert traces(desk.keyring.home) == []


def test_a_secret_is_replaced_and_goes_with_its_catalog(desk: Desk, server: Postgres, table: Any) -> None:
    desk.run(*address(server), stdin=f"{WRONG}\n")
    assert WRONG in desk.keychain()
    refused = desk.outcome("inventory", "foreign")
    assert (refused.code, refused.json["code"]) == (1, "credentials-rejected")
    desk.run(*address(server), stdin=f"{CANARY}\n")
    assert WRONG not in desk.keychain()
    desk.run("inventory", "foreign")
    desk.run("catalog", "remove", "foreign")
    left = desk.keychain()
    assert CANARY not in left and "foreign" not in left, left


def test_state_folders_do_not_see_each_others_secrets(desk: Desk, server: Postgres, table: Any, tmp_path: Path) -> None:
    desk.run(*address(server), stdin=f"{CANARY}\n")
    other = Desk(desk.keyring, Icebridge(tmp_path / "other"))
    other.run(*address(server), stdin=f"{WRONG}\n")
    assert desk.run("catalog", "check", "foreign")["reachable"]
    other.run("catalog", "remove", "foreign")
    assert desk.run("catalog", "check", "foreign")["reachable"]
    # The secrets belong to the folder, wherever it is moved.
    desk.cli.state.rename(tmp_path / "moved")
    moved = Desk(desk.keyring, Icebridge(tmp_path / "moved"))
    assert moved.run("catalog", "check", "foreign")["reachable"]


def told(done: Outcome, began: float) -> None:
    """There is no keychain: said soon, with what to do instead."""
    assert time.monotonic() - began < SOON
    assert done.code == 1, done
    error = done.json
    assert error["code"] == "keychain-unavailable", error
    assert VARIABLE in error["hint"], error
    assert leaks([done.stdout, done.stderr]) == []


def test_a_locked_keychain_is_told_and_the_environment_serves(
    desk: Desk, server: Postgres, table: Any, tmp_path: Path
) -> None:
    desk.run(*address(server), stdin=f"{CANARY}\n")
    began = time.monotonic()
    told(desk.outcome("inventory", "foreign", locked=True), began)
    began = time.monotonic()
    told(desk.outcome(*address(server), stdin=f"{CANARY}\n", locked=True), began)
    assert desk.outcome("inventory", "foreign", locked=True, env={VARIABLE: CANARY}).code == 0
    assert traces(tmp_path) == []


def test_a_missing_keychain_is_told_and_the_environment_serves(
    icebridge: Icebridge, server: Postgres, table: Any, tmp_path: Path
) -> None:
    nowhere = f"unix:path={tmp_path / 'no-bus'}"
    icebridge.environment |= {"DBUS_SESSION_BUS_ADDRESS": nowhere, "XDG_RUNTIME_DIR": str(tmp_path)}
    began = time.monotonic()
    told(icebridge.outcome(*address(server), stdin=f"{CANARY}\n"), began)
    # Nothing half-saved: a catalog that says it has a secret, and has none.
    assert icebridge.run("catalog", "list") == []
    about = icebridge.run("about")
    assert about["keychain"]["state"] == "unavailable" and about["keychain"]["reason"]
    assert leaks([json.dumps(about)]) == []

    icebridge.environment[VARIABLE] = CANARY
    icebridge.run(*address(server))
    assert icebridge.run("catalog", "check", "foreign")["reachable"]
    icebridge.run("inventory", "foreign")
    icebridge.run("catalog", "remove", "foreign")
    assert icebridge.run("catalog", "list") == []
    assert traces(icebridge.state) == []


def test_a_catalog_without_secrets_needs_no_keychain(icebridge: Icebridge, tmp_path: Path) -> None:
    icebridge.environment |= {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "XDG_RUNTIME_DIR": str(tmp_path)}
    began = time.monotonic()
    icebridge.run("sample", tmp_path / "sample")
    icebridge.run("catalog", "check", "sample")
    icebridge.run("catalog", "remove", "sample")
    assert time.monotonic() - began < SOON
    assert os.path.exists(tmp_path / "sample")
