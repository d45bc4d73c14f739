"""The real window, driven by mouse and keyboard through the whole journey; what it made is judged on disk by others."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness import sample
from tests.harness.cli import Icebridge
from tests.harness.judged import Migrated, pyiceberg_catalog
from tests.harness.webdriver import (
    DOWN,
    ENTER,
    EVIDENCE,
    SPACE,
    Driver,
    Waited,
    Window,
    display,
    driver,
    window,
)
from tests.harness.written import plain, sqlite_catalog
from tests.services.fixtures import or_skip
from tests.services.keychain import keychain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

SIZES = ((1280, 800), (1920, 1080))
THEMES = ("Light", "Dark")
PAGES = ("workspaces", "connect", "inventory", "mapping", "preflight", "plan", "run", "validate", "audit", "history")
MOVED = [name for name in sample.tables() if name != sample.LEFT_OUT]
ALL_MIGRATED = dict.fromkeys(MOVED, "migrated")
THEME = "return document.documentElement.dataset.theme;"
# A run of the whole sample in an unoptimised build.
RUN_SECONDS = 240.0


@pytest.fixture(scope="module")
def webkit() -> Iterator[Driver]:
    """A display, a desktop session with a keyring, and the driver in it."""
    with or_skip(display()) as screen, or_skip(keychain()) as home, or_skip(driver(screen, home)) as started:
        yield started


# What one has to scroll sideways for, or would have to.
TOO_WIDE = """return [...document.querySelectorAll('*')]
    .filter(part => part.scrollWidth > part.clientWidth + 1)
    .filter(part => part === document.documentElement || /auto|scroll/.test(getComputedStyle(part).overflowX))
    .map(part => `${part.tagName} ${part.className}: ${part.scrollWidth - part.clientWidth} pixels`);"""


def shots(window: Window, page: str, name: str = "") -> None:
    """Pictures of a page in both colours and sizes. Nothing may stick out of the page, in any of them."""
    window.wait(f"the page {page}", lambda: window.attribute(f"nav-{page}", "aria-current"))
    for theme in THEMES:
        window.choose("theme", theme)
        for width, height in SIZES:
            window.resize(width, height)
            place = EVIDENCE / "screenshots" / f"{name or page}-{theme.lower()}-{width}x{height}.png"
            assert window.screenshot(place).stat().st_size > 5_000
            assert too_wide(window) == [], f"{page} at {width}x{height}; see {place}"


def too_wide(window: Window) -> list[str]:
    """What sticks out, once columns have found their widths."""
    try:
        window.wait("room for everything", lambda: window.script(TOO_WIDE) == [], 5)
    except Waited:
        return window.script(TOO_WIDE)
    return []


def number(window: Window, testid: str) -> int:
    """A number that the window shows."""
    return int(re.sub(r"\D", "", window.text(testid)))


@dataclass(frozen=True)
class Travelled:
    """What the journey through the window left on disk."""

    state: Path
    bundle: Path

    @property
    def cli(self) -> Icebridge:
        """The command line on the same state."""
        return Icebridge(self.state)

    @property
    def managed(self) -> Path:
        """The target's folder."""
        return self.state / "sample" / "managed"


@pytest.fixture(scope="module")
def travelled(webkit: Driver, tmp_path_factory: pytest.TempPathFactory) -> Travelled:
    """The whole journey, page by page."""
    folder = tmp_path_factory.mktemp("window")
    made = Travelled(folder / "state", folder / "bundle")
    shop = sqlite_catalog(folder / "shop")
    plain(shop, "shop.orders")
    plain(shop, "shop.returns")
    with window(webkit, made.state, "journey") as app:
        app.resize(*SIZES[1])
        connect(app, folder / "shop" / "catalog.db")
        inventory(app)
        mapping(app)
        preflight(app)
        plan(app)
        run(app)
        validate(app)
        audit(app, made.bundle)
        look_back(app)
    return made


