"""Drive the real window: a display of its own, WebKit's driver, and the few W3C WebDriver commands that tests need.

Elements are found by their `data-testid`. Everything waits for a state and never for a time; a wait that ends in vain
leaves a picture of the window and its document behind.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.services.keychain import Keychain
from tests.services.process import LOOPBACK, Server, accepts, free_port, need, running

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ROOT / "target" / "e2e"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SECONDS = 30.0
# Both are often advised, and both make WebKit's screenshots hang for ever.
HARMFUL = ("WEBKIT_DISABLE_COMPOSITING_MODE", "WEBKIT_DISABLE_DMABUF_RENDERER")
TAB, ENTER, SPACE, DOWN, UP, HOME, END = "\ue004", "\ue007", " ", "\ue015", "\ue013", "\ue011", "\ue010"
CONTROL, RELEASED, DELETE = "\ue009", "\ue000", "\ue017"

# Whether the page still gets to what it put off, and what it says of itself if not.
PROBE = """const [done] = arguments;
const stopped = document.getElementById('stopped');
const found = {stopped: stopped && !stopped.hidden && stopped.innerText, visibility: document.visibilityState};
queueMicrotask(() => { found.microtask = true; });
setTimeout(() => { found.timer = true; done(found); }, 0);
requestAnimationFrame(() => { found.frame = true; });
setTimeout(() => done(found), 2000);"""

# What an element is and which fields of its form are empty, without what the others hold.
TOLD = """const element = document.querySelector(arguments[0]);
const tag = element ? element.outerHTML.split('>')[0] + '>' : 'it is not there';
const fields = [...(element?.closest('form')?.querySelectorAll('input, select, textarea') ?? [])].filter(
  (field) => !field.value);
const focused = document.activeElement?.dataset?.testid ?? 'nothing';
return `${tag}, empty: ${fields.map((field) => field.dataset.testid).join(' ') || 'nothing'}, focused: ${focused}`;"""

# What is over by itself: the element was drawn anew, or the page loaded anew, while it was asked for.
PASSING = ("stale element reference", "no such element", "element not interactable", "no such frame")

T = TypeVar("T")


class Waited(AssertionError):
    """What was waited for did not come."""


class Refused(RuntimeError):
    """The driver answered with an error."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error


@contextmanager
def display(size: str = "2200x1400x24") -> Iterator[str]:
    """A screen that nobody sees, at a number that is free."""
    need("Xvfb", "xvfb")
    with running(["Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp", "-noreset"]) as server:
        yield f":{server.wait_for_line(r'(?m)^([0-9]+)$', 20).group(1)}"


@dataclass(frozen=True)
class Driver:
    """WebKit's driver; its log has what the windows wrote to their standard error, too."""

    base: str
    server: Server


