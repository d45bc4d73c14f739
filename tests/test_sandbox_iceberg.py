"""The sandbox's Iceberg REST endpoint: PyIceberg drives it first, then tables are migrated into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import (
    BadRequestError,
    CommitFailedException,
    ForbiddenError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import (
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    UUIDType,
)

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect
from tests.harness.sandbox import Sandbox
from tests.harness.written import plain, reading, sqlite_catalog
from tests.leakage.canary import credential
from tests.services.object_store import object_store

pytest_plugins = ["tests.harness.sandbox"]

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": pa.array(["a", None, "c"])})


def client(box: Sandbox, token: str | None = None, warehouse: str = "main") -> RestCatalog:
    """PyIceberg on the sandbox, signed in by token."""
    uri = f"{box.url}/api/2.1/unity-catalog/iceberg-rest"
    return RestCatalog("unity", uri=uri, warehouse=warehouse, token=token or box.token)


@pytest.fixture(autouse=True)
def gate(box: Sandbox) -> Iterator[None]:
    """Open for each test, whatever the one before did."""
    box.turn("gate", open=True, on=["main"])
    yield
    box.turn("gate", open=False, on=["main", "main.bronze", "main.silver", "glue_lake"])


def test_pyiceberg_makes_fills_changes_and_drops_a_table(box: Sandbox) -> None:
    catalog = client(box)
    catalog.create_namespace(("made",))
    assert ("made",) in catalog.list_namespaces()
    table = catalog.create_table(("made", "t"), ROWS.schema, properties={"team": "shop"})
    table.append(ROWS)
    with table.update_schema() as change:
        change.add_column("note", StringType(), doc="late")
    table.append(pa.table({"id": [4], "name": ["d"], "note": ["n"]}, schema=table.schema().as_arrow()))
    table.delete("id = 2")
    again = catalog.load_table(("made", "t"))
    assert sorted(again.scan().to_arrow()["id"].to_pylist()) == [1, 3, 4]
    assert again.properties["team"] == "shop"
    assert len(again.snapshots()) == 3
    assert catalog.list_tables(("made",)) == [("made", "t")]
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(("made", "t"), ROWS.schema)
    # The catalog of the workspace has it too, and tells its kind as the real one does.
    seen = box.client().tables.get("main.made.t")
    assert (seen.table_type and seen.table_type.value, seen.owner) == ("MANAGED", box.user)
    assert seen.data_source_format and seen.data_source_format.value == "DELTA"
    catalog.drop_table(("made", "t"))
    with pytest.raises(NoSuchTableError):
        catalog.load_table(("made", "t"))


def test_a_conflict_is_told_in_either_way(box: Sandbox) -> None:
    catalog = client(box)
    table = catalog.create_table(("silver", "raced"), ROWS.schema, properties={"commit.retry.num-retries": "0"})
    early, late = catalog.load_table(table.name()), catalog.load_table(table.name())
    table.append(ROWS)
    with pytest.raises(CommitFailedException, match="Commit failed"):
        early.append(ROWS)
    with box.setting(conflicts_as_400=True), pytest.raises(BadRequestError, match="ErrorCode: 2010"):
        late.append(ROWS)
    assert len(catalog.load_table(table.name()).snapshots()) == 1


def test_the_gate_has_two_halves(box: Sandbox) -> None:
    catalog = client(box)
    catalog.create_table(("silver", "gated"), ROWS.schema)
    box.turn("gate", open=False, on=["main"])
    with pytest.raises(ForbiddenError, match="External data access"):
        catalog.load_table(("silver", "gated"))
    box.turn("gate", open=True, on=["main.bronze"])
    with pytest.raises(ForbiddenError, match="EXTERNAL USE SCHEMA"):
        catalog.load_table(("silver", "gated"))
    box.turn("gate", open=True, on=["main.silver"])
    assert catalog.load_table(("silver", "gated")).scan().to_arrow().num_rows == 0


def test_what_managed_iceberg_lacks_is_refused(box: Sandbox) -> None:
    catalog = client(box)
    key = Schema(NestedField(1, "id", LongType(), required=True), identifier_field_ids=[1])
    refused: list[tuple[Any, dict[str, Any], str]] = [
        (key, {}, "identifier fields"),
        (Schema(NestedField(1, "u", UUIDType())), {}, "column u"),
        (ROWS.schema, {"properties": {"format-version": "3"}}, "format version 3"),
        (ROWS.schema, {"location": "file:///elsewhere"}, "cannot be chosen"),
        (ROWS.schema, {"properties": {"write.data.path": "s3://b"}}, "write.data.path"),
    ]
    for schema, options, words in refused:
        with pytest.raises(BadRequestError, match=words):
            catalog.create_table(("silver", "refused"), schema, **options)
    table = catalog.create_table(("silver", "kept_simple"), ROWS.schema)
    with pytest.raises(BadRequestError, match="multiple snapshots"), table.transaction() as two:
        two.append(ROWS)
        two.append(ROWS)
    table = table.refresh()
    table.append(ROWS)
    with pytest.raises(BadRequestError, match="branches and tags"):
        table.manage_snapshots().create_tag(table.snapshots()[0].snapshot_id, "v1").commit()


def test_tables_of_a_foreign_catalog_are_not_written_to(box: Sandbox) -> None:
    box.turn("gate", open=True, on=["glue_lake"])
    with pytest.raises(BadRequestError, match="foreign"):
        client(box, warehouse="glue_lake").create_table(("sales", "new"), ROWS.schema)


@pytest.mark.parametrize(("setting", "status"), [("refused-400", 400), ("refused-501", 501)])
def test_where_nothing_can_be_staged_a_table_is_made_empty_first(box: Sandbox, setting: str, status: int) -> None:
    path = "/api/2.1/unity-catalog/iceberg-rest/v1/catalogs/main/namespaces/bronze/tables"
    body = {"name": f"staged_{status}", "schema": {"type": "struct", "fields": []}, "stage-create": True}
    assert box.ask("POST", path, json=body).status_code == 200
    with box.setting(stage_create=setting):
        refused = box.ask("POST", path, json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, status)
        made = {"requirements": [{"type": "assert-create"}], "updates": []}
        assert box.ask("POST", f"{path}/{body['name']}", json=made).status_code == status
        table = client(box).create_table(("bronze", f"unstaged_{status}"), ROWS.schema)
        table.append(ROWS)
        assert table.scan().to_arrow().num_rows == 3


def test_a_conflict_and_another_refusal_have_their_own_codes(box: Sandbox) -> None:
    catalog = client(box)
    table = catalog.create_table(("silver", "sales_2010"), ROWS.schema, properties={"commit.retry.num-retries": "0"})
    path = "/api/2.1/unity-catalog/iceberg-rest/v1/catalogs/main/namespaces/silver/tables/sales_2010"
    stale = {"requirements": [{"type": "assert-table-uuid", "uuid": "x"}], "updates": []}
    refused = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"write.data.path": "s3://x"}}]}
    assert box.ask("POST", path, json=stale).status_code == 409
    for setting, code in (("in-text", None), ("in-text-and-field", 2010)):
        with box.setting(conflicts_as_400=True, conflict_code=setting):
            conflict, other = box.ask("POST", path, json=stale), box.ask("POST", path, json=refused)
            assert (conflict.status_code, other.status_code) == (400, 400)
            assert conflict.json()["error"]["message"].endswith("[ErrorCode: 2010]")
            assert conflict.json()["error"].get("error_code") == code
            assert "sales_2010" in other.json()["error"]["message"] and "error_code" not in other.json()["error"]
    assert table.refresh().snapshots() == []


def test_transforms_and_the_third_version_go_by_the_settings(box: Sandbox) -> None:
    catalog = client(box)
    schema = Schema(NestedField(1, "at", TimestampType()))
    spec = PartitionSpec(PartitionField(1, 1000, DayTransform(), "day"))
    catalog.create_table(("silver", "by_day"), schema, partition_spec=spec)
    with box.setting(partition_transforms="refused"):
        with pytest.raises(BadRequestError, match="partitioning by day"):
            catalog.create_table(("silver", "by_day_too"), schema, partition_spec=spec)
        by_value = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "at"))
        catalog.create_table(("silver", "by_value"), schema, partition_spec=by_value)
    with box.setting(managed_v3="taken"):
        made = catalog.create_table(("silver", "third"), schema, properties={"format-version": "3"})
        assert made.format_version == 3


def test_nothing_required_is_below_a_column(box: Sandbox) -> None:
    for kind in (
        ListType(2, LongType(), element_required=True),
        MapType(2, LongType(), 3, LongType(), value_required=True),
        StructType(NestedField(2, "b", LongType(), required=True)),
    ):
        with pytest.raises(BadRequestError, match="DELTA_NESTED_NOT_NULL_CONSTRAINT"):
            client(box).create_table(("silver", "nested"), Schema(NestedField(1, "a", kind)))
    fine = Schema(NestedField(1, "a", MapType(2, LongType(), 3, LongType(), value_required=False), required=True))
    client(box).create_table(("silver", "flat"), fine)


STORES: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"kind": "s3", "root": "s3://lent/uc", "access_key_id": "i", "secret_access_key": "k", "session_token": "t"},
        {"s3.access-key-id": "i", "s3.secret-access-key": "k", "s3.session-token": "t"},
    ),
    (
        {"kind": "adls", "root": "abfss://c@a.dfs.core.windows.net/uc", "sas": "sv=1&sig=s"},
        {"adls.sas-token.a.dfs.core.windows.net": "sv=1&sig=s"},
    ),
    ({"kind": "gcs", "root": "gs://lent/uc", "token": "t"}, {"gcs.oauth2.token": "t"}),
]


@pytest.mark.parametrize(("lends", "keys"), STORES)
def test_keys_are_lent_for_tables_in_a_store_and_anew(
    box: Sandbox, lends: dict[str, Any], keys: dict[str, str]
) -> None:
    tables = "/api/2.1/unity-catalog/iceberg-rest/v1/catalogs/main/namespaces/silver/tables"
    asks = {"X-Iceberg-Access-Delegation": "vended-credentials"}
    name = f"lent_{lends['kind']}"
    body = {"name": name, "schema": {"type": "struct", "fields": []}, "stage-create": True}
    with box.setting(lends={**lends, "ttl_s": 60}):
        made = box.ask("POST", tables, json=body, headers=asks).json()
        location = made["metadata"]["location"]
        assert location.startswith(lends["root"] + "/")
        (lent,) = made["storage-credentials"]
        assert (
            lent["prefix"] == location and keys.items() <= lent["config"].items() and made["config"] == lent["config"]
        )
        updates: list[dict[str, Any]] = [
            {"action": "add-schema", "schema": {"type": "struct", "fields": []}},
            {"action": "set-current-schema", "schema-id": -1},
            {"action": "set-location", "location": location},
        ]
        commit = {"requirements": [{"type": "assert-create"}], "updates": updates}
        done = box.ask("POST", f"{tables}/{name}", json=commit, headers=asks).json()
        assert done["metadata-location"] == f"{location}/metadata/v1.metadata.json"
        assert box.client().tables.get(f"main.silver.{name}").storage_location == location
        first = box.ask("GET", f"{tables}/{name}/credentials").json()["storage-credentials"][0]["config"]
        box.turn("clock", advance_s=30)
        again = box.ask("GET", f"{tables}/{name}/credentials").json()["storage-credentials"][0]["config"]
        (ends,) = [name for name in first if "expires-at" in name]
        assert int(again[ends]) >= int(first[ends]) + 30_000
        assert "storage-credentials" not in box.ask("GET", f"{tables}/{name}").json(), "it did not ask for any"
    assert box.ask("GET", f"{tables}/{name}/credentials").json() == {"storage-credentials": []}
    catalog = client(box)
    assert ("silver", name) in catalog.list_tables(("silver",))


def test_pyiceberg_writes_where_the_lent_keys_lead(box: Sandbox) -> None:
    with object_store() as store:
        lends = {
            "kind": "s3",
            "root": f"s3://{store.bucket}/uc",
            "endpoint": store.endpoint,
            "access_key_id": store.access_key,
            "secret_access_key": store.secret_key,
            "region": "us-east-1",
            "path_style": True,
        }
        with box.setting(lends=lends):
            table = client(box).create_table(("silver", "in_a_store"), ROWS.schema)
            table.append(ROWS)
            assert client(box).load_table(("silver", "in_a_store")).scan().to_arrow().num_rows == 3
            assert table.location().startswith(f"s3://{store.bucket}/uc/")


# Migrations into it


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Tables that Unity Catalog can take, and one that it cannot."""
    catalog = sqlite_catalog(tmp_path / "source")
    catalog.create_namespace("shop")
    for name in ("one", "two"):
        plain(catalog, f"shop.{name}", rows=50)
    catalog.create_table("shop.empty", ROWS.schema)
    schema = Schema(
        NestedField(3, "id", LongType(), required=True, doc="from the shop"),
        NestedField(1, "name", StringType()),
        NestedField(2, "at", TimestampType()),
    )
    spec = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "name"))
    parted = catalog.create_table("shop.parted", schema, partition_spec=spec, properties={"comment": "by name"})
    for start in (0, 100):
        rows = {"id": range(start, start + 100), "name": [f"n{n % 3}" for n in range(100)], "at": [None] * 100}
        parted.append(pa.table(rows, schema=parted.schema().as_arrow()))
    parted.delete("id < 10")
    by_day = PartitionSpec(PartitionField(2, 1000, DayTransform(), "day"))
    catalog.create_table("shop.by_day", schema, partition_spec=by_day)
    return tmp_path / "source"


