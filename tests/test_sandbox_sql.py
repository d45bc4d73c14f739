"""Statements and files of the sandbox, driven by the vendor's own SDK."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
import requests
from databricks.sdk.errors import AlreadyExists, BadRequest, NotFound, PermissionDenied
from databricks.sdk.service import sql
from databricks.sdk.service.sql import Disposition, ExecuteStatementRequestOnWaitTimeout, State, StatementState

from tests.harness.sandbox import Sandbox, until

pytest_plugins = ["tests.harness.sandbox"]

VOLUME = "/Volumes/main/default/icebridge"


def warehouse(box: Sandbox) -> str:
    """The warehouse's id."""
    return str(next(iter(box.client().warehouses.list())).id)


def run(box: Sandbox, text: str, admin: bool = False, **parameters: str) -> sql.StatementResponse:
    """A statement at its end."""
    client = box.client(box.admin_token if admin else None)
    bound = [sql.StatementParameterListItem(name=name, value=value) for name, value in parameters.items()]
    return client.statement_execution.execute_statement(
        statement=text, warehouse_id=warehouse(box), wait_timeout="20s", parameters=bound
    )


def rows(box: Sandbox, text: str, admin: bool = False, **parameters: str) -> list[list[str]]:
    """The rows of a statement that must work."""
    told = run(box, text, admin, **parameters)
    assert told.status and told.status.state == StatementState.SUCCEEDED, told.status
    return (told.result and told.result.data_array) or []


def refused(box: Sandbox, text: str, admin: bool = False) -> str:
    """The message of a statement that must fail: with an answer of 200, as the real one does."""
    told = run(box, text, admin)
    assert told.status and told.status.state == StatementState.FAILED, f"{text}: {told}"
    assert told.status.error and told.status.error.error_code
    return str(told.status.error.message)


def test_a_warehouse_starts_when_it_is_needed(box: Sandbox) -> None:
    client = box.client()
    client.warehouses.stop(warehouse(box))
    assert client.warehouses.get(warehouse(box)).state == State.STOPPED
    before = box.look("counts")["warehouses_started"]
    with box.setting(warehouse_start_ms=300):
        told = client.statement_execution.execute_statement("SELECT 1", warehouse(box), wait_timeout="0s")
        assert told.status and told.status.state == StatementState.PENDING
        assert client.warehouses.get(warehouse(box)).state == State.STARTING

        def ended() -> sql.StatementResponse | None:
            told = client.statement_execution.get_statement(str(told_id))
            return told if told.status and told.status.state == StatementState.SUCCEEDED else None

        told_id = told.statement_id
        found = until(ended)
    assert found.result.data_array == [["1"]]
    assert client.warehouses.get(warehouse(box)).state == State.RUNNING
    assert box.look("counts")["warehouses_started"] - before == 1


def test_waiting_has_its_limits(box: Sandbox) -> None:
    client = box.client()
    for wrong in ("4s", "51s", "x", "10"):
        with pytest.raises(BadRequest, match="wait_timeout"):
            client.statement_execution.execute_statement("SELECT 1", warehouse(box), wait_timeout=wrong)
    with pytest.raises(NotFound):
        client.statement_execution.execute_statement("SELECT 1", "0000000000000000")
    with pytest.raises(BadRequest, match="INLINE"):
        client.statement_execution.execute_statement("SELECT 1", warehouse(box), disposition=Disposition.EXTERNAL_LINKS)
    with box.setting(statement_ms=8_000):
        started = time.monotonic()
        told = client.statement_execution.execute_statement(
            "SELECT 1", warehouse(box), wait_timeout="5s", on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL
        )
        assert told.status and told.status.state == StatementState.CANCELED
        assert 4.5 < time.monotonic() - started < 8