@contextmanager
def driver(
    screen: str, home: Keychain, env: Mapping[str, str] | None = None, *, with_keyring: bool = True
) -> Iterator[Driver]:
    """WebKit's driver, and with it every window it opens, in a desktop session with an unlocked keyring, or in none."""
    program = need("WebKitWebDriver", "webkit2gtk-driver")
    port = free_port()
    command = [program, f"--host={LOOPBACK}", f"--port={port}"]
    command = home.command(command) if with_keyring else command
    # Without the second variable a session never begins.
    own = {
        "DISPLAY": screen,
        "TAURI_WEBVIEW_AUTOMATION": "true",
        "NO_AT_BRIDGE": "1",
        "GDK_BACKEND": "x11",
        **({} if with_keyring else {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={home.home / 'no-bus'}"}),
        **(env or {}),
    }
    without = [f"--unset={name}" for name in (*HARMFUL, "WAYLAND_DISPLAY")]
    # With a keyring the session's own script does so, once it has unlocked it.
    without += [] if with_keyring else ["--unset=KEYRING_PASSWORD"]
    with running(["env", *without, *command], env=home.env(own)) as server:
        server.wait_for(lambda: accepts(port), 30)
        yield Driver(f"http://{LOOPBACK}:{port}", server)


@dataclass
class Window:
    """One session: the app's window from its start to its end."""

    driver: Driver
    session: str
    name: str
    _closed: bool = field(default=False)

    @classmethod
    def open(cls, driver: Driver, binary: Path, arguments: Sequence[str], name: str) -> Window:
        """Start the app. The capabilities name no browser: WebKit's driver would not match any."""
        options = {"binary": str(binary), "args": [str(argument) for argument in arguments]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        answer = request("POST", f"{driver.base}/session", wanted, 60)
        return cls(driver, answer["sessionId"], name)

    def call(self, method: str, path: str, body: Any = None, seconds: float = SECONDS) -> Any:
        """One command of this session."""
        return request(method, f"{self.driver.base}/session/{self.session}/{path}", body, seconds)

    def close(self) -> None:
        """Close the window as a person does, and end the session."""
        if not self._closed:
            self._closed = True
            try:
                self.call("DELETE", "window")
            finally:
                request("DELETE", f"{self.driver.base}/session/{self.session}", None, SECONDS)

    # Looking

    def script(self, body: str, *arguments: Any) -> Any:
        """The value of a function's body in the page."""
        return self.call("POST", "execute/sync", {"script": body, "args": list(arguments)})

    def elements(self, css: str) -> list[str]:
        """The ids of all elements that match."""
        found = self.call("POST", "elements", {"using": "css selector", "value": css})
        return [element[ELEMENT] for element in found]

    def has(self, testid: str) -> bool:
        """Whether it is on the page now."""
        return bool(self.elements(by(testid)))

    def wait(
        self, what: str, holds: Callable[[], T], seconds: float = SECONDS, told: Callable[[], str] | None = None
    ) -> T:
        """Poll until it holds, past what is over by itself."""
        limit = time.monotonic() + seconds
        while True:
            try:
                value = holds()
            except Refused as refused:
                if refused.error not in PASSING:
                    raise
                value = None
            if value:
                return value
            if time.monotonic() > limit:
                found = f": {told()}" if told else ""
                raise Waited(f"{what} did not come within {seconds} s{found}; {self.evidence()}")
            time.sleep(0.05)

    def find(self, testid: str, seconds: float = SECONDS) -> str:
        """The element, once it is there."""
        return self.wait(f"“{testid}”", lambda: next(iter(self.elements(by(testid))), None), seconds)

    def gone(self, testid: str, seconds: float = SECONDS) -> None:
        """Wait until it is not there."""
        self.wait(f"the end of “{testid}”", lambda: not self.has(testid), seconds)

    def text(self, testid: str) -> str:
        """Its text as a person sees it."""

        def read() -> tuple[str] | None:
            found = self.script("return document.querySelector(arguments[0])?.innerText ?? null;", by(testid))
            return None if found is None else (found.strip(),)

        return self.wait(f"the text of “{testid}”", read)[0]

    def says(self, testid: str, pattern: str, seconds: float = SECONDS) -> re.Match[str]:
        """Wait until its text matches."""
        return self.wait(f"{pattern!r} in “{testid}”", lambda: re.search(pattern, self.text(testid)), seconds)

    def shows(self, testid: str, text: str, seconds: float = SECONDS) -> None:
        """Wait until this is all that its text says."""
        self.wait(f"“{text}” as the text of “{testid}”", lambda: self.text(testid) == text, seconds)

    def attribute(self, testid: str, name: str) -> str | None:
        """An attribute of the element, as it is now."""
        return self.of(testid, f"attribute/{name}")

    def value(self, testid: str) -> str:
        """What a field holds."""
        return self.of(testid, "property/value")

    def of(self, testid: str, what: str) -> Any:
        """Something that the driver tells of an element, once it is there."""
        return self.wait(f"{what} of “{testid}”", lambda: (self.call("GET", f"element/{self.find(testid)}/{what}"),))[0]

    def disabled(self, testid: str) -> None:
        """Wait until it cannot be used."""
        self.wait(f"“{testid}”, disabled", lambda: self.attribute(testid, "disabled"))

    def enabled(self, testid: str) -> None:
        """Wait until it can be used."""
        self.wait(f"“{testid}”, enabled", lambda: not self.attribute(testid, "disabled"))

    def rows(self, grid: str) -> dict[str, dict[str, str]]:
        """The rows that a grid has drawn: name to column to text."""
        return self.script(
            """const rows = {};
            for (const row of document.querySelectorAll(arguments[0] + ' [role=row][data-testid^=row-]')) {
              const cells = {};
              for (const cell of row.querySelectorAll('[data-col]')) cells[cell.dataset.col] = cell.innerText.trim();
              rows[row.dataset.testid.slice(4)] = cells;
            }
            return rows;""",
            by(grid),
        )

    # Doing

    def click(self, testid: str) -> None:
        """Click with the mouse, once it can be clicked."""
        selector = by(testid) + ":not([disabled]):not([aria-busy])"

        def clicked() -> bool:
            element = next(iter(self.elements(selector)), None)
            if element is not None:
                self.call("POST", f"element/{element}/click", {})
            return element is not None

        self.wait(f"“{testid}” to take a click", clicked, told=lambda: self.script(TOLD, by(testid)))

    def hover(self, testid: str) -> None:
        """Move the mouse to its middle, and a little on."""
        origin = {ELEMENT: self.find(testid)}
        moves = [{"type": "pointerMove", "duration": 20, "origin": origin, "x": x, "y": 0} for x in (0, 3)]
        self.call("POST", "actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def pick(self, testid: str) -> None:
        """Click a row until it is the chosen one: rows of a run change places before the driver's mouse gets there."""

        def chosen() -> bool:
            self.click(testid)
            return self.attribute(testid, "aria-selected") == "true"

        self.wait(f"“{testid}” to be chosen", chosen)

    def type(self, testid: str, text: str) -> None:
        """Replace what a field holds by typing, as a person does, who looks at it and types once more if keys got lost.

        The driver's own way to empty a field tells the page nothing of it, and the next drawing fills the field again.
        """

        def typed() -> bool:
            for keys in (f"{CONTROL}a{RELEASED}{DELETE}", text):
                if keys:
                    self.call("POST", f"element/{self.find(testid)}/value", {"text": keys})
            # Some fields tidy up what is typed.
            return bool(self.value(testid)) == bool(text)

        self.wait(f"“{testid}” to take keys", typed)

    def choose(self, testid: str, label: str) -> None:
        """Choose an option of a select by what it says. The driver does not scroll to one that is half in sight."""

        def chosen() -> bool:
            self.script("document.querySelector(arguments[0])?.scrollIntoView({block: 'center'});", by(testid))
            for option in self.elements(f"{by(testid)} option"):
                if self.call("GET", f"element/{option}/text").strip() == label:
                    self.call("POST", f"element/{option}/click", {})
                    return True
            return False

        self.wait(f"the option {label!r} of “{testid}”", chosen)

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def focused(self) -> str:
        """The data-testid of what has the focus."""
        return self.script("return document.activeElement?.dataset?.testid ?? '';")

    def tab_to(self, testid: str, most: int = 80) -> None:
        """Get to a control by the Tab key alone."""
        self.find(testid)
        for _ in range(most):
            if self.focused() == testid:
                return
            self.press(TAB)
        raise Waited(f"“{testid}” is not reached by {most} tabs; {self.evidence()}")

    def resize(self, width: int, height: int) -> None:
        """Make the page this large."""

        def fits() -> bool:
            inner = self.script("return [innerWidth, innerHeight];")
            if inner == [width, height]:
                return True
            rect = self.call("GET", "window/rect")
            around = (rect["width"] - inner[0], rect["height"] - inner[1])
            wanted = {"x": 0, "y": 0, "width": width + around[0], "height": height + around[1]}
            self.call("POST", "window/rect", wanted)
            return False

        self.wait(f"a page of {width} by {height}", fits)

    # Evidence

    def screenshot(self, path: Path) -> Path:
        """A picture of the page as it is drawn now: a shot right after a change shows the frame before it."""
        frames = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)));"
        self.call("POST", "execute/async", {"script": frames, "args": []})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("GET", "screenshot")))
        return path

    def evidence(self) -> str:
        """What the page says of itself, and where its picture is, for whoever has to find out what went wrong."""
        folder = EVIDENCE / "failures" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "driver.log").write_text(self.driver.server.output(), encoding="utf-8")
        probed = None
        try:
            (folder / "page.html").write_text(self.call("GET", "source"), encoding="utf-8")
            probed = self.call("POST", "execute/async", {"script": PROBE, "args": []})
            self.screenshot(folder / "page.png")
        except (Refused, OSError) as cause:
            (folder / "no-evidence.txt").write_text(str(cause), encoding="utf-8")
        return f"the page: {json.dumps(probed)}; see {folder}"


