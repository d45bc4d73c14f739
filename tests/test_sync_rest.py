"""Tables of a REST catalog are kept up with their source, in one commit a round, on good days and on bad ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from pyiceberg.types import IntegerType, LongType, StringType

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect
from tests.harness.written import history, orders, plain, reading, sqlite_catalog
from tests.services.auth_proxy import AuthProxy
from tests.services.faults import COMMIT
from tests.services.rest_catalog import RestCatalog
from tests.test_rest_target import BAD_DAYS, Target, planned


@pytest.fixture
def synced(local_catalog: RestCatalog, guarded_catalog: AuthProxy, icebridge: Icebridge, tmp_path: Path) -> Target:
    """A table with a history in a catalog of PyIceberg's, and its clone behind REST."""
    namespace = f"ns_{time.monotonic_ns()}"
    catalog = sqlite_catalog(tmp_path / "shop")
    orders(catalog, "shop.orders", days=2)
    icebridge.connect_sql("foreign", tmp_path / "shop" / "catalog.db")
    credential = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=credential)
    route = Route(icebridge)
    route.rename("*", namespace)
    return Target(local_catalog, guarded_catalog, namespace, route)


def source(tmp_path: Path) -> Table:
    return sqlite_catalog(tmp_path / "shop").load_table("shop.orders")


def more(table: Table, rows: int = 2) -> None:
    """Some rows once more."""
    table.append(table.scan().to_arrow().slice(0, rows))


def goes_on(table: Table) -> None:
    """Rows come and go, columns and the spec change, rows come again."""
    more(table)
    table.delete("id = 1")
    with table.update_schema() as update:
        update.add_column("remark", StringType())
        update.rename_column("seen", "noticed")
    with table.update_spec() as spec:
        spec.add_identity("id")
    more(table)


def sync(target: Target, *extra: str, code: int = 0) -> dict[str, Any]:
    """One round; the state of its one table."""
    target.guard.forget()
    done = target.route.cli.outcome("sync", *extra)
    assert done.code == code, done
    [table] = done.json["tables"]
    return table


def commits(target: Target) -> list[dict[str, Any]]:
    """What was asked of the table's endpoint."""
    path = "/tables/orders"
    return [json.loads(seen.body) for seen in target.guard.seen if seen.method == "POST" and seen.path.endswith(path)]


@pytest.mark.parametrize("mode", ["clone", "register"])
def test_what_the_source_gets_comes_in_one_commit(mode: str, synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, mode)).succeeded()
    table = source(tmp_path)
    assert sync(synced)["state"] == "up_to_date"
    assert commits(synced) == []

    goes_on(table)
    table.manage_snapshots().create_tag(table.snapshots()[0].snapshot_id, "first").commit()
    told = sync(synced)
    assert (told["state"], told["round"]) == ("up_to_date", 1)
    [commit] = commits(synced)
    assert {"type": "assert-table-uuid", "uuid": str(synced.table("orders").metadata.table_uuid)} in commit[
        "requirements"
    ]
    made = synced.table("orders")
    assert history(made) == history(table)
    assert reading(made) == reading(table)
    assert made.schema() == table.schema()
    assert made.spec() == table.spec()
    assert made.metadata.refs == table.metadata.refs
    inside = [str(synced.folder) in entry["file_path"] for entry in made.inspect.all_files().to_pylist()]
    assert all(inside) if mode == "clone" else not any(inside)
    # No metadata file that nobody needs, and nothing to do.
    assert len(list(synced.folder.rglob("00001-*.metadata.json"))) == 1
    assert "made" not in sync(synced)
    assert commits(synced) == []
    assert synced.route.cli.run("validate")["tables"][0]["validation"]["passed"]

    # Rolled back, and on from there.
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[0].snapshot_id).commit()
    assert sync(synced)["made"]["changes"]["history"] == "rolled_back"
    assert reading(synced.table("orders")) == reading(table)
    more(table)
    assert sync(synced)["state"] == "up_to_date"
    assert reading(synced.table("orders")) == reading(table)


@pytest.mark.parametrize("day", BAD_DAYS)
def test_one_round_on_a_bad_day(day: str, synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "clone")).succeeded()
    table = source(tmp_path)
    more(table)
    synced.guard.faults.add(BAD_DAYS[day](COMMIT))
    for _ in range(2):
        done = synced.route.cli.outcome("sync")
        if done.code == 0:
            break
    assert done.code == 0, done
    made = synced.table("orders")
    assert reading(made) == reading(table)
    assert len(made.snapshots()) == len(table.snapshots())
    assert made.properties["icebridge.sync-round"] == "1"


