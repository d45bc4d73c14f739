"""The switch of the window that serves metrics to a Prometheus on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.harness.route import wait_until
from tests.harness.webdriver import Driver, Window, display, driver, window
from tests.services.fixtures import or_skip
from tests.services.keychain import keychain
from tests.services.process import LOOPBACK
from tests.test_window import shots

PORT = 9464
URL = f"http://{LOOPBACK}:{PORT}/metrics"


@pytest.fixture(scope="module")
def webkit() -> Iterator[Driver]:
    with or_skip(display()) as screen, or_skip(keychain()) as home, or_skip(driver(screen, home)) as started:
        yield started


def is_served() -> bool:
    """Whether somebody answers there as this app does."""
    try:
        return "icebridge_build_info{" in requests.get(URL, timeout=5).text
    except requests.ConnectionError:
        return False


def served(app: Window) -> None:
    """The window says where, and they are there."""
    app.shows("metrics-at", f"Metrics at {LOOPBACK}:{PORT}")
    app.wait("metrics", is_served)


def test_metrics_are_served_as_long_as_the_switch_is_on(webkit: Driver, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with window(webkit, state, "metrics") as app:
        app.find("metrics")
        assert not is_served() and not app.has("metrics-at")
        app.click("metrics")
        served(app)
        shots(app, "connect", "metrics-on")
        # A page that is loaded anew finds them served.
        app.script("window.location.reload()")
        served(app)
    # The app may be at its end still.
    wait_until(lambda: not is_served())
    with window(webkit, state, "metrics-again") as app:
        served(app)
        app.click("metrics")
        app.gone("metrics-at")
        assert not is_served()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, PORT))
        other.listen()
        with window(webkit, state, "metrics-taken") as app:
            app.click("metrics")
            app.says("error", r"(?s)cannot be served at this address.*--metrics 127\.0\.0\.1:PORT")
            assert not app.has("metrics-at")
