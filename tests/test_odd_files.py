"""Data files as other programs write them: taken as they are, asked about before the run, or refused by a code."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect

TABLE = "n.t"


class Lake:
    """One table over one file that PyIceberg did not write."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
        self.catalog.create_namespace("n")

    def table(self, schema: pa.Schema, rows: pa.Table, written: pa.Table | None = None, **options: Any) -> Path:
        """`rows` are what PyIceberg is told, `written` what the file holds in the end."""
        file = self.folder / "file.parquet"
        pq.write_table(rows, file)
        table = self.catalog.create_table(TABLE, schema)
        table.add_files([f"file://{file}"])
        if written is not None:
            pq.write_table(written, file, **options)
        return file


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def route(icebridge: Icebridge, lake: Lake) -> Route:
    connect(icebridge, "foreign", "sql", f"sqlite:{lake.folder}/catalog.db")
    connect(icebridge, "managed", "embedded", lake.folder.parent / "managed", target=True)
    icebridge.run("inventory", "foreign")
    return Route(icebridge)


def codes(icebridge: Icebridge, mode: str) -> dict[str, str]:
    report = icebridge.outcome("preflight", "--source", "foreign", "--target", "managed", "--mode", mode).json
    return {finding["code"]: finding["reason"] for finding in report["tables"][0]["findings"]}


def test_text_that_is_not_utf8_keeps_its_bytes_and_is_counted(icebridge: Icebridge, lake: Lake) -> None:
    rows = pa.table({"id": [1, 2, 3], "v": ["plain", "smile XX cut", "last"]})
    file = lake.table(pa.schema([("id", pa.int64()), ("v", pa.string())]), rows)
    bytes_of = file.read_bytes()
    # In the page, in the dictionary and in the statistics alike: the file stays whole.
    file.write_bytes(bytes_of.replace(b"smile XX cut", b"smile \xe2\x28 cut"))
    way = route(icebridge, lake)
    view = icebridge.run("run", way.replan("clone")["path"])
    validation = view["tables"][0]["validation"]
    assert validation["proof"] == "bytes"
    shown = next(check["source"] for check in validation["checks"] if check["name"] == "aggregates:v")
    assert "1 not UTF-8" in shown
    rows_shown = icebridge.run("table", "rows", "foreign", TABLE)["rows"]
    assert rows_shown[1]["v"] == "smile \ufffd( cut"


def test_timestamps_of_another_unit_are_asked_about_before_a_rewrite(icebridge: Icebridge, lake: Lake) -> None:
    moments = [dt.datetime(2025, 7, 24, 0, 0, 0, 6000), None]
    rows = pa.table({"at": pa.array(moments, pa.timestamp("us"))})
    written = pa.table({"at": pa.array(moments, pa.timestamp("ms"))})
    lake.table(rows.schema, rows, written)
    route(icebridge, lake)
    assert codes(icebridge, "rewrite")["IB-F116"] == "at (milliseconds)"
    assert "IB-F212" in codes(icebridge, "clone")


def test_a_file_that_does_not_fit_blocks_its_table_before_the_run(icebridge: Icebridge, lake: Lake) -> None:
    rows = pa.table({"n": pa.array([1], pa.int64())})
    lake.table(rows.schema, rows, pa.table({"n": ["one"]}))
    route(icebridge, lake)
    for mode in ("clone", "rewrite"):
        assert codes(icebridge, mode)["IB-F022"] == "n (Utf8 for long)"


def test_long_texts_that_a_dictionary_repeats_are_read_in_small_batches(icebridge: Icebridge, lake: Lake) -> None:
    rows = pa.table({"v": pa.array(["x" * 300_000, "y"] * 4000).dictionary_encode().cast(pa.string())})
    lake.table(rows.schema, rows)
    way = route(icebridge, lake)
    view = icebridge.run("run", way.replan("rewrite")["path"])
    assert view["tables"][0]["validation"]["rows"] == 8000


def test_a_page_above_the_limit_is_refused_with_the_variable_that_raises_it(icebridge: Icebridge, lake: Lake) -> None:
    rows = pa.table({"v": ["x" * 200_000]})
    lake.table(rows.schema, rows, rows, compression="gzip")
    way = route(icebridge, lake)
    plan = way.replan("rewrite")["path"]
    icebridge.environment["ICEBRIDGE_LIMIT_PARQUET_PAGE"] = "100K"
    error = icebridge.outcome("run", plan).json["tables"][0]["error"]
    assert error["code"] == "limit-exceeded" and "ICEBRIDGE_LIMIT_PARQUET_PAGE" in error["hint"]
    del icebridge.environment["ICEBRIDGE_LIMIT_PARQUET_PAGE"]
    assert icebridge.run("run", plan)["state"] == "succeeded"
