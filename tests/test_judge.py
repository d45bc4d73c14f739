"""Another engine reads both sides of a migration once more."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect, meanwhile, wait_until

TABLES = ("sales.orders", "sales.customers")


@pytest.fixture
def migrated(icebridge: Icebridge, tmp_path: Path) -> Icebridge:
    """Two tables of the sample, one of them with deletes, written anew."""
    icebridge.run("sample", tmp_path / "sample")
    connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
    icebridge.run("inventory", "sample", *(word for table in TABLES for word in ("--only", table)))
    route = Route(icebridge, source="sample")
    icebridge.run("run", route.replan("rewrite")["path"])
    icebridge.environment["ICEBRIDGE_JUDGE_PYTHON"] = sys.executable
    return icebridge


def proofs(view: dict[str, Any]) -> set[str]:
    return {table["validation"]["proof"] for table in view["tables"]}


@pytest.mark.parametrize(("judge", "title"), [("duckdb", "DuckDB"), ("pyiceberg", "PyIceberg")])
def test_what_another_engine_reads_alike_is_proved_higher(migrated: Icebridge, judge: str, title: str) -> None:
    view = migrated.run("validate", "--judge", judge)
    assert proofs(view) == {"read_back"}, view
    for table in view["tables"]:
        check = next(check for check in table["validation"]["checks"] if check["name"] == "read-back")
        assert check["source"] == check["target"] and title in check["detail"]
    # It holds until the tables change, and is in the bundle.
    assert proofs(migrated.run("validate")) == {"read_back"}
    bundle = migrated.run("audit", "export")
    assert migrated.run("audit", "verify", bundle["path"])["lowest_proof"] == "read_back"


LIAR = """#!{python}
import json, sys
print(json.dumps({{"engine": "Liar 1"}}), flush=True)
sys.stdin.readline()
for line in sys.stdin:
    order = json.loads(line)["order"]
    print(json.dumps({{"order": order, "rows": 1, "digest": "0" * 64}}), flush=True)
"""


def test_what_another_engine_reads_differently_is_not_migrated(migrated: Icebridge, tmp_path: Path) -> None:
    liar = tmp_path / "liar"
    liar.write_text(LIAR.format(python=sys.executable), encoding="utf-8")
    liar.chmod(0o755)
    migrated.environment["ICEBRIDGE_JUDGE_PYTHON"] = str(liar)
    outcome = migrated.outcome("validate", "--judge", "duckdb")
    assert outcome.code == 1
    assert {table["state"] for table in outcome.json["tables"]} == {"failed"}
    assert proofs(outcome.json) == {"digest"}
    # To leave the engine out is no answer to what it said.
    assert migrated.outcome("validate").code == 1
    migrated.environment["ICEBRIDGE_JUDGE_PYTHON"] = sys.executable
    assert proofs(migrated.run("validate", "--judge", "pyiceberg")) == {"read_back"}


HANGS = """
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path({ids!r}).write_text(f"{{os.getpid()}} {{child.pid}}\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_an_engine_that_hangs_ends_with_us(migrated: Icebridge, tmp_path: Path, way: signal.Signals) -> None:
    """In whatever way we end, and with all that it has started."""
    ids = tmp_path / "ids"
    (tmp_path / "duckdb.py").write_text(HANGS.format(ids=str(ids)), encoding="utf-8")
    migrated.environment["PYTHONPATH"] = str(tmp_path)
    with meanwhile(migrated, "validate", "--judge", "duckdb") as asked:
        wait_until(lambda: ids.is_file() and ids.read_text(encoding="utf-8").endswith("\n"), 60)
        started = [int(word) for word in ids.read_text(encoding="utf-8").split()]
        assert all(lives(one) for one in started)
        asked.send_signal(way)
    wait_until(lambda: not any(lives(one) for one in started), 20)


def lives(pid: int) -> bool:
    """One that is over, and that nobody has waited for, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_engine_that_is_not_there_is_named_and_changes_nothing(migrated: Icebridge, tmp_path: Path) -> None:
    empty = tmp_path / "python"
    empty.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8")
    empty.chmod(0o755)
    for python in (str(empty), str(tmp_path / "nothing"), "/bin/true"):
        migrated.environment["ICEBRIDGE_JUDGE_PYTHON"] = python
        outcome = migrated.outcome("validate", "--judge", "duckdb")
        assert outcome.code == 1 and outcome.json["code"] == "judge-unavailable", outcome
        assert proofs(migrated.run("status")) == {"digest"}


def test_names_that_differ_in_case_alone_are_told_apart(icebridge: Icebridge, tmp_path: Path) -> None:
    catalog = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/lake.db", warehouse=f"file://{tmp_path}/lake")
    catalog.create_namespace("n")
    rows = pa.table({"id": [1, 2], "ID": [1, 3], "z": [7, 8]})
    catalog.create_table("n.t", rows.schema).append(rows)
    connect(icebridge, "foreign", "sql", f"sqlite:{tmp_path}/lake.db")
    connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
    icebridge.run("run", Route(icebridge).plan("clone")["path"])
    icebridge.environment["ICEBRIDGE_JUDGE_PYTHON"] = sys.executable
    assert proofs(icebridge.run("validate", "--judge", "duckdb")) == {"read_back"}


@pytest.mark.parametrize(
    "answer", ['"order": 9, "rows": 1, "digest": "0"', '"order": order, "rows": 1, "digest": "0", "error": "no"']
)
def test_an_answer_that_fits_no_order_or_is_no_answer_proves_nothing(
    migrated: Icebridge, tmp_path: Path, answer: str
) -> None:
    judge = tmp_path / "judge"
    judge.write_text(
        LIAR.format(python=sys.executable).replace('"order": order, "rows": 1, "digest": "0" * 64', answer),
        encoding="utf-8",
    )
    judge.chmod(0o755)
    migrated.environment["ICEBRIDGE_JUDGE_PYTHON"] = str(judge)
    outcome = migrated.outcome("validate", "--judge", "duckdb")
    assert outcome.code == 1 and proofs(outcome.json) == {"digest"}
    assert {table["state"] for table in outcome.json["tables"]} == {"migrated"}
