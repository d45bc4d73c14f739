"""Tables of Unity Catalog, and of catalogs that number columns anew, are kept up with their source."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.rest import RestCatalog as PyIcebergRest
from pyiceberg.table import Table
from pyiceberg.types import LongType, StringType, TimeType

from tests.harness.cli import Icebridge
from tests.harness.route import Route
from tests.harness.sandbox import Sandbox
from tests.harness.written import orders, reading, sqlite_catalog
from tests.services.auth_proxy import AuthProxy
from tests.services.rest_catalog import RestCatalog
from tests.test_made_empty import gate, target_for, to_unity
from tests.test_sync_rest import more

pytest_plugins = ["tests.harness.sandbox"]
__all__ = ["gate"]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table that goes on: ids with gaps, a nested column, a partition spec and a sort order."""
    orders(sqlite_catalog(tmp_path / "shop"), "shop.orders", days=2)
    return tmp_path / "shop"


def source(shop: Path) -> Table:
    return sqlite_catalog(shop).load_table("shop.orders")


def round_of(route: Route, *extra: str, code: int = 0) -> dict[str, Any]:
    """One round of the one table."""
    done = route.cli.outcome("sync", *extra)
    assert done.code == code, done
    [table] = done.json["tables"]
    return table


def same(made: Table, table: Table) -> None:
    """The same rows under the same columns."""
    assert reading(made) == reading(table)
    assert [column.name for column in made.schema().fields] == [column.name for column in table.schema().fields]


def lives(route: Route, shop: Path, made: Any, *, managed: bool) -> None:
    """Rows come and go, columns change, the source is set back; what stays is not written again."""
    table = source(shop)
    same(made(), table)
    assert "made" not in round_of(route)
    with made().update_schema() as update:
        update.update_column("id", doc="what others say of it")
    files = {task.file.file_path for task in made().scan().plan_files()}
    more(table)
    told = round_of(route)
    assert (told["state"], told["round"], told["made"]["compared"]) == ("up_to_date", 1, "changes"), told
    same(made(), table)
    assert files < {task.file.file_path for task in made().scan().plan_files()}
    table.delete("id = 1")
    round_of(route)
    same(made(), table)
    with table.update_schema() as update:
        update.add_column("remark", StringType())
        update.rename_column("seen", "noticed")
        update.add_column("more", LongType())
    table.append(table.scan().to_arrow().slice(0, 1))
    assert round_of(route)["made"]["compared"] == "whole"
    same(made(), table)
    with table.update_schema() as update:
        update.delete_column("more")
        update.move_first("remark")
    table.append(table.scan().to_arrow().slice(0, 1))
    round_of(route)
    same(made(), table)
    # In Unity Catalog comments are no matter of the source's metadata.
    assert made().schema().find_field("id").doc == ("what others say of it" if managed else "from the shop")
    ids = [column.field_id for column in made().schema().fields]
    assert len(ids) == len(set(ids))
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[0].snapshot_id).commit()
    assert round_of(route)["made"]["changes"]["history"] == "rolled_back"
    assert reading(made()).rows == reading(table).rows
    assert route.cli.run("validate")["tables"][0]["validation"]["passed"]
    # What others write stays.
    more(made())
    more(table)
    told = round_of(route, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed"), told


@pytest.mark.parametrize("setting", ["", "refused-400"])
def test_a_managed_table_follows_its_source(setting: str, icebridge: Icebridge, box: Sandbox, shop: Path) -> None:
    schema = f"synced_{setting[-3:] or 'staged'}"
    route = to_unity(icebridge, box, shop, schema)
    uri = f"{box.url}/api/2.1/unity-catalog/iceberg-rest"
    unity = PyIcebergRest("unity", uri=uri, warehouse="main", token=box.token)
    with box.setting(stage_create=setting) if setting else nullcontext():
        route.run(route.plan("rewrite")).succeeded()
        lives(route, shop, lambda: unity.load_table((schema, "orders")), managed=True)


def test_a_table_that_was_made_empty_follows_its_source(
    local_catalog: RestCatalog, guarded_catalog: AuthProxy, icebridge: Icebridge, shop: Path
) -> None:
    target = target_for(icebridge, local_catalog, guarded_catalog, shop, f"ns_{time.monotonic_ns()}")
    target.route.run(target.route.plan("rewrite")).succeeded()
    ids = [column.field_id for column in target.table().schema().fields]
    assert ids != [column.field_id for column in source(shop).schema().fields]
    lives(target.route, shop, target.table, managed=False)


def test_rounds_and_the_cut_over_are_rows_of_metrics(icebridge: Icebridge, box: Sandbox, shop: Path) -> None:
    """Beside the one of the copy, and none twice."""
    route = to_unity(icebridge, box, shop, "measured")
    settings = shop / "settings.json"
    settings.write_text(json.dumps({"after": {"metrics": True}}))
    route.run(route.plan("rewrite", "--settings", str(settings))).succeeded()
    for _ in range(2):
        more(source(shop))
        round_of(route)
    round_of(route)
    icebridge.run("cutover", "move", "--quiet", "0s")
    icebridge.run("cutover", "back")
    client = box.client(box.admin_token)
    answer = client.statement_execution.execute_statement(
        statement="SELECT state, row_count FROM main.icebridge.migration_iceberg_jobs ORDER BY recorded_at",
        warehouse_id=str(next(iter(client.warehouses.list())).id),
        wait_timeout="30s",
    )
    assert answer.result
    rows = [(str(state).partition(", journal")[0], count) for state, count in answer.result.data_array or []]
    told = [("migrated", "41"), ("synced, round 1", "43"), ("synced, round 2", "45")]
    assert rows == [*told, ("cut_over", "45"), ("moved_back", "45")]


def test_what_unity_catalog_does_not_take_stops_the_table(icebridge: Icebridge, box: Sandbox, shop: Path) -> None:
    route = to_unity(icebridge, box, shop, "refused")
    route.run(route.plan("rewrite")).succeeded()
    table = source(shop)
    with table.update_schema() as update:
        update.set_identifier_fields("id")
    more(table)
    assert round_of(route)["state"] == "up_to_date"
    with table.update_schema() as update:
        update.add_column("at", TimeType())
    told = round_of(route, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "catalog-refused"), told
    assert "new plan" in told["error"]["hint"]
    with table.update_schema() as update:
        update.delete_column("at")
    more(table)
    assert round_of(route)["state"] == "up_to_date"
