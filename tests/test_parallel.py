"""A run that finds out how many tables in parallel pay off."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect
from tests.harness.written import plain, sqlite_catalog
from tests.services import faults
from tests.services.auth_proxy import AuthProxy

TABLES = 60
MOST = 8


@pytest.fixture
def slow_target(
    guarded_catalog: AuthProxy, icebridge: Icebridge, tmp_path: Path, request: pytest.FixtureRequest
) -> Route:
    """Many small tables, and a catalog that takes its time for each call however many there are at once."""
    catalog = sqlite_catalog(tmp_path / "shop")
    catalog.create_namespace("shop")
    for number in range(TABLES):
        plain(catalog, f"shop.table_{number:03}", rows=5)
    icebridge.connect_sql("foreign", tmp_path / "shop" / "catalog.db")
    credential = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=credential)
    guarded_catalog.faults.add(faults.slow(0.25, times=100_000))
    route = Route(icebridge)
    route.rename("shop.*", request.node.name)
    return route


def numbers_tried(cli: Icebridge) -> list[int]:
    """By the log."""
    lines = [json.loads(line) for path in sorted((cli.state / "logs").glob("*")) for line in path.open()]
    told = [line for line in lines if line.get("message") == "tables in parallel"]
    return [int(line["fields"]["tables"]) for line in told]


def ended(cli: Icebridge) -> dict[str, Any]:
    """What the journal says at the end of the run."""
    with closing(sqlite3.connect(f"file:{cli.state / 'state.db'}?mode=ro", uri=True)) as database:
        (body,) = database.execute("SELECT body FROM journal WHERE kind = 'run.ended'").fetchone()
    return dict(json.loads(body))


def test_more_tables_are_tried_as_long_as_they_are_faster(slow_target: Route) -> None:
    cli = slow_target.cli
    plan = slow_target.plan("rewrite", "--adaptive", "--max-parallel-tables", str(MOST))
    assert plan["plan"]["settings"]["adaptive"] and plan["plan"]["settings"]["max_parallel_tables"] == MOST
    run = slow_target.run(plan)
    run.succeeded()
    tried = numbers_tried(cli)
    assert tried[:2] == [4, 8], tried
    assert ended(cli)["parallel_tables"] == {"tables": MOST, "most": MOST, "found": True}


def test_the_most_is_64_where_no_other_is_given(slow_target: Route) -> None:
    assert slow_target.plan("rewrite", "--adaptive")["plan"]["settings"]["max_parallel_tables"] == 64
    kept = slow_target.replan("rewrite")["plan"]["settings"]
    assert "adaptive" not in kept and kept["max_parallel_tables"] == 4
