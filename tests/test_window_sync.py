"""The window keeps migrated tables up with their sources: how far behind, a round, what stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge
from tests.harness.webdriver import Driver, Window, display, driver, window
from tests.services.fixtures import or_skip
from tests.services.keychain import keychain
from tests.test_window import shots

ORDERS, PRODUCTS = "sales.order_lines", "sales.products"
FIRST = 5


@pytest.fixture(scope="module")
def webkit() -> Iterator[Driver]:
    with or_skip(display()) as screen, or_skip(keychain()) as home, or_skip(driver(screen, home)) as started:
        yield started


# What waits for longer than ten seconds waits for half a second.
HURRY = """
const real = window.setTimeout;
window.setTimeout = (work, pause, ...more) => real(work, pause > 10000 ? 500 : pause, ...more);
"""


def append(catalog: SqlCatalog, name: str) -> None:
    """The first rows of a table once more."""
    table = catalog.load_table(name)
    table.append(table.scan(limit=FIRST).to_arrow())


def row(app: Window, table: str, **cells: str) -> None:
    """Wait until the grid, which asks for its rows by itself, shows these cells."""
    app.wait(f"{table} {cells}", lambda: cells.items() <= app.rows("sync-grid").get(table, {}).items())


def test_tables_are_brought_up_to_their_sources_in_the_window(webkit: Driver, tmp_path: Path) -> None:
    state = tmp_path / "state"
    cli = Icebridge(state)
    with window(webkit, state, "sync-nothing") as app:
        app.click("nav-sync")
        app.says("empty", "Nothing to keep up yet")
        shots(app, "sync", "sync-nothing")

    cli.run("journey", "--sample")
    source = SqlCatalog("foreign", uri=f"sqlite:///{state / 'sample' / 'lakehouse' / 'catalog.db'}")
    target = SqlCatalog("icebridge", uri=f"sqlite:///{state / 'sample' / 'managed' / 'catalog.db'}")
    append(source, ORDERS)
    with window(webkit, state, "sync") as app:
        app.click("nav-sync")
        app.shows("sync-behind", "1")
        app.says("nav-sync", r"1 behind")
        row(app, ORDERS, sync="behind", behind_rows=str(FIRST))
        shots(app, "sync", "sync-behind")
        app.click("sync-now")
        app.shows("sync-behind", "0")
        app.says("nav-sync", r"up to date")
        app.pick(f"row-{ORDERS}")
        app.says("sync-past-round", r"(?s)Round 1.*1 append.*changes; \d+ of \d+ checks hold")
        shots(app, "sync", "sync-done")
        assert target.load_table(ORDERS).scan().count() == source.load_table(ORDERS).scan().count()

        # Somebody writes to a table of the target: its rows stay, and the others go on.
        append(source, ORDERS)
        append(source, PRODUCTS)
        append(target, PRODUCTS)
        theirs = target.load_table(PRODUCTS).metadata_location
        app.click("sync-now")
        app.shows("sync-wrong", "1")
        app.says("nav-sync", r"1 not synced")
        row(app, PRODUCTS, sync="stopped")
        app.pick(f"row-{PRODUCTS}")
        app.says("sync-past-round", r"(?si)stopped.*somebody else has written")
        shots(app, "sync", "sync-stopped")
    assert target.load_table(PRODUCTS).metadata_location == theirs
    assert target.load_table(ORDERS).scan().count() == source.load_table(ORDERS).scan().count()


def test_rounds_are_repeated_while_the_window_is_open(webkit: Driver, tmp_path: Path) -> None:
    state = tmp_path / "state"
    Icebridge(state).run("journey", "--sample")
    source = SqlCatalog("foreign", uri=f"sqlite:///{state / 'sample' / 'lakehouse' / 'catalog.db'}")
    target = SqlCatalog("icebridge", uri=f"sqlite:///{state / 'sample' / 'managed' / 'catalog.db'}")
    append(source, ORDERS)
    with window(webkit, state, "sync-repeated") as app:
        app.click("nav-sync")
        app.shows("sync-behind", "1")
        # The first one begins at once, the next one after its pause, whichever page is in sight.
        app.choose("sync-every", "every 5 minutes")
        app.shows("sync-behind", "0")
        app.says("sync-next", r"^\d\d:\d\d:\d\d UTC")
        shots(app, "sync", "sync-repeated")
        app.script(HURRY)
        app.choose("sync-every", "every minute")
        app.click("nav-history")
        for _ in range(2):
            append(source, ORDERS)
            app.wait("another round", lambda: rows(target) == rows(source))
        app.click("nav-sync")
        app.choose("sync-every", "no repeat")
        app.gone("sync-next")
        append(source, ORDERS)
        app.click("sync-look")
        app.shows("sync-behind", "1")
        assert rows(target) < rows(source)


def rows(catalog: SqlCatalog) -> int:
    """Of the table that is written to."""
    return int(catalog.load_table(ORDERS).scan().count())
