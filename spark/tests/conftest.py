"""One Spark for all tests of a process, tables by name, and the jobs as they are started on a cluster."""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

SPARK = Path(__file__).resolve().parents[1]
# The sandbox's Databricks runtime stands in the repository alone.
RUNTIME = SPARK.parent / "src-tauri" / "crates" / "sandbox" / "python"
sys.path[:0] = [str(SPARK), str(SPARK / "tests"), str(RUNTIME)]
os.environ["TZ"] = "UTC"
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

import local_spark  # noqa: E402

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLAN_HASH = "5f" * 32
# Seconds that a process may take on a busy machine; on an idle one it is a tenth.
PATIENCE = 400
_names = itertools.count()


@dataclass(frozen=True)
class Ran:
    """What a job left: its exit code, its result file and what it said."""

    code: int
    result: dict[str, Any]
    said: str = ""

    @property
    def table(self) -> dict[str, Any]:
        """The only table of the result."""
        (found,) = self.result["tables"]
        return found


class Jobs:
    """Starts jobs on inputs: in this process, or as a script in its own."""

    def __init__(self, folder: Path, submit_arguments: str) -> None:
        self.folder = folder
        self.submit_arguments = submit_arguments
        self.result_path = folder / "volume" / "result.json"
        self.started: list[subprocess.Popen[str]] = []

    def input(self, job: str, **fields: Any) -> Path:
        """Write an input file; only what a test is about has to be named."""
        shape = {"job": job, "input_version": 1, "result_path": str(self.result_path), **fields}
        path = self.folder / f"{job}.json"
        path.write_text(json.dumps(shape, indent=1), encoding="utf-8")
        return path

    def run(self, job: str, **fields: Any) -> Ran:
        """Run in this process, with the session that is there."""
        from icebridge_jobs import outcome

        script = importlib.import_module(job)
        code = outcome.run(job, [str(self.input(job, **fields))], script.work)
        return Ran(code, self.result())

    def start(self, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the script as a cluster does: in a group of its own, which a kill ends as a lost machine would."""
        process = subprocess.Popen(
            [sys.executable, str(SPARK / f"{script}.py"), *arguments],
            cwd=self.folder,
            env={**os.environ, "PYSPARK_SUBMIT_ARGS": self.submit_arguments, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def script(self, job: str, **fields: Any) -> Ran:
        """Run the script in a process of its own and wait."""
        process = self.start(job, str(self.input(job, **fields)))
        out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, self.result(), out + err)

    def result(self) -> dict[str, Any]:
        """The result file as it is now."""
        return json.loads(self.result_path.read_text(encoding="utf-8")) if self.result_path.is_file() else {}


class Databricks:
    """The runtime's switches, and what the jobs sent to it."""

    # Of all tests: the statement, and the line of the jobs that sent it.
    sent: ClassVar[list[tuple[str, str, int]]] = []

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.monkeypatch = monkeypatch
        # By the jobs in this test.
        self.statements: list[str] = []
        catalogs = {"foreign": "foreign", "managed": "managed"}
        self.set(DATABRICKS_RUNTIME_VERSION="17.3", ICEBRIDGE_SANDBOX_FOLDER=str(folder))
        self.set(ICEBRIDGE_SANDBOX_CATALOGS=json.dumps(catalogs))

    def set(self, **variables: str) -> None:
        """Variables of the environment, until the test ends."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Another engine, which writes the foreign tables."""
        self.set(ICEBRIDGE_SANDBOX_ENGINE="outside")
        yield
        self.monkeypatch.delenv("ICEBRIDGE_SANDBOX_ENGINE")

    def note(self, text: str) -> None:
        """Who sent it: the jobs, or the test itself."""
        folder = str(SPARK / "icebridge_jobs")
        caller = next((frame for frame in inspect.stack() if frame.filename.startswith(folder)), None)
        if caller is not None:
            self.statements.append(text)
            self.sent.append((text, Path(caller.filename).name, caller.lineno))


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tables lie."""
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="session")
def spark(warehouse: Path) -> Iterator[SparkSession]:
    """Spark 4.0 or 3.5, whichever this environment has."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("icebridge-jobs")
    for key, value in local_spark.settings(warehouse).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    for catalog in local_spark.CATALOGS:
        session.sql(f"CREATE NAMESPACE IF NOT EXISTS {catalog}.s")
    yield session
    session.stop()


@pytest.fixture
def jobs(tmp_path: Path, warehouse: Path) -> Iterator[Jobs]:
    """Jobs with a result file of their own; no process outlives its test."""
    made = Jobs(tmp_path, local_spark.submit_arguments(tmp_path, warehouse))
    yield made
    for process in made.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def databricks(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Databricks]:
    """This Spark as a Databricks runtime, as in the sandbox: what was read before is forgotten with the test."""
    import databricks_runtime

    runtime = Databricks(monkeypatch, tmp_path)
    uninstall = databricks_runtime.install(type(spark))
    inner = type(spark).sql

    def sql(self: SparkSession, text: str, *arguments: Any, **named: Any) -> Any:
        runtime.note(text)
        return inner(self, text, *arguments, **named)

    type(spark).sql = sql  # type: ignore[method-assign]
    yield runtime
    type(spark).sql = inner  # type: ignore[method-assign]
    uninstall()


@pytest.fixture
def name() -> str:
    """A table name that no other test has."""
    return f"t{next(_names)}"


@pytest.fixture(autouse=True)
def skip_on_old_spark(request: pytest.FixtureRequest) -> None:
    """Spark 3.5 gets the tests that are marked for it."""
    if local_spark.spark_minor() == "3.5" and request.node.get_closest_marker("every_spark") is None:
        pytest.skip("on Spark 4.0 alone")
