"""What the web view has of credentials, looked up in the memory of its processes and in what it keeps on disk."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cli import Icebridge
from tests.harness.desk import Desk, sign_in, workspaces
from tests.harness.sandbox import Sandbox
from tests.harness.webdriver import Driver, Window
from tests.leakage import scan
from tests.leakage.canary import MARK, Seeker, credential
from tests.services.process import free_port, need

pytest_plugins = ["tests.harness.desk", "tests.harness.sandbox"]


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from descendants(int(child))


def program(pid: int) -> str:
    """The program that a process runs."""
    return os.path.basename(os.readlink(f"/proc/{pid}/exe"))


def processes(webkit: Driver, name: str) -> list[int]:
    """The processes below the driver that run programs of this name."""
    return [pid for pid in descendants(webkit.server.process.pid) if re.fullmatch(name, program(pid))]


def web_view(webkit: Driver, seeker: Seeker) -> list[str]:
    """Where in the memory of the web view's processes it is."""
    found = []
    pids = processes(webkit, r"WebKit(Web|Network)Process")
    assert {program(pid) for pid in pids} == {"WebKitWebProcess", "WebKitNetworkProcess"}
    for pid in pids:
        try:
            read, where = scan.memory(pid, seeker)
        except PermissionError:
            if os.environ.get("CI"):
                raise
            pytest.skip("another process's memory may not be read here")
        assert read > 1_000_000
        found += [f"{program(pid)}: {one}" for one in where]
    return found


def in_session(webkit: Driver) -> dict[str, str]:
    """The environment by which a command finds the keychain of the desktop session that the window is in."""
    app = processes(webkit, "icebridge-desktop")[0]
    settings = dict(one.split("=", 1) for one in Path(f"/proc/{app}/environ").read_text().split("\0") if "=" in one)
    return {name: settings[name] for name in ("DBUS_SESSION_BUS_ADDRESS", "HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")}


def keychain(session: dict[str, str]) -> str:
    """The product's secrets in it."""
    command = [need("secret-tool", "libsecret-tools"), "search", "--all", "service", "icebridge"]
    done = subprocess.run(
        command, env={**os.environ, **session}, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout + done.stderr


def on_disk(session: dict[str, str]) -> list[str]:
    """What the web view and the desktop keep at home: local storage, caches, the keyring's encrypted file."""
    files = list(scan.files(Path(session["HOME"])))
    assert any("icebridge" in str(path) for path in files), "the web view keeps its files elsewhere"
    return [str(path) for path in files if scan.file(path, Seeker())]


def test_a_credential_that_was_not_typed_there_never_gets_to_the_web_view(
    desk: Desk, box: Sandbox, tmp_path: Path
) -> None:
    cli = Icebridge(tmp_path / "state")
    with workspaces(desk, cli.state, "not-typed") as app:
        session = in_session(desk.webkit)
        cli.environment |= session
        # Saved by commands, in the same keychain: a workspace's token and a catalog's.
        by_token = ["workspace", "add", "saved", "--host", box.url, "--by", "token"]
        cli.run(*by_token, stdin=f"{box.token}\n")
        lake = ["catalog", "add", "lake", "--kind", "rest", "--uri", f"http://127.0.0.1:{free_port()}"]
        cli.run(*lake, "--secret", "token", stdin=f"{credential('lake')}\n")
    with workspaces(desk, cli.state, "not-typed-again") as app:
        app.click("check-workspace-saved")
        app.says("principal-saved", re.escape(box.user))
        app.click("nav-connect")
        app.click("check-lake")
        app.find("check-error-lake")
        # And tokens that only a browser and the keychain have seen.
        app.click("nav-workspaces")
        app.click("add-workspace")
        app.type("workspace-host", box.url)
        app.type("workspace-name", "prod")
        app.click("workspace-save")
        sign_in(app, desk, "prod", box.user)
        held = keychain(in_session(desk.webkit))
        assert box.token in held and credential("lake") in held and "eyJsandbox." in held
        assert web_view(desk.webkit, Seeker(box.url, issued=False)), "what the page shows is not found either"
        assert web_view(desk.webkit, Seeker()) == []
        assert on_disk(session) == []


def test_a_typed_credential_leaves_the_page_with_the_save(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    """Not the memory: what was typed was there, and no browser wipes what it frees. docs/cli.md tells people so."""
    with workspaces(desk, tmp_path / "state", "typed") as app:
        session = in_session(desk.webkit)
        app.click("add-workspace")
        app.type("workspace-host", box.url)
        app.type("workspace-name", "prod")
        app.choose("workspace-way", "Personal access token")
        app.type("workspace-secret-token", box.token)
        app.click("workspace-save")
        app.says("principal-prod", re.escape(box.user))
        app.click("nav-connect")
        app.click("add-source")
        app.choose("source-kind", "Iceberg REST catalog")
        app.type("source-name", "lake")
        app.type("source-uri", f"http://127.0.0.1:{free_port()}")
        app.type("source-secret-token", credential("typed"))
        app.click("source-save")
        app.find("check-error-lake")
        held = keychain(session)
        assert box.token in held and credential("typed") in held
        assert MARK not in shown(app)
        # Changing it shows none of it either.
        app.click("edit-lake")
        app.find("source-secret-token")
        assert MARK not in shown(app)
        assert on_disk(session) == []


def shown(app: Window) -> str:
    """The document, what its fields hold, and what the page keeps for later."""
    kept = """return [...document.querySelectorAll('input, textarea')].map(field => field.value).join()
        + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie;"""
    return app.call("GET", "source") + app.script(kept)
