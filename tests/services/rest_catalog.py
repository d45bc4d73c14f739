"""Apache Iceberg's own REST catalog server (Java, JDBC catalog on SQLite), a judge that isn't ours."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.leakage.leaks import look_into

from .azure_store import AzureStore
from .object_store import ObjectStore
from .process import LOOPBACK, Server, ServiceError, cache_dir, need, running

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
LAUNCHER = HERE / "LoopbackCatalog.java"
RESOLVE_SECONDS = 600
START_SECONDS = 60


@dataclass
class RestCatalog:
    """A running catalog server; its files lie under `folder` unless its warehouse is in an object store."""

    uri: str
    warehouse: str
    folder: Path
    server: Server

    def config(self) -> dict[str, object]:
        """The answer of /v1/config, as any client sees it first."""
        with urllib.request.urlopen(f"{self.uri}/v1/config", timeout=10) as answer:
            return dict(json.load(answer))


@contextmanager
def rest_catalog(
    store: ObjectStore | AzureStore | None = None, folder: Path | None = None, schema_version: str = "V1"
) -> Iterator[RestCatalog]:
    """Serve a catalog with a local warehouse, or one in `store`'s bucket; `schema_version` is that of its database.

    A given `folder` is kept (database and local warehouse), so that a test can stop the server and start it again.
    """
    home_of_jars = jars()
    own = None if folder else tempfile.TemporaryDirectory(prefix="icebridge-catalog-")
    home = Path(own.name) if own else (folder or Path.cwd())
    warehouse = store.uri("warehouse") if store else f"file:{home / 'warehouse'}"
    properties = {
        "catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        "uri": f"jdbc:sqlite:{home / 'catalog.db'}",
        "jdbc.schema-version": schema_version,
        "warehouse": warehouse,
        # Picks Hadoop's file system for file:, S3FileIO for s3: and ADLSFileIO for abfss:.
        "io-impl": "org.apache.iceberg.io.ResolvingFileIO",
        **(store.iceberg_properties() if store else {}),
    }
    command = [need("java", "default-jdk-headless"), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += [
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        f"{home_of_jars}/*:{home_of_jars}",
        LAUNCHER.stem,
    ]
    command += [f"{key}={value}" for key, value in properties.items()]
    try:
        with running(command, env={"AWS_REGION": "us-east-1"}) as server:
            port = server.wait_for_line(r"(?m)^LISTENING (\d+)$", START_SECONDS).group(1)
            yield RestCatalog(f"http://{LOOPBACK}:{port}", warehouse, home, server)
            look_into(home, "warehouses of REST catalogs")
    finally:
        if own:
            own.cleanup()


def jars() -> Path:
    """The server's jars and the compiled launcher, made once per content of their sources and kept in the cache."""
    sources = POM.read_bytes() + LAUNCHER.read_bytes()
    target = cache_dir() / "rest-catalog" / hashlib.sha256(sources).hexdigest()[:16]
    target.parent.mkdir(parents=True, exist_ok=True)
    # Parallel test runs share the cache: one resolves, the others wait; the rename makes it all or nothing.
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        resolve(partial)
        os.replace(partial, target)
    return target


def resolve(target: Path) -> None:
    """Have Maven copy the jars and compile the launcher against them."""
    command = [need("mvn", "maven"), "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    build([*command, "-DincludeScope=runtime", f"-DoutputDirectory={target}"])
    javac = need("javac", "default-jdk-headless")
    build([javac, "-proc:none", "-cp", f"{target}/*", "-d", str(target), str(LAUNCHER)])


def build(command: list[str]) -> None:
    """Run one step; its output is the message when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False)
    if done.returncode != 0:
        raise ServiceError(f"{command[0]} failed for the REST catalog:\n{(done.stdout + done.stderr)[-4_000:]}")
