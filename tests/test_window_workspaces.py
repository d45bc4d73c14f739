"""Workspaces in the real window: signing in through a browser, the gate, Unity Catalog, and the sandbox of the app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.desk import Desk, sign_in, workspaces
from tests.harness.sandbox import Sandbox, sandbox, until
from tests.harness.webdriver import ENTER, Window
from tests.leakage.canary import credential
from tests.services.process import accepts
from tests.test_window import SIZES, number, shots

pytest_plugins = ["tests.harness.desk"]

TABLES = 2_500
ADMIN = "admin@sandbox.example"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A workspace with many foreign tables."""
    with sandbox("--tables", str(TABLES)) as running:
        yield running


def test_a_workspace_from_its_address_to_its_tables(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with workspaces(desk, state, "workspace") as app:
        app.resize(*SIZES[0])
        app.find("workspaces-empty")
        shots(app, "workspaces", "workspaces-empty")
        # The address alone is enough: the name is suggested, the browser is the usual way.
        app.click("add-workspace")
        app.disabled("workspace-save")
        app.type("workspace-host", box.url)
        app.type("workspace-name", "prod")
        shots(app, "workspaces", "workspaces-form")
        app.tab_to("workspace-save")
        app.press(ENTER)
        app.find("address-prod")
        app.says("gate-of-prod", "waiting for the browser")
        shots(app, "workspaces", "workspaces-waiting")
        sign_in(app, desk, "prod", box.user)
        gate(app, desk, box)
        tables(app)
        app.click("sign-out-prod")
        app.says("signed-out-prod", "revoked")
        app.says("principal-prod", "Not signed in")
        app.find("sign-in-prod")
        shots(app, "workspaces", "workspaces-signed-out")
        app.click("remove-workspace-prod")
        app.click("remove-workspace-confirm-prod")
        app.find("workspaces-empty")


def gate(app: Window, desk: Desk, box: Sandbox) -> None:
    """Closed with the words to open it; opened elsewhere, and seen without a click."""
    app.click("tab-gate")
    app.find("gate-unasked")
    app.type("gate-catalog", "main")
    app.type("gate-schemas", "bronze, silver")
    app.press(ENTER)
    app.says("gate-verdict", "closed")
    app.says("unmet-1", "External data access")
    app.says("unmet-2", "EXTERNAL USE SCHEMA")
    app.find("unmet-3")
    app.shows("unmet-2-principal", box.user)
    app.says("unmet-2-who", ADMIN)
    sql = app.text("unmet-2-sql")
    assert re.search(r"GRANT EXTERNAL USE SCHEMA ON .*main.*bronze.* TO .*pilot@sandbox", sql), sql
    app.says("gate-of-prod", "gate closed: 3 to do")
    shots(app, "workspaces", "workspaces-gate-closed")
    # Whoever may opens it, on the sandbox's page; the window is not touched.
    desk.person.turn_gate(box.url)
    app.says("gate-verdict", "open")
    app.says("gate-met", "EXTERNAL USE SCHEMA on main.bronze")
    app.says("gate-of-prod", "gate open")
    shots(app, "workspaces", "workspaces-gate-open")


def tables(app: Window) -> None:
    """Read, filtered, searched, scrolled to the end."""
    app.click("tab-tables")
    app.find("unity-empty")
    shots(app, "workspaces", "workspaces-tables-empty")
    app.click("unity-read")
    app.find("unity-refresh", 60)
    app.gone("unity-progress", 120)
    app.says("unity-total", r"2,5\d\d tables")
    everything = number(app, "unity-total")
    app.says("kind-all", f"{everything:,}")
    shots(app, "workspaces", "workspaces-tables")
    app.click("kind-foreign_iceberg")
    foreign = app.wait("fewer tables", lambda: fewer(app, everything))
    assert foreign == number(app, "kind-foreign_iceberg")
    app.wait("one kind", lambda: {row["kind"] for row in app.rows("unity-grid").values()} == {"foreign Iceberg"})
    app.type("unity-search", "glue_lake.sales.orders")
    app.wait("one table", lambda: list(app.rows("unity-grid")) == ["glue_lake.sales.orders"])
    app.click("row-glue_lake.sales.orders")
    app.says("unity-detail", r"(?s)admin@sandbox\.example.*Grants.*Tags.*Properties")
    shots(app, "workspaces", "workspaces-detail")
    app.type("unity-search", "no such table")
    app.says("unity-total", "^0 tables$")
    app.type("unity-search", "lake.")
    app.click("kind-all")
    app.wait("the generated tables", lambda: number(app, "unity-total") >= TABLES)
    last = number(app, "unity-total") - 1
    app.script("document.querySelector('[data-testid=unity-grid]').scrollTop = 1e9;")
    app.wait("the last rows", lambda: app.script(LAST_ROW, last))


def fewer(app: Window, than: int) -> int | None:
    """How many are listed now, if that is less."""
    listed = number(app, "unity-total")
    return listed if listed < than else None


# The last row is drawn, and its table's name has come.
LAST_ROW = """const row = document.getElementById(`unity-grid-${arguments[0]}`);
    return row !== null && !row.dataset.testid.startsWith('row-#');"""


def test_a_token_leaves_the_page_with_the_save(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    with workspaces(desk, tmp_path / "state", "token") as app:
        app.resize(*SIZES[0])
        wrong = credential("dapi-wrong")
        add_by_token(app, box, "wrong", wrong)
        app.find("workspace-error-wrong")
        assert app.text("error-code") == "credentials-rejected" and "What to do: " in app.text("error-hint")
        assert wrong not in page(app)
        shots(app, "workspaces", "workspaces-error")
        add_by_token(app, box, "right", box.token)
        app.says("principal-right", re.escape(box.user))
        assert box.token not in page(app)
        assert [path for path in (tmp_path / "state").rglob("*") if holds(path, box.token)] == []


def add_by_token(app: Window, box: Sandbox, name: str, token: str) -> None:
    """By the form."""
    app.click("add-workspace")
    app.type("workspace-host", box.url)
    app.type("workspace-name", name)
    app.choose("workspace-way", "Personal access token")
    app.disabled("workspace-save")
    app.type("workspace-secret-token", token)
    app.click("workspace-save")
    app.gone("workspace-form")


def page(app: Window) -> str:
    """The document and what its fields hold."""
    return app.call("GET", "source") + app.script(
        "return [...document.querySelectorAll('input')].map(i => i.value).join();"
    )


def holds(path: Path, text: str) -> bool:
    """Whether a file has it in it."""
    return path.is_file() and text.encode() in path.read_bytes()


def test_a_sign_in_can_be_cancelled_and_refused(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    with workspaces(desk, tmp_path / "state", "cancelled") as app:
        app.click("add-workspace")
        app.type("workspace-host", box.url)
        app.type("workspace-name", "prod")
        app.click("workspace-save")
        app.find("address-prod")
        app.click("cancel-sign-in-prod")
        app.gone("waiting-prod")
        assert not app.has("error"), app.text("error")
        app.click("sign-in-prod")
        app.find("address-prod")
        desk.person.open(app.text("address-prod"))
        desk.person.press("deny")
        app.find("error")
        assert app.text("error-code") == "credentials-rejected"
        app.find("sign-in-prod")
        app.gone("waiting-prod")


def test_it_can_be_tried_without_a_workspace(desk: Desk, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with workspaces(desk, state, "sandbox") as app:
        app.resize(*SIZES[0])
        app.click("try-sandbox")
        # Signed in without a browser, and with the gate open.
        app.says("principal-sandbox", r"pilot@sandbox\.example")
        app.find("sandbox-page")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", app.text("workspace-sandbox"))[1])  # type: ignore[index]
        shots(app, "workspaces", "workspaces-sandbox")
        app.click("tab-gate")
        app.type("gate-catalog", "main")
        app.type("gate-schemas", "bronze")
        app.press(ENTER)
        app.says("gate-verdict", "open")
        # Once more is the same one.
        app.click("try-sandbox")
        app.says("workspace-sandbox", f":{port}")
    until(lambda: not accepts(port))
    with workspaces(desk, state, "sandbox-ended") as app:
        app.resize(*SIZES[0])
        app.find("sandbox-ended-sandbox")
        app.gone("workspace-not-signed-in")
        shots(app, "workspaces", "workspaces-sandbox-ended")
        app.click("restart-sandbox")
        app.says("principal-sandbox", r"pilot@sandbox\.example")