def connect(app: Window, database: Path) -> None:
    """The sample by its button, and a SQL catalog by the form; then the sample is what we go on with."""
    app.find("empty-source")
    app.find("empty-target")
    assert not app.has("keychain-unavailable"), app.text("keychain-unavailable")
    app.click("connect-sample")
    app.says("check-result-sample", rf"{len(sample.tables())} tables", 60)
    app.says("check-result-managed", r"reachable")

    app.click("add-source")
    app.choose("source-kind", "SQL catalog")
    app.type("source-name", "shop")
    app.type("source-uri", f"sqlite:{database}")
    app.press(ENTER)
    app.says("check-result-shop", r"2 tables in 1 namespace")
    app.shows("route-source", "shop")
    app.click("choose-sample")
    app.shows("route-source", "sample")
    app.shows("route-target", "managed")
    shots(app, "connect")
    app.click("connect-next")


def inventory(app: Window) -> None:
    """All tables with their rows, found by filter and arrow keys."""
    app.click("inventory-read")
    app.says("inventory-tables", rf"^{len(sample.tables())}$", 60)
    app.wait("every table", lambda: set(app.rows("inventory-grid")) == set(sample.tables()))
    app.type("inventory-filter", "orders")
    app.wait("one row", lambda: set(app.rows("inventory-grid")) == {"sales.orders"})
    app.tab_to("inventory-grid")
    app.press(DOWN)
    app.says("table-detail", "sales.orders")
    snapshot = str(sample.tables()["sales.orders"]["current_snapshot_id"])
    assert snapshot in app.text("table-detail"), "64-bit ids arrive whole"
    shots(app, "inventory")
    app.tab_to("inventory-next")
    app.press(ENTER)


def mapping(app: Window) -> None:
    """A rule changes every name at once, a clash is seen, one table is named by hand."""
    targets = app.wait("the preview", lambda: targets_of(app) if len(targets_of(app)) > 1 else None)
    assert targets["sales.orders"] == "sales.orders"
    app.type("rule-namespace-1", "everything")
    app.type("rule-table-1", "one")
    app.says("mapping-only-conflict", rf"Conflict {len(targets)}$")
    app.wait("attention", lambda: app.attribute("nav-mapping", "data-state") == "needs attention")
    app.type("rule-namespace-1", "mart_{namespace_flat}")
    app.type("rule-table-1", "{table}")
    app.says("mapping-only-conflict", r"Conflict 0$")
    app.wait("the new names", lambda: targets_of(app).get("crm.customers") == "mart_crm.customers")
    app.click("row-sales.orders")
    app.type("override-target", "gold.orders")
    app.press(ENTER)
    app.wait("the override", lambda: targets_of(app).get("sales.orders") == "gold.orders")
    assert app.rows("mapping-grid")["sales.orders"]["because"] == "override"
    app.find("mapping-unsaved")
    shots(app, "mapping")
    app.click("mapping-save")
    app.gone("mapping-unsaved")
    app.click("mapping-next")


def targets_of(app: Window) -> dict[str, str]:
    """Source to target, as the preview shows them."""
    return {name: row["target"] for name, row in app.rows("mapping-grid").items()}


def preflight(app: Window) -> None:
    """Nothing is lost when files are copied whole. Written anew, tables lose something, which is accepted by name."""
    app.shows("preflight-ready", str(len(MOVED)), 60)
    assert (number(app, "preflight-needs-acceptance"), number(app, "preflight-blocked")) == (0, 1)
    shots(app, "preflight", "preflight-clean")
    app.click("nav-plan")
    app.choose("settings-mode", "Rewrite")
    app.click("nav-preflight")
    app.wait("losses", lambda: number(app, "preflight-needs-acceptance"))
    code = app.wait("a loss", lambda: app.script(FIRST_LOSS))
    app.click(f"code-{code}")
    app.click(f"accept-{code}")
    app.find(f"unaccept-{code}")
    shots(app, "preflight")
    app.tab_to("preflight-accept-all")
    app.press(ENTER)
    app.find("preflight-nothing-open")
    app.shows("preflight-ready", str(len(MOVED)))
    assert number(app, "preflight-needs-acceptance") == 0
    app.click("preflight-by-table")
    app.click("preflight-next")