def test_cancel_and_forgetting(box: Sandbox) -> None:
    client = box.client()
    with box.setting(statement_ms=60_000):
        told = client.statement_execution.execute_statement("SELECT 1", warehouse(box), wait_timeout="0s")
        client.statement_execution.cancel_execution(str(told.statement_id))
        state = client.statement_execution.get_statement(str(told.statement_id)).status
        assert state and state.state == StatementState.CANCELED
        lost = client.statement_execution.execute_statement("SELECT 1", warehouse(box), wait_timeout="0s")
        box.turn("clock", advance_s=16 * 60)
        state = client.statement_execution.get_statement(str(lost.statement_id)).status
        assert state and state.state == StatementState.CANCELED, "nobody asked for it in 15 minutes"
    done = run(box, "SELECT 1")
    box.turn("clock", advance_s=3700)
    state = client.statement_execution.get_statement(str(done.statement_id)).status
    assert state and state.state == StatementState.CLOSED
    with pytest.raises(NotFound):
        box.client(box.admin_token).statement_execution.get_statement(str(done.statement_id))


def test_results_come_in_chunks(box: Sandbox) -> None:
    client = box.client()
    with box.setting(rows_per_chunk=400):
        told = run(box, "SELECT table_name FROM lake.information_schema.tables WHERE table_schema = 's0000' ORDER BY 1")
        assert told.manifest and (told.manifest.total_row_count, told.manifest.total_chunk_count) == (1000, 3)
        seen = [row[0] for row in (told.result and told.result.data_array) or []]
        at = told.result and told.result.next_chunk_index
        while at is not None:
            part = client.statement_execution.get_statement_result_chunk_n(str(told.statement_id), at)
            seen += [row[0] for row in part.data_array or []]
            at = part.next_chunk_index
        assert seen == [f"t{index:06}" for index in range(1000)]
        with pytest.raises(BadRequest):
            client.statement_execution.get_statement_result_chunk_n(str(told.statement_id), 3)


def test_select_says_what_it_knows(box: Sandbox) -> None:
    assert rows(box, "SELECT current_user(), 1 + 2 * 3, :p || '''', NULL IS NULL", p="x") == [
        [box.user, "7", "x'", "true"]
    ]
    grants = rows(box, "SHOW GRANTS ON TABLE glue_lake.sales.orders")
    assert ["migration-engineers", "SELECT", "CATALOG", "glue_lake"] in grants
    assert ["analysts@sandbox.example", "SELECT", "TABLE", "glue_lake.sales.orders"] in grants
    mine = rows(box, "SHOW GRANTS `account users` ON SCHEMA glue_lake.sales")
    assert [row[1] for row in mine] == ["USE SCHEMA"]
    assert ["glue_lake"] in rows(box, "SHOW CATALOGS")
    assert ["sales"] in rows(box, "SHOW SCHEMAS IN glue_lake")
    assert [row[1] for row in rows(box, "SHOW TABLES IN `snow`.public")] == ["accounts", "invoices"]
    tags = rows(box, "SELECT column_name, tag_name, tag_value FROM glue_lake.information_schema.column_tags")
    assert tags == [["customer", "pii", "name"]]
    counted = rows(
        box,
        """SELECT grantee, count(*) AS n FROM system.information_schema.catalog_privileges AS g
           WHERE g.catalog_name IN ('glue_lake', 'snow') AND NOT grantee = 'nobody'
           GROUP BY grantee HAVING n > 1 ORDER BY n DESC, grantee LIMIT 5""",
    )
    assert counted == [["migration-engineers", "6"]]
    prices = rows(box, "SELECT pricing.default FROM system.billing.list_prices WHERE sku_name LIKE '%(PHOTON)'")
    assert prices == [["0.150000"]]
    provider = dict(row[:2] for row in rows(box, "DESCRIBE TABLE EXTENDED snow.public.invoices"))
    assert (provider["Provider"], provider["Type"]) == ("snowflake", "EXTERNAL")


