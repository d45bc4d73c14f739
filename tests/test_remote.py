"""The remote half as in life: what real workspaces answer that a friendly one does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import Icebridge
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.written import plain, sqlite_catalog

ROUTE = ["--source", "foreign", "--target", "managed"]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox of its own: its rights and settings are changed."""
    with sandbox("--gate-open") as running:
        yield running


def sign_in(icebridge: Icebridge, box: Sandbox, *more: str) -> None:
    """The workspace by a token, which stands in the environment."""
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    icebridge.run("workspace", "add", "here", "--host", box.url, "--by", "token", *more, stdin=f"{box.token}\n")


def lake(icebridge: Icebridge, folder: Path, *tables: str) -> None:
    """Plain tables, and the way from them into Unity Catalog."""
    catalog = sqlite_catalog(folder)
    catalog.create_namespace("shop")
    for table in tables or ("orders",):
        plain(catalog, f"shop.{table}", rows=20)
    icebridge.run("catalog", "add", "foreign", "--kind", "sql", "--uri", f"sqlite:{folder}/catalog.db")
    icebridge.run("catalog", "add", "managed", "--target", "--kind", "unity", "--uri", "here", "--warehouse", "main")
    icebridge.run("inventory", "foreign")


def planned(icebridge: Icebridge, folder: Path, **settings: Any) -> str:
    """A plan with these settings, and all losses accepted."""
    file = folder / "settings.json"
    file.write_text(json.dumps(settings))
    icebridge.outcome("preflight", *ROUTE, "--settings", str(file), "--accept-all-losses")
    return str(icebridge.run("plan", *ROUTE, "--settings", str(file))["path"])


