"""The sandbox as a process of the real command line, and the vendor's own client on it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from tests.harness.cli import binary
from tests.leakage.canary import credential
from tests.leakage.leaks import heard, look_into, planted

SECONDS = 30


@dataclass
class Sandbox:
    """A running sandbox."""

    url: str
    folder: Path
    token: str
    admin_token: str
    user: str
    admin: str
    client_id: str
    client_secret: str

    def client(self, token: str | None = None, **settings: Any) -> WorkspaceClient:
        """The vendor's client, signed in by personal access token. It gives up soon, for tests must end."""
        limits = {"retry_timeout_seconds": 20, "http_timeout_seconds": 20, **settings}
        config = Config(host=self.url, token=token or self.token, auth_type="pat", **limits)
        return WorkspaceClient(config=config)

    def ask(self, method: str, path: str, token: str | None = None, **settings: Any) -> requests.Response:
        """A bare request, to see what a client hides."""
        headers = {"Authorization": f"Bearer {token or self.token}", **settings.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=SECONDS, **settings)

    def turn(self, path: str, /, **values: Any) -> Any:
        """A change behind the curtain."""
        answer = requests.post(f"{self.url}/sandbox/{path}", json=values, timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look(self, path: str) -> Any:
        """A look behind the curtain."""
        answer = requests.get(f"{self.url}/sandbox/{path}", timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def fault(self, path: str, kind: str, **values: Any) -> Iterator[None]:
        """A fault for as long as the block lasts."""
        self.turn("faults", path=path, kind=kind, **values)
        try:
            yield
        finally:
            requests.delete(f"{self.url}/sandbox/faults", timeout=SECONDS)

    @contextmanager
    def setting(self, **values: Any) -> Iterator[None]:
        """Other settings for as long as the block lasts."""
        before = self.look("settings")
        self.turn("settings", **values)
        try:
            yield
        finally:
            self.turn("settings", **before)


@contextmanager
def sandbox(*arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[Sandbox]:
    """`icebridge sandbox` with these arguments, on any free port."""
    with tempfile.TemporaryDirectory(prefix="icebridge-sandbox-log-") as folder:
        log = Path(folder) / "stderr"
        # Two sandboxes at once must not take each other's.
        number = secrets.token_hex(4)
        own = {
            "ICEBRIDGE_SANDBOX_TOKEN": f"{credential('dapi')}-{number}",
            "ICEBRIDGE_SANDBOX_CLIENT_SECRET": f"{credential('dose')}-{number}",
        }
        bare = {name: value for name, value in os.environ.items() if not name.startswith("ICEBRIDGE_SANDBOX_")}
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [str(binary()), "sandbox", "--json", "--port", "0", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**bare, **own, "SANDBOX_TEST_SHELL": "1", **(env or {})},
                text=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the sandbox did not start: {log.read_text(errors='replace')}")
            told = json.loads(line)
            running = Sandbox(folder=Path(told.pop("folder")), **told)
            yield running
            assert process.poll() is None, f"the sandbox ended by itself: {log.read_text(errors='replace')}"
            heard(json.dumps(running.look("requests")), "requests that a sandbox saw")
            look_into(running.folder, "folders of sandboxes")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            look_into(log, "logs of sandboxes")


def until(what: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first answer that is something, within the time."""
    limit = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox of the module's own, without Spark: jobs run on a plain Python."""
    import sys

    with sandbox("--tables", "2500", "--python", sys.executable) as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: neither anybody's profiles nor cached tokens may take part."""
    folder = tmp_path_factory.mktemp("home")
    planted(folder / ".config" / "databricks-sdk-py", "the vendor's own client keeps a person's sign-in there")
    monkeypatch.setenv("HOME", str(folder))
    for name in list(os.environ):
        if name.startswith("DATABRICKS_"):
            monkeypatch.delenv(name)
    return folder
