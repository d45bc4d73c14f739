"""What a Prometheus reads while the command line works is what the work did, and the dashboard's queries find it."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness import sample
from tests.harness.cli import ROOT, Icebridge
from tests.harness.route import Route, connect
from tests.harness.written import plain, sqlite_catalog
from tests.services import faults
from tests.services.auth_proxy import AuthProxy
from tests.services.fixtures import or_skip
from tests.services.process import LOOPBACK, Server, running
from tests.services.prometheus import JOB, Prometheus, complaints, prometheus

DASHBOARD = ROOT / "docs" / "grafana-dashboard.json"
PAGE = ROOT / "docs" / "metrics.md"
SECONDS = 60
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')
ENGINE = "embedded"
# Of the tables in the sample one is left out.
MOVED = len(sample.tables()) - 1


@dataclass(frozen=True)
class Scrape:
    """One answer."""

    text: str

    def counters(self) -> dict[str, float]:
        """Every series of a counter or a histogram."""
        kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.text, re.MULTILINE))
        series = [match for line in self.text.splitlines() if (match := SAMPLE.match(line))]
        return {
            f"{match[1]}{{{match[2]}}}": float(match[3])
            for match in series
            if kinds.get(re.sub(r"_(bucket|sum|count)$", "", match[1])) in ("counter", "histogram")
        }

    def find(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels."""
        found = []
        for line in self.text.splitlines():
            match = SAMPLE.match(line)
            if match and match[1] == name and labels.items() <= dict(LABEL.findall(match[2] or "")).items():
                found.append(float(match[3]))
        assert found, f"no {name} with {labels}\n{self.text}"
        return sum(found)


