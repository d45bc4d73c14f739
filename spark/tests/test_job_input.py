"""Inputs are read strictly, and every refusal says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icebridge_jobs import job_input, outcome
from icebridge_jobs.copy_input import BulkCopyInput
from icebridge_jobs.errors import JobError
from icebridge_jobs.sync_input import SyncInput
from icebridge_jobs.table_name import TableName, literal
from icebridge_jobs.validation_input import GxRunnerInput

pytestmark = pytest.mark.every_spark
COPY: dict[str, Any] = {
    "job": "bulk_copy",
    "input_version": 1,
    "result_path": "/tmp/r.json",
    "plan_hash": "aa",
    "tables": [
        {
            "source": {"table": "foreign.s.t", "snapshot_id": 7},
            "target": {"table": "managed.s.t"},
            "method": "insert_select",
        }
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """COPY with one field set or, by `...`, taken away."""
    shape = json.loads(json.dumps(COPY))
    *way, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    inner = shape
    for part in way:
        inner = inner[part]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return shape


def test_a_whole_input() -> None:
    table = job_input.parse(BulkCopyInput, COPY, "bulk_copy").tables[0]
    assert (table.source.snapshot_id, table.batches.rows, table.target.format_version) == (7, 50_000_000, 2)


@pytest.mark.parametrize(
    ("path", "value", "about", "words"),
    [
        ("tables/0/source/nmae", "x", "tables[0].source.nmae", "unknown field 'nmae'"),
        ("tables/0/source/table", ..., "tables[0].source.table", "lacks the field 'table'"),
        ("tables/0/source/snapshot_id", "7", "tables[0].source.snapshot_id", "a whole number"),
        ("tables/0/source/snapshot_id", True, "tables[0].source.snapshot_id", "a whole number"),
        ("tables/0/source/table", "s.t", "s.t", "catalog.namespace.table"),
        ("tables/0/method", "copy", "tables[0].method", "none of deep_clone, ctas, insert_select"),
        ("tables/0/target/format_version", 1, "tables[0].target", "2 or 3"),
        ("tables/0/batches", {"rows": 0}, "tables[0].batches", "at least one row"),
        ("tables", {}, "tables", "must be a list"),
        ("tables", [], "the input", "no tables"),
        ("tables", [COPY["tables"][0], COPY["tables"][0]], "managed.s.t", "same target"),
        ("plan_hash", "", "the input", "plan_hash is empty"),
        ("input_version", 2, "input_version", "reads version 1"),
        ("job", "gx_runner", "job", "and this is bulk_copy"),
    ],
)
def test_refusals(path: str, value: Any, about: str, words: str) -> None:
    with pytest.raises(JobError) as raised:
        job_input.parse(BulkCopyInput, changed(path, value), "bulk_copy")
    error = raised.value
    assert (error.code, error.exit_code, error.object) == ("invalid-input", 1, about)
    assert words in error.message


def test_refusals_of_the_other_jobs() -> None:
    common = {"input_version": 1, "result_path": "/tmp/r.json", "plan_hash": "aa"}
    gx = {**common, "job": "gx_runner", "docs_path": "/tmp/docs", "tables": [{"target": "m.s.t"}]}
    with pytest.raises(JobError, match="nothing to compare with"):
        job_input.parse(GxRunnerInput, gx, "gx_runner")
    with pytest.raises(JobError, match="absolute"):
        tables = [{"target": "m.s.t", "source": {"table": "f.s.t"}}]
        job_input.parse(GxRunnerInput, {**gx, "docs_path": "docs", "tables": tables}, "gx_runner")
    sync = {**common, "job": "incremental_sync", "tables": [{"target": "m.s.t", "source": {"table": "f.s.t"}}]}
    assert job_input.parse(SyncInput, sync, "incremental_sync").interval_seconds == 60
    with pytest.raises(JobError, match="max_rounds"):
        job_input.parse(SyncInput, {**sync, "max_rounds": 0}, "incremental_sync")


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1, "a": 2}', "\udcff"])
def test_files_that_are_no_input(tmp_path: Path, text: str) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(JobError) as raised:
        job_input.load(str(path))
    assert (raised.value.code, raised.value.object) == ("invalid-input", str(path))


def test_the_frame_writes_a_result_whatever_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "deep" / "result.json"
    given = tmp_path / "input.json"
    given.write_text(json.dumps({"result_path": str(result)}))

    def fails(_value: dict[str, Any], _outcome: outcome.Outcome) -> int:
        raise ZeroDivisionError("oops")

    assert outcome.run("bulk_copy", [str(given)], fails) == 2
    told = json.loads(result.read_text())
    assert (told["complete"], told["exit_code"], told["error"]["code"]) == (True, 2, "internal")
    assert "oops" in told["error"]["causes"][0]
    assert outcome.run("bulk_copy", [], fails) == 1
    assert outcome.run("bulk_copy", [str(tmp_path / "none.json")], fails) == 1
    given.write_text(json.dumps({"result_path": "relative.json"}))
    assert outcome.run("bulk_copy", [str(given)], fails) == 1
    assert "result_path must be an absolute path" in capsys.readouterr().err
    assert [path.name for path in result.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("c.s.t", ("c", "s", "t")),
        ("c.s1.s2.t", ("c", "s1", "s2", "t")),
        ("c.`a.b`.`x``y`", ("c", "a.b", "x`y")),
        ("c.s.Ä ö", ("c", "s", "Ä ö")),
    ],
)
def test_names(text: str, parts: tuple[str, ...]) -> None:
    name = TableName.parse(text)
    assert name.parts == parts
    assert TableName.parse(str(name)) == name
    assert name.sql == ".".join("`" + part.replace("`", "``") + "`" for part in parts)


@pytest.mark.parametrize("text", ["", "t", "s.t", "c..t", "c.s.", "c.s.`t", "c.s.`t`x", "c.s.a`b"])
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(JobError) as raised:
        TableName.parse(text)
    assert raised.value.code == "invalid-input"


def test_literals() -> None:
    assert literal("${env:HOME} \\${a} $${b} $ {c}") == r"'\u0024{env:HOME} \\\u0024{a} $\u0024{b} $ {c}'"
    assert literal("it's a \\ 'x'") == r"'it\'s a \\ \'x\''"
