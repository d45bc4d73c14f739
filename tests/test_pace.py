"""A source that may be read only so fast, in MiB and in requests a second."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.lake import Lake, make_lake
from tests.harness.route import Route, meanwhile, wait_until
from tests.harness.written import reading

FILES = 6
NAME = "shop.noise"
MIB = 1 << 20


@pytest.fixture
def noise(tmp_path: Path) -> Lake:
    """A table whose files do not compress."""
    lake = make_lake(tmp_path / "source")
    catalog = lake.catalog
    catalog.create_namespace_if_not_exists("shop")
    table = catalog.create_table(NAME, pa.schema([pa.field("b", pa.large_binary())]))
    for _ in range(FILES):
        table.append(pa.table({"b": pa.array([os.urandom(1 << 14) for _ in range(32)], pa.large_binary())}))
    return lake


def connect(cli: Icebridge, lake: Lake, target: Path, **bounds: str) -> Route:
    """The lake with bounds, and a managed catalog."""
    properties = [word for key, value in bounds.items() for word in ("--property", f"{key.replace('_', '-')}={value}")]
    uri = f"sqlite:{lake.folder / 'catalog.db'}"
    cli.run("catalog", "add", "foreign", "--kind", "sql", "--uri", uri, *properties)
    cli.connect_embedded("managed", target)
    cli.run("inventory", "foreign", "--only", NAME)
    return Route(cli)


@pytest.mark.parametrize("mode", ["clone", "rewrite"])
def test_no_faster_than_it_says_and_every_row_arrives(
    mode: str, icebridge: Icebridge, noise: Lake, tmp_path: Path
) -> None:
    route = connect(icebridge, noise, tmp_path / "target", max_read_mib_per_second="2")
    plan = route.replan(mode)
    began = time.monotonic()
    route.run(plan).succeeded()
    # Copied once and compared once, but for what is read before anybody has to wait.
    table = noise.catalog.load_table(NAME)
    total = sum(task.file.file_size_in_bytes for task in table.scan().plan_files())
    assert time.monotonic() - began >= (total * 3 / 2) / (2 * MIB)
    assert reading(pyiceberg_catalog(tmp_path / "target").load_table(NAME)) == reading(table)


def test_requests_are_counted_too(icebridge: Icebridge, noise: Lake, tmp_path: Path) -> None:
    connect(icebridge, noise, tmp_path / "target", max_read_requests_per_second="10")
    began = time.monotonic()
    icebridge.run("table", "digest", "foreign", NAME)
    # At least metadata, list, a manifest and the file of each append.
    assert time.monotonic() - began >= (2 * FILES + 1) / 10


def test_who_waits_can_be_interrupted(icebridge: Icebridge, noise: Lake, tmp_path: Path) -> None:
    route = connect(icebridge, noise, tmp_path / "target")
    plan = route.replan("clone")
    uri = f"sqlite:{noise.folder / 'catalog.db'}"
    slow = ["--property", "max-read-mib-per-second=0.0001"]
    icebridge.run("catalog", "add", "foreign", "--kind", "sql", "--uri", uri, *slow)
    with meanwhile(icebridge, "run", plan["path"]) as run:
        wait_until(lambda: any(one["state"] == "running" for one in icebridge.run("runs")))
        time.sleep(0.5)
        interrupted = time.monotonic()
        run.send_signal(signal.SIGINT)
    assert time.monotonic() - interrupted < 20 and run.outcome.code == 1
    icebridge.run("catalog", "add", "foreign", "--kind", "sql", "--uri", uri)
    route.resume().succeeded()


@pytest.mark.parametrize(
    "wrong", ["max-read-mib-per-second=0", "max-read-mb-per-second=5", "max-read-requests-per-second=x"]
)
def test_what_is_no_bound_is_refused(icebridge: Icebridge, noise: Lake, wrong: str) -> None:
    uri = f"sqlite:{noise.folder / 'catalog.db'}"
    icebridge.refuse(
        "catalog", "add", "foreign", "--kind", "sql", "--uri", uri, "--property", wrong, code="invalid-input"
    )