@dataclass(frozen=True)
class Working:
    """A command at work that serves its metrics."""

    icebridge: Icebridge
    server: Server
    url: str
    # Every scrape so far.
    seen: list[Scrape] = field(default_factory=list)

    def scrape(self) -> Scrape:
        """As it stands now."""
        answer = requests.get(self.url, timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.seen.append(Scrape(answer.text))
        return self.seen[-1]

    def until(self, holds: Callable[[Scrape], bool]) -> Scrape:
        """The first scrape of which this holds."""
        self.server.wait_for(lambda: holds(self.scrape()), SECONDS)
        return self.seen[-1]

    def cancel(self) -> None:
        """Ctrl-C, and the end."""
        self.server.process.send_signal(signal.SIGINT)
        self.server.process.wait(SECONDS)


@contextmanager
def working(icebridge: Icebridge, *arguments: str | Path) -> Iterator[Working]:
    """A command that serves its metrics at a port of its choice."""
    command = [*icebridge.command(*arguments), "--metrics", f"{LOOPBACK}:0"]
    with running(command, env=icebridge.env(), stop_signal=signal.SIGINT) as server:
        url = server.wait_for_line(r"metrics: (http://127\.0\.0\.1:\d+/metrics)\n", SECONDS)[1]
        yield Working(icebridge, server, url)


def last_one_waits(scrape: Scrape) -> bool:
    """The limit lets all tables commit but one, which stands still for a minute: nothing changes meanwhile."""
    at_work = sum(scrape.find("icebridge_run_tables", state=state) for state in ("queued", "copying", "validating"))
    still = at_work + scrape.find("icebridge_run_tables", state="committed") == 0
    return still and scrape.find("icebridge_limiter_waiting", limiter="commits") == 1


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sample is made."""
    return tmp_path_factory.mktemp("metrics-sample") / "sample"


@pytest.fixture(scope="module")
def journey(icebridge_for: Callable[[str], Icebridge], lake: Path) -> Iterator[Working]:
    """The journey of the sample, in the middle of its run: every table is migrated but the last."""
    limit = ("--max-commits-per-min", str(MOVED - 1))
    with working(icebridge_for("metrics"), "journey", "--sample", lake, *limit) as at_work:
        at_work.until(last_one_waits)
        yield at_work


@pytest.fixture(scope="module")
def judge(journey: Working, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped it some times."""
    address = journey.url.removeprefix("http://").removesuffix("/metrics")
    with or_skip(prometheus(tmp_path_factory.mktemp("prometheus"), address)) as running_one:
        running_one.server.wait_for(lambda: running_one.scrapes() >= 5, SECONDS)
        yield running_one


def test_the_numbers_are_those_of_the_run(journey: Working, lake: Path) -> None:
    now = journey.scrape()
    status = journey.icebridge.outcome("status").json
    tables = status["tables"]
    assert len(tables) == MOVED and status["state"] == "running"
    done = [table for table in tables if table["state"] == "migrated"]
    states = Counter(table["state"] for table in tables)
    assert states == {"migrated": MOVED - 1, "committing": 1}
    for state, number in states.items():
        assert now.find("icebridge_run_tables", state=state) == number
    assert now.find("icebridge_run_tables") == MOVED
    assert now.find("icebridge_tables_ended_total", state="migrated", engine=ENGINE) == len(done)
    assert now.find("icebridge_tables_ended_total") == len(done)
    for part, number in {
        "copied": "files_copied",
        "decoded": "files_decoded",
        "chunk_moved": "files_chunk_moved",
    }.items():
        expected = sum(table["outcome"][number] for table in done)
        assert now.find("icebridge_files_total", way=part) == expected, part
    assert now.find("icebridge_commits_total", outcome="made", engine=ENGINE) == len(done)
    assert now.find("icebridge_commits_total", outcome="found") == 0
    assert now.find("icebridge_commit_attempts_total") == sum(table["outcome"]["commit_attempts"] for table in done)
    assert now.find("icebridge_commit_conflicts_total") == 0
    verdicts = Counter((table["validation"]["passed"], table["validation"]["proof"]) for table in done)
    for (passed, proof), number in verdicts.items():
        found = now.find("icebridge_verdicts_total", verdict="equal" if passed else "different", proof=proof)
        assert found == number, proof
    assert now.find("icebridge_verdicts_total") == len(done)
    # A clone takes every file of every snapshot; what is left out is ORC.
    files = [file for file in (lake / "lakehouse").rglob("*") if file.suffix in (".parquet", ".puffin")]
    assert now.find("icebridge_copied_bytes_total") == sum(file.stat().st_size for file in files) > 0
    assert now.find("icebridge_copied_rows_total") == sum(table["rows_done"] for table in tables)
    assert now.find("icebridge_run_copied_rows") == sum(table["rows_done"] for table in tables)
    (plan,) = (journey.icebridge.state / "plans").glob("*.json")
    estimates = [table["estimate"] for table in json.loads(plan.read_text(encoding="utf-8"))["tables"]]
    assert now.find("icebridge_run_planned_rows") == sum(estimate["rows"] for estimate in estimates)
    assert now.find("icebridge_run_planned_bytes") == sum(estimate["bytes"] for estimate in estimates)
    # All files are there although one table is not committed.
    assert now.find("icebridge_run_done_bytes") == now.find("icebridge_run_planned_bytes")


def test_every_stage_is_timed_once(journey: Working) -> None:
    now = journey.scrape()
    for stage, ended in {"inventory": 1, "plan": 1, "run": 0, "validate": 0, "audit": 0}.items():
        assert now.find("icebridge_stage_duration_seconds_count", stage=stage) == ended, stage
    assert now.find("icebridge_stage_duration_seconds_count", stage="preflight") >= 1
    assert now.find("icebridge_stage_at_work", stage="run") == 1
    assert now.find("icebridge_stage_at_work") == 1
    assert now.find("icebridge_run_state", state="running") == now.find("icebridge_run_state") == 1
    for state, left in {"queued": MOVED, "copying": MOVED, "committing": MOVED - 1, "validating": MOVED - 1}.items():
        found = now.find("icebridge_table_stage_duration_seconds_count", state=state, engine=ENGINE)
        assert found == left, state
    found = now.find("icebridge_inventory_found_tables"), now.find("icebridge_inventory_read_tables")
    assert found == (len(sample.tables()), len(sample.tables()))


def test_no_counter_ever_fell(journey: Working) -> None:
    assert len(journey.seen) > 3
    for before, after in pairwise(scrape.counters() for scrape in journey.seen):
        fallen = {series for series, value in before.items() if value > after[series]}
        assert fallen == set()
    assert journey.seen[0].counters() != journey.seen[-1].counters()


def test_no_name_is_told(journey: Working) -> None:
    text = journey.scrape().text
    for name in sample.tables():
        assert name not in text and f'"{name.rsplit(".", 1)[-1]}"' not in text
    assert str(journey.icebridge.state) not in text


def test_promtool_has_nothing_against_the_metrics(journey: Working, judge: Prometheus) -> None:
    assert complaints(journey.scrape().text) == ""
    assert complaints("# TYPE wrong counter\nwrong 1\n") != "", "the checker checks nothing"


def test_a_prometheus_reads_what_is_served(journey: Working, judge: Prometheus) -> None:
    now = journey.scrape()
    names = {match[1] for line in now.text.splitlines() if (match := SAMPLE.match(line))}
    assert len(names) > 25
    for name in sorted(names):
        read = sum(float(series["value"][1]) for series in judge.query(f'{name}{{job="{JOB}"}}'))
        assert read == pytest.approx(now.find(name)), name
    types = requests.get(f"{judge.url}/api/v1/metadata", timeout=SECONDS).json()["data"]
    declared = dict(re.findall(r"^# TYPE (\w+) (\w+)$", now.text, re.MULTILINE))
    assert {name: types[name][0]["type"] for name in declared} == declared


def queries(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Panel and query, in the order of the dashboard."""
    for panel in panels:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def test_every_query_of_the_dashboard_returns(judge: Prometheus) -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = list(queries(panels))
    assert len(asked) > 20
    silent = []
    for title, query in asked:
        found = judge.query(query.replace("$job", JOB).replace("$__rate_interval", "1m"))
        if not found:
            silent.append((title, query))
    assert silent == []


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    # A test of the crate holds the page to what is counted.
    listed = set(re.findall(r"^\| `(icebridge_\w+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    asked = set(re.findall(r"icebridge_\w+", DASHBOARD.read_text(encoding="utf-8")))
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} <= listed


def test_the_run_goes_on_whoever_connects(journey: Working) -> None:
    host, port = journey.url.removeprefix("http://").removesuffix("/metrics").split(":")
    with socket.create_connection((host, int(port))) as silent:
        with socket.create_connection((host, int(port))) as rude:
            rude.sendall(b"\x00\xff" * 100_000)
        base = journey.url.removesuffix("/metrics")
        assert requests.get(f"{base}/", timeout=SECONDS).status_code == 404
        assert requests.post(journey.url, timeout=SECONDS).status_code == 405
        assert requests.get(journey.url, headers={"Host": "lake.example.com"}, timeout=SECONDS).status_code == 403
        assert journey.scrape().find("icebridge_run_tables") == MOVED
        silent.close()


# The last one that needs the journey: it ends it.
def test_the_run_is_cancelled_as_ever(journey: Working) -> None:
    journey.cancel()
    assert journey.server.process.returncode == 1
    after = journey.icebridge.outcome("status").json
    states = Counter(table["state"] for table in after["tables"])
    assert states == {"migrated": MOVED - 1, "cancelled": 1}
    with pytest.raises(requests.ConnectionError):
        requests.get(journey.url, timeout=SECONDS)


def test_conflicts_and_retries_are_those_that_the_catalog_made(
    guarded_catalog: AuthProxy, icebridge: Icebridge, tmp_path: Path
) -> None:
    catalog = sqlite_catalog(tmp_path / "shop")
    catalog.create_namespace("metrics")
    for name in ("one", "two"):
        plain(catalog, f"metrics.{name}", rows=5)
    icebridge.connect_sql("foreign", tmp_path / "shop" / "catalog.db")
    credential = {"credential": guarded_catalog.credential()}
    connect(icebridge, "managed", "rest", guarded_catalog.uri, target=True, secrets=credential)
    plan = Route(icebridge).plan("rewrite", "--max-commits-per-min", "2", "--max-parallel-tables", "1")
    guarded_catalog.forget()
    guarded_catalog.faults.add(faults.conflict(), faults.rate_limited(match=r"^GET /v1/config", retry_after=0))
    with working(icebridge, "run", plan["path"]) as at_work:
        now = at_work.until(
            lambda scrape: scrape.find("icebridge_commit_attempts_total") == 2 and last_one_waits(scrape)
        )
        assert now.find("icebridge_commit_conflicts_total") == 1
        assert now.find("icebridge_limiter_wait_seconds_count", limiter="commits") == 2
        family = {"family": "iceberg-rest"}
        asked = [request for request in guarded_catalog.seen if "/oauth/" not in request.path]
        assert now.find("icebridge_http_requests_total", **family) == len(asked)
        assert now.find("icebridge_http_retries_total", **family) == 1
        assert now.find("icebridge_http_throttled_total", **family) == 1
        assert now.find("icebridge_limiter_wait_seconds_count", limiter="iceberg-rest") == len(asked)
        at_work.cancel()


@pytest.mark.parametrize("address", ["0.0.0.0:9464", "[::]:9464", "10.1.2.3:9464", "9464", "lake.example.com:9464"])
def test_only_loopback_is_listened_at(icebridge: Icebridge, address: str) -> None:
    error = icebridge.refuse("about", "--metrics", address, code="invalid-input")
    assert error["object"] == address and "127.0.0.1:9464" in error["hint"]
    assert not icebridge.state.exists(), "nothing was begun"


def test_a_port_that_is_taken_is_said(icebridge: Icebridge) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        error = icebridge.refuse("about", "--metrics", f"{LOOPBACK}:{port}", code="invalid-input")
    assert str(port) in error["object"] and "0 takes any" in error["hint"]
