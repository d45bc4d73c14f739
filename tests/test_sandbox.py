"""The vendor's own SDK drives the sandbox: sign-in, Unity Catalog, workspace files, secrets."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
import urllib.parse
import webbrowser
from collections.abc import Callable
from typing import Any

import pytest
import requests
from databricks.sdk import WorkspaceClient, oauth
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    Unauthenticated,
)
from databricks.sdk.service import catalog, workspace

from tests.harness.sandbox import Sandbox, sandbox, until
from tests.leakage.canary import MARK, credential

pytest_plugins = ["tests.harness.sandbox"]


# Sign-in


def press(page: requests.Response, person: str) -> str:
    """What a browser sends when somebody presses the button of a person; the address it is then sent to."""
    fields = dict(re.findall(r'<input type=hidden name=(\w+) value="([^"]*)">', page.text))
    assert f'value="{person}"' in page.text
    fields = {name: value.replace("&#39;", "'").replace("&amp;", "&") for name, value in fields.items()}
    sent = requests.post(page.url.split("?")[0], data={**fields, "person": person}, allow_redirects=False, timeout=10)
    assert sent.status_code == 303, sent.text
    return sent.headers["Location"]


def play(person: str) -> Callable[[str], bool]:
    """A browser that opens the address, signs in as this person and follows where it is sent."""

    def browser(address: str) -> bool:
        def go() -> None:
            back = press(requests.get(address, timeout=10), person)

            def answered() -> bool:
                # The client listens only after it has opened the browser.
                try:
                    return requests.get(back, timeout=10).ok
                except requests.ConnectionError:
                    return False

            until(answered)

        threading.Thread(target=go, daemon=True).start()
        return True

    return browser


def begin(box: Sandbox, **changes: str) -> tuple[requests.Response, str]:
    """The authorization request of a client that makes its own, and its verifier."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": "databricks-cli",
        "redirect_uri": "http://localhost:8033",
        "scope": "all-apis offline_access",
        "state": "s t&ate",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **changes,
    }
    page = requests.get(f"{box.url}/oidc/v1/authorize", params=asked, allow_redirects=False, timeout=10)
    return page, verifier


def code(box: Sandbox) -> tuple[str, str]:
    """A fresh code and the verifier that goes with it."""
    page, verifier = begin(box)
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(press(page, box.user)).query)
    assert query["state"] == ["s t&ate"]
    return query["code"][0], verifier


def token(box: Sandbox, auth: tuple[str, str] | None = None, **fields: str) -> requests.Response:
    """The token endpoint's answer."""
    return requests.post(f"{box.url}/oidc/v1/token", data=fields, auth=auth, timeout=10)


def exchange(box: Sandbox, name: str, verifier: str, **changes: str) -> requests.Response:
    """A code for tokens."""
    fields = {
        "grant_type": "authorization_code",
        "client_id": "databricks-cli",
        "redirect_uri": "http://localhost:8033",
        "code": name,
        "code_verifier": verifier,
        **changes,
    }
    return token(box, **fields)


def refresh(box: Sandbox, value: str) -> requests.Response:
    """A refresh token for new tokens."""
    return token(box, grant_type="refresh_token", client_id="databricks-cli", refresh_token=value)


def test_a_personal_access_token_signs_in(box: Sandbox) -> None:
    me = box.client().current_user.me()
    assert me.user_name == box.user
    assert {group.display for group in me.groups or []} >= {"account users", "migration-engineers"}
    made = box.client().tokens.create(comment="mine", lifetime_seconds=60)
    assert made.token_value and made.token_info and made.token_info.token_id
    assert box.client(made.token_value).current_user.me().user_name == box.user
    box.client().tokens.delete(made.token_info.token_id)
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        box.client(made.token_value).current_user.me()


def test_a_wrong_token_is_answered_with_a_number_as_code(box: Sandbox) -> None:
    answer = box.ask("GET", "/api/2.0/preview/scim/v2/Me", token=credential("dapi-wrong"))
    assert answer.status_code == 403
    assert answer.json()["error_code"] == 403
    assert answer.headers["x-databricks-reason-phrase"] == "Invalid access token."
    details = answer.json()["details"]
    assert details[-1]["request_id"] == answer.headers["x-request-id"]