def by(testid: str) -> str:
    """The selector of a data-testid; the quotes take table names with anything in them."""
    return f"[data-testid={json.dumps(testid)}]"


def request(method: str, url: str, body: Any, seconds: float) -> Any:
    """One command to the driver, past any proxy: it is on this machine."""
    payload = json.dumps(body or {}).encode() if method == "POST" else None
    call = urllib.request.Request(url, payload, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call, timeout=seconds) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as failure:
        value = json.load(failure)["value"]
        raise Refused(value.get("error", "?"), value.get("message", "")) from None


def desktop_binary() -> Path | None:
    """The app under test: ICEBRIDGE_DESKTOP, or the last debug build; None where there is none."""
    given = os.environ.get("ICEBRIDGE_DESKTOP")
    found = Path(given) if given else ROOT / "target" / "debug" / "icebridge-desktop"
    return found if found.is_file() else None


@contextmanager
def window(webkit: Driver, state: Path, name: str) -> Iterator[Window]:
    """The app on a state folder, open for the length of the block."""
    binary = desktop_binary()
    if binary is None:
        missing = "the app is not built: cargo build -p icebridge-desktop --features custom-protocol"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    opened = Window.open(webkit, binary, ["--state", str(state)], name)
    try:
        opened.find("nav-connect")
        yield opened
    except Exception as cause:
        opened.evidence()
        log = opened.driver.server.output().splitlines()
        cause.add_note("\n".join(["the end of the driver's log:", *log[-40:]]))
        # A window that is gone cannot be closed either, which must not hide what went wrong in it.
        with suppress(Refused, OSError):
            opened.close()
        raise
    opened.close()