# The first code in the list that loses something.
FIRST_LOSS = """return [...document.querySelectorAll('[data-testid^="code-"]')]
    .filter(item => item.innerText.includes('loses')).map(item => item.dataset.testid.slice(5))[0] ?? null;"""


def plan(app: Window) -> None:
    """The plan, a setting that makes it stale, and the plan anew."""
    app.click("plan-first")
    app.says("plan-tables", rf"^{len(MOVED)}$", 60)
    assert number(app, "plan-left-out") == 1
    first = app.text("plan-hash")
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    app.click("plan-show-left-out")
    left_out = app.wait("what is left out", lambda: app.rows("left-out-grid"))
    assert list(left_out) == [sample.LEFT_OUT] and left_out[sample.LEFT_OUT]["codes"]
    app.click("plan-show-tables")
    app.click("settings-adaptive")
    app.wait("a bound in place of the number", lambda: app.value("settings-tables") == "64")
    shots(app, "plan", "plan-adaptive")
    app.type("settings-tables", "2")
    app.find("plan-stale")
    app.find("start-refusal")
    app.click("plan-make")
    app.gone("plan-stale")
    assert app.text("plan-hash") != first, "another setting is another plan"
    assert Path(app.text("plan-path")).is_file()
    shots(app, "plan")
    app.tab_to("run-start")
    app.press(ENTER)


def run(app: Window) -> None:
    """Live, and the window stays awake meanwhile."""
    app.says("run-state", "running|succeeded")
    app.find("run-parallel")
    app.wait("the end of the run", lambda: ended(app), RUN_SECONDS)
    assert app.text("run-state") == "succeeded", app.text("run-failures")
    app.shows("run-migrated", f"{len(MOVED)} of {len(MOVED)}")
    app.wait("all migrated", lambda: {name: row["state"] for name, row in app.rows("run-grid").items()} == ALL_MIGRATED)
    shots(app, "run")
    app.click("run-next")


def ended(app: Window) -> bool:
    """Whether the run is over. Every look also is a question to the page, which must answer at once."""
    return app.text("run-state") != "running"


def validate(app: Window) -> None:
    """Both sides once more, and the proof of one table in full: the digest is the one that Spark's rows have."""
    app.says("validate-passed", rf"^{len(MOVED)} of {len(MOVED)}$")
    app.click("validate-run")
    app.find("validate-running")
    app.find("validate-done", RUN_SECONDS)
    app.says("validate-passed", rf"^{len(MOVED)} of {len(MOVED)}$")
    assert app.text("validate-lowest") in ("digest", "bytes")
    app.click("row-web.sessions")
    app.shows("validate-digest", sample.tables()["web.sessions"]["current"]["digest"])
    shots(app, "validate")
    app.click("validate-next")


def audit(app: Window, bundle: Path) -> None:
    """The bundle, exported to a folder by its name and verified in the window."""
    app.type("audit-folder", str(bundle))
    app.click("audit-export")
    app.find("audit-exported", 60)
    app.shows("audit-path", str(bundle))
    assert re.fullmatch(r"[0-9a-f]{64}", app.text("audit-sha256"))
    app.tab_to("audit-verify-exported")
    app.press(SPACE)
    app.says("audit-verdict", r"verified", 60)
    assert "not verified" not in app.text("audit-verdict")
    shots(app, "audit")


def look_back(app: Window) -> None:
    """The run is in the history."""
    app.click("nav-history")
    rows = app.wait("the run in the history", lambda: app.rows("history-grid"))
    assert [row["state"] for row in rows.values()] == ["succeeded"]
    shots(app, "history")


def names(travelled: Travelled, mode: str) -> dict[str, str]:
    """Source to target of the tables moved in a mode."""
    runs = travelled.cli.run("status")["tables"]
    return {run["source"]: run["target"] for run in runs if run["mode"] == mode}