def to_unity(icebridge: Icebridge, box: Sandbox, source: Path, kind: str = "unity") -> Route:
    """From the SQL catalog to `main` in the sandbox: by a saved workspace, or as any REST catalog by its address."""
    connect(icebridge, "foreign", "sql", f"sqlite:{source / 'catalog.db'}")
    if kind == "unity":
        icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
        icebridge.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
        connect(icebridge, "managed", "unity", "here", target=True, warehouse="main")
    else:
        uri = f"{box.url}/api/2.1/unity-catalog/iceberg-rest"
        connect(icebridge, "managed", "rest", uri, target=True, warehouse="main", secrets={"token": box.token})
    return Route(icebridge)


@pytest.mark.parametrize(("kind", "as_400"), [("unity", True), ("rest", False)])
def test_tables_arrive_in_unity_catalog(
    box: Sandbox, icebridge: Icebridge, shop: Path, kind: str, as_400: bool
) -> None:
    schema = f"arrived_by_{kind}"
    route = to_unity(icebridge, box, shop, kind)
    route.rename("shop.*", schema)
    plan = route.plan()
    by_day = {finding["code"]: finding["verdict"] for finding in route.findings()["shop.by_day"]}
    assert by_day["IB-F014"] == "loses", "it can be accepted, and is tried as it is"
    commits = f"/api/*/namespaces/{schema}/tables/two"
    with box.setting(conflicts_as_400=as_400), box.fault(commits, "lost", method="POST", count=1):
        job = route.run(plan)
    job.succeeded()
    source, target = sqlite_catalog(shop), client(box)
    assert sorted(target.list_tables((schema,))) == [(schema, n) for n in ("by_day", "empty", "one", "parted", "two")]
    for _, name in target.list_tables((schema,)):
        copy = target.load_table((schema, name))
        assert reading(copy) == reading(source.load_table(f"shop.{name}")), name
        assert len(copy.snapshots()) == (0 if name in ("by_day", "empty") else 1)
    parted = target.load_table((schema, "parted"))
    assert [field.name for field in parted.spec().fields] == ["name"]
    assert parted.schema().find_field("id").doc == "from the shop"
    # A second run finds everything done.
    before = {name: target.load_table((schema, name)).metadata_location for _, name in target.list_tables((schema,))}
    assert route.run(plan).outcome.code == 0
    after = {name: target.load_table((schema, name)).metadata_location for _, name in target.list_tables((schema,))}
    assert after == before