def test_what_it_does_not_run_it_refuses(box: Sandbox) -> None:
    assert "TABLE_OR_VIEW_NOT_FOUND" in refused(box, "SELECT * FROM main.default.none")
    assert "UNRESOLVED_COLUMN" in refused(box, "SELECT none FROM system.billing.list_prices")
    assert "UNSUPPORTED_FEATURE.SANDBOX" in refused(box, "SELECT * FROM glue_lake.sales.orders")
    assert "UNSUPPORTED_FEATURE.SANDBOX" in refused(
        box, "CREATE TABLE main.default.copy USING ICEBERG AS SELECT * FROM glue_lake.sales.orders"
    )
    assert "UNSUPPORTED_FEATURE.SANDBOX" in refused(
        box, "CREATE TABLE main.default.copy DEEP CLONE glue_lake.sales.orders"
    )
    for wrong in ("SELEC 1", "SELECT 1 FROM", "SELECT 'open", "GRANT ON TABLE x TO y", "SELECT 1 2 3", ";"):
        assert "PARSE_SYNTAX_ERROR" in refused(box, wrong), wrong
    assert "PARSE_SYNTAX_ERROR" in refused(box, "SELECT " + "(" * 5_000 + "1" + ")" * 5_000)
    assert "UNBOUND_SQL_PARAMETER" in refused(box, "SELECT :none")
    assert "DIVIDE_BY_ZERO" in refused(box, "SELECT 1 / 0")


def test_the_gate_opens_by_sql(box: Sandbox) -> None:
    grant = f"GRANT EXTERNAL USE SCHEMA ON SCHEMA main.silver TO `{box.user}`"
    assert "owner" in refused(box, grant)
    assert rows(box, grant, admin=True) == []
    mine = rows(box, f"SHOW GRANTS `{box.user}` ON SCHEMA main.silver")
    assert mine == [[box.user, "EXTERNAL USE SCHEMA", "SCHEMA", "main.silver"]]
    rows(box, f"REVOKE EXTERNAL USE SCHEMA ON SCHEMA main.silver FROM `{box.user}`", admin=True)
    assert rows(box, f"SHOW GRANTS `{box.user}` ON SCHEMA main.silver") == []
    assert "PRIVILEGE_NOT_APPLICABLE" in refused(
        box, f"GRANT EXTERNAL USE SCHEMA ON TABLE main.silver.kept TO `{box.user}`", admin=True
    )


def test_predictive_optimization_wants_a_literal_name(box: Sandbox) -> None:
    assert "PARSE_SYNTAX_ERROR" in refused(
        box, "ALTER SCHEMA IDENTIFIER('main.silver') ENABLE PREDICTIVE OPTIMIZATION", admin=True
    )
    rows(box, "ALTER SCHEMA `main`.`silver` ENABLE PREDICTIVE OPTIMIZATION", admin=True)
    told = dict(rows(box, "DESCRIBE SCHEMA EXTENDED main.silver"))
    assert told["Predictive Optimization"] == "ENABLE"
    table = dict(row[:2] for row in rows(box, "DESCRIBE TABLE EXTENDED main.silver.kept"))
    assert table["Predictive Optimization"] == "ENABLE (inherited from SCHEMA main.silver)"
    rows(box, "ALTER TABLE main.silver.kept DISABLE PREDICTIVE OPTIMIZATION", admin=True)
    assert "INSUFFICIENT_PERMISSIONS" in refused(box, "ALTER CATALOG main ENABLE PREDICTIVE OPTIMIZATION")
    rows(box, "ALTER CATALOG main INHERIT PREDICTIVE OPTIMIZATION", admin=True)


def test_managed_iceberg_refuses_what_the_real_one_refuses(box: Sandbox) -> None:
    start = "CREATE TABLE main.default.t (id BIGINT, at TIMESTAMP, raw BINARY) USING ICEBERG "
    for rest, words in [
        ("PARTITIONED BY (days(at))", "Partitioning by expressions"),
        ("PARTITIONED BY (raw)", "BINARY"),
        ("PARTITIONED BY (none)", "none"),
        ("PARTITIONED BY (id) CLUSTER BY (id)", "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY"),
        ("CLUSTER BY (id)", "WITHOUT_DISABLING_DVS_OR_ROW_TRACKING"),
        ("LOCATION 's3://x/y'", "LOCATION"),
        ("TBLPROPERTIES ('write.metadata.path' = 's3://x')", "write.metadata.path"),
        ("TBLPROPERTIES ('write.format.default' = 'orc')", "write.format.default"),
    ]:
        assert words in refused(box, start + rest), rest
    assert "UNSUPPORTED_DATATYPE" in refused(box, "CREATE TABLE main.default.t (id UUID) USING ICEBERG")


