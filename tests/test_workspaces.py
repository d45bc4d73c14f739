"""Databricks workspaces by the real command line, the real sandbox and a real keyring."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness.browser import signs_in
from tests.harness.cli import Icebridge, Outcome
from tests.harness.sandbox import SECONDS, Sandbox, sandbox, until
from tests.leakage.canary import credential
from tests.leakage.leaks import planted
from tests.services.keychain import Keychain

pytest_plugins = ["tests.harness.sandbox"]

SOON = 25.0
LOUD = {"ICEBRIDGE_LOG": "icebridge=trace"}


@dataclass
class Desk:
    """Commands in a desktop session, and all that they said."""

    keyring: Keychain
    cli: Icebridge
    folder: Path
    said: list[str] = field(default_factory=list)

    def browser(self, person: str) -> dict[str, str]:
        """$BROWSER as a script that signs in as this person."""
        return {"BROWSER": str(signs_in(self.folder, person))}

    def environment(self, extra: dict[str, str] | None) -> dict[str, str]:
        """Loud, without anybody's Databricks settings."""
        return {**self.cli.environment, **LOUD, **(extra or {})}

    def outcome(
        self,
        *arguments: str | Path,
        stdin: str = "",
        locked: bool = False,
        env: dict[str, str] | None = None,
        form: str = "--json",
    ) -> Outcome:
        """Run a command, whatever comes of it."""
        words = [form] if form else []
        command = self.cli.command(*arguments, *words)
        done = self.keyring.run(command, stdin=stdin, seconds=120, locked=locked, env=self.environment(env))
        self.said += [done.stdout, done.stderr]
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str | Path, stdin: str = "", env: dict[str, str] | None = None) -> Any:
        """Run a command that must work."""
        done = self.outcome(*arguments, stdin=stdin, env=env)
        assert done.code == 0, f"{arguments}: {done.stdout}\n{done.stderr[-3000:]}"
        return done.json

    def keychain(self) -> list[str]:
        """The secrets of the product in the keychain."""
        done = self.keyring.run(["secret-tool", "search", "--all", "service", "icebridge"])
        return [line.removeprefix("secret = ") for line in done.stdout.splitlines() if line.startswith("secret = ")]

    def leaks(self, *canaries: str) -> list[str]:
        """Files below the state folder, and outputs, with one of these in them."""
        assert canaries and all(len(canary) > 8 for canary in canaries)
        files = [path for path in self.cli.state.rglob("*") if path.is_file()]
        assert files
        found = [str(path) for path in files if any(one.encode() in path.read_bytes() for one in canaries)]
        return found + [text[:300] for text in self.said if any(one in text for one in canaries)]