def test_behind_a_closed_gate_nothing_runs_and_the_way_to_open_it_is_told(
    box: Sandbox, icebridge: Icebridge, shop: Path
) -> None:
    route = to_unity(icebridge, box, shop)
    route.rename("shop.*", "silver")
    plan = route.plan()
    box.turn("gate", open=False, on=["main"])
    asked = ["preflight", *route.arguments]
    error = icebridge.refuse(*asked, code="gate-closed")
    assert "metastores/" in error["hint"]
    assert '{"external_access_enabled":true}' in error["hint"]
    assert f"main.silver: {box.user} lacks EXTERNAL USE SCHEMA" in " ".join(error["causes"])
    # Half of it is not enough, and the run asks again by itself.
    box.turn("gate", open=True, on=["main.bronze"])
    error = route.run(plan).outcome.json
    assert (error["code"], error["object"]) == ("gate-closed", "main.silver")
    assert f"GRANT EXTERNAL USE SCHEMA ON SCHEMA `main`.`silver` TO `{box.user}`" in error["hint"]
    assert icebridge.run("runs") == []
    box.turn("gate", open=True, on=["main.silver"])
    route.run(plan).succeeded()
    assert ("silver", "one") in client(box).list_tables(("silver",))


def test_a_sign_in_that_has_ended_is_told_and_one_that_was_renewed_goes_on(
    box: Sandbox, icebridge: Icebridge, shop: Path
) -> None:
    route = to_unity(icebridge, box, shop)
    secret = {"ICEBRIDGE_SECRET_WORKSPACE_ROBOT_CLIENT_SECRET": box.client_secret}
    icebridge.environment.update(secret)
    add = ["workspace", "add", "robot", "--host", box.url, "--by", "machine", "--client-id", box.client_id]
    icebridge.run(*add, stdin=f"{box.client_secret}\n")
    connect(icebridge, "robots", "unity", "robot", target=True, warehouse="main")
    robot = Route(icebridge, target="robots")
    robot.rename("shop.*", "bronze", "robot_{table}")
    plan = robot.plan()
    # Tokens end while it runs, one for each of two tables: new ones are fetched. A call whose new token is
    # refused, too, fails its table, so the two faults must not meet in one call.
    tables = "/api/*/namespaces/bronze/tables"
    one, two = f"{tables}/robot_one", f"{tables}/robot_two"
    with box.fault(one, "expired-token", count=1), box.fault(two, "expired-token", count=1):
        robot.run(plan).succeeded()
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = credential("dapi-of-yesterday")
    error = icebridge.refuse("preflight", *route.arguments, code="credentials-rejected")
    assert error["hint"]