def test_an_answer_without_its_empty_fields_is_an_answer(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    sign_in(icebridge, box)
    with box.setting(sparse_answers=True):
        lake(icebridge, tmp_path / "lake")
        assert icebridge.outcome("workspace", "gate", "here", "main.default").code == 0
        assert icebridge.run("unity", "refresh", "here", "--grants-and-tags")["failed"] == []
        assert icebridge.run("run", planned(icebridge, tmp_path))["state"] == "succeeded"


@pytest.mark.parametrize("shown", ["absent", "empty"])
def test_deleted_principals_block_nothing(box: Sandbox, icebridge: Icebridge, shown: str) -> None:
    sign_in(icebridge, box)
    box.turn("principals", name="gone@x.example", groups=[])
    admin = box.client(box.admin_token)
    admin.grants.update("catalog", "main", changes=[_grant("gone@x.example", "USE_CATALOG")])
    admin.grants.update("table", "glue_lake.sales.orders", changes=[_grant("gone@x.example", "SELECT")])
    box.turn("principals/delete", name="gone@x.example")
    with box.setting(deleted_principals=shown):
        assert icebridge.outcome("workspace", "gate", "here", "main.default").code == 0
        assert icebridge.run("unity", "refresh", "here", "--grants-and-tags")["failed"] == []


def _grant(principal: str, privilege: str) -> Any:
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    return PermissionsChange(principal=principal, add=[Privilege(privilege)])


def test_every_call_names_the_workspace_of_a_shared_host(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    sign_in(icebridge, box, "--workspace-id", "4211987654321098")
    with box.setting(unified_host=True):
        lake(icebridge, tmp_path / "lake")
        assert icebridge.run("catalog", "check", "managed")["reachable"]
        assert icebridge.run("run", planned(icebridge, tmp_path))["state"] == "succeeded"


def test_metrics_need_no_right_to_make_schemas(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    sign_in(icebridge, box)
    admin = box.client(box.admin_token)
    warehouse = next(iter(admin.warehouses.list())).id

    def sql(text: str) -> Any:
        return admin.statement_execution.execute_statement(statement=text, warehouse_id=warehouse, wait_timeout="30s")

    sql("CREATE SCHEMA main.icebridge")
    sql("CREATE SCHEMA main.shop")
    sql(
        "CREATE TABLE main.icebridge.migration_iceberg_jobs (plan_hash STRING, run_id STRING, source STRING, "
        "target STRING, method STRING, state STRING, row_count BIGINT, milliseconds BIGINT, job_run_id STRING, "
        "recorded_at STRING, more STRING)"
    )
    for who in ("migration-engineers", "account users"):
        box.ask(
            "PATCH",
            "/api/2.1/unity-catalog/permissions/catalog/main",
            box.admin_token,
            json={"changes": [{"principal": who, "remove": ["CREATE_SCHEMA", "ALL_PRIVILEGES"]}]},
        )
    rights = ["USE_CATALOG", "USE_SCHEMA", "CREATE_TABLE", "MODIFY", "SELECT", "EXTERNAL_USE_SCHEMA"]
    box.ask(
        "PATCH",
        "/api/2.1/unity-catalog/permissions/catalog/main",
        box.admin_token,
        json={"changes": [{"principal": box.user, "add": rights}]},
    )
    lake(icebridge, tmp_path / "lake")
    plan = planned(icebridge, tmp_path, engine="embedded", after={"metrics": True})
    run = icebridge.run("run", plan)
    report = run["tables"][0]["governance"]
    assert report["done"] == ["-- one row in main.icebridge.migration_iceberg_jobs"] and "not_done" not in report
    rows = sql("SELECT target, row_count FROM main.icebridge.migration_iceberg_jobs").result.data_array
    assert rows == [["shop.orders", "20"]]


def test_what_was_not_done_ends_with_exit_code_1(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    sign_in(icebridge, box)
    lake(icebridge, tmp_path / "lake")
    plan = planned(icebridge, tmp_path, after={"metrics": True, "metrics_table": "nowhere.x.y"})
    done = icebridge.outcome("run", plan)
    table = done.json["tables"][0]
    assert (done.code, done.json["state"], table["state"]) == (1, "succeeded", "migrated")
    assert [left["statement"] for left in table["governance"]["not_done"]] == ["-- one row in nowhere.x.y"]


def test_a_proof_stays_when_the_source_is_gone(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    sign_in(icebridge, box)
    lake(icebridge, tmp_path / "lake", "orders", "lines")
    plan = planned(icebridge, tmp_path)
    assert icebridge.run("run", plan)["state"] == "succeeded"
    with sqlite3.connect(tmp_path / "lake" / "catalog.db") as catalog:
        catalog.execute("DELETE FROM iceberg_tables WHERE table_name = 'orders'")
    again = icebridge.outcome("run", plan)
    tables = {table["source"]: table for table in again.json["tables"]}
    assert (again.code, again.json["state"]) == (0, "succeeded")
    assert tables["shop.orders"]["validation"]["passed"] and tables["shop.orders"]["validation"]["proof"] == "digest"
    assert icebridge.outcome("run", "--resume").code == 0
    validated = icebridge.outcome("validate")
    assert (validated.code, validated.json["state"]) == (1, "succeeded")
    bundle = tmp_path / "bundle"
    icebridge.run("audit", "export", "--out", str(bundle))
    assert icebridge.run("audit", "verify", str(bundle))["migrated"] == 2
    # What was never proved is not, whatever the reason.
    box.client(box.admin_token).tables.delete("main.shop.orders")
    last = icebridge.outcome("run", plan).json
    assert last["state"] == "incomplete", last["tables"]


def test_clusters_alone_need_no_open_gate(icebridge: Icebridge, tmp_path: Path) -> None:
    with sandbox() as closed:
        sign_in(icebridge, closed)
        lake(icebridge, tmp_path / "lake")
        photon = {
            "volume": "/Volumes/main/default/icebridge",
            "source_catalog": "glue_lake",
            "read_here_up_to_bytes": 0,
        }
        file = tmp_path / "settings.json"
        file.write_text(json.dumps({"engine": "photon", "photon": photon}))
        found = icebridge.outcome("preflight", *ROUTE, "--settings", str(file)).json
        assert [table["engine"] for table in found["tables"]] == ["photon"]
        photon["read_here_up_to_bytes"] = 1
        file.write_text(json.dumps({"engine": "photon", "photon": photon}))
        refused = icebridge.outcome("preflight", *ROUTE, "--settings", str(file))
        assert refused.json["code"] == "gate-closed"


def test_the_doctor_says_what_holds_and_what_does_not(box: Sandbox, icebridge: Icebridge) -> None:
    sign_in(icebridge, box)
    doctor = ["workspace", "doctor", "here", "--catalog", "main", "--submit-run", "--yes"]

    def found() -> dict[str, str]:
        report = icebridge.outcome(*doctor).json
        assert report.get("left_behind") is None, report
        return {row["key"]: row["finding"] for row in report["rows"]}

    named = icebridge.outcome(*doctor, "--foreign-table", "glue_lake.sales.nothing")
    assert "<workspace>" in named.stdout and box.url not in named.stdout and box.user not in named.stdout
    holds = found()
    tried = {key for key in holds if key not in ("pinned_read", "primed_read", "deep_clone")}
    assert {key for key in tried if holds[key] != "holds"} == set(), holds
    with box.setting(partition_transforms="refused", jobs_api="2.1"):
        other = found()
    assert {key for key in tried if other[key] != "holds"} == {"rest_hour", "rest_bucket"}
    schemas = box.client(box.admin_token).schemas.list("main")
    assert not [schema.name for schema in schemas if "doctor" in (schema.name or "")]
    refused = icebridge.outcome("workspace", "doctor", "here", "--catalog", "main", stdin="")
    assert (refused.code, refused.json["code"]) == (1, "invalid-input")
