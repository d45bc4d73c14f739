"""Tables that clusters copied are kept up with their sources by clusters: real Spark, in a workspace of the sandbox."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from tests.harness import clusters
from tests.harness.cli import Icebridge
from tests.harness.route import meanwhile
from tests.harness.sandbox import Sandbox, until
from tests.harness.written import reading
from tests.test_clusters import bodies, catalog, ended

pytest_plugins = ["tests.harness.sandbox"]

# Spark starts anew for each task, and machines differ.
pytestmark = pytest.mark.timeout(1800)
ORDERS = "glue_lake.shop.orders"
DAILY = "glue_lake.shop.daily"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with clusters.spark_workspace() as running:
        yield running


class Kept:
    """Tables of the foreign catalog in a schema of `main`, copied by clusters."""

    def __init__(self, box: Sandbox, cli: Icebridge, schema: str, *excluded: str) -> None:
        self.box, self.cli, self.schema = box, cli, schema
        self.route = clusters.route(cli, box, schema)
        for name in ("corrected", *excluded):
            cli.run("map", "set", *self.route.arguments, f"shop.{name}", "--exclude")

    def migrate(self, folder: Path, **photon: Any) -> str:
        plan = clusters.plan(self.route, clusters.settings(folder, **photon))
        clusters.run(self.route, plan["path"]).succeeded()
        self.box.turn("counts/reset")
        return str(plan["path"])

    def sync(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """One call, by the table's name."""
        done = self.cli.outcome("sync", *arguments, seconds=clusters.MINUTES)
        assert "tables" in done.json, done
        return {table["source"].split(".")[1]: table for table in done.json["tables"]}

    def target(self, name: str) -> Table:
        return catalog(self.box, "main").load_table((self.schema, name))

    def same(self, *names: str) -> None:
        """PyIceberg reads the same rows on both sides."""
        for name in names:
            source = catalog(self.box, "glue_lake").load_table(("shop", name))
            assert reading(self.target(name)) == reading(source), name

    def started(self) -> tuple[int, int]:
        """Clusters and runs since the copy, or since it was asked last."""
        counts = self.box.look("counts")
        self.box.turn("counts/reset")
        return counts["clusters_started"], counts["runs_started"]


def grow(box: Sandbox, first: int, last: int) -> None:
    """Rows for both tables."""
    at = "timestamp_ntz'2026-03-01' + make_interval(0, 0, 0, CAST(id % 9 AS INT))"
    rows = f"FROM range({first}, {last})"
    orders = f"SELECT id, 'new', CAST(id AS DECIMAL(12, 2)), {at}, array('z') {rows}"
    clusters.write(box, f"INSERT INTO {ORDERS} {orders}", f"INSERT INTO {DAILY} SELECT id, {at} {rows}")


