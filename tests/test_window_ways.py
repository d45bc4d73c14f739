"""Workspaces in the real window beside the usual way: other sign-ins, no keychain, a stop, a failed sign-out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.browser import signs_in
from tests.harness.cli import Icebridge
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.webdriver import CONTROL, ENTER, RELEASED, Driver, Window, by, display, driver, window
from tests.leakage.canary import MARK, credential
from tests.leakage.leaks import planted
from tests.services.fixtures import or_skip
from tests.services.keychain import Keychain, keychain
from tests.services.process import free_port
from tests.test_window import SIZES, number, shots

pytest_plugins = ["tests.harness.sandbox"]

# The product waits five seconds for a keychain; the rest is for a window on a busy machine.
SOON = 20.0
WAYS = {
    "token": "Personal access token",
    "machine": "Service principal",
    "profile": "Profile of ~/.databrickscfg",
    "environment": "Environment variables",
}


@pytest.fixture(scope="module")
def settings(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who uses Databricks' own command line, and whose browser signs in by itself."""
    folder = tmp_path_factory.mktemp("databricks")
    profiles = planted(folder / "databrickscfg", "a person's own profiles of Databricks")
    profiles.write_text(f"[work]\nhost = {box.url}\ntoken = {box.token}\n", encoding="utf-8")
    return {
        "DATABRICKS_CONFIG_FILE": str(profiles),
        "DATABRICKS_HOST": box.url,
        "DATABRICKS_TOKEN": box.token,
        "BROWSER": str(signs_in(folder, box.user)),
    }


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A display."""
    with or_skip(display()) as shown:
        yield shown


@pytest.fixture(scope="module")
def webkit(screen: str, settings: dict[str, str]) -> Iterator[Driver]:
    """The driver in a desktop session with a keyring."""
    with or_skip(keychain()) as home, or_skip(driver(screen, home, settings)) as started:
        yield started


@contextmanager
def workspaces(webkit: Driver, state: Path, name: str) -> Iterator[Window]:
    """The window with the page of workspaces open."""
    with window(webkit, state, name) as app:
        app.resize(*SIZES[0])
        app.click("nav-workspaces")
        app.find("page-workspaces")
        yield app


def fill(app: Window, name: str, way: str = "", host: str = "", **fields: str) -> None:
    """A new workspace by the form, up to the button."""
    app.click("add-workspace")
    if way:
        app.choose("workspace-way", WAYS[way])
    if host:
        app.type("workspace-host", host)
    app.type("workspace-name", name)
    for field, text in fields.items():
        app.type(f"workspace-{field.replace('_', '-', 1)}", text)


def add(app: Window, name: str, way: str = "", host: str = "", **fields: str) -> None:
    """A new workspace by the form."""
    fill(app, name, way, host, **fields)
    app.click("workspace-save")
    app.gone("workspace-form")


def spec(state: Path, name: str) -> dict[str, Any]:
    """A workspace as it is saved."""
    return next(one for one in Icebridge(state).run("workspace", "list") if one["name"] == name)


def test_a_program_a_profile_and_the_environment_sign_in(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with workspaces(webkit, state, "ways") as app:
        fill(app, "robot", "machine", box.url, principal=box.client_id)
        app.disabled("workspace-save")
        app.type("workspace-secret-client_secret", box.client_secret)
        app.click("workspace-save")
        app.says("principal-robot", re.escape(box.client_id))

        app.click("add-workspace")
        app.choose("workspace-way", WAYS["profile"])
        app.type("workspace-name", "byfile")
        app.find("workspace-profile")
        app.disabled("workspace-save")
        app.choose("workspace-profile", f"work · {box.url} (pat)")
        app.gone("workspace-host")  # a profile brings its own address
        app.click("workspace-save")
        app.says("principal-byfile", re.escape(box.user))

        app.click("add-workspace")
        app.choose("workspace-way", WAYS["environment"])
        app.type("workspace-name", "byenv")
        app.click("workspace-save")
        app.says("principal-byenv", re.escape(box.user))
        assert MARK not in app.call("GET", "source")
    saved = {name: spec(state, name) for name in ("robot", "byfile", "byenv")}
    assert [one["sign_in"]["way"] for one in saved.values()] == ["machine", "profile", "environment"]
    assert saved["robot"]["secrets"] == ["client_secret"]
    assert not saved["byfile"].get("secrets") and not saved["byenv"].get("secrets")


def test_advanced_fields_are_saved_and_shown_again(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    state, missing = tmp_path / "state", str(tmp_path / "no-such.pem")
    proxy = f"http://user:{credential('proxy')}@127.0.0.1:{free_port()}"
    with workspaces(webkit, state, "advanced") as app:
        fill(app, "prod", "token", box.url, secret_token=box.token)
        app.click("workspace-advanced")
        app.type("workspace-proxy", "http://user:pw@proxy.example:3128")
        # A proxy with a password is a secret, and has a field of its own.
        app.disabled("workspace-save")
        app.type("workspace-proxy", "")
        app.type("workspace-secret-proxy", proxy)
        app.type("workspace-account-id", "acc-1")
        app.type("workspace-workspace-id", "42")
        app.type("workspace-ca-file", missing)
        shots(app, "workspaces", "workspaces-advanced")
        app.click("workspace-save")
        app.says("workspace-error-prod", re.escape(missing))
        # Once more without the file: then it is the proxy that does not answer, and nobody reads its password.
        app.click("edit-workspace-prod")
        shown = {field: app.value(f"workspace-{field}") for field in FIELDS}
        assert shown == {"account-id": "acc-1", "workspace-id": "42", "ca-file": missing, "secret-proxy": ""}
        app.type("workspace-ca-file", "")
        app.click("workspace-save")
        app.gone("workspace-form")
        app.wait("another error", lambda: missing not in app.text("workspace-error-prod"), 60)
        assert MARK not in app.call("GET", "source")
    saved = spec(state, "prod")
    assert (saved["account_id"], saved["workspace_id"], sorted(saved["secrets"])) == ("acc-1", "42", ["proxy", "token"])


FIELDS = ("account-id", "workspace-id", "ca-file", "secret-proxy")


def test_a_refresh_is_stopped_and_goes_on_where_it_was(webkit: Driver, tmp_path: Path) -> None:
    with sandbox("--tables", "300") as box, workspaces(webkit, tmp_path / "state", "stopped") as app:
        add(app, "prod", "token", box.url, secret_token=box.token)
        app.says("principal-prod", re.escape(box.user))
        app.click("tab-tables")
        with box.setting(page_size=20, latency_ms=150):
            app.click("unity-read")
            app.says("unity-progress", r"[1-9][0-9,]* tables in")
            shots(app, "workspaces", "workspaces-refreshing")
            app.click("unity-stop")
            app.gone("unity-progress", 20)
        assert not app.has("error"), app.text("error")
        kept = number(app, "unity-total")
        assert 0 < kept < 300
        app.click("unity-refresh")
        app.wait("all tables", lambda: number(app, "unity-total") >= 300, 60)
        app.gone("unity-progress", 60)


def test_what_opens_the_gate_is_copied(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    with workspaces(webkit, tmp_path / "state", "copied") as app:
        add(app, "prod", "token", box.url, secret_token=box.token)
        app.says("principal-prod", re.escape(box.user))
        app.click("tab-gate")
        app.type("gate-catalog", "main")
        app.type("gate-schemas", "bronze")
        app.press(ENTER)
        app.says("gate-verdict", "closed")
        sql = app.text("unmet-2-sql")
        assert not copied(app, "unmet-2-sql")
        app.click("copy-unmet-1-call")
        app.wait("a word on the call", lambda: copied(app, "unmet-1-call"))
        app.click("copy-unmet-2-sql")
        app.wait("a word on it", lambda: copied(app, "unmet-2-sql"))
        assert copied(app, "unmet-1-call") == copied(app, "unmet-2-sql") == "Copied"
        # What lies in the clipboard comes out of it in any field.
        app.type("gate-schemas", "")
        app.call("POST", f"element/{app.find('gate-schemas')}/value", {"text": f"{CONTROL}v{RELEASED}"})
        app.wait("what was copied", lambda: app.value("gate-schemas").split() == sql.split())


def copied(app: Window, text: str) -> str:
    """What is said of a copy."""
    status = (
        "return document.querySelector(arguments[0]).closest('.code-head').querySelector('[role=status]').innerText;"
    )
    return app.script(status, by(f"copy-{text}")).strip()


def test_a_sign_out_that_the_workspace_did_not_do_is_told(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    with workspaces(webkit, tmp_path / "state", "sign-out") as app:
        add(app, "prod", host=box.url)
        app.says("principal-prod", re.escape(box.user))
        with box.fault("/oidc/*/revoke", "error", status=500):
            app.click("sign-out-prod")
            app.says("signed-out-prod", "did not revoke", 60)
        app.says("principal-prod", "Not signed in")
        app.find("error-code")
        shots(app, "workspaces", "workspaces-sign-out-failed")


@pytest.fixture
def bare(screen: str, settings: dict[str, str]) -> Iterator[tuple[Driver, Keychain]]:
    """The driver where there is no keychain, nor a bus to ask for one."""
    with (
        or_skip(keychain()) as home,
        or_skip(driver(screen, home, settings, with_keyring=False)) as started,
    ):
        yield started, home


def test_a_missing_keychain_is_told_and_a_session_needs_none(
    bare: tuple[Driver, Keychain], box: Sandbox, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    began = time.monotonic()
    with workspaces(bare[0], state, "no-keychain") as app:
        app.click("nav-connect")
        app.find("keychain-unavailable")
        assert time.monotonic() - began < SOON
        shots(app, "connect", "connect-no-keychain")
        app.click("add-source")
        app.choose("source-kind", "Iceberg REST catalog")
        app.type("source-name", "lake")
        app.type("source-uri", f"http://127.0.0.1:{free_port()}")
        app.type("source-secret-token", credential("lake"))
        began = time.monotonic()
        app.click("source-save")
        app.says("error-code", "keychain-unavailable")
        assert time.monotonic() - began < SOON
        app.says("error-hint", "ICEBRIDGE_SECRET_LAKE_TOKEN")

        app.click("nav-workspaces")
        app.says("keychain-unavailable", "lasts until the app closes")
        fill(app, "prod", "token", box.url, secret_token=box.token)
        began = time.monotonic()
        app.click("workspace-save")
        app.says("error-code", "keychain-unavailable")
        assert time.monotonic() - began < SOON
        app.says("error-hint", "ICEBRIDGE_SECRET_WORKSPACE_PROD_TOKEN")
        shots(app, "workspaces", "workspaces-no-keychain")
        assert Icebridge(state).run("workspace", "list") == [], "nothing is half-saved"
        assert Icebridge(state).run("catalog", "list") == []
        app.click("workspace-cancel")

        # A person's sign-in lasts until the window closes, and the button says so.
        fill(app, "session", host=box.url)
        app.says("workspace-save", "until the app closes")
        app.click("workspace-save")
        app.says("principal-session", re.escape(box.user))
    with workspaces(bare[0], state, "no-keychain-again") as app:
        app.says("principal-session", "Not signed in")
        app.says("sign-in-session", "until the app closes")
