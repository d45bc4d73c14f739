"""What a collector of OpenTelemetry gets, by the usual variables, is what the work did; and nobody waits for one."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.cli import Icebridge, fresh
from tests.harness.hooks import Hooks
from tests.harness.lake import Lake, small_lake
from tests.harness.route import Route
from tests.services.collector import PATH, PROTOBUF, Collector, attributes, collector
from tests.services.http_server import Handler, Reply, serving
from tests.services.process import LOOPBACK

SECRET = "hunter2hunter2"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
MOVED = "shop.moved"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three sound tables."""
    return small_lake(tmp_path / "source")


@pytest.fixture
def gathered() -> Iterator[Collector]:
    """A collector that is there."""
    with collector() as seen:
        yield seen


def traced(tmp_path: Path, address: str, **variables: str) -> Icebridge:
    """A command line that sends its traces."""
    cli = fresh(tmp_path / "state")
    cli.environment = {ENDPOINT: address, **variables}
    return cli


def connect(cli: Icebridge, lake: Lake, tmp_path: Path) -> Route:
    """The lake, and a managed catalog."""
    cli.connect_sql("foreign", lake.folder / "catalog.db")
    cli.connect_embedded("managed", tmp_path / "target")
    return Route(cli)


def test_a_run_is_one_trace_of_its_tables(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    route = connect(traced(tmp_path, gathered.address), lake, tmp_path)
    plan = route.plan("clone")
    gathered.requests.clear()
    route.run(plan).succeeded()

    assert set(gathered.paths) == {PATH} and {headers["content-type"] for headers in gathered.headers} == {PROTOBUF}
    resource = gathered.resource()
    assert resource["service.name"] == "icebridge" and resource["service.version"], resource
    (run,) = gathered.spans("run")
    assert not run.parent_span_id
    tables = gathered.spans("table")
    assert {attributes(span.attributes)["table"] for span in tables} == {f"shop.{name}" for name in lake.readings}
    assert {span.trace_id for span in gathered.spans()} == {run.trace_id}
    for span in tables:
        below = [other.name for other in gathered.spans() if other.parent_span_id == span.span_id]
        assert {"copy", "publish"} <= set(below), below
        assert run.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
    assert not gathered.failed()


def test_what_failed_is_said_to_have(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    route = connect(traced(tmp_path, gathered.address), lake, tmp_path)
    plan = route.plan("rewrite")
    (task,) = lake.catalog.load_table(MOVED).scan().plan_files()
    Path(task.file.file_path.removeprefix("file://")).unlink()
    gathered.requests.clear()
    route.run(plan).failed(MOVED, "file-missing")
    assert {attributes(span.attributes).get("table") for span in gathered.failed()} == {MOVED}
    assert all(span.status.message for span in gathered.failed())


def test_each_command_that_works_is_traced(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    cli = traced(tmp_path, gathered.address)
    route = connect(cli, lake, tmp_path)
    route.run(route.plan("rewrite")).succeeded()
    for words in (["validate"], ["sync"], ["audit", "export"]):
        assert cli.outcome(*words).code == 0, words
    names = Counter(span.name for span in gathered.spans())
    wanted = {"inventory", "preflight", "plan", "run", "validate", "sync", "export"}
    assert wanted <= set(names), names


def test_headers_and_compression_are_as_the_variables_say(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    cli = traced(
        tmp_path,
        gathered.address,
        OTEL_EXPORTER_OTLP_HEADERS=f"api-key={SECRET},x-tenant=mine%20own",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_SERVICE_NAME="night-shift",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    gathered.refuse.extend([503, 400])
    route = connect(cli, lake, tmp_path)
    route.run(route.plan("clone")).succeeded()
    assert all((h["api-key"], h["x-tenant"]) == (SECRET, "mine own") for h in gathered.headers)
    assert all(headers["content-encoding"] == "gzip" for headers in gathered.headers)
    resource = gathered.resource()
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("night-shift", "test")
    # The server repeated the headers in what it refused.
    logs = "".join(path.read_text() for path in (cli.state / "logs").iterdir())
    assert "traces could not be sent" in logs and SECRET not in logs
    assert not any(SECRET.encode() in body for body in gathered.raw)


@pytest.mark.parametrize("what", ["nobody", "silent", "redirect"])
def test_a_collector_that_is_away_fails_nothing_and_holds_nobody_up(what: str, lake: Lake, tmp_path: Path) -> None:
    class Redirects(Handler):
        def do_POST(self) -> None:
            self.whole_body()
            self.send(Reply(307, {"Location": elsewhere.address + PATH}, b""))

    with collector() as elsewhere, serving(Redirects) as redirecting, socket.socket() as silent:
        silent.bind((LOOPBACK, 0))
        if what == "silent":
            silent.listen()
        port = silent.getsockname()[1]
        address = redirecting if what == "redirect" else f"http://{LOOPBACK}:{port}"
        cli = traced(tmp_path, address, OTEL_EXPORTER_OTLP_HEADERS=f"api-key={SECRET}", OTEL_BSP_SCHEDULE_DELAY="200")
        route = connect(cli, lake, tmp_path)
        plan = route.plan("clone")
        began = time.monotonic()
        route.run(plan).succeeded()
        assert time.monotonic() - began < 60
        assert not elsewhere.headers, "headers went to another server"
    logs = "".join(path.read_text() for path in (cli.state / "logs").iterdir())
    assert SECRET not in logs
    if what != "silent":
        assert "traces could not be sent" in logs


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ENDPOINT, f"http://me:{SECRET}@{LOOPBACK}/"),
        (ENDPOINT, f"ftp://{SECRET}/"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
    ],
)
def test_what_cannot_be_understood_is_said_and_counts_as_none(
    name: str, text: str, gathered: Collector, tmp_path: Path
) -> None:
    cli = traced(tmp_path, gathered.address, **{name: text})
    done = cli.outcome("catalog", "list")
    assert done.code == 0 and "warning: " in done.stderr, done
    assert not gathered.requests and SECRET not in done.stderr


def test_nobody_is_asked_where_traces_are_off(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {ENDPOINT: ""}):
        cli = traced(tmp_path, gathered.address, **off)
        cli.connect_sql("foreign", lake.folder / "catalog.db")
        done = cli.outcome("inventory", "foreign")
        assert done.code == 0 and not done.stderr, done
    assert not gathered.paths


def test_a_program_that_is_started_does_not_get_the_headers(lake: Lake, gathered: Collector, tmp_path: Path) -> None:
    hooks = Hooks(tmp_path / "hooks")
    hooks.do("announce", "env > environment")
    cli = traced(tmp_path, gathered.address, OTEL_EXPORTER_OTLP_HEADERS=f"api-key={SECRET}")
    route = connect(cli, lake, tmp_path)
    route.run(route.plan("clone")).succeeded()
    cli.run("cutover", "move", "--table", MOVED, "--hooks", hooks.path, "--quiet", "1s")
    environment = (hooks.folder / "environment").read_text()
    assert "PATH=" in environment and SECRET not in environment
