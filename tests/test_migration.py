"""Every shape is moved in every mode, and Spark and PyIceberg find in the managed table what was in the foreign one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Lakehouse
from tests.harness.cli import Icebridge
from tests.harness.judged import Migrated, pyiceberg_catalog, same
from tests.test_reader import REFUSED

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

# A mode, and the format version that is asked for.
RAISED = ("clone 3", "rewrite 3")
MODES = ("clone", "rewrite", "register", *RAISED)
# Names that Unity Catalog refuses.
RENAMED = {
    "names.two words": "names.two_words",
    "names.`dot.ted`": "names.dot_ted",
    'names.100% "it\'s"': "names.percent",
}


@dataclass(frozen=True)
class Journey:
    """One whole run of one mode over the whole lakehouse."""

    cli: Icebridge
    target: Path
    plan: dict[str, Any]
    run: dict[str, Any]

    @property
    def migrated(self) -> dict[str, dict[str, Any]]:
        """Runs of the tables that arrived, by source name."""
        return {run["source"]: run for run in self.run["tables"] if run["state"] == "migrated"}


@pytest.fixture(scope="module")
def journeys(lakehouse: Lakehouse, icebridge_for: Callable[[str], Icebridge]) -> Callable[[str], Journey]:
    """A journey of a mode, made when first asked for."""
    made: dict[str, Journey] = {}

    def journey(mode: str) -> Journey:
        if mode not in made:
            cli = icebridge_for(mode)
            target = cli.state.parent / "managed"
            cli.connect_sql("foreign", lakehouse.database)
            cli.connect_embedded("managed", target)
            route = ["--source", "foreign", "--target", "managed"]
            cli.run("map", "rule", *route, "*", "{namespace}", "{table}", "--case", "keep")
            for name, renamed in RENAMED.items():
                cli.run("map", "set", *route, name, renamed)
            copied, *version = mode.split()
            options = ["--target-format-version", *version] if version else []
            plan = cli.plan("foreign", "managed", copied, "--max-commits-per-min", "100000", *options)
            done = cli.outcome("run", plan["path"])
            made[mode] = Journey(cli, target, plan["plan"], done.json)
        return made[mode]

    return journey


@pytest.fixture(params=MODES)
def journey(request: pytest.FixtureRequest, journeys: Callable[[str], Journey]) -> Journey:
    """One journey a mode."""
    return journeys(request.param)


@pytest.mark.parametrize("mode", MODES)
def test_everything_readable_is_migrated(mode: str, journeys: Callable[[str], Journey], lakehouse: Lakehouse) -> None:
    journey = journeys(mode)
    failed = {run["source"]: run.get("error") for run in journey.run["tables"] if run["state"] != "migrated"}
    assert not failed
    left_out = {entry["source"]: entry["codes"] for entry in journey.plan["left_out"]}
    assert all(codes for codes in left_out.values()), left_out
    tables = [name for name, table in lakehouse.tables.items() if not table.get("view")]
    assert len(journey.migrated) + len(left_out) == len(tables)
    too_old = {name for name, codes in left_out.items() if codes == ["IB-F026"]}
    assert too_old == {name for name in tables if mode == "clone 3" and lakehouse.tables[name]["format_version"] == 1}
    assert set(left_out) - too_old == set(REFUSED), left_out


def test_proof_is_named(journey: Journey) -> None:
    for name, run in journey.migrated.items():
        validation = run["validation"]
        assert validation["passed"], name
        assert validation["proof"] in ("digest", "bytes"), (name, validation["proof"])
        assert all(check["passed"] for check in validation["checks"]), name


def answers(table: dict[str, Any], whole_history: bool) -> Iterator[tuple[str, int | str | None, dict[str, Any]]]:
    """What the foreign table answered, to be asked of the managed one."""
    yield "current", None, table["current"]
    if whole_history:
        for snapshot in table["snapshots"]:
            yield "snapshot", snapshot["snapshot_id"], snapshot
        for name, ref in table["refs"].items():
            yield "ref", name, ref


@pytest.mark.parametrize("mode", MODES)
def test_spark_reads_the_managed_tables(
    mode: str, journeys: Callable[[str], Journey], lakehouse: Lakehouse, spark: SparkSession, java: Java
) -> None:
    journey = journeys(mode)
    away = lakehouse.folder / "warehouse-away"
    moved = mode != "register"
    if moved:
        (lakehouse.folder / "warehouse").rename(away)
    try:
        wrong = list(
            differences(
                journey, lakehouse, Migrated(spark, java, journey.target), whole_history=not mode.startswith("rewrite")
            )
        )
    finally:
        if moved:
            away.rename(lakehouse.folder / "warehouse")
    assert not wrong, "\n".join(wrong)


def differences(journey: Journey, lakehouse: Lakehouse, migrated: Migrated, whole_history: bool) -> Iterator[str]:
    """What a judge sees in the managed tables that was not so in the foreign ones."""
    for source, run in journey.migrated.items():
        table = lakehouse.tables[source_name(lakehouse, source)]
        # Spark itself cannot read a few sound tables; there expected.json holds the truth and PyIceberg is asked below.
        if any(answer["judge"] == "derived" for _, _, answer in answers(table, True)):
            continue
        judge = migrated.judge(*run["target"].replace("`", "").split("."))
        for kind, which, expected in answers(table, whole_history):
            if expected["digest"] is None:
                continue
            try:
                reading = (
                    judge.current()
                    if kind == "current"
                    else judge.snapshot(which)
                    if kind == "snapshot"
                    else judge.ref(which)
                )
                found = reading.answer()
            except Exception as cause:  # the engine's own exceptions are Java's
                yield f"{run['target']}, {kind} {which}: {str(cause).splitlines()[0]}"
                continue
            if not same(expected, found):
                yield f"{run['target']}, {kind} {which}: {found['rows']} rows instead of {expected['rows']}"


def source_name(lakehouse: Lakehouse, source: str) -> str:
    """The lakehouse's name of a table that the command line wrote with backticks where needed."""
    plain = source.replace("`", "")
    return source if source in lakehouse.tables else plain


