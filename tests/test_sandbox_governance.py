"""As strict as life: deleted principals, sparse answers, hosts of several, governed tags, filters, warehouses."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound, PermissionDenied
from databricks.sdk.service import catalog, sql, tags
from databricks.sdk.service.sql import StatementState

from tests.harness.sandbox import Sandbox

pytest_plugins = ["tests.harness.sandbox"]

WORKSPACE = "4211987654321098"
ICEBERG = "/api/2.1/unity-catalog/iceberg-rest/v1"
TABLE = "main.silver.kept"


def statement(
    box: Sandbox, text: str, warehouse: str = "5a4db0c5a4db0c51", admin: bool = False
) -> sql.StatementResponse:
    """A statement at its end."""
    client = box.client(box.admin_token if admin else None)
    return client.statement_execution.execute_statement(text, warehouse, wait_timeout="20s")


def rows(box: Sandbox, text: str, admin: bool = False) -> list[list[str]]:
    """The rows of a statement that must work."""
    told = statement(box, text, admin=admin)
    assert told.status and told.status.state == StatementState.SUCCEEDED, told.status
    return (told.result and told.result.data_array) or []


def grant(box: Sandbox, principal: str, privilege: catalog.Privilege = catalog.Privilege.SELECT) -> None:
    """A privilege on the table, given by the administrator."""
    change = catalog.PermissionsChange(principal=principal, add=[privilege])
    box.client(box.admin_token).grants.update("table", TABLE, changes=[change])


# Principals


@pytest.mark.parametrize(("setting", "shown"), [("absent", None), ("empty", "")])
def test_what_was_granted_to_the_deleted_stays_under_an_id(box: Sandbox, setting: str, shown: str | None) -> None:
    gone = f"gone-{setting}@sandbox.example"
    box.turn("principals", name=gone, groups=[f"left-{setting}"])
    grant(box, gone.upper())
    admin = box.client(box.admin_token)
    direct = admin.grants.get("table", TABLE, max_results=0).privilege_assignments or []
    assert gone in [one.principal for one in direct], "users are kept in lower case and found in any"
    admin.tables.update(TABLE, owner=gone)
    told = box.turn("principals/delete", name=gone)
    with box.setting(deleted_principals=setting):
        for path in ("permissions", "effective-permissions"):
            answer = box.ask("GET", f"/api/2.1/unity-catalog/{path}/table/{TABLE}", params={"max_results": 0}).json()
            mine = [one for one in answer["privilege_assignments"] if one["principal_id"] == told["principal_id"]]
            assert [one.get("principal") for one in mine] == [shown]
            assert ("principal" in mine[0]) is (shown is not None)
    owners = {"id": str(told["principal_id"]), "empty": "", "absent": None}
    for how, owner in owners.items():
        with box.setting(deleted_owners=how):
            assert box.ask("GET", f"/api/2.1/unity-catalog/tables/{TABLE}").json().get("owner") == owner
    with pytest.raises(NotFound) as refused:
        grant(box, gone)
    assert refused.value.error_code == "PRINCIPAL_DOES_NOT_EXIST"
    with pytest.raises(NotFound):
        admin.tables.update(TABLE, owner=gone)
    with pytest.raises(NotFound):
        grant(box, f"LEFT-{setting}")
    grant(box, f"left-{setting}")
    admin.tables.update(TABLE, owner=box.admin)


def test_grants_that_are_sent_together_fail_together(box: Sandbox) -> None:
    known = catalog.PermissionsChange(principal=box.user, add=[catalog.Privilege.MODIFY])
    unknown = catalog.PermissionsChange(principal="none@sandbox.example", add=[catalog.Privilege.MODIFY])
    grants = box.client(box.admin_token).grants
    with pytest.raises(NotFound):
        grants.update("table", "main.silver.kept_too", changes=[known, unknown])
    assert not grants.get("table", "main.silver.kept_too", max_results=0).privilege_assignments
    grants.update("table", "main.silver.kept_too", changes=[known])


# Answers and hosts


def test_the_vendors_client_reads_answers_without_their_usual_values(box: Sandbox) -> None:
    full = box.ask("GET", f"/api/2.1/unity-catalog/tables/{TABLE}").json()
    with box.setting(sparse_answers=True):
        sparse = box.ask("GET", f"/api/2.1/unity-catalog/tables/{TABLE}").json()
        assert full["columns"][0]["position"] == 0 and "position" not in sparse["columns"][0]
        assert full["browse_only"] is False and "browse_only" not in sparse
        client = box.client()
        assert client.tables.get(TABLE).columns
        assert {one.name for one in client.catalogs.list(max_results=0)} >= {"main", "glue_lake"}
        assert len(list(client.tables.list("lake", "s0000", max_results=0))) == 1000
        assert client.metastores.summary().metastore_id
        assert client.tables.exists("main.silver.none").table_exists is None
        assert rows(box, "SELECT NULL, '', 0, FALSE") == [[None, "", "0", "false"]]
        assert client.clusters.list_node_types().node_types
        assert not list(client.jobs.list())
        assert client.current_user.me().user_name == box.user
        config = box.ask("GET", f"{ICEBERG}/config", params={"warehouse": "main"}).json()
        assert config["defaults"] == {}, "not a protocol buffer"


def test_every_family_of_a_unified_host_wants_the_workspace(box: Sandbox) -> None:
    paths = [
        f"{ICEBERG}/config?warehouse=main",
        "/api/2.1/unity-catalog/catalogs",
        "/api/2.0/sql/warehouses",
        "/api/2.2/jobs/list",
        "/api/2.0/secrets/scopes/list",
    ]
    with box.setting(unified_host=True):
        for path in paths:
            assert box.ask("GET", path).status_code == 400, path
            assert box.ask("GET", path, headers={"X-Databricks-Workspace-Id": "1"}).status_code == 400, path
            for name in ("X-Databricks-Workspace-Id", "X-Databricks-Org-Id"):
                assert box.ask("GET", path, headers={name: WORKSPACE}).status_code == 200, path
        with box.setting(unnamed_workspace="redirected"):
            answer = box.ask("GET", paths[0], allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/login.html")
            assert box.ask("GET", f"{paths[1]}?o={WORKSPACE}").status_code == 200


# Tags, policies, filters


def test_governed_tags_take_some_values_from_some(box: Sandbox) -> None:
    admin, pilot = box.client(box.admin_token), box.client()
    with pytest.raises(PermissionDenied):
        pilot.tag_policies.create_tag_policy(tags.TagPolicy(tag_key="level"))
    policy = tags.TagPolicy(tag_key="level", values=[tags.Value("open"), tags.Value("secret")])
    admin.tag_policies.create_tag_policy(policy)
    assert [one.tag_key for one in admin.tag_policies.list_tag_policies()] == ["level"]
    grant(box, box.user, catalog.Privilege.APPLY_TAG)

    def assign(value: str) -> None:
        tag = catalog.EntityTagAssignment(entity_type="tables", entity_name=TABLE, tag_key="level", tag_value=value)
        pilot.entity_tag_assignments.create(tag)

    with pytest.raises(PermissionDenied, match="ASSIGN"):
        assign("open")
    told = statement(box, f"ALTER TABLE {TABLE} SET TAGS ('level' = 'open')")
    assert told.status and told.status.error and told.status.sql_state == "42501"
    box.turn("tag-policies/assigners", tag_key="level", principals=[box.user])
    with pytest.raises(BadRequest, match="not an allowed value"):
        assign("other")
    assign("open")
    rules = rule_set(box)
    shown = admin.account_access_control_proxy.get_rule_set(rules, "").grant_rules or []
    assert [(rule.role, rule.principals) for rule in shown] == [("roles/tagPolicy.assigner", [f"users/{box.user}"])]
    with pytest.raises(PermissionDenied):
        pilot.account_access_control_proxy.get_rule_set(rules, "")
    with box.setting(tag_rules="to-all"):
        assert pilot.account_access_control_proxy.get_rule_set(rules, "").grant_rules == shown
    admin.tag_policies.delete_tag_policy("level")


def rule_set(box: Sandbox) -> str:
    """The name of the rules of the policy for `level`."""
    policy = box.client().tag_policies.get_tag_policy("level")
    return f"accounts/{box.look('state')['account_id']}/tagPolicies/{policy.id}/ruleSets/default"


def test_policies_are_listed_where_they_are_and_below(box: Sandbox) -> None:
    rows(box, "CREATE OR REPLACE FUNCTION main.default.nobody(x STRING) RETURN FALSE")
    admin = box.client(box.admin_token)
    policy = catalog.PolicyInfo(
        name="hide",
        on_securable_type=catalog.SecurableType.CATALOG,
        on_securable_fullname="main",
        for_securable_type=catalog.SecurableType.TABLE,
        policy_type=catalog.PolicyType.POLICY_TYPE_ROW_FILTER,
        to_principals=["account users"],
        except_principals=[box.admin],
        match_columns=[catalog.MatchColumn(alias="c", condition="hasTag('pii')")],
        row_filter=catalog.RowFilterOptions(
            function_name="main.default.nobody", using=[catalog.FunctionArgument(alias="c")]
        ),
    )
    with pytest.raises(PermissionDenied):
        box.client().policies.create_policy(policy)
    assert admin.policies.create_policy(policy).id
    assert list(admin.policies.list_policies("TABLE", TABLE)) == []
    (found,) = admin.policies.list_policies("TABLE", TABLE, include_inherited=True)
    assert (found.name, found.on_securable_fullname, found.to_principals) == ("hide", "main", ["account users"])
    rows(box, "CREATE TABLE main.default.seen (who STRING) USING ICEBERG")
    rows(box, "INSERT INTO main.default.seen VALUES ('ada')")
    assert rows(box, "SELECT count(*) FROM main.default.seen") == [["1"]]
    rows(box, "ALTER TABLE main.default.seen ALTER COLUMN who SET TAGS ('pii' = 'name')")
    assert rows(box, "SELECT count(*) FROM main.default.seen") == [["0"]]
    assert rows(box, "SELECT count(*) FROM main.default.seen", admin=True) == [["1"]]
    admin.policies.delete_policy("CATALOG", "main", "hide")
    assert rows(box, "SELECT count(*) FROM main.default.seen") == [["1"]]


def test_filters_and_masks_show_in_the_tables(box: Sandbox) -> None:
    rows(box, "CREATE TABLE main.default.guarded (name STRING, country STRING) USING ICEBERG")
    rows(box, "INSERT INTO main.default.guarded VALUES ('ada', 'DE'), ('ben', 'FR')")
    rows(box, "CREATE FUNCTION main.default.home(c STRING) RETURN c = 'FR'")
    rows(box, "CREATE FUNCTION main.default.stars(n STRING, c STRING) RETURN '***'")
    rows(box, "ALTER TABLE main.default.guarded SET ROW FILTER main.default.home ON (country)")
    mask = "ALTER TABLE main.default.guarded ALTER COLUMN name SET MASK main.default.stars USING COLUMNS (country)"
    rows(box, mask)
    table = box.client().tables.get("main.default.guarded")
    assert table.row_filter
    assert (table.row_filter.function_name, table.row_filter.input_column_names) == ("main.default.home", ["country"])
    column = (table.columns or [])[0].mask
    assert column and (column.function_name, column.using_column_names) == ("main.default.stars", ["country"])
    assert rows(box, "SELECT * FROM main.default.guarded") == [["***", "FR"]]


# Statements and warehouses


def test_a_failed_statement_tells_its_state_if_the_workspace_does(box: Sandbox) -> None:
    told = statement(box, "SELECT 1 FROM main.default.none")
    assert told.status and told.status.sql_state == "42P01" and told.status.error
    assert told.status.error.error_code == sql.ServiceErrorCode.BAD_REQUEST
    assert str(told.status.error.message).startswith("[TABLE_OR_VIEW_NOT_FOUND]")
    with box.setting(sql_states="absent"):
        told = statement(box, "SELECT 1 FROM main.default.none")
        assert told.status and told.status.sql_state is None and told.status.error


def test_not_every_warehouse_is_for_everybody(box: Sandbox) -> None:
    usual = {"id": "5a4db0c5a4db0c51", "name": "Sandbox Warehouse", "enable_serverless_compute": True}
    big: dict[str, Any] = {"id": "b16", "name": "big", "cluster_size": "2X-Large", "may_use": ["admins"]}
    small = {"id": "5ma11", "name": "small", "warehouse_type": "CLASSIC", "running": True, "cluster_size": "2X-Small"}
    box.turn("warehouses", warehouses=[big, small])
    try:
        seen = {str(one.name): one for one in box.client().warehouses.list()}
        assert [*seen] == ["small"]
        assert (seen["small"].state, seen["small"].enable_serverless_compute) == (sql.State.RUNNING, False)
        assert {one.name for one in box.client(box.admin_token).warehouses.list()} == {"big", "small"}
        with pytest.raises(PermissionDenied):
            statement(box, "SELECT 1", "b16")
        with pytest.raises(DatabricksError):
            statement(box, "SELECT 1", "none")
        told = statement(box, "SELECT 1", "5ma11")
        assert told.result and told.result.data_array == [["1"]]
        box.turn("catalogs", name="workspace", default_storage=True)
        told = statement(box, "CREATE TABLE workspace.default.t (id INT)", "5ma11", admin=True)
        assert told.status and "only serverless compute" in str(told.status.error and told.status.error.message)
        stored = box.client().catalogs.get("workspace").storage_root
        assert stored and stored.startswith("s3://dbstorage-prod-")
        schema = box.ask("GET", "/api/2.1/unity-catalog/schemas/workspace.default").json()
        assert schema["securable_kind"] == "SCHEMA_DB_STORAGE"
    finally:
        box.turn("warehouses", warehouses=[usual])


def test_a_setting_that_is_none_is_refused(box: Sandbox) -> None:
    for wrong in ({"cloud": "moon"}, {"deleted_principals": True}, {"sparse": True}):
        assert requests.post(f"{box.url}/sandbox/settings", json=wrong, timeout=10).status_code == 400, wrong