def test_others_read_what_the_window_made(travelled: Travelled, spark: SparkSession, java: Java) -> None:
    everything = {source: target for mode in ("clone", "rewrite") for source, target in names(travelled, mode).items()}
    assert sorted(everything) == sorted(MOVED)
    assert everything["sales.orders"] == "gold.orders"
    assert everything["crm.customers"] == "mart_crm.customers"
    catalog = pyiceberg_catalog(travelled.managed)
    assert {".".join(name) for space in catalog.list_namespaces() for name in catalog.list_tables(space)} == set(
        everything.values()
    )
    # What was copied must not live from the original.
    away = travelled.state / "sample" / "lakehouse-away"
    (travelled.state / "sample" / "lakehouse").rename(away)
    try:
        migrated = Migrated(spark, java, travelled.managed)
        for mode in ("clone", "rewrite"):
            of_mode, whole = names(travelled, mode), mode == "clone"
            assert list(sample.unlike_pyiceberg(catalog, of_mode, whole_history=whole)) == []
            assert list(sample.unlike_spark(migrated, of_mode, whole_history=whole)) == []
    finally:
        away.rename(travelled.state / "sample" / "lakehouse")


def test_the_windows_bundle_convinces_the_command_line(travelled: Travelled) -> None:
    verdict = travelled.cli.run("audit", "verify", travelled.bundle)
    assert verdict["intact"] and verdict["migrated"] == verdict["tables"] == len(MOVED)
    assert all(check["passed"] for check in verdict["checks"])


def test_the_window_opens_where_it_was_closed(webkit: Driver, travelled: Travelled) -> None:
    with window(webkit, travelled.state, "reopened-1") as app:
        # The journey ended there, in dark colours.
        app.wait("the page of last time", lambda: app.attribute("nav-history", "aria-current"))
        app.wait("dark colours", lambda: app.script(THEME) == THEMES[-1].lower())
        app.click("nav-run")
        app.says("run-state", "succeeded")
        app.shows("run-migrated", f"{len(MOVED)} of {len(MOVED)}")
        app.click("nav-connect")
        app.shows("route-source", "sample")
        app.click("nav-mapping")
        app.wait("the saved mapping", lambda: targets_of(app).get("sales.orders") == "gold.orders")
        app.click("nav-plan")
        app.says("plan-tables", rf"^{len(MOVED)}$")
        app.choose("theme", "Light")
        wait_until_saved(travelled.state, '"light"')
    with window(webkit, travelled.state, "reopened-2") as app:
        app.wait("the page of last time", lambda: app.attribute("nav-plan", "aria-current"))
        app.wait("light colours", lambda: app.script(THEME) == "light")
        app.wait("the setting", lambda: app.value("settings-tables") == "2")


def wait_until_saved(state: Path, word: str) -> None:
    """Preferences are written a moment after they change."""
    limit = time.monotonic() + 10
    while word not in (state / "window.json").read_text(encoding="utf-8"):
        assert time.monotonic() < limit, "the preferences were not saved"
        time.sleep(0.05)


def test_an_error_says_what_to_do_and_stays(webkit: Driver, tmp_path: Path) -> None:
    missing = tmp_path / "no-such-folder"
    with window(webkit, tmp_path / "state", "wrong-path") as app:
        app.click("add-source")
        app.choose("source-kind", "Table folders")
        app.type("source-name", "wrong")
        app.type("source-uri", str(missing))
        app.click("source-save")
        app.find("check-error-wrong")
        assert app.text("error-code") == "catalog-not-found"
        assert app.text("error-object") == str(missing)
        assert app.text("error-message") and "What to do: " in app.text("error-hint")
        shots(app, "connect", "connect-error")
        # The same where it matters, on the page that needs the catalog; and it waits there until it is seen.
        app.click("nav-inventory")
        app.click("inventory-read")
        before = app.says("error", re.escape(str(missing))).string
        app.click("nav-connect")
        app.find("check-error-wrong")
        app.click("nav-inventory")
        app.shows("error", before)
        app.click("error-dismiss")
        app.gone("error")