@pytest.mark.parametrize("mode", MODES)
def test_pyiceberg_opens_the_managed_catalog(
    mode: str, journeys: Callable[[str], Journey], lakehouse: Lakehouse
) -> None:
    journey = journeys(mode)
    catalog = pyiceberg_catalog(journey.target)
    wrong = []
    for source, run in journey.migrated.items():
        table = lakehouse.tables[source_name(lakehouse, source)]
        loaded = catalog.load_table(tuple(run["target"].replace("`", "").split(".")))
        assert loaded.metadata.properties["icebridge.plan"] == journey.plan["hash"]
        if mode in RAISED:
            assert loaded.metadata.format_version == 3, source
            raised = table["format_version"] < 3
            assert [one["to"] for one in planned_conversions(journey, source)] == [3] * raised, source
        if "equality-deletes" in table["tags"] and not mode.startswith("rewrite"):
            continue  # PyIceberg refuses equality deletes; Spark judged them above
        try:
            rows = loaded.scan().count()
        except (NotImplementedError, ValueError) as cause:
            # What PyIceberg cannot read in the copy it must not be able to read in the original either.
            wrong += [f"{source}: {cause}"] if mode.startswith("rewrite") else []
            continue
        if rows != table["current"]["rows"]:
            wrong.append(f"{source}: {rows} rows instead of {table['current']['rows']}")
    assert not wrong, "\n".join(wrong)


def planned_conversions(journey: Journey, source: str) -> list[dict[str, Any]]:
    """What the plan converts of a table."""
    planned = next(table for table in journey.plan["tables"] if table["source"] == source)
    return planned.get("conversions", [])


@pytest.mark.parametrize("mode", MODES)
def test_a_second_run_changes_nothing(mode: str, journeys: Callable[[str], Journey]) -> None:
    journey = journeys(mode)
    before = listing(journey.target)
    again = journey.cli.run("run", plan_path(journey))
    assert {run["state"] for run in again["tables"]} == {"migrated"}
    assert listing(journey.target) == before


def plan_path(journey: Journey) -> Path:
    """The plan's file in the state folder."""
    return next(journey.cli.state.rglob(f"*{journey.plan['hash'][:12]}*.json"))


def listing(folder: Path) -> dict[str, int]:
    """Every file of a managed catalog with its size; the database's own bookkeeping aside."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("catalog.db")
    }
