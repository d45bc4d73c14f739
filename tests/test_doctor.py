"""`workspace doctor`: every assumption as the workspace has it, and what the product does by what was found."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from databricks.sdk.service import tags as tag_policies
from pyiceberg.catalog import Catalog
from pyiceberg.transforms import BucketTransform, DayTransform

from tests.harness.cli import Icebridge
from tests.harness.foreign import foreign
from tests.harness.route import Route, connect
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.written import named, sqlite_catalog

VOLUME = "/Volumes/main/default/icebridge"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox of its own: its settings are changed."""
    with sandbox("--gate-open") as running:
        yield running


@pytest.fixture
def here(box: Sandbox, icebridge: Icebridge) -> Icebridge:
    """Signed in to the sandbox as `here`."""
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    icebridge.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    return icebridge


def examine(cli: Icebridge, *more: str, catalog: str = "main") -> dict[str, dict[str, Any]]:
    """The rows of an examination by their keys; it leaves nothing behind."""
    done = cli.outcome("workspace", "doctor", "here", "--catalog", catalog, "--yes", *more)
    rows = {row["key"]: row for row in done.json["rows"]}
    assert done.json.get("left_behind") is None, done.json
    differs = [row for row in rows.values() if row["finding"] in ("differs", "not_allowed")]
    assert done.code == (1 if differs else 0), done.stdout
    return rows


