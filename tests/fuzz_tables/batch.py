"""Make a batch of tables in one warehouse, read them by every engine, copy them in every mode and read the copies."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fuzz_tables.bench import NAMESPACE, Bench
from tests.fuzz_tables.carry_out import carry_out
from tests.fuzz_tables.counting import ENDED, Duck
from tests.fuzz_tables.history import History
from tests.fuzz_tables.journey import MODES, End, Journey, connected, travel
from tests.fuzz_tables.readings import Point, Read, by_pyiceberg, by_spark, by_us
from tests.harness.judged import Migrated
from tests.lakehouse.java import Java
from tests.lakehouse.judge import Judge
from tests.lakehouse.registry import local
from tests.lakehouse.spark import CATALOG, catalog_uri, start, warehouse_uri

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SOURCE = Path(__file__).with_name("PositionWriter.java")
OLDER = 2
Meddle = Callable[[Path, str], None]


@dataclass
class Case:
    """One table: its history, what was done, what is read in it and in its copies."""

    history: History
    bench: Bench
    skipped: list[str] = field(default_factory=list)
    not_made: str = ""
    points: list[Point] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    copies: dict[tuple[str, str], Read] = field(default_factory=dict)
    copied_counts: dict[str, Read] = field(default_factory=dict)


class Engines:
    """One Spark, Iceberg's Java library in it, and DuckDB, for all batches."""

    def __init__(self, folder: Path, spark: SparkSession | None = None, java: Java | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._own = spark is None
        self.spark = spark or start(folder / "spark")
        # Its catalog is another for each batch, which must not be seen by whoever else works with it.
        self.java = copy(java) if java else Java(self.spark)
        jvm: Any = self.spark._jvm
        compiler = jvm.org.codehaus.janino.SimpleCompiler()
        compiler.cook(SOURCE.read_text(encoding="utf-8"))
        written = compiler.getClassLoader().loadClass("PositionWriter")
        nothing = self.spark.sparkContext._gateway.new_array(jvm.java.lang.Object, 0)  # type: ignore[union-attr]
        self.positions: Any = written.getDeclaredConstructors()[0].newInstance(nothing)
        self.duck = Duck()

    def session(self, folder: Path) -> SparkSession:
        """A session whose foreign catalog is in the folder."""
        (folder / "warehouse").mkdir(parents=True, exist_ok=True)
        session = self.spark.newSession()
        self.prepare(session)
        session.conf.set(f"spark.sql.catalog.{CATALOG}.uri", catalog_uri(folder))
        session.conf.set(f"spark.sql.catalog.{CATALOG}.warehouse", warehouse_uri(folder))
        session.sql(f"USE {CATALOG}")
        session.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{NAMESPACE}")
        # One object for all catalogs: a second ForeignWriter would be a class that py4j takes for the first.
        self.java.catalog = self.java.iceberg.spark.Spark3Util.loadIcebergCatalog(session._jsparkSession, CATALOG)
        return session

    def stop(self) -> None:
        """End DuckDB, and Spark if it was started here."""
        self.duck.stop()
        if self._own:
            self.spark.stop()

    def prepare(self, session: SparkSession) -> None:
        """For tables this small, plans that change while they run take longer than those that do not."""
        session.conf.set("spark.sql.adaptive.enabled", "false")
        session.conf.set("spark.sql.shuffle.partitions", "1")
        session.conf.set("spark.sql.caseSensitive", "true")


class Batch:
    """Tables that are made, copied and judged together."""

    def __init__(self, engines: Engines, folder: Path, histories: Sequence[History]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.engines, self.folder = engines, folder
        self.session = engines.session(folder)
        self.cases = [
            Case(history, Bench(self.session, engines.java, engines.positions, folder, history.name))
            for history in histories
        ]
        self.complaints: list[str] = []

    def run(self, meddle: Meddle | None = None) -> list[Case]:
        """Make, read and copy; `meddle` may spoil the copies of a mode before they are read, which must be found."""
        for case in self.cases:
            try:
                case.skipped = carry_out(case.bench, case.history)
                case.points = [Point(what, at, Read(), Read()) for what, at in points(case)]
            except Exception as cause:  # a table that no engine makes is none of ours
                case.not_made = f"{type(cause).__name__}: {str(cause).splitlines()[0]}"
        made = [case for case in self.cases if not case.not_made]
        if not made:
            return self.cases
        with ThreadPoolExecutor(1) as pool:
            # What needs no Spark goes on beside it.
            others = pool.submit(self._others, made)
            for case in made:
                judge = Judge(case.bench)
                for point in case.points:
                    point.spark = by_spark(judge, point.snapshot)
            journeys = others.result()
        for mode, journey in journeys.items():
            self.complaints += journey.complaints
            if meddle:
                meddle(journey.target, mode)
            self._read_copies(mode, journey, made)
        return self.cases

    def clear(self) -> None:
        """Throw the batch away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _others(self, made: Sequence[Case]) -> dict[str, Journey]:
        journeys = {mode: travel(self.folder, mode, [case.history for case in made]) for mode in MODES}
        cli = connected(self.folder, "reader")
        for case in made:
            catalog = case.bench.pyiceberg()
            metadata = _metadata(case)
            alive = True
            for point in case.points:
                name = case.bench.name
                point.ours = by_us(cli, "foreign", name, point.snapshot)
                point.pyiceberg = by_pyiceberg(lambda: catalog.load_table(name), point.snapshot)  # noqa: B023
                if alive:
                    point.duck = self.engines.duck.count(metadata, point.snapshot)
                # A table that ends DuckDB once does so each time.
                alive = point.duck.why != ENDED
        return journeys

    def _read_copies(self, mode: str, journey: Journey, made: Sequence[Case]) -> None:
        migrated: Migrated | None = None
        for case in made:
            case.ends[mode] = journey.ends.get(case.history.index, End("broken", message="the run said nothing"))
            if case.ends[mode].state != "migrated":
                continue
            if migrated is None:
                migrated = Migrated(self.engines.spark, self.engines.java, journey.target)
                self.engines.prepare(migrated.spark)
            judge = migrated.judge(NAMESPACE, case.history.target)
            for point in case.points if mode == "clone" else case.points[:1]:
                case.copies[mode, point.what] = _copy(migrated, judge, case, point)
            copied = migrated.table().operations().current().metadataFileLocation()
            if mode == "rewrite" or case.points[0].duck.why != ENDED:
                case.copied_counts[mode] = self.engines.duck.count(local(copied), None)


def _copy(migrated: Migrated, judge: Judge, case: Case, point: Point) -> Read:
    """What is in the copy, by the engine that could read the source; Spark if none could, and else PyIceberg."""
    catalog = migrated.pyiceberg()
    by_spark_first = point.spark.known or not point.pyiceberg.known
    found = by_spark(judge, point.snapshot) if by_spark_first else Read()
    if point.spark.known or found.known:
        return found
    return by_pyiceberg(lambda: catalog.load_table((NAMESPACE, case.history.target)), point.snapshot)


def points(case: Case) -> list[tuple[str, int | None]]:
    """The table as it is, and up to two of its older snapshots."""
    current = case.bench.table().currentSnapshot()
    now = current.snapshotId() if current else None
    older = [number for number in case.bench.snapshot_ids() if number != now]
    rng = random.Random(f"{case.history.seed}-{case.history.index}-points")
    places = sorted(rng.sample(range(len(older)), min(OLDER, len(older))))
    return [("current", None), *((f"snapshot {place}", older[place]) for place in places)]


def _metadata(case: Case) -> Path:
    return local(case.bench.table().operations().current().metadataFileLocation())