def test_no_page_is_blank_before_there_is_anything(webkit: Driver, tmp_path: Path) -> None:
    with window(webkit, tmp_path / "state", "nothing-yet") as app:
        for page in PAGES:
            app.click(f"nav-{page}")
            app.find(f"page-{page}")
            app.wait(f"a word on {page}", lambda: app.elements(".empty, .panel"))
            shots(app, page, f"{page}-empty")


def test_a_run_that_waits_for_its_commits_says_so(webkit: Driver, tmp_path: Path) -> None:
    with window(webkit, tmp_path / "state", "waiting") as app:
        app.resize(*SIZES[0])
        app.click("connect-sample")
        app.click("connect-next")
        app.click("inventory-read")
        app.find("inventory-next", 60)
        app.click("nav-plan")
        app.type("settings-commits", "1")
        app.click("plan-first")
        app.click("run-start")
        # One commit is made; the others have their files and wait for the next minute, and nobody reads "0 B/s".
        app.says("run-phase", r"wait for their commits; the plan allows 1 commit a minute", RUN_SECONDS)
        app.shows("run-rate", "—")
        app.shows("run-left", "—")
        assert app.text("run-progress-share") != "100 %"
        shots(app, "run", "run-waiting")
        app.click("run-cancel")
        app.wait("the end of the run", lambda: ended(app), RUN_SECONDS)
        app.shows("run-state", "cancelled")
        app.find("run-resume")
        assert number(app, "run-failed") == 0


def test_a_window_that_stopped_says_so_and_can_be_loaded_again(webkit: Driver, tmp_path: Path) -> None:
    with window(webkit, tmp_path / "state", "stopped") as app:
        app.click("nav-plan")
        app.find("page-plan")
        assert app.script("return document.getElementById('stopped').hidden;")
        # What the pages put off never comes, as after a defect.
        app.script("window.queueMicrotask = () => {};")
        app.click("nav-run")
        app.wait("the words", lambda: app.script("return !document.getElementById('stopped').hidden;"))
        assert "not drawn any more" in app.script("return document.getElementById('stopped').innerText;")
        app.screenshot(EVIDENCE / "screenshots" / "window-stopped.png")
        # The way out has the focus.
        app.press(ENTER)
        app.wait("the page anew", lambda: app.script("return document.getElementById('stopped')?.hidden;"))
        app.click("nav-mapping")
        app.find("page-mapping")


def test_a_wrong_form_cannot_be_sent(webkit: Driver, tmp_path: Path) -> None:
    with window(webkit, tmp_path / "state", "form") as app:
        app.click("add-source")
        app.disabled("source-save")
        app.type("source-name", "shop")
        app.disabled("source-save")
        app.type("source-uri", "sqlite:/tmp/x.db")
        app.enabled("source-save")
        app.click("source-cancel")
        app.gone("source-form")
        app.find("empty-source")


def test_the_journey_needs_no_mouse(webkit: Driver, tmp_path: Path) -> None:
    with window(webkit, tmp_path / "state", "keyboard") as app:
        for control in (
            "connect-sample",
            "connect-next",
            "inventory-read",
            "inventory-next",
            "mapping-next",
            "preflight-next",
            "plan-first",
            "run-start",
            "run-next",
            "validate-next",
            "audit-export",
        ):
            app.find(control, RUN_SECONDS)
            app.enabled(control)
            app.tab_to(control)
            app.press(ENTER)
        bundle = Path(app.text("audit-path"))
    made = Travelled(tmp_path / "state", bundle)
    assert made.cli.run("status")["migrated"] == len(MOVED)
    assert made.cli.run("audit", "verify", bundle)["intact"]
    # Left to choose, the product copied every table with its history.
    copied = names(made, "clone")
    assert sorted(copied) == sorted(MOVED)
    assert list(sample.unlike_pyiceberg(pyiceberg_catalog(made.managed), copied, whole_history=True)) == []