@pytest.fixture
def desk(keyring: Keychain, icebridge: Icebridge, tmp_path: Path) -> Desk:
    """A fresh state folder and a fresh keyring."""
    return Desk(keyring, icebridge, tmp_path)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox with a catalog of 2,000 generated tables."""
    with sandbox("--tables", "2000") as running:
        yield running


def tokens_of(desk: Desk) -> dict[str, Any]:
    """The one grant in the keychain."""
    grants = [json.loads(text.removeprefix("whole:")) for text in desk.keychain() if text.startswith("whole:")]
    assert len(grants) == 1
    return dict(grants[0])


# Ways of signing in


def test_a_token_goes_to_the_keychain_and_nowhere_else(desk: Desk, box: Sandbox) -> None:
    saved = desk.run("workspace", "add", "prod", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    assert saved["secrets"] == ["token"] and saved["host"] == box.url
    assert box.token in desk.keychain()
    status = desk.run("workspace", "check", "prod")
    assert status["signed_in"] and status["principal"] == box.user and status["error"] is None
    assert "migration-engineers" in status["groups"] and status["metastore"]
    assert status["external_access"] is False
    assert desk.run("workspace", "list")[0]["name"] == "prod"
    assert desk.leaks(box.token) == []
    wrong = credential("dapi-wrong")
    desk.run("workspace", "add", "prod", "--host", box.url, "--by", "token", stdin=f"{wrong}\n")
    refused = desk.outcome("workspace", "check", "prod")
    assert refused.code == 1 and refused.json["error"]["code"] == "credentials-rejected", refused
    assert desk.leaks(wrong, box.token) == []
    assert desk.run("workspace", "remove", "prod") == {"outcome": "nothing_there"}
    assert desk.keychain() == [] and desk.run("workspace", "list") == []


def test_a_service_principal_signs_in(desk: Desk, box: Sandbox) -> None:
    add = ["workspace", "add", "ci", "--host", box.url, "--by", "machine", "--client-id", box.client_id]
    desk.run(*add, stdin=f"{box.client_secret}\n")
    status = desk.run("workspace", "check", "ci")
    assert status["signed_in"] and status["principal"] == box.client_id
    assert desk.leaks(box.client_secret) == []


def test_a_profile_and_the_environment_sign_in(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    config = planted(tmp_path / "cfg", "a person's own profiles of Databricks")
    config.write_text(
        f"[DEFAULT]\nhost = https://other.example\ntoken = nobody\n[work]\nhost = {box.url}\ntoken = {box.token}\n",
        encoding="utf-8",
    )
    named = {"DATABRICKS_CONFIG_FILE": str(config)}
    listed = desk.run("workspace", "profiles", env=named)
    assert [(one["name"], one["way"]) for one in listed] == [("DEFAULT", "pat"), ("work", "pat")]
    desk.run("workspace", "add", "byfile", "--profile", "work", env=named)
    status = desk.run("workspace", "check", "byfile", env=named)
    assert status["signed_in"] and status["from"] == "profile work" and status["host"] == box.url
    desk.run("workspace", "add", "byenv", "--by", "environment")
    variables = {"DATABRICKS_HOST": box.url, "DATABRICKS_TOKEN": box.token}
    status = desk.run("workspace", "check", "byenv", env=variables)
    assert status["signed_in"] and "DATABRICKS_" in status["from"]
    # Read anew each time, and nothing of it kept.
    missing = desk.outcome("workspace", "check", "byenv")
    assert missing.code == 1 and missing.json["error"]["code"] == "credentials-missing"
    assert desk.keychain() == [] and desk.leaks(box.token) == []


def test_a_person_signs_in_and_out_by_browser(desk: Desk, box: Sandbox) -> None:
    desk.run("workspace", "add", "prod", "--host", box.url)
    nobody = desk.outcome("workspace", "check", "prod")
    assert nobody.code == 1 and nobody.json["error"]["code"] == "credentials-missing"
    signed = desk.run("workspace", "sign-in", "prod", env=desk.browser(box.user))
    assert signed["principal"] == box.user
    assert any(f"{box.url}/oidc" in said for said in desk.said), "the address is printed"
    assert desk.run("workspace", "check", "prod")["principal"] == box.user
    grant = tokens_of(desk)
    canaries = (grant["access_token"], grant["refresh_token"])
    assert desk.leaks(*canaries) == []
    assert box.ask("GET", "/api/2.0/preview/scim/v2/Me", token=grant["access_token"]).status_code == 200
    assert desk.run("workspace", "sign-out", "prod") == {"outcome": "revoked"}
    assert box.ask("GET", "/api/2.0/preview/scim/v2/Me", token=grant["access_token"]).status_code in (401, 403)
    assert desk.keychain() == []
    assert desk.run("workspace", "sign-out", "prod") == {"outcome": "nothing_there"}
    assert desk.outcome("workspace", "check", "prod").json["error"]["code"] == "credentials-missing"
    assert desk.leaks(*canaries) == []
    journal = (desk.cli.state / "state.db").read_bytes()
    assert b"workspace.signed_in" in journal and b"workspace.signed_out" in journal


def test_an_expired_sign_in_is_renewed_once_by_many_processes(desk: Desk, box: Sandbox) -> None:
    desk.run("workspace", "add", "prod", "--host", box.url)
    with box.setting(access_token_ttl_s=120):
        desk.run("workspace", "sign-in", "prod", env=desk.browser(box.user))
    first = tokens_of(desk)
    box.turn("clock", advance_s=200)
    box.turn("tokens/expire")
    before = box.look("counts")["tokens_refreshed"]
    # One session for all, for the keyring of one session is one program.
    check = " ".join(f"'{word}'" for word in desk.cli.command("workspace", "check", "prod", "--json"))
    script = f"for n in 1 2 3 4; do {check} > {desk.folder}/out.$n 2>&1 & done; wait"
    done = desk.keyring.run(["sh", "-c", script], seconds=120, env=desk.environment(None))
    assert done.returncode == 0
    for number in range(1, 5):
        text = (desk.folder / f"out.{number}").read_text(encoding="utf-8")
        desk.said.append(text)
        assert '"signed_in": true' in text, text[-2000:]
    assert box.look("counts")["tokens_refreshed"] - before == 1
    second = tokens_of(desk)
    assert second["refresh_token"] != first["refresh_token"]
    assert desk.run("workspace", "check", "prod")["principal"] == box.user
    assert desk.leaks(first["refresh_token"], second["refresh_token"], second["access_token"]) == []


def test_two_workspaces_side_by_side(desk: Desk, box: Sandbox) -> None:
    with sandbox() as other:
        for name, place, person in [("one", box, box.user), ("two", other, other.admin), ("three", box, box.admin)]:
            desk.run("workspace", "add", name, "--host", place.url)
            assert desk.run("workspace", "sign-in", name, env=desk.browser(person))["principal"] == person
        found = {name: desk.run("workspace", "check", name) for name in ("one", "two", "three")}
        assert found["one"]["principal"] == found["one"]["principal"] == box.user
        assert found["two"]["principal"] == other.admin and found["two"]["host"] == other.url
        assert found["three"]["principal"] == box.admin and found["three"]["host"] == box.url
        # Two names for one address are two sign-ins.
        assert desk.run("workspace", "remove", "three") == {"outcome": "revoked"}
        assert desk.run("workspace", "check", "one")["principal"] == box.user
        assert desk.run("workspace", "check", "two")["principal"] == other.admin


# Where there is no keychain


def test_a_locked_keychain_is_told_soon_and_a_session_needs_none(desk: Desk, box: Sandbox) -> None:
    desk.run("workspace", "add", "prod", "--host", box.url)
    desk.run("workspace", "sign-in", "prod", env=desk.browser(box.user))
    for command in ("check", "sign-in", "sign-out"):
        began = time.monotonic()
        done = desk.outcome("workspace", command, "prod", locked=True, env=desk.browser(box.user))
        assert time.monotonic() - began < SOON and done.code == 1
        error = done.json["error"] if command == "check" else done.json
        assert error["code"] == "keychain-unavailable" and "--for-this-session" in error["hint"], error
    session = desk.outcome("workspace", "check", "prod", "--sign-in", locked=True, env=desk.browser(box.admin))
    assert session.code == 0 and session.json["principal"] == box.admin
    # What the keychain holds is as it was.
    assert desk.run("workspace", "check", "prod")["principal"] == box.user


def test_without_a_keychain_the_environment_serves_tokens(icebridge: Icebridge, box: Sandbox, tmp_path: Path) -> None:
    icebridge.environment |= {
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/none",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    add = ["workspace", "add", "prod", "--host", box.url, "--by", "token"]
    began = time.monotonic()
    refused = icebridge.outcome(*add, stdin=f"{box.token}\n")
    assert time.monotonic() - began < SOON
    assert refused.code == 1 and refused.json["code"] == "keychain-unavailable"
    assert "ICEBRIDGE_SECRET_WORKSPACE_PROD_TOKEN" in refused.json["hint"]
    assert icebridge.run("workspace", "list") == []
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_PROD_TOKEN"] = box.token
    icebridge.run(*add)
    assert icebridge.run("workspace", "check", "prod")["principal"] == box.user


# The gate


def test_a_closed_gate_says_what_to_run_and_opens_at_once(desk: Desk, box: Sandbox) -> None:
    desk.run("workspace", "add", "prod", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    box.turn("gate", open=False, on=["main"], principal="account users")
    box.turn("gate", open=False, on=["main.silver"], principal=box.user)
    closed = desk.outcome("workspace", "gate", "prod", "main.silver")
    assert closed.code == 1
    sql = [unmet["sql"] for unmet in closed.json["unmet"] if unmet["sql"]]
    assert sql == [f"GRANT EXTERNAL USE SCHEMA ON SCHEMA `main`.`silver` TO `{box.user}`"]
    access = next(unmet for unmet in closed.json["unmet"] if unmet["requirement"] == "external_data_access")
    assert access["call"]["method"] == "PATCH" and access["call"]["body"] == {"external_access_enabled": True}
    words = desk.outcome("workspace", "gate", "prod", "main.silver", form="")
    assert words.code == 1 and sql[0] in words.stdout and f"PATCH {access['call']['address']}" in words.stdout
    # To a group of ours, which is as good as to us.
    box.turn("gate", open=True, on=["main.silver"], principal="migration-engineers")
    opened = desk.run("workspace", "gate", "prod", "main.silver")
    assert opened["unmet"] == [] and any("migration-engineers" in met for met in opened["met"])
    box.turn("gate", open=False, on=["main.silver"], principal="migration-engineers")
    assert desk.outcome("workspace", "gate", "prod", "main.silver").code == 1
    box.turn("gate", open=True, on=["main.silver"], principal=box.user)
    assert desk.outcome("workspace", "gate", "prod", "main.silver").code == 0


# The inventory of Unity Catalog


def refresh(desk: Desk, name: str, *options: str) -> dict[str, Any]:
    """Refresh, and what came of it."""
    return dict(desk.run("unity", "refresh", name, *options))


def rows(desk: Desk, name: str, *options: str) -> list[dict[str, Any]]:
    """All rows, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = desk.run("unity", "list", name, "--limit", "1000", "--offset", str(len(found)), *options)
        found += page["rows"]
        if len(found) >= page["total"] or not page["rows"]:
            return found