def test_a_service_principal_signs_in_with_its_secret(box: Sandbox) -> None:
    robot = WorkspaceClient(
        host=box.url, client_id=box.client_id, client_secret=box.client_secret, auth_type="oauth-m2m"
    )
    assert robot.current_user.me().user_name == box.client_id
    wrong = token(box, (box.client_id, credential("wrong")), grant_type="client_credentials", scope="all-apis")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_a_person_signs_in_by_browser(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open_new", play(box.admin))
    person = WorkspaceClient(host=box.url, auth_type="external-browser")
    assert person.current_user.me().user_name == box.admin


def test_the_page_shows_what_it_was_sent_as_text(box: Sandbox) -> None:
    page, _ = begin(box, state='"><script>alert(1)</script>')
    assert "<script>alert" not in page.text


def test_of_two_refreshes_at_once_one_wins(box: Sandbox) -> None:
    name, verifier = code(box)
    value = exchange(box, name, verifier).json()["refresh_token"]
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(refresh(box, value).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [400] * 7


def test_revocation_ends_the_whole_sign_in(box: Sandbox) -> None:
    name, verifier = code(box)
    told = exchange(box, name, verifier).json()
    assert box.client(told["access_token"]).current_user.me().user_name == box.user
    gone = requests.post(f"{box.url}/oidc/v1/revoke", data={"token": told["refresh_token"]}, timeout=10)
    assert gone.status_code == 200
    assert refresh(box, told["refresh_token"]).status_code == 400
    with pytest.raises(PermissionDenied):
        box.client(told["access_token"]).current_user.me()


def test_an_expired_token_is_refreshed_by_the_client_itself(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open_new", play(box.user))
    before = box.look("counts")["tokens_refreshed"]
    with box.setting(access_token_ttl_s=2):
        person = WorkspaceClient(host=box.url, auth_type="external-browser")
        assert person.current_user.me().user_name == box.user
        # The client takes a token for expired 40 seconds before: each call needs a new one.
        assert person.current_user.me().user_name == box.user
    assert box.look("counts")["tokens_refreshed"] > before


def test_a_token_that_expired_on_the_server_is_refused(box: Sandbox) -> None:
    name, verifier = code(box)
    told = exchange(box, name, verifier).json()
    box.turn("tokens/expire")
    with pytest.raises(Unauthenticated, match="expired"):
        box.client(told["access_token"]).current_user.me()
    fresh = refresh(box, told["refresh_token"]).json()
    assert box.client(fresh["access_token"]).current_user.me().user_name == box.user


def test_a_unified_host_wants_to_be_told_the_workspace(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    state = box.look("state")
    with box.setting(unified_host=True):
        monkeypatch.setattr(webbrowser, "open_new", play(box.user))
        person = WorkspaceClient(
            host=box.url,
            auth_type="external-browser",
            account_id=state["account_id"],
            workspace_id=state["workspace_id"],
        )
        assert "/oidc/accounts/" in oauth.get_host_metadata(box.url).oidc_endpoint
        assert person.metastores.summary().name == "sandbox"
        bare = box.ask("GET", "/api/2.1/unity-catalog/metastore_summary")
        assert bare.status_code == 400


def test_the_built_in_application_can_be_switched_off(box: Sandbox) -> None:
    box.turn("oauth-clients", client_id="our-own", redirect_urls=["http://localhost:9999/back"])
    page, _ = begin(box, client_id="our-own", redirect_uri="http://localhost:9999/back")
    assert page.status_code == 200
    page, _ = begin(box, client_id="our-own")
    assert page.status_code == 400, "its own addresses only"
    requests.delete(f"{box.url}/sandbox/oauth-clients/our-own", timeout=10)
    page, _ = begin(box, client_id="our-own", redirect_uri="http://localhost:9999/back")
    assert page.status_code == 400


# Unity Catalog


def test_kinds_of_tables_are_told_as_the_real_one_tells_them(box: Sandbox) -> None:
    client = box.client()
    managed = client.tables.get("main.silver.kept", include_manifest_capabilities=True)
    assert managed.table_type == catalog.TableType.MANAGED
    assert managed.data_source_format == catalog.DataSourceFormat.DELTA, "the trap: it says DELTA"
    assert managed.securable_kind_manifest and managed.securable_kind_manifest.securable_kind
    assert managed.securable_kind_manifest.securable_kind.value == "TABLE_DELTA_ICEBERG_MANAGED"
    wire = box.ask("GET", "/api/2.1/unity-catalog/tables/main.silver.kept").json()
    assert wire["securable_kind"] == "TABLE_DELTA_ICEBERG_MANAGED"
    assert "securable_kind_manifest" not in wire
    foreign = client.tables.get("glue_lake.sales.customers")
    assert foreign.table_type == catalog.TableType.FOREIGN
    assert foreign.data_source_format == catalog.DataSourceFormat.DELTA_UNIFORM_ICEBERG
    assert [column.partition_index for column in foreign.columns or []] == [None, None, 0]
    # A word that this SDK does not know, it leaves out; the table is there all the same.
    odd = client.tables.get("glue_lake.web.unheard_of")
    assert odd.table_type is None and odd.full_name == "glue_lake.web.unheard_of"


def test_columns_carry_sparks_types(box: Sandbox) -> None:
    columns = box.client().tables.get("glue_lake.web.clicks").columns or []
    assert columns[1].type_text == "struct<url:string,tags:array<string>>"
    assert columns[1].type_name == catalog.ColumnTypeName.STRUCT
    assert '"elementType":"string"' in (columns[1].type_json or "").replace(" ", "")


def test_every_generated_table_is_listed_once(box: Sandbox) -> None:
    client = box.client()
    schemas = [schema.name for schema in client.schemas.list("lake", max_results=0)]
    assert schemas == ["s0000", "s0001", "s0002"]
    names = [t.full_name for s in schemas for t in client.tables.list("lake", str(s), max_results=0)]
    assert len(names) == len(set(names)) == 2500
    summaries = [one.full_name for one in client.tables.list_summaries("lake", max_results=700)]
    assert sorted(map(str, summaries)) == sorted(map(str, names))
    some = list(client.tables.list_summaries("lake", schema_name_pattern="s0001", table_name_pattern="%00"))
    assert len(some) == 10
    assert box.look("counts")["requests_by_path"]["GET /api/2.1/unity-catalog/tables"] >= 25


def test_what_is_left_out_can_be_asked_to_be_left_out(box: Sandbox) -> None:
    whole = list(box.client().tables.list("main", "silver"))
    assert whole and all(table.columns and table.properties and table.owner for table in whole)
    bare = list(box.client().tables.list("main", "silver", omit_columns=True, omit_properties=True, omit_username=True))
    assert [table.name for table in bare] == [table.name for table in whole]
    assert not any(table.columns or table.properties or table.owner for table in bare)


def test_lists_want_what_they_need(box: Sandbox) -> None:
    for path in ("tables?catalog_name=main", "schemas", "tables?catalog_name=main&schema_name=silver&max_results=-1"):
        answer = box.ask("GET", f"/api/2.1/unity-catalog/{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), path


def test_what_does_not_exist_says_so(box: Sandbox) -> None:
    client = box.client()
    with pytest.raises(NotFound) as error:
        client.tables.get("main.silver.none")
    assert error.value.error_code == "TABLE_DOES_NOT_EXIST"
    assert error.value.get_error_details().error_info.domain == "unity-catalog.databricks.com"
    assert not client.tables.exists("main.silver.none").table_exists
    assert client.tables.exists("MAIN.Silver.KEPT").table_exists, "names are found in any case"
    with pytest.raises(NotFound):
        list(client.schemas.list("none"))
    with pytest.raises(DatabricksError, match="No API found"):
        client.api_client.do("GET", "/api/2.0/none")


def test_the_gate_is_opened_by_those_who_may(box: Sandbox) -> None:
    pilot, admin = box.client(), box.client(box.admin_token)
    summary = pilot.metastores.summary()
    assert summary.external_access_enabled is False
    assert summary.metastore_id == pilot.metastores.current().metastore_id
    with pytest.raises(PermissionDenied):
        pilot.metastores.update(str(summary.metastore_id), external_access_enabled=True)
    admin.metastores.update(str(summary.metastore_id), external_access_enabled=True)
    assert pilot.metastores.summary().external_access_enabled is True

    change = [catalog.PermissionsChange(principal=box.user, add=[catalog.Privilege.EXTERNAL_USE_SCHEMA])]
    with pytest.raises(PermissionDenied, match="owner"):
        pilot.grants.update("schema", "main.silver", changes=change)
    table = admin.tables.get("main.silver.kept")
    with pytest.raises(PermissionDenied, match="EXTERNAL USE SCHEMA"):
        pilot.temporary_table_credentials.generate_temporary_table_credentials(
            table_id=table.table_id, operation=catalog.TableOperation.READ
        )
    admin.grants.update("schema", "main.silver", changes=change)
    vended = pilot.temporary_table_credentials.generate_temporary_table_credentials(
        table_id=table.table_id, operation=catalog.TableOperation.READ_WRITE
    )
    assert vended.aws_temp_credentials and vended.url == table.storage_location
    box.turn("gate", open=False, on=["main.silver"], principal=box.user)
    assert pilot.metastores.summary().external_access_enabled is False
    with pytest.raises(PermissionDenied, match="External data access"):
        pilot.temporary_table_credentials.generate_temporary_table_credentials(
            table_id=table.table_id, operation=catalog.TableOperation.READ
        )


def test_permissions_tell_where_they_come_from(box: Sandbox) -> None:
    client = box.client()
    told = client.grants.get_effective("table", "glue_lake.sales.orders", max_results=0)
    by_principal = {one.principal: one.privileges or [] for one in told.privilege_assignments or []}
    inherited = {(p.privilege.value, p.inherited_from_name) for p in by_principal["migration-engineers"] if p.privilege}
    assert ("SELECT", "glue_lake") in inherited
    assert box.admin not in by_principal, "an owner has no privileges to show"
    direct = client.grants.get("table", "glue_lake.sales.orders", max_results=0).privilege_assignments or []
    assert [one.principal for one in direct] == ["analysts@sandbox.example"]
    with pytest.raises(BadRequest, match="150"):
        client.grants.get("table", "glue_lake.sales.orders", max_results=10)
    twin = list(client.grants.list("schema", "glue_lake.sales", page_size=0))
    assert [one.principal for one in twin] == ["account users"]


def test_tags_are_read_and_set(box: Sandbox) -> None:
    admin = box.client(box.admin_token)
    told = list(admin.entity_tag_assignments.list("columns", "glue_lake.sales.orders.customer"))
    assert [(tag.tag_key, tag.tag_value) for tag in told] == [("pii", "name")]
    tag = catalog.EntityTagAssignment(
        entity_type="tables", entity_name="main.silver.kept", tag_key="domain", tag_value="sales"
    )
    admin.entity_tag_assignments.create(tag)
    with pytest.raises(AlreadyExists):
        admin.entity_tag_assignments.create(tag)
    assert admin.entity_tag_assignments.get("tables", "main.silver.kept", "domain").tag_value == "sales"
    admin.entity_tag_assignments.delete("tables", "main.silver.kept", "domain")
    assert list(admin.entity_tag_assignments.list("tables", "main.silver.kept")) == []


def test_schemas_owners_and_connections(box: Sandbox) -> None:
    client, admin = box.client(), box.client(box.admin_token)
    made = client.schemas.create("icebridge", "main", comment="of migrations")
    assert made.owner == box.user
    with pytest.raises(DatabricksError) as error:
        client.schemas.create("ICEBRIDGE", "main")
    assert error.value.error_code == "SCHEMA_ALREADY_EXISTS"
    client.schemas.delete("main.icebridge")
    admin.tables.update("main.silver.kept_too", owner=box.user)
    assert client.tables.get("main.silver.kept_too").owner == box.user
    with pytest.raises(NotFound):
        admin.tables.update("main.silver.kept_too", owner="none@sandbox.example")
    kinds = {connection.name: connection.connection_type for connection in client.connections.list()}
    assert kinds["glue_prod"] == catalog.ConnectionType.GLUE
    assert [location.name for location in client.external_locations.list()] == ["lake", "managed"]


# Workspace files, secrets


def test_what_looks_like_a_notebook_becomes_one(box: Sandbox) -> None:
    files = box.client().workspace
    home = f"/Workspace/Users/{box.user}"
    with pytest.raises(ResourceDoesNotExist, match="parent folder"):
        files.upload(f"{home}/jobs/plain.py", b"print(1)\n", format=workspace.ImportFormat.AUTO)
    files.mkdirs(f"{home}/jobs")
    files.mkdirs(f"{home}/jobs")
    files.upload(f"{home}/jobs/plain.py", b"print(1)\n", format=workspace.ImportFormat.AUTO)
    assert files.get_status(f"{home}/jobs/plain.py").object_type == workspace.ObjectType.FILE
    header = b"# Databricks notebook source\nprint(1)\n"
    files.upload(f"{home}/jobs/note.py", header, format=workspace.ImportFormat.AUTO)
    note = files.get_status(f"{home}/jobs/note")
    assert (note.object_type, note.language) == (workspace.ObjectType.NOTEBOOK, workspace.Language.PYTHON)
    with pytest.raises(ResourceDoesNotExist):
        files.get_status(f"{home}/jobs/note.py")
    files.upload(f"{home}/jobs/raw.py", header, format=workspace.ImportFormat.RAW)
    assert files.get_status(f"{home}/jobs/raw.py").object_type == workspace.ObjectType.FILE
    with pytest.raises(ResourceAlreadyExists):
        files.import_(
            f"{home}/jobs/plain.py", content=base64.b64encode(b"x").decode(), format=workspace.ImportFormat.RAW
        )
    files.upload(f"{home}/jobs/plain.py", b"print(2)\n", format=workspace.ImportFormat.AUTO, overwrite=True)
    assert files.download(f"{home}/jobs/plain.py").read() == b"print(2)\n"
    assert {str(one.path).rsplit("/")[-1] for one in files.list(f"{home}/jobs")} == {"plain.py", "note", "raw.py"}
    with pytest.raises(BadRequest, match="not empty"):
        files.delete(f"{home}/jobs")
    files.delete(f"{home}/jobs", recursive=True)
    with pytest.raises(ResourceDoesNotExist):
        files.get_status(f"{home}/jobs")


def test_secrets_are_kept_for_those_who_may(box: Sandbox) -> None:
    pilot, admin = box.client().secrets, box.client(box.admin_token).secrets
    pilot.create_scope("icebridge")
    with pytest.raises(ResourceAlreadyExists):
        pilot.create_scope("icebridge")
    pilot.put_secret("icebridge", "key", string_value=f"{credential('scope')}-ä")
    assert [one.key for one in pilot.list_secrets("icebridge")] == ["key"]
    assert base64.b64decode(str(pilot.get_secret("icebridge", "key").value)).decode() == f"{credential('scope')}-ä"
    with pytest.raises(PermissionDenied):
        admin.get_secret("icebridge", "key")
    pilot.put_acl("icebridge", box.admin, workspace.AclPermission.READ)
    assert admin.get_secret("icebridge", "key").value
    with pytest.raises(PermissionDenied):
        admin.put_secret("icebridge", "key", string_value="other")
    assert {acl.principal for acl in pilot.list_acls("icebridge")} == {box.user, box.admin}
    pilot.delete_secret("icebridge", "key")
    with pytest.raises(ResourceDoesNotExist):
        pilot.get_secret("icebridge", "key")
    pilot.delete_scope("icebridge")
    assert [scope.name for scope in pilot.list_scopes()] == []
    kept = [path for path in box.folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert kept == []


# The sandbox itself


def test_it_answers_on_loopback_by_its_own_name_only(box: Sandbox) -> None:
    answer = box.ask("GET", "/api/2.0/preview/scim/v2/Me", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    form = requests.post(f"{box.url}/sandbox/gate", data='{"open": true}', timeout=10)
    assert form.status_code == 415, "a page elsewhere may send forms"
    assert box.look("state")["external_access_enabled"] is False
    assert "closed" in requests.get(box.url, timeout=10).text


def test_tokens_are_taken_from_the_environment_and_the_gate_can_begin_open() -> None:
    mine, secret = credential("dapi-mine"), credential("dose-mine")
    env = {"ICEBRIDGE_SANDBOX_TOKEN": mine, "ICEBRIDGE_SANDBOX_CLIENT_SECRET": secret}
    with sandbox("--gate-open", env=env) as own:
        assert (own.token, own.client_secret) == (mine, secret)
        assert own.client().metastores.summary().external_access_enabled is True
        log: list[Any] = own.look("requests")["requests"]
        assert log and mine not in str(log)
