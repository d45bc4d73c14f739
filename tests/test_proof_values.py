"""Values of rows in the proof: a plan may have them hashed or left out; then neither bundle nor journal holds them."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.harness.bundle_verifier import verify
from tests.harness.cli import fresh
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp
from tests.harness.written import sqlite_catalog

# The least and the greatest of a column, before and after a round.
NAMES = ["Aardvark the First", "Zyzzogeton the Last", "Aaa before all", "Zzz behind all"]
SALARY = 987_654_321


@pytest.fixture
def kept(tmp_path: Path) -> KeptUp:
    """A table of people, to be copied."""
    catalog = sqlite_catalog(tmp_path / "lake")
    catalog.create_namespace_if_not_exists("staff")
    people = rows(NAMES[:2])
    catalog.create_table("staff.people", people.schema).append(people)
    return KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()


def rows(names: list[str]) -> pa.Table:
    return pa.table({"name": names, "salary": pa.array([SALARY + at for at, _ in enumerate(names)], pa.int64())})


def texts(kept: KeptUp, bundle: Path) -> str:
    """All of the bundle, with its journal, and of the log."""
    with zipfile.ZipFile(bundle) as archive:
        parts = [archive.read(name).decode() for name in archive.namelist()]
    logs = [path.read_text() for path in (kept.cli.state / "logs").rglob("*") if path.is_file()]
    return "\n".join([*parts, *logs])


def checks(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in table["checks"]}


@pytest.mark.parametrize("how", ["shown", "hashed", "left-out"])
def test_values_of_rows_are_shown_hashed_or_left_out(kept: KeptUp, how: str) -> None:
    plan = kept.migrate("rewrite", ["staff.people"], "--values", how)
    sqlite_catalog(kept.source).load_table("staff.people").append(rows(NAMES[2:]))
    made = kept.sync("--whole")["staff.people"]["made"]
    validated = kept.cli.run("validate")["tables"][0]["validation"]
    assert validated["passed"] and validated["proof"] == "digest"
    bundle = Path(kept.cli.run("audit", "export")["path"])
    assert kept.cli.run("audit", "verify", bundle)["intact"]
    verify(bundle)
    text = texts(kept, bundle)
    found = [value for value in [*NAMES, str(SALARY)] if value in text]
    assert found == ([] if how != "shown" else [*NAMES, str(SALARY)])
    for table in (made, validated):
        name = checks(table)["aggregates:name"]
        assert name["source"] == name["target"] and name["source"].startswith("string; 0 null, ")
        after = name["source"].removeprefix("string; 0 null, ")
        least = f"least {NAMES[2]}, greatest {NAMES[3]}"
        hashed = hashlib.sha256(f"{plan['hash']}\naggregates:name\n{least}".encode()).hexdigest()
        assert after == {"shown": least, "hashed": f"values sha256:{hashed}", "left-out": "values left out"}[how]
    summary = zipfile.ZipFile(bundle).read("summary.md").decode()
    assert {"shown": "are values of rows", "hashed": "a SHA-256 in place", "left-out": "show none"}[how] in summary


@pytest.mark.parametrize("how", ["hashed", "left-out"])
def test_a_difference_names_no_value_either(kept: KeptUp, how: str) -> None:
    kept.migrate("rewrite", ["staff.people"], "--values", how)
    # Another program writes to the target: it is not the source any more.
    pyiceberg_catalog(kept.target).load_table("staff.people").append(rows([NAMES[2]]))
    assert kept.cli.outcome("validate").code == 1
    kept.cli.outcome("sync", "--whole")
    bundle = Path(kept.cli.run("audit", "export")["path"])
    text = texts(kept, bundle)
    assert not [value for value in [*NAMES, str(SALARY)] if value in text]
