"""A desktop session with the window and a browser in it, and the steps in the window that several tests begin with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.browser import Asked, Person, asked, chromium
from tests.harness.webdriver import Driver, Window, display, driver, window
from tests.services.fixtures import or_skip
from tests.services.keychain import keychain


@dataclass(frozen=True)
class Desk:
    """A desktop session, the program that its windows start as browser, and a browser."""

    webkit: Driver
    asked: Asked
    person: Person


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A display, a keyring, a browser."""
    noted = asked(tmp_path_factory.mktemp("browser"))
    env = {"BROWSER": str(noted.script)}
    with (
        or_skip(display()) as screen,
        or_skip(keychain()) as home,
        or_skip(driver(screen, home, env)) as webkit,
        or_skip(chromium()) as person,
    ):
        yield Desk(webkit, noted, person)


@contextmanager
def workspaces(desk: Desk, state: Path, name: str) -> Iterator[Window]:
    """The window with the page of workspaces open."""
    with window(desk.webkit, state, name) as app:
        app.click("nav-workspaces")
        app.find("page-workspaces")
        yield app


def sign_in(app: Window, desk: Desk, name: str, who: str) -> None:
    """As the person does whom the window waits for."""
    app.find(f"address-{name}")
    address = app.text(f"address-{name}")
    app.wait("the browser", lambda: desk.asked.latest() == address)
    desk.person.sign_in(address, who)
    app.says(f"principal-{name}", re.escape(who))
    app.gone(f"waiting-{name}")