def test_what_others_write_stays(synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "clone")).succeeded()
    table = source(tmp_path)
    made = synced.table("orders")
    more(made)
    theirs = reading(made)
    more(table)
    told = sync(synced, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed")
    assert reading(synced.table("orders")) == theirs


def test_a_column_that_others_added_stays(synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "clone")).succeeded()
    table = source(tmp_path)
    with synced.table("orders").update_schema() as update:
        update.add_column("theirs", IntegerType())
    with table.update_schema() as update:
        update.add_column("ours", LongType())
    more(table)
    told = sync(synced, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed")
    assert "theirs" in synced.table("orders").schema().column_names


def test_a_source_that_was_copied_and_synced_itself_is_one_like_others(icebridge: Icebridge, tmp_path: Path) -> None:
    first = sqlite_catalog(tmp_path / "shop")
    table = plain(first, "shop.plain")
    icebridge.connect_sql("foreign", tmp_path / "shop" / "catalog.db")
    connect(icebridge, "middle", "embedded", tmp_path / "middle", target=True)
    Route(icebridge, target="middle").migrate("clone")
    more(table)
    assert icebridge.run("sync")["tables"][0]["round"] == 1
    middle = icebridge.run("runs")[0]["run_id"]
    connect(icebridge, "again", "sql", f"sqlite:{tmp_path / 'middle' / 'catalog.db'}")
    connect(icebridge, "last", "embedded", tmp_path / "last", target=True)
    Route(icebridge, source="again", target="last").migrate("clone")
    assert icebridge.run("sync")["tables"][0]["round"] == 0
    more(table)
    assert icebridge.run("sync", middle)["tables"][0]["round"] == 2
    assert icebridge.run("sync")["tables"][0]["round"] == 1
    last = SqlCatalog("icebridge", uri=f"sqlite:///{tmp_path / 'last' / 'catalog.db'}").load_table("shop.plain")
    assert reading(last) == reading(table)


def test_a_branch_that_moves_on_while_its_snapshots_expire(synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "clone")).succeeded()
    for _ in range(3):
        table = source(tmp_path)
        refs = table.manage_snapshots()
        for name in ("dev", "latest"):
            if name in table.metadata.refs:
                refs = refs.remove_branch(name) if name == "dev" else refs.remove_tag(name)
        refs.commit()
        more(table)
        now = table.current_snapshot().snapshot_id
        table.manage_snapshots().create_branch(now, "dev").create_tag(now, "latest").commit()
        more(table)
        keep = {reference.snapshot_id for reference in table.metadata.refs.values()}
        old = [one.snapshot_id for one in table.snapshots() if one.snapshot_id not in keep]
        table.maintenance.expire_snapshots().by_ids(old).commit()
        assert sync(synced)["state"] == "up_to_date"
        assert synced.table("orders").metadata.refs == table.metadata.refs
    # What the source drops goes; what others have made stays.
    others = synced.table("orders")
    others.manage_snapshots().create_tag(others.current_snapshot().snapshot_id, "theirs").commit()
    table.manage_snapshots().remove_branch("dev").commit()
    more(table)
    assert sync(synced)["state"] == "up_to_date"
    assert set(synced.table("orders").metadata.refs) == {"main", "latest", "theirs"}


@pytest.mark.parametrize("what", ["a ref in the way", "a commit on a branch", "a name mapping"])
def test_what_others_do_beside_the_main_branch_stays(what: str, synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "clone")).succeeded()
    table = source(tmp_path)
    more(table)
    assert sync(synced)["state"] == "up_to_date"
    others, first = synced.table("orders"), table.snapshots()[0].snapshot_id
    if what == "a ref in the way":
        others.manage_snapshots().create_tag(first, "audit").commit()
        table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "audit").commit()
    elif what == "a commit on a branch":
        others.manage_snapshots().create_branch(others.current_snapshot().snapshot_id, "dev").commit()
        others = synced.table("orders")
        others.append(others.scan().to_arrow().slice(0, 1), branch="dev")
    else:
        with others.transaction() as change:
            change.set_properties({"schema.name-mapping.default": "[]"})
    before = synced.table("orders").metadata
    more(table)
    told = sync(synced, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed")
    now = synced.table("orders").metadata
    assert (now.refs, now.properties, now.snapshots) == (before.refs, before.properties, before.snapshots)


def test_a_name_mapping_goes_with_the_source(synced: Target, tmp_path: Path) -> None:
    name = "schema.name-mapping.default"
    table = source(tmp_path)
    mapping = json.dumps([{"field-id": 1, "names": ["id"]}])
    with table.transaction() as change:
        change.set_properties({name: mapping})
    synced.route.run(planned(synced, "clone")).succeeded()
    assert synced.table("orders").properties[name] == mapping
    with table.transaction() as change:
        change.remove_properties(name)
    assert sync(synced)["state"] == "up_to_date"
    assert name not in synced.table("orders").properties
    more(table)
    assert sync(synced)["state"] == "up_to_date"


def test_a_source_is_raised_to_a_later_format_version(synced: Target, tmp_path: Path) -> None:
    plain(sqlite_catalog(tmp_path / "shop"), "shop.old", properties={"format-version": "1"})
    old = sqlite_catalog(tmp_path / "shop").load_table("shop.old")
    synced.route.run(planned(synced, "clone")).succeeded()
    more(old)
    with old.transaction() as change:
        change.upgrade_table_version(2)
    more(old)
    done = synced.route.cli.outcome("sync")
    assert done.code == 0, done
    assert synced.table("old").metadata.format_version == 2
    assert history(synced.table("old")) == history(old)
