"""The sample lakehouse lands where a person wants it, is what it was, and takes the whole journey without a window."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness import sample
from tests.harness.cli import Icebridge, fresh
from tests.harness.judged import Migrated, pyiceberg_catalog

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

# As Spark named it in the database.
WRITTEN_AS = "foreign"
NAMES = {name: name for name in sample.tables()}
MOVED = {name: name for name in NAMES if name != sample.LEFT_OUT}
PLACES = ("sample", "a sample's place/ü %20")


@pytest.mark.parametrize("place", PLACES)
def test_every_engine_reads_the_relocated_sample(
    place: str, icebridge: Icebridge, tmp_path: Path, spark: SparkSession, java: Java
) -> None:
    folder = tmp_path / place
    made = icebridge.run("sample", folder)
    assert made["tables"] == len(NAMES)
    assert (made["source"]["name"], made["source"]["role"]) == ("sample", "source")
    assert (made["target"]["name"], made["target"]["role"]) == ("managed", "target")
    lakehouse = Migrated(spark, java, folder / "lakehouse", WRITTEN_AS)
    assert list(sample.unlike_spark(lakehouse, NAMES, whole_history=True)) == []
    assert list(sample.unlike_pyiceberg(lakehouse.pyiceberg(), MOVED, whole_history=True)) == []


def test_nothing_in_the_sample_knows_where_it_was_made(icebridge: Icebridge, tmp_path: Path) -> None:
    icebridge.run("sample", tmp_path / "sample")
    made_in = str(json.loads(sample.EXPECTED.read_text(encoding="utf-8"))["root"]).encode()
    # SQLite leaves what it overwrote in the slack of its pages: the catalog is asked and not read.
    database = tmp_path / "sample" / "lakehouse" / "catalog.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert made_in.decode() not in "".join(connection.iterdump())
    files = [path for path in (tmp_path / "sample").rglob("*") if path.is_file() and path != database]
    assert len(files) > 100
    assert [str(path) for path in files if made_in in path.read_bytes()] == []


def test_a_sample_that_is_there_is_kept(icebridge: Icebridge, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    icebridge.run("sample", folder)
    (folder / "lakehouse" / "mine.txt").write_text("kept", encoding="utf-8")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert icebridge.run("sample", folder)["tables"] == len(NAMES)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_of_somebody_elses_is_refused(icebridge: Icebridge, tmp_path: Path) -> None:
    (tmp_path / "sample" / "lakehouse").mkdir(parents=True)
    (tmp_path / "sample" / "lakehouse" / "mine.txt").write_text("kept", encoding="utf-8")
    error = icebridge.refuse("sample", tmp_path / "sample", code="invalid-input")
    assert "lakehouse" in error["object"] and error["hint"]
    assert [path.name for path in (tmp_path / "sample").rglob("*")] == ["lakehouse", "mine.txt"]


def test_no_room_for_the_sample(tiny_disk: Path, icebridge: Icebridge) -> None:
    error = icebridge.refuse("sample", tiny_disk / "sample", code="storage-full")
    assert error["hint"]
    assert [path for path in tiny_disk.rglob("*") if path.is_file()] == [], "nothing half-made stays"


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Icebridge, Path, dict[str, Any]]:
    """The headless journey of the demo, once: the command line, its folder, and what it answered."""
    folder = tmp_path_factory.mktemp("journey")
    cli = fresh(folder / "state")
    return cli, folder, cli.run("journey", "--sample", folder / "sample", "--out", folder / "bundle")


def test_the_headless_journey_arrives(journey: tuple[Icebridge, Path, dict[str, Any]]) -> None:
    cli, folder, _ = journey
    view = cli.run("status")
    assert view["state"] == "succeeded"
    runs = {run["source"]: run for run in view["tables"]}
    assert set(runs) == set(MOVED)
    for name, run in runs.items():
        assert run["state"] == "migrated" and run["validation"]["passed"], name
        assert run["validation"]["proof"] in ("digest", "bytes"), name
        assert run["validation"]["rows"] == sample.tables()[name]["current"]["rows"], name
        assert run["validation"]["digest"] == sample.tables()[name]["current"]["digest"], name
    plan = json.loads((folder / "bundle" / "plan.json").read_text(encoding="utf-8"))
    assert [entry["source"] for entry in plan["left_out"]] == [sample.LEFT_OUT]
    assert plan["left_out"][0]["codes"] and "ORC" in plan["left_out"][0]["reason"]


def test_the_journeys_bundle_is_whole(journey: tuple[Icebridge, Path, dict[str, Any]], tmp_path: Path) -> None:
    cli, folder, _ = journey
    verdict = cli.run("audit", "verify", folder / "bundle")
    assert verdict["intact"] and verdict["migrated"] == verdict["tables"] == len(MOVED)
    # Whoever gets it needs no state of ours, and sees what was changed on the way.
    elsewhere = fresh(tmp_path / "state")
    shutil.copytree(folder / "bundle", tmp_path / "bundle")
    assert elsewhere.run("audit", "verify", tmp_path / "bundle")["intact"]
    plan = tmp_path / "bundle" / "plan.json"
    plan.write_text(plan.read_text(encoding="utf-8").replace("sales.orders", "sales.orderz", 1), encoding="utf-8")
    done = elsewhere.outcome("audit", "verify", tmp_path / "bundle")
    assert done.code == 1, done


def test_other_engines_read_what_the_journey_made(
    journey: tuple[Icebridge, Path, dict[str, Any]], spark: SparkSession, java: Java
) -> None:
    cli, folder, _ = journey
    runs = {run["source"]: run for run in cli.run("status")["tables"]}
    away = folder / "sample" / "lakehouse-away"
    assert {run["mode"] for run in runs.values()} <= {"clone", "rewrite"}, (
        "a table that shares files cannot stand alone"
    )
    (folder / "sample" / "lakehouse").rename(away)
    try:
        managed = Migrated(spark, java, folder / "sample" / "managed")
        for mode in ("clone", "rewrite"):
            names = {name: run["target"] for name, run in runs.items() if run["mode"] == mode}
            whole = mode == "clone"
            assert list(sample.unlike_spark(managed, names, whole_history=whole)) == []
            catalog = pyiceberg_catalog(folder / "sample" / "managed")
            assert list(sample.unlike_pyiceberg(catalog, names, whole_history=whole)) == []
    finally:
        away.rename(folder / "sample" / "lakehouse")


def test_the_journey_tells_a_person_how_it_went(tmp_path: Path) -> None:
    cli = fresh(tmp_path / "state")
    command = cli.command("journey", "--sample", "--out", tmp_path / "bundle")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=cli.env(), check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert all(name in said for name in NAMES), said
    assert str(tmp_path / "bundle") in said
    assert "intact" in said or "verified" in said, said
    assert "\x1b[" not in done.stdout, "colours belong on a terminal"
    # Once more on the same state: nothing to be done, and said so by an exit code of 0.
    again = cli.outcome("journey", "--out", tmp_path / "bundle-2")
    assert again.code == 0, again