def test_tables_are_kept_up_by_one_cluster_a_round(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    kept = Kept(box, icebridge, "kept")
    plan = kept.migrate(tmp_path, great_expectations=False)
    assert {table["state"] for table in kept.sync().values()} == {"up_to_date"}
    assert kept.started() == (0, 0), "nothing to bring"

    grow(box, 5000, 5040)
    clusters.write(
        box,
        f"UPDATE {ORDERS} SET customer = 'changed' WHERE id < 20",
        f"DELETE FROM {DAILY} WHERE id BETWEEN 3 AND 9",
    )
    kept.started()
    looked = kept.sync("--look")
    assert {table["state"] for table in looked.values()} == {"behind"}
    assert looked["orders"]["lag"]["snapshots"] == 2
    told = kept.sync()
    assert {(table["state"], table["round"]) for table in told.values()} == {("up_to_date", 1)}, told
    made = told["orders"]["made"]
    assert (made["engine"], made["compared"], made["rows"]) == ("photon", "whole", 1040)
    assert made["changes"]["snapshots"] == {"append": 1, "overwrite": 1}
    assert kept.started() == (1, 1)
    kept.same("orders", "daily")
    # The tables are validated as what they are now, also by another run of the plan, and nothing is copied again.
    assert all(table["validation"]["rows"] in (1040, 63) for table in icebridge.run("validate")["tables"])
    again = clusters.run(kept.route, plan)
    again.succeeded()
    assert all(table["outcome"]["adopted"] for table in again.tables.values())
    assert {table["state"] for table in kept.sync().values()} == {"up_to_date"}
    assert kept.started() == (0, 0)
    icebridge.run("audit", "export", "--out", tmp_path / "bundle")
    assert icebridge.run("audit", "verify", tmp_path / "bundle")["intact"]

    # A move takes what the last round brought, and no other state.
    grow(box, 6000, 6010)
    moved = icebridge.outcome("cutover", "move", "--quiet", "0s", "--table", "shop.orders").json["tables"][0]
    assert (moved["state"], moved["error"]["code"]) == ("failed", "source-not-quiet"), moved
    assert "`icebridge sync`" in moved["error"]["hint"]
    kept.sync("--table", "shop.orders")
    moved = icebridge.run("cutover", "move", "--quiet", "0s", "--table", "shop.orders")["tables"][0]
    assert (moved["state"], moved["moved"]["rows"]) == ("on_probation", 1050), moved


def test_what_others_did_stops_a_table_before_a_cluster_is_started(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    kept = Kept(box, icebridge, "stopped")
    kept.migrate(tmp_path, great_expectations=False)
    daily = kept.target("daily")
    daily.append(pa.table({"id": [7], "at": [None]}, schema=daily.schema().as_arrow()))
    before = reading(daily)
    clusters.write(box, f"ALTER TABLE {ORDERS} ADD COLUMN late STRING", f"INSERT INTO {DAILY} VALUES (1, NULL)")
    clusters.write(box, f"INSERT INTO {ORDERS} VALUES (9000, 'x', 1, NULL, NULL, 'late')")
    kept.started()
    told = kept.sync()
    codes = {name: (table["state"], table["error"]["code"]) for name, table in told.items()}
    assert codes == {"daily": ("stopped", "target-changed"), "orders": ("stopped", "unsupported")}, told
    assert "late" in str(told["orders"]["error"]["causes"])
    assert kept.started() == (0, 0)
    assert reading(kept.target("daily")) == before, "their write stays"
    clusters.write(box, f"ALTER TABLE {ORDERS} DROP COLUMN late")


@pytest.mark.parametrize("point", ["while it runs", "after it ended"])
def test_a_killed_round_is_followed_and_not_made_again(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path, point: str
) -> None:
    kept = Kept(box, icebridge, "killed_" + point.split()[0], "orders")
    kept.migrate(tmp_path, great_expectations=False)
    grow(box, 7000, 7003)
    kept.started()
    before = ended(box)
    with (
        box.fault("/api/*/jobs/runs/get", "slow", ms=60_000 if point == "after it ended" else 1000, skip=1),
        meanwhile(icebridge, "sync") as sync,
    ):
        reached = {
            "while it runs": lambda: box.look("counts")["processes_started"] > 0,
            "after it ended": lambda: ended(box) > before,
        }[point]
        try:
            until(reached, clusters.MINUTES)
        finally:
            sync.send_signal(signal.SIGKILL)
    assert sync.outcome.code == -signal.SIGKILL
    validated = icebridge.outcome("validate").json["tables"][0]
    assert validated["state"] == "migrated" and validated["not_validated"]["code"] == "outcome-unknown", validated
    told = kept.sync()["daily"]
    assert (told["state"], told["round"]) == ("up_to_date", 1), told
    assert kept.started() == (1, 1)
    kept.same("daily")
    icebridge.run("validate")
    jobs = {body["job_run_id"] for body in bodies(icebridge) if body["step"].startswith("sync-")} - {None}
    assert len(jobs) == 1


def test_what_others_write_around_a_round_stays(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    """Before its job is submitted, by a process that was killed; and between the look and the job's commit."""
    kept = Kept(box, icebridge, "around")
    kept.migrate(tmp_path, great_expectations=False)
    grow(box, 8000, 8003)
    kept.started()

    def others(name: str) -> None:
        table = kept.target(name)
        table.append(table.scan().to_arrow().slice(0, 1))

    def reached(state: str) -> bool:
        return any(body["step"].startswith("sync-") and body["state"] == state for body in bodies(icebridge))

    with box.fault("/api/2.0/fs/*", "slow", ms=5000), meanwhile(icebridge, "sync", "--table", "shop.daily") as sync:
        until(lambda: reached("intended"), clusters.MINUTES)
        sync.send_signal(signal.SIGKILL)
    others("daily")
    with (
        box.fault("/api/*/jobs/runs/submit", "slow", ms=8000),
        meanwhile(icebridge, "sync") as sync,
    ):
        until(lambda: reached("prepared"), clusters.MINUTES)
        others("orders")
    told = {table["source"]: table for table in sync.outcome.json["tables"]}
    codes = {name: (table["state"], table["error"]["code"]) for name, table in told.items()}
    stopped = ("stopped", "target-changed")
    assert codes == {"shop.daily": stopped, "shop.orders": stopped}, told
    assert kept.started()[1] == 1, "the one that was killed is not submitted"
    for name in ("daily", "orders"):
        assert kept.target(name).current_snapshot().summary["operation"].value == "append", "their write stays"


def test_a_job_that_has_nothing_to_write_takes_nothing_away(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    """The only commit beside it is somebody else's, and no `--whole` takes it for the job's."""
    kept = Kept(box, icebridge, "nothing")
    kept.migrate(tmp_path, great_expectations=False)
    # No row changes: files are rewritten, and a row comes and goes.
    clusters.write(
        box,
        "CALL glue_lake.system.rewrite_data_files(table => 'shop.daily', options => map('rewrite-all', 'true'))",
        f"INSERT INTO {ORDERS} VALUES (9500, 'x', 1, NULL, NULL)",
        f"DELETE FROM {ORDERS} WHERE id = 9500",
    )
    before = ended(box)
    with box.fault("/api/*/jobs/runs/get", "slow", ms=15_000, skip=1), meanwhile(icebridge, "sync") as sync:
        until(lambda: ended(box) > before, clusters.MINUTES)
        for name in ("daily", "orders"):
            table = kept.target(name)
            table.append(table.scan().to_arrow().slice(0, 1))
    first = {table["source"].split(".")[1]: table for table in sync.outcome.json["tables"]}
    for told in (first, kept.sync("--whole"), kept.sync()):
        codes = {name: (table["state"], table["error"]["code"]) for name, table in told.items()}
        assert codes == dict.fromkeys(("daily", "orders"), ("stopped", "target-changed")), told
    for name in ("daily", "orders"):
        assert kept.target(name).current_snapshot().summary["operation"].value == "append", "their write stays"


def test_a_round_of_a_table_that_outgrows_this_machine_is_compared_by_the_cluster(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    kept = Kept(box, icebridge, "outgrown", "orders")
    kept.migrate(tmp_path, read_here_up_to_bytes=0)
    clusters.write(box, f"UPDATE {DAILY} SET id = -id WHERE id < 3")
    told = kept.sync()["daily"]
    assert (told["state"], told["round"]) == ("up_to_date", 1), told
    checks = {check["name"] for check in told["made"]["checks"]}
    assert "digest" in checks and all(check["passed"] for check in told["made"]["checks"]), checks
    kept.same("daily")
    # What the cluster said of the copy says nothing of what the table is now.
    validated = icebridge.run("validate")["tables"]
    assert {table["state"] for table in validated if table["source"] == "shop.daily"} == {"migrated"}, validated
    moved = icebridge.run("cutover", "move", "--quiet", "0s", "--table", "shop.daily")["tables"][0]
    assert moved["state"] == "on_probation", moved


def test_a_plan_of_clusters_is_rehearsed(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    kept = Kept(box, icebridge, "planned", "orders")
    plan = clusters.plan(kept.route, clusters.settings(tmp_path, great_expectations=False))["path"]
    arguments = ("cutover", "rehearse", plan, "--schema", "tried")
    done = icebridge.outcome(*arguments, seconds=clusters.MINUTES)
    assert done.code == 0, done.stdout
    [table] = done.json["tables"]
    assert (table["target"], table["went_back"], table["proof"]) == ("tried.daily", True, "digest")
    source = catalog(box, "glue_lake").load_table(("shop", "daily"))
    assert reading(catalog(box, "main").load_table(("tried", "daily"))) == reading(source)
    assert ("planned",) not in catalog(box, "main").list_namespaces()