def told(box: Sandbox) -> dict[str, tuple[str, str]]:
    """Every table as the vendor's own client lists it: type and format by full name."""
    client = box.client()
    names: dict[str, tuple[str, str]] = {}
    for catalog in client.catalogs.list(include_browse=True):
        if catalog.name == "system":
            continue
        for schema in client.schemas.list(str(catalog.name)):
            if schema.name == "information_schema":
                continue
            for table in client.tables.list(str(catalog.name), str(schema.name)):
                words = table.as_dict()
                names[words["full_name"]] = (words.get("table_type", ""), words.get("data_source_format", ""))
    return names


@pytest.fixture
def prod(desk: Desk, box: Sandbox) -> Desk:
    """A desk with `prod` added."""
    desk.run("workspace", "add", "prod", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    return desk


def tables_asked(box: Sandbox) -> int:
    """Requests for tables, counted by the sandbox."""
    paths = box.look("counts")["requests_by_path"]
    return sum(count for path, count in paths.items() if path.startswith("GET /api/2.1/unity-catalog/tables"))


def test_the_inventory_is_what_the_vendors_client_lists_and_the_second_asks_less(prod: Desk, box: Sandbox) -> None:
    expected = told(box)
    assert len(expected) >= 2000
    box.turn("counts/reset")
    first = refresh(prod, "prod")
    asked = tables_asked(box)
    assert first["failed"] == [] and not first["resumed"] and first["tables"] == first["read"] == len(expected)
    found = rows(prod, "prod")
    assert [row["full_name"] for row in found] == sorted(expected)
    kinds = Counter(row["kind"] for row in found)
    for kind in ("foreign_iceberg", "managed_iceberg", "snowflake_over_jdbc", "other_foreign", "delta", "other"):
        assert first[kind] == kinds[kind], kind
    assert kinds["foreign_iceberg"] > 0 and kinds["managed_iceberg"] > 0
    for row in found:
        # Words that the vendor's client does not know yet it leaves out.
        kind, form = expected[row["full_name"]]
        assert kind in (row["table_type"], "") and form in (row["format"], ""), row
    iceberg = prod.run("unity", "list", "prod", "--kind", "foreign_iceberg", "--limit", "3")
    assert iceberg["total"] == kinds["foreign_iceberg"] and len(iceberg["rows"]) == 3 and iceberg["refreshed_at"]
    some = found[17]["full_name"]
    assert some in [row["full_name"] for row in rows(prod, "prod", "--search", some.upper())]

    box.turn("counts/reset")
    second = refresh(prod, "prod")
    assert second["unchanged"] == len(expected) and second["read"] == 0 and second["tables"] == len(expected)
    assert tables_asked(box) <= asked
    # A table that changed is read; one that is gone is gone.
    client = box.client(box.admin_token)
    gone = next(row["full_name"] for row in found if row["kind"] == "delta" and row["full_name"].startswith("main."))
    client.tables.delete(gone)
    third = refresh(prod, "prod")
    assert third["removed"] == 1 and third["tables"] == len(expected) - 1
    assert gone not in {row["full_name"] for row in rows(prod, "prod")}
    assert prod.leaks(box.token) == []


def test_grants_and_tags_come_when_asked_for(prod: Desk, box: Sandbox) -> None:
    with box.setting(page_size=50):
        refresh(prod, "prod", "--catalog", "main", "--grants-and-tags")
    found = [row for row in rows(prod, "prod") if row["kind"] == "foreign_iceberg"]
    assert all(row["grants"] is not None for row in found)
    missing = prod.outcome("unity", "refresh", "prod", "--catalog", "nowhere")
    assert missing.code == 1 and missing.json["failed"][0]["error"]["code"] == "catalog-not-found"


def test_a_killed_refresh_goes_on_where_it_was(prod: Desk, box: Sandbox) -> None:
    expected = sorted(told(box))
    database = prod.cli.state / "state.db"
    with box.setting(page_size=20, latency_ms=60):
        words = prod.keyring.command(prod.cli.command("unity", "refresh", "prod", "--json"))
        process = subprocess.Popen(
            words,
            env=prod.keyring.env(prod.environment(None)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(lambda: stored(database) > 200 or process.poll() is not None, 60)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        kept = stored(database)
        assert 200 < kept < len(expected), "the kill came too late"
        box.turn("counts/reset")
    resumed = refresh(prod, "prod")
    assert resumed["resumed"] and resumed["tables"] == len(expected)
    assert resumed["read"] < len(expected), "what was there is not read again"
    assert [row["full_name"] for row in rows(prod, "prod")] == expected


def stored(database: Path) -> int:
    """Tables in the state so far."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("SELECT count(*) FROM unity_tables").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("throttle", {"retry_after": 1, "count": 3, "skip": 4}),
        ("cut", {"count": 3, "skip": 2}),
        ("half", {"count": 3, "skip": 5}),
        ("reordered", {}),
    ],
)
def test_faults_change_nothing(prod: Desk, box: Sandbox, kind: str, values: dict[str, Any]) -> None:
    with box.setting(page_size=100), box.fault("/api/*/unity-catalog/*", kind, **values):
        summary = refresh(prod, "prod")
    assert summary["failed"] == []
    assert [row["full_name"] for row in rows(prod, "prod")] == sorted(told(box))


def test_empty_pages_change_nothing(prod: Desk, box: Sandbox) -> None:
    # The first page of one listing each: further on the sandbox gives the token back that it got, which is a circle.
    for path in ("catalogs", "schemas", "tables"):
        box.turn("faults", path=f"/api/*/unity-catalog/{path}", kind="empty-pages", count=1)
    try:
        with box.setting(page_size=100):
            summary = refresh(prod, "prod")
    finally:
        requests.delete(f"{box.url}/sandbox/faults", timeout=SECONDS)
    assert summary["failed"] == []
    assert [row["full_name"] for row in rows(prod, "prod")] == sorted(told(box))


def test_a_sign_in_can_be_given_up(desk: Desk, box: Sandbox) -> None:
    desk.run("workspace", "add", "prod", "--host", box.url)
    words = desk.keyring.command(desk.cli.command("workspace", "sign-in", "prod", "--no-browser", "--json"))
    process = subprocess.Popen(
        words,
        env=desk.keyring.env(desk.environment(None)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or []), daemon=True)
    reader.start()
    until(lambda: any("/oidc/" in line for line in lines), SECONDS)
    names = subprocess.run(["pgrep", "-g", str(process.pid), "-f", "icebridge --state"], capture_output=True, text=True)
    own = [int(pid) for pid in names.stdout.split() if Path(f"/proc/{pid}/exe").resolve().name == "icebridge"]
    assert own
    os.kill(own[-1], signal.SIGINT)
    assert process.stdout is not None
    error = json.loads(process.stdout.read())
    process.wait(20)
    assert error["code"] == "cancelled", error
