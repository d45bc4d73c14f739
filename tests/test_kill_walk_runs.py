"""A run, killed before each change that it makes to a file and before each word that it says to a catalog.

`ICEBRIDGE_KILL_EVERYWHERE=1 pytest tests/test_kill_walk_runs.py` tries every instant of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import Table

from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp, files
from tests.harness.kill_walk import KillWalk
from tests.harness.lake import Lake
from tests.harness.route import Route, connect
from tests.harness.written import history, orders, plain, reading, sqlite_catalog
from tests.services.auth_proxy import AuthProxy
from tests.services.rest_catalog import RestCatalog
from tests.test_kill import kinds, reachable
from tests.test_rest_target import Target
from tests.test_sync_faults import lake as lake

# Of each walk; all of them with ICEBRIDGE_KILL_EVERYWHERE.
MOST = 16


def on_we_go(cli: Icebridge, plan: str) -> dict[str, Any]:
    """What a person types after a crash: until its first entry is written there is no run to resume."""
    return dict(cli.run(*(["run", "--resume"] if cli.run("runs") else ["run", plan])))


def proved(cli: Icebridge, run: dict[str, Any], at: int) -> None:
    """One run, in which every table is migrated, and a bundle that says so."""
    assert run["state"] == "succeeded" and len(cli.run("runs")) == 1, (at, run)
    for table in run["tables"]:
        assert table["state"] == "migrated" and table["validation"]["passed"], (at, table)
    bundle = cli.run("audit", "export")
    assert cli.run("audit", "verify", bundle["path"])["intact"], at
    Path(bundle["path"]).unlink()


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_a_run_that_is_killed_anywhere_ends_as_one_that_nobody_disturbed(
    mode: str, lake: Lake, icebridge: Icebridge, tmp_path: Path
) -> None:
    kept = KeptUp(icebridge, lake.folder, tmp_path / "managed").connect()
    icebridge.run("inventory", "foreign")
    plan = kept.route.replan(mode, "--max-commits-per-min", "100000")
    names = [table["source"] for table in plan["plan"]["tables"]]
    source = files(lake.folder / "warehouse")
    walk = KillWalk(icebridge, tmp_path / "walk", icebridge.state, kept.target)
    kept.target.mkdir(exist_ok=True)
    walk.begin_here()
    on_we_go(icebridge, plan["path"])
    expected = kinds(kept.target)
    kills = 0
    for at, killed in walk.walk(MOST, "run", plan["path"]):
        kills += killed
        # What readers of the target find by then is whole.
        for table in visible(kept.target):
            assert reading(table) == reading(lake.catalog.load_table(table.name())), (at, table.name())
        proved(icebridge, on_we_go(icebridge, plan["path"]), at)
        catalog = pyiceberg_catalog(kept.target)
        needed: set[Path] = set()
        for name in names:
            table, of = catalog.load_table(name), lake.catalog.load_table(name)
            assert reading(table) == reading(of), (at, name)
            if mode == "clone":
                assert history(table) == history(of), (at, name)
            needed |= set(reachable(table))
        catalog.engine.dispose()
        there = {path for path in (kept.target / "warehouse").rglob("*") if path.is_file()}
        assert needed <= there and kinds(kept.target) == expected, (at, there - needed)
    assert files(lake.folder / "warehouse") == source, "a run touched the source"
    assert kills >= MOST // 2


def visible(target: Path) -> list[Table]:
    """The tables that somebody else finds there now."""
    if not (target / "catalog.db").is_file():
        return []
    catalog = pyiceberg_catalog(target)
    found = [catalog.load_table(name) for space in catalog.list_namespaces() for name in catalog.list_tables(space)]
    catalog.engine.dispose()
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    catalog = sqlite_catalog(tmp_path / "shop")
    orders(catalog, "shop.orders", days=2)
    plain(catalog, ("shop", "one"), rows=5)
    return tmp_path / "shop"


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_a_run_into_a_rest_catalog_that_is_killed_anywhere_publishes_each_table_once(
    mode: str, shop: Path, local_catalog: RestCatalog, guarded_catalog: AuthProxy, icebridge: Icebridge, tmp_path: Path
) -> None:
    icebridge.connect_sql("foreign", shop / "catalog.db")
    credential = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=credential)
    route = Route(icebridge)
    icebridge.run("inventory", "foreign")
    source = sqlite_catalog(shop)
    walk = KillWalk(icebridge, tmp_path / "walk", icebridge.state)

    def anew(number: int) -> Target:
        """The catalog cannot be put back: each walk has a namespace of its own."""
        namespace = f"{mode}_{number}"
        walk.again()
        route.rename("*", namespace)
        return Target(local_catalog, guarded_catalog, namespace, route)

    walk.begin_here()
    target = anew(0)
    instants = walk.instants("run", route.replan(mode)["path"])
    published, expected = target.published(mode), len(target.files())
    assert instants > 40, "it says nothing to the catalog, or not in a way that can be walked"
    kills = 0
    for at in walk.spread(MOST, instants):
        target = anew(at)
        plan = route.replan(mode)
        target.guard.forget()
        kills += walk.kill(at, "run", plan["path"])
        proved(icebridge, on_we_go(icebridge, plan["path"]), at)
        assert [name for _, name in sorted(target.judge.list_tables(target.namespace))] == ["one", "orders"], at
        for name in ("one", "orders"):
            made, of = target.table(name), source.load_table(("shop", name))
            assert reading(made) == reading(of), (at, name)
            assert len(made.snapshots()) == (len(of.snapshots()) if mode == "clone" else 1), (at, name)
        # A request whose answer nobody waited for is known by what it left, and not made once more.
        assert target.published(mode) <= published + 1, at
        assert len(target.files()) == expected, (at, target.files())
    assert kills >= MOST // 2