def others(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The rows that do not hold."""
    return {key: row["finding"] for key, row in rows.items() if row["finding"] != "holds"}


def read_anew(box: Sandbox, folder: Path) -> list[str]:
    """Options for a run and for a foreign table that was never read."""
    name = f"t{len(list((box.folder / 'warehouse').glob('glue_lake/shop/*')))}"
    foreign(box, folder, f"shop.{name}")
    return ["--submit-run", "--foreign-table", f"glue_lake.shop.{name}"]


def test_all_of_it_holds_on_a_workspace_as_it_is_assumed(box: Sandbox, here: Icebridge, tmp_path: Path) -> None:
    with box.setting(time_travel_of_foreign="any", deep_clone_of_foreign=True):
        rows = examine(here, *read_anew(box, tmp_path))
    assert others(rows) == {} and len(rows) == 24, rows
    assert rows["pinned_read"]["detail"].startswith("read by")


def tags_off(box: Sandbox) -> AbstractContextManager[None]:
    """A workspace that does not have the call yet."""
    return box.fault("/api/*/entity-tag-assignments/*", "error", status=404, code="ENDPOINT_NOT_FOUND")


def policies_hidden(box: Sandbox) -> AbstractContextManager[None]:
    """Cluster policies that are not shown to who is signed in."""
    return box.fault("/api/*/policies/clusters/list", "error", status=403, code="PERMISSION_DENIED")


Change = dict[str, Any] | Callable[[Sandbox], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        ({"deep_clone_of_foreign": False}, {"deep_clone": "differs"}),
        ({"time_travel_of_foreign": "after_read"}, {"pinned_read": "differs"}),
        ({"time_travel_of_foreign": "never"}, {"pinned_read": "differs", "primed_read": "differs"}),
        ({"foreign_versions": "numbers"}, {"pinned_read": "differs", "primed_read": "differs"}),
        ({"partition_transforms": "refused"}, {"rest_hour": "differs", "rest_bucket": "differs"}),
        (
            {"stage_create": "refused-400"},
            {"rest_stage": "differs", "rest_create": "not_tried"},
        ),
        ({"classic_only": True}, {"serverless": "differs", "idempotency_token": "not_tried"}),
        ({"jobs_api": "2.1"}, {}),
        (tags_off, {"tags": "differs"}),
        (policies_hidden, {"policies": "not_allowed"}),
    ],
)
def test_what_a_workspace_does_otherwise_is_told_row_by_row(
    box: Sandbox, here: Icebridge, tmp_path: Path, change: Change, differing: dict[str, str]
) -> None:
    given = read_anew(box, tmp_path)
    changed = box.setting(**change) if isinstance(change, dict) else change(box)
    with box.setting(time_travel_of_foreign="any", deep_clone_of_foreign=True), changed:
        rows = examine(here, *given)
    assert others(rows) == differing, rows


def test_default_storage_and_a_closed_bill_are_told(box: Sandbox, here: Icebridge) -> None:
    box.turn("catalogs", name="workspace", default_storage=True)
    found = others(examine(here, catalog="workspace"))
    assert found["storage"] == "differs"
    with box.fault("/api/*/sql/warehouses", "error", status=403, code="PERMISSION_DENIED"):
        assert examine(here)["bill"]["finding"] == "not_allowed"


def test_a_table_that_an_examination_has_read_is_none_that_was_never_read(
    box: Sandbox, here: Icebridge, tmp_path: Path
) -> None:
    given = read_anew(box, tmp_path)
    first, second = examine(here, *given), examine(here, *given)
    keys = ("pinned_read", "primed_read")
    assert [first[key]["finding"] for key in keys] == ["differs", "holds"]
    assert [second[key]["finding"] for key in keys] == ["not_tried", "holds"]
    # A server that is out of order says nothing about pins, and neither does a table that is not there.
    with box.fault("/api/*/sql/statements", "garbage"):
        broken = examine(here, *given)
    assert {broken[key]["finding"] for key in (*keys, "deep_clone", "bill")} == {"not_tried"}, broken
    gone = examine(here, "--foreign-table", "glue_lake.shop.gone")
    assert [gone[key]["finding"] for key in keys] == ["not_tried", "not_tried"]
    managed = examine(here, "--foreign-table", "main.silver.kept")
    assert {managed[key]["finding"] for key in (*keys, "deep_clone")} == {"not_tried"}


def by(catalog: Catalog, name: str, transform: Any) -> None:
    """A table with rows, laid out by a transform."""
    at = [dt.datetime(2026, 1, 1 + n) for n in range(3)]
    rows = pa.table({"id": pa.array(range(3), pa.int64()), "at": pa.array(at, pa.timestamp("us"))})
    table = catalog.create_table(named(catalog, name), rows.schema)
    table.append(rows)
    # PyIceberg cannot write such partitions by itself: the spec comes after the rows.
    with table.update_spec() as change:
        change.add_field("at" if isinstance(transform, DayTransform) else "id", transform, "part")


def outward(cli: Icebridge, source: Path, schema: str) -> Route:
    """From a SQL catalog to a schema of `main`."""
    connect(cli, "foreign", "sql", f"sqlite:{source / 'catalog.db'}")
    connect(cli, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(cli)
    route.rename("odd.*", schema)
    return route


def staged(box: Sandbox, schema: str) -> int:
    """How many tables were staged in a schema."""
    seen = box.look("requests")["requests"]
    return sum(one["method"] == "POST" and one["path"].endswith(f"/namespaces/{schema}/tables") for one in seen)


def test_a_spec_that_the_workspace_was_seen_to_refuse_is_neither_planned_nor_tried(
    box: Sandbox, here: Icebridge, tmp_path: Path
) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    by(catalog, "odd.daily", DayTransform())
    by(catalog, "odd.hashed", BucketTransform(4))
    route = outward(here, tmp_path / "source", "silver")
    before = route.plan()

    def ways(plan: dict[str, Any]) -> dict[str, list[str]]:
        tables = plan["plan"]["tables"]
        return {one["source"]: [way["way"] for way in one["conversions"][0]["ways"]] for one in tables}

    assert ways(before)["odd.daily"][0] == "as_is"
    with box.setting(partition_transforms="refused"):
        examine(here)
        refused = route.replan()
        assert ways(refused) == {"odd.daily": ["cluster", "left_out"], "odd.hashed": ["cluster", "left_out"]}
        # The plan that was made before is run by what is known now.
        box.turn("counts/reset")
        run = route.run(before)
        run.succeeded()
        assert {one["outcome"]["partitioning"]["way"] for one in run.tables.values()} == {"cluster"}
        # A table is staged where its plan says, and then where the catalog says.
        assert staged(box, "silver") == 2 * 2, box.look("requests")
    # The newest examination counts.
    examine(here)
    route.rename("odd.*", "bronze")
    assert ways(route.replan())["odd.daily"][0] == "as_is"


def test_a_run_tries_again_what_an_examination_saw_taken_since(box: Sandbox, here: Icebridge, tmp_path: Path) -> None:
    by(sqlite_catalog(tmp_path / "source"), "odd.daily", DayTransform())
    route = outward(here, tmp_path / "source", "silver")
    with box.setting(partition_transforms="refused"):
        assert route.migrate().tables["odd.daily"]["outcome"]["partitioning"]["way"] == "cluster"
    for schema, way in (("bronze", "cluster"), ("default", "as_is")):
        if way == "as_is":
            examine(here)
        route.rename("odd.*", schema)
        assert route.migrate().tables["odd.daily"]["outcome"]["partitioning"]["way"] == way


def in_workspace(cli: Icebridge) -> Route:
    """From the foreign catalog to a schema of `main`, both of the same workspace."""
    connect(cli, "foreign", "unity", "here", warehouse="glue_lake")
    connect(cli, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(cli)
    route.rename("shop.*", "silver")
    cli.run("inventory", "foreign")
    return route


def codes(route: Route, folder: Path, **photon: Any) -> tuple[list[str], dict[str, Any]]:
    """The findings that rest on an examination, of the only table, and its whole row; a cluster is asked to copy it."""
    path = folder / "settings.json"
    path.write_text(json.dumps({"engine": "photon", "photon": {"volume": VOLUME, **photon}}))
    done = route.cli.outcome("preflight", *route.arguments, "--settings", str(path))
    [table] = done.json["tables"]
    known = {"IB-F031", "IB-F032", "IB-F033", *(f"IB-F{n}" for n in range(221, 225))}
    return [finding["code"] for finding in table["findings"] if finding["code"] in known], table


def test_what_clusters_cannot_do_is_told_before_a_run(box: Sandbox, here: Icebridge, tmp_path: Path) -> None:
    given = read_anew(box, tmp_path)
    route = in_workspace(here)
    assert codes(route, tmp_path, method="deep_clone", serverless=True)[0] == []
    with box.setting(time_travel_of_foreign="never", classic_only=True):
        with box.fault("/api/*/warehouses", "error", status=403, code="PERMISSION_DENIED"):
            examine(here)
        examine(here, *given)
    found, table = codes(route, tmp_path, method="deep_clone", serverless=True)
    assert found == ["IB-F033", "IB-F221", "IB-F222"]
    assert "ctas, because the workspace refuses to clone" in table["engine_reason"]
    assert codes(route, tmp_path, unversioned=False)[0] == ["IB-F032"]
    # What another examination does not try stays known; what it finds otherwise does not.
    examine(here)
    assert codes(route, tmp_path)[0] == ["IB-F222"]
    examine(here, *given)
    assert codes(route, tmp_path)[0] == []
    # Another address is another workspace.
    with box.setting(time_travel_of_foreign="never"):
        examine(here, *read_anew(box, tmp_path))
        assert codes(route, tmp_path)[0] == ["IB-F222"]
    other = box.url.replace("127.0.0.1", "localhost")
    here.run("workspace", "add", "here", "--host", other, "--by", "token", stdin=f"{box.token}\n")
    assert codes(route, tmp_path)[0] == []


def tag(box: Sandbox, *changes: str) -> None:
    """Tags of the foreign table `shop.tagged`, by the admin."""
    client = box.client(box.admin_token)
    warehouse = next(iter(client.warehouses.list())).id or ""
    for change in changes:
        done = client.statement_execution.execute_statement(f"ALTER TABLE glue_lake.shop.tagged {change}", warehouse)
        assert done.status and done.status.error is None, done.status


@pytest.fixture
def carried(box: Sandbox, here: Icebridge, tmp_path: Path) -> Route:
    """A route whose only table has tags, of its own and of a column, which are to be carried."""
    foreign(box, tmp_path, "shop.tagged")
    tag(box, "SET TAGS ('team' = 'shop', 'level' = 'odd')", "ALTER COLUMN id SET TAGS ('pii' = 'no', 'level' = 'open')")
    (tmp_path / "settings.json").write_text(json.dumps({"after": {"tags": True}}))
    return in_workspace(here)


def arrived(box: Sandbox) -> list[list[str]]:
    """All tags of the copy, as the warehouse shows them."""
    client = box.client(box.admin_token)
    warehouse = next(iter(client.warehouses.list())).id or ""
    found = []
    for view, column in (("table_tags", "''"), ("column_tags", "column_name")):
        query = (
            f"SELECT {column}, tag_name, tag_value FROM main.information_schema.{view} "
            "WHERE table_name = 'tagged' ORDER BY 2"
        )
        done = client.statement_execution.execute_statement(query, warehouse)
        assert done.result, done.status
        found += done.result.data_array or []
    return found


ALL = [["", "level", "odd"], ["", "team", "shop"], ["id", "level", "open"], ["id", "pii", "no"]]


def by_column(box: Sandbox) -> int:
    """How many times the tags of a single column were asked for."""
    return sum("/entity-tag-assignments/columns/" in one["path"] for one in box.look("requests")["requests"])


def test_tags_of_columns_are_read_by_one_statement(box: Sandbox, carried: Route, tmp_path: Path) -> None:
    run = carried.migrate(None, "--settings", str(tmp_path / "settings.json"))
    assert run.tables["shop.tagged"]["governance"].get("not_done", []) == []
    assert (arrived(box), by_column(box)) == (ALL, 0)


def test_tags_are_carried_where_the_api_does_not_give_them(box: Sandbox, carried: Route, tmp_path: Path) -> None:
    with tags_off(box):
        carried.migrate(None, "--settings", str(tmp_path / "settings.json"))
    assert arrived(box) == ALL


def test_tags_are_read_one_by_one_without_a_warehouse_and_are_unknown_without_both(
    box: Sandbox, carried: Route, tmp_path: Path
) -> None:
    settings = ["--settings", str(tmp_path / "settings.json")]
    plan = carried.plan(None, *settings)
    with box.fault("/api/*/sql/*", "error", status=403, code="PERMISSION_DENIED"):
        run = carried.run(plan)
    statements = [one["statement"] for one in run.tables["shop.tagged"]["governance"]["not_done"]]
    assert run.outcome.code == 1 and any("'level' = 'odd'" in one for one in statements), run.view
    assert by_column(box) > 0
    with tags_off(box), box.fault("/api/*/sql/*", "error", status=403, code="PERMISSION_DENIED"):
        again = carried.resume()
    told = again.tables["shop.tagged"]["governance"]["left_behind"]
    assert [one for one in told if one.startswith("the tags are not known")], told


def test_tags_that_a_policy_refuses_are_told_before_the_run(box: Sandbox, carried: Route, tmp_path: Path) -> None:
    settings = ["--settings", str(tmp_path / "settings.json")]

    def told() -> str:
        found = carried.findings(*settings)["shop.tagged"]
        return "; ".join(finding["reason"] for finding in found if finding["code"] == "IB-F225")

    assert told() == ""
    policy = tag_policies.TagPolicy(tag_key="level", values=[tag_policies.Value("open"), tag_policies.Value("secret")])
    box.client(box.admin_token).tag_policies.create_tag_policy(policy)
    odd = "level = odd: its policy takes open, secret"
    assert told() == f"{odd}, level of id: the workspace does not show who may assign it"
    with box.setting(tag_rules="to-all"):
        assert told() == f"{odd}, level of id: its policy's rules do not let who is signed in assign it"
        box.turn("tag-policies/assigners", tag_key="level", principals=[box.user])
        assert told() == odd
    # What was told is what the run cannot do.
    run = carried.run(carried.replan(None, *settings))
    [refused] = run.tables["shop.tagged"]["governance"]["not_done"]
    assert "'level' = 'odd'" in refused["statement"]
    assert [tag for tag in ALL if tag not in arrived(box)] == [ALL[0]]
    with box.fault("/api/*/tag-policies", "error", status=404, code="ENDPOINT_NOT_FOUND"):
        assert told() == ""


def test_what_a_killed_examination_left_is_dropped_by_the_next_and_nothing_else(box: Sandbox, here: Icebridge) -> None:
    client = box.client(box.admin_token)
    with box.fault("/api/*/unity-catalog/schemas/*", "error", status=403, code="PERMISSION_DENIED"):
        done = here.outcome("workspace", "doctor", "here", "--catalog", "main", "--yes")
    left = done.json["left_behind"].removeprefix("main.")
    other = "icebridge_doctor_of_others"
    client.schemas.create(name=other, catalog_name="main", comment="Scratch of an examination by IceBridge")
    row = examine(here)["leftovers"]
    assert (
        row["finding"] == "not_tried" and f"{left} was dropped" in row["detail"] and f"{other} stays" in row["detail"]
    )
    names = {schema.name for schema in client.schemas.list(catalog_name="main")}
    assert left not in names and other in names
