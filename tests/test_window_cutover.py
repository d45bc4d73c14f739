"""The window moves readers and writers to the targets, looks at them on probation, and moves them back."""

from __future__ import annotations

from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge
from tests.harness.hooks import Hooks
from tests.harness.webdriver import Driver, window
from tests.test_window import shots
from tests.test_window_sync import ORDERS, PRODUCTS, append

# A fixture of the other file.
from tests.test_window_sync import webkit as webkit


def test_tables_are_moved_and_moved_back_in_the_window(webkit: Driver, tmp_path: Path) -> None:
    state = tmp_path / "state"
    cli = Icebridge(state)
    hooks = Hooks(tmp_path / "hooks")
    with window(webkit, state, "cutover-nothing") as app:
        app.click("nav-cutover")
        app.says("empty", "Nothing to move yet")
        shots(app, "cutover", "cutover-nothing")

    cli.run("journey", "--sample")
    source = SqlCatalog("foreign", uri=f"sqlite:///{state / 'sample' / 'lakehouse' / 'catalog.db'}")
    target = SqlCatalog("icebridge", uri=f"sqlite:///{state / 'sample' / 'managed' / 'catalog.db'}")
    append(source, ORDERS)
    with window(webkit, state, "cutover") as app:
        app.click("nav-cutover")
        app.shows("cutover-probation", "0")
        shots(app, "cutover", "cutover-begin")
        # What is no time is said, and nothing can be begun with it.
        app.type("cutover-quiet", "-5")
        app.disabled("cutover-move")
        app.type("cutover-quiet", "1")
        app.type("cutover-hooks", str(hooks.path))
        app.pick(f"row-{ORDERS}")
        app.click("cutover-move")
        app.shows("cutover-probation", "1")
        assert app.rows("cutover-grid")[ORDERS]["cutover"] == "on probation"
        assert hooks.tables("move") == [[ORDERS]]
        assert target.load_table(ORDERS).scan().count() == source.load_table(ORDERS).scan().count()

        # One whose hook fails stays where it is, and says why.
        hooks.do("move", f'case "$TABLE" in *{PRODUCTS.split(".")[1]}*) echo no right >&2; exit 1;; esac')
        app.click("cutover-all")
        app.click("cutover-move")
        app.shows("cutover-wrong", "1")
        app.enabled("cutover-move")
        assert app.rows("cutover-grid")[PRODUCTS]["cutover"] == "failed"
        app.says("nav-cutover", "1 needs a look")
        shots(app, "cutover", "cutover-failed")

        # Somebody was overlooked.
        append(source, ORDERS)
        append(target, ORDERS)
        app.click("cutover-check")
        app.says("cutover-grid", "somebody still writes")
        shots(app, "cutover", "cutover-probation")
        app.click("cutover-back")
        app.says("cutover-question", "go back to the source")
        shots(app, "cutover", "cutover-question")
        app.click("cutover-no")
        back = len(hooks.calls("move_back"))
        app.click("cutover-back")
        app.click("cutover-yes")
        # It has rows of its own, which are not left behind by one click.
        app.shows("cutover-probation", "1")
        app.says("cutover-grid", "which the source lacks")
        assert ORDERS not in [name for names in hooks.tables("move_back")[back:] for name in names]
        hooks.forget()
        app.click("cutover-move")
        app.shows("cutover-wrong", "0")
        app.click("cutover-finish")
        app.says("cutover-question", "closed for good")
        app.click("cutover-yes")
        app.shows("cutover-probation", "1")
        shots(app, "cutover", "cutover-finished")
    assert {table["state"] for table in cli.run("cutover", "look")["tables"]} == {"finished", "on_probation"}
    assert cli.run("cutover", "look", "--table", ORDERS)["tables"][0]["state"] == "on_probation"
