"""The foreign lakehouse, made once by Spark, PyIceberg and Iceberg's Java library, and the engines that judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.cli import Icebridge, fresh
from tests.lakehouse import kept

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

pytest_plugins = ["tests.services.fixtures", "tests.harness.watch"]


@dataclass(frozen=True)
class Lakehouse:
    """A generated lakehouse and what its writers and Spark say is in it."""

    folder: Path
    tables: dict[str, Any]

    @property
    def database(self) -> Path:
        """The JdbcCatalog's SQLite file."""
        return self.folder / "catalog.db"


@pytest.fixture(scope="session")
def lakehouse() -> Lakehouse:
    """Every table shape."""
    folder = kept.lakehouse()
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return Lakehouse(folder, expected["tables"])


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark for all judging: a session of it costs nothing, a second JVM costs ten seconds and a gigabyte.

    Its own catalog stays empty: judges open the catalogs they judge, so that they need no generated lakehouse.
    """
    from tests.lakehouse.spark import start

    session = start(tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def java(spark: SparkSession) -> Java:
    """Iceberg's own library in that Spark."""
    from tests.lakehouse.java import Java

    return Java(spark)


@pytest.fixture
def icebridge(tmp_path: Path) -> Icebridge:
    """The command line on a state folder of its own."""
    return fresh(tmp_path / "state")


@pytest.fixture(scope="module")
def icebridge_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Icebridge]:
    """Command lines that live as long as a module's tests."""
    return lambda name: fresh(tmp_path_factory.mktemp(name) / "state")
