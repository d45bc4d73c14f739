"""A person at a real browser: headless Chromium, driven by its own driver.

The product starts `$BROWSER` with an address; here that is a script that notes it, and the person opens it in Chromium.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.webdriver import ELEMENT, SECONDS, Refused, Waited, request
from tests.services.process import LOOPBACK, accepts, free_port, need, running

# What a browser does in which somebody presses the button of a person.
BROWSER = """#!{python}
import re, sys, requests
page = requests.get(sys.argv[1], timeout=20)
fields = dict(re.findall(r'<input type=hidden name=(\\w+) value="([^"]*)">', page.text))
fields = {{name: value.replace("&#39;", "'").replace("&amp;", "&") for name, value in fields.items()}}
sent = requests.post(page.url.split("?")[0], data={{**fields, "person": "{person}"}}, allow_redirects=False, timeout=20)
requests.get(sent.headers["Location"], timeout=20)
"""


@dataclass
class Asked:
    """The addresses that a browser was started with."""

    script: Path
    noted: Path

    def latest(self) -> str:
        """The last one, or nothing."""
        lines = self.noted.read_text(encoding="utf-8").split() if self.noted.exists() else []
        return lines[-1] if lines else ""


def asked(folder: Path) -> Asked:
    """A program for `$BROWSER`."""
    made = Asked(folder / "browser", folder / "addresses")
    made.script.write_text(f'#!/bin/sh\necho "$1" >>"{made.noted}"\n', encoding="utf-8")
    made.script.chmod(0o755)
    return made


def signs_in(folder: Path, person: str) -> Path:
    """A program for `$BROWSER` that signs in as this person, and comes back, by itself."""
    script = folder / f"browser-{person.split('@')[0]}"
    script.write_text(BROWSER.format(python=sys.executable, person=person), encoding="utf-8")
    script.chmod(0o755)
    return script


@dataclass
class Person:
    """One browser window and who sits before it."""

    base: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One command of this window."""
        return request(method, f"{self.base}/{path}", body, SECONDS)

    def wait(self, what: str, holds: Callable[[], Any]) -> Any:
        """Poll until it holds; a page that is just being left is looked at again."""
        limit = time.monotonic() + SECONDS
        while True:
            try:
                value = holds()
            except Refused:
                value = None
            if value:
                return value
            if time.monotonic() > limit:
                raise Waited(f"{what} did not come in the browser: {self.text()[:500]}")
            time.sleep(0.05)

    def text(self) -> str:
        """What the page says."""
        return self.call("POST", "execute/sync", {"script": "return document.body?.innerText ?? '';", "args": []})

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("POST", "url", {"url": address})

    def press(self, id: str) -> None:
        """Press the button with this id."""

        def pressed() -> bool:
            found = self.call("POST", "element", {"using": "css selector", "value": f'[id="{id}"]'})
            self.call("POST", f"element/{found[ELEMENT]}/click", {})
            return True

        self.wait(f"the button {id}", pressed)

    def says(self, words: str) -> None:
        """Wait until the page says so."""
        self.wait(repr(words), lambda: words in self.text())

    def sign_in(self, address: str, name: str) -> None:
        """Sign in at the sandbox's page as this person, and come back."""
        self.open(address)
        self.says("asks for access")
        self.press(name)
        self.says("You are signed in")

    def turn_gate(self, sandbox: str) -> None:
        """Open the sandbox's gate on its page, or close it."""
        self.open(sandbox)
        before = self.text()
        self.press("turn")
        self.wait("the gate to turn", lambda: self.text() != before and "governance gate" in self.text())


@contextmanager
def chromium() -> Iterator[Person]:
    """A browser with nobody's settings in it."""
    driver, browser = need("chromedriver", "chromium-driver"), need("chromium", "chromium")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="icebridge-chromium-", ignore_cleanup_errors=True) as home:
        arguments = [
            "--headless=new",
            # Root may run it in a container only so; it opens this machine's own pages and nothing else.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            f"--user-data-dir={home}/profile",
        ]
        with running([driver, f"--port={port}"], env={"HOME": home}) as server:
            server.wait_for(lambda: accepts(port), 30)
            options = {"binary": browser, "args": arguments}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            session = request("POST", f"http://{LOOPBACK}:{port}/session", wanted, 60)["sessionId"]
            base = f"http://{LOOPBACK}:{port}/session/{session}"
            try:
                yield Person(base)
            finally:
                request("DELETE", base, None, SECONDS)