def test_a_table_that_is_made_is_recorded_and_takes_rows(box: Sandbox) -> None:
    client = box.client()
    rows(box, "CREATE SCHEMA IF NOT EXISTS main.icebridge COMMENT 'of migrations'")
    rows(box, "CREATE SCHEMA IF NOT EXISTS main.icebridge")
    rows(
        box,
        """CREATE TABLE IF NOT EXISTS main.icebridge.jobs (
             source STRING NOT NULL COMMENT 'full name', n BIGINT, at TIMESTAMP, more STRUCT<a: INT, b: DECIMAL(12, 2)>)
           USING ICEBERG CLUSTER BY (source) COMMENT 'metrics'
           TBLPROPERTIES ('delta.enableDeletionVectors' = false, delta.enableRowTracking = 'false')""",
    )
    table = client.tables.get("main.icebridge.jobs")
    assert table.owner == box.user and table.comment == "metrics"
    assert [(c.name, c.type_text, c.nullable) for c in table.columns or []] == [
        ("source", "string", False),
        ("n", "bigint", True),
        ("at", "timestamp", True),
        ("more", "struct<a:int,b:decimal(12,2)>", True),
    ]
    wire = box.ask("GET", "/api/2.1/unity-catalog/tables/main.icebridge.jobs").json()
    assert (wire["data_source_format"], wire["securable_kind"]) == ("DELTA", "TABLE_DELTA_ICEBERG_MANAGED")
    text = "INSERT INTO main.icebridge.jobs (source, n, at) VALUES (:s, 3, current_timestamp()), ('o''k', -1, NULL)"
    assert rows(box, text, s="a.b.c") == [["2", "2"]]
    told = "SELECT source, n FROM main.icebridge.jobs WHERE at IS NOT NULL OR n < 0 ORDER BY n DESC"
    assert rows(box, told) == [["a.b.c", "3"], ["o'k", "-1"]]
    assert rows(box, "SELECT count(*), sum(n), max(source) FROM main.icebridge.jobs WHERE n > 100") == [
        ["0", None, None]
    ]
    assert "ARITY" in refused(box, "INSERT INTO main.icebridge.jobs (source, n) VALUES ('x')")
    assert "ALREADY_EXISTS" in refused(box, "CREATE TABLE main.icebridge.jobs (id INT) USING ICEBERG")
    assert "provider" in refused(box, "CREATE OR REPLACE TABLE main.icebridge.jobs (id INT) USING DELTA")
    rows(box, "COMMENT ON TABLE main.icebridge.jobs IS 'more'")
    rows(box, "ALTER TABLE main.icebridge.jobs SET TAGS ('team' = 'lake')")
    rows(box, f"ALTER TABLE main.icebridge.jobs SET OWNER TO `{box.admin}`")
    table = client.tables.get("main.icebridge.jobs")
    assert (table.comment, table.owner) == ("more", box.admin)
    rows(box, "DROP TABLE main.icebridge.jobs", admin=True)
    assert "TABLE_OR_VIEW_NOT_FOUND" in refused(box, "DROP TABLE main.icebridge.jobs")
    rows(box, "DROP TABLE IF EXISTS main.icebridge.jobs")


# Files


