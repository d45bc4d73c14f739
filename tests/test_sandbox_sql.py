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


def test_a_statement_binds_parameters_and_fails_with_200(box: Sandbox) -> None:
    """What the SQL can do is tested in Rust; here, that the vendor's SDK reads it."""
    assert rows(box, "SELECT current_user() AS who, 1 + 2, :p || '''', NULL", p="x") == [[box.user, "3", "x'", None]]
    rows(box, "CREATE TABLE main.default.noted (id BIGINT NOT NULL, at TIMESTAMP) USING ICEBERG COMMENT 'notes'")
    assert rows(box, "INSERT INTO main.default.noted VALUES (1, current_timestamp())") == [["1", "1"]]
    table = box.client().tables.get("main.default.noted")
    assert (table.owner, table.comment) == (box.user, "notes")
    assert [(c.name, c.type_text, c.nullable) for c in table.columns or []] == [
        ("id", "bigint", False),
        ("at", "timestamp", True),
    ]
    grant = f"GRANT EXTERNAL USE SCHEMA ON SCHEMA main.silver TO `{box.user}`"
    told = run(box, grant)
    assert told.status and told.status.state == StatementState.FAILED
    assert told.status.error and told.status.error.error_code and "owner" in str(told.status.error.message)
    assert rows(box, grant, admin=True) == []
    rows(box, f"REVOKE EXTERNAL USE SCHEMA ON SCHEMA main.silver FROM `{box.user}`", admin=True)
    box.client().tables.delete("main.default.noted")


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