def test_files_go_in_and_come_out(box: Sandbox, tmp_path: Path) -> None:
    files = box.client().files
    content = bytes(range(256)) * 400
    path = f"{VOLUME}/deep/er/data ü%20.bin"
    files.upload(path, io.BytesIO(content), overwrite=True)
    assert files.get_metadata(path).content_length == len(content)
    assert files.download(path).contents.read() == content
    files.download_to(path, str(tmp_path / "out.bin"))
    assert (tmp_path / "out.bin").read_bytes() == content
    with pytest.raises(AlreadyExists):
        files.upload(path, io.BytesIO(b"other"), overwrite=False)
    files.upload(path, io.BytesIO(b"other"), overwrite=True)
    assert files.download(path).contents.read() == b"other"
    part = box.ask("GET", f"/api/2.0/fs/files{VOLUME}/deep/er/data%20%C3%BC%2520.bin", headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"th", "bytes 1-2/5")
    files.delete(path)
    with pytest.raises(NotFound):
        files.get_metadata(path)
    with pytest.raises(NotFound):
        files.download(path).contents.read()


def test_a_presigned_address_works_without_a_token_and_not_for_ever(box: Sandbox) -> None:
    files = box.client().files
    files.upload(f"{VOLUME}/signed", io.BytesIO(b"signed"), overwrite=True)
    told = box.ask("POST", "/api/2.0/fs/create-download-url", params={"path": f"{VOLUME}/signed"}).json()
    assert requests.get(told["url"], timeout=10).content == b"signed"
    assert requests.get(told["url"], headers={"Authorization": "Bearer x"}, timeout=10).status_code == 400
    box.turn("clock", advance_s=16 * 60)
    assert requests.get(told["url"], timeout=10).status_code == 403


def test_directories_are_listed_in_pages(box: Sandbox) -> None:
    files = box.client().files
    files.create_directory(f"{VOLUME}/many/empty")
    files.create_directory(f"{VOLUME}/many/empty")
    for number in range(7):
        files.upload(f"{VOLUME}/many/{number}", io.BytesIO(b"x" * number), overwrite=True)
    listed = list(files.list_directory_contents(f"{VOLUME}/many", page_size=3))
    assert [(entry.name, entry.is_directory, entry.file_size) for entry in listed] == [
        *((str(number), False, number) for number in range(7)),
        ("empty", True, None),
    ]
    files.get_directory_metadata(f"{VOLUME}/many")
    with pytest.raises(BadRequest, match="not empty"):
        files.delete_directory(f"{VOLUME}/many")
    files.delete_directory(f"{VOLUME}/many/empty")
    with pytest.raises(NotFound):
        files.get_directory_metadata(f"{VOLUME}/many/empty")
    with pytest.raises(NotFound):
        list(files.list_directory_contents(f"{VOLUME}/none"))


def test_no_file_is_outside_a_volume(box: Sandbox) -> None:
    for path in (
        "/Volumes/main/default/icebridge/../../../x",
        "/Volumes/main/default/icebridge/%2e%2e/%2e%2e/x",
        "/tmp/x",
        "/Volumes/main",
    ):
        with requests.Session() as session:
            wanted = requests.Request("PUT", box.url, headers={"Authorization": f"Bearer {box.token}"}, data=b"x")
            sent = session.prepare_request(wanted)
            sent.url = f"{box.url}/api/2.0/fs/files{path}"
            assert session.send(sent, timeout=10).status_code == 400, path
    with pytest.raises(NotFound, match="Volume"):
        box.client().files.upload("/Volumes/main/default/none/x", io.BytesIO(b"x"))
    box.turn("principals", name="stranger@sandbox.example")
    volumes = [volume.name for volume in box.client().volumes.list("main", "default", max_results=0)]
    assert volumes == ["icebridge"]


def test_a_volume_is_made_and_removed_with_its_files(box: Sandbox) -> None:
    from databricks.sdk.service.catalog import VolumeType

    client = box.client()
    client.volumes.create("main", "default", "mine", VolumeType.MANAGED)
    client.files.upload("/Volumes/main/default/mine/x", io.BytesIO(b"x"))
    with pytest.raises(PermissionDenied):
        box.client(box.token).volumes.delete("main.default.icebridge")
    client.volumes.delete("main.default.mine")
    assert not (box.folder / "Volumes" / "main" / "default" / "mine").exists()
