"""A migrated table goes on with its source: after each round Spark reads in the target what it reads in the source."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fuzz_tables.batch import Engines
from tests.harness.cli import fresh
from tests.harness.judged import Migrated, same
from tests.harness.kept_up import KeptUp
from tests.lakehouse.judge import Judge
from tests.lakehouse.registry import Lab, Shape, local

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

COLUMNS = "id BIGINT, name STRING, day DATE, n INT, gone STRING"
ROWS = "SELECT id, concat('n', id) AS name, date_add(DATE'2024-01-01', CAST(id % 3 AS INT)) AS day"
MERGE_ON_READ = {f"write_{what}_mode": "merge-on-read" for what in ("delete", "update", "merge")}
Act = Callable[[Lab], Any]


def sql(*statements: str) -> Act:
    """What Spark SQL says."""
    return lambda lab: lab.sql(*statements)


def insert(first: int, last: int, more: str = ", CAST(id AS INT) AS n, 'x' AS gone", to: str = "{t}") -> Act:
    """New rows in one file for each partition."""
    return sql(f"INSERT INTO {to} SELECT /*+ COALESCE(1) */ * FROM ({ROWS}{more} FROM range({first}, {last}))")


def call(procedure: str, arguments: str = "") -> Act:
    """What one of Iceberg's procedures does to the table."""
    return sql(f"CALL foreign.system.{procedure}(table => '{{p}}'{arguments})")


def back_to(place: int, procedure: str = "rollback_to_snapshot") -> Act:
    """Show an older state: that of the snapshot which so many have come after."""
    return lambda lab: call(procedure, f", snapshot_id => {lab.snapshot_ids()[-1 - place]}")(lab)


def raise_version(lab: Lab) -> None:
    """One format version up, if there is one."""
    version = lab.table().operations().current().formatVersion()
    lab.set(format__version=str(min(version + 1, 3)))


LATER = ", CAST(id AS BIGINT) AS n, 1.5D AS more"
# One life, each step with a name. Rows of a step are touched again by later ones.
LIFE: tuple[tuple[str, Act], ...] = (
    ("append", insert(20, 40)),
    (
        "merge",
        sql(
            "MERGE INTO {t} t USING (SELECT id FROM range(0, 60, 5)) s ON t.id = s.id "
            "WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = -1 "
            "WHEN NOT MATCHED THEN INSERT (id, name, day, n, gone) VALUES (s.id, 'new', DATE'2024-01-02', 7, NULL)"
        ),
    ),
    ("update", sql("UPDATE {t} SET name = concat(name, '!') WHERE id % 7 = 0")),
    ("delete", sql("DELETE FROM {t} WHERE id % 5 = 1")),
    ("delete again of the same files", sql("DELETE FROM {t} WHERE id % 5 = 2")),
    ("add a column", sql("ALTER TABLE {t} ADD COLUMN more DOUBLE AFTER name")),
    ("rename a column", sql("ALTER TABLE {t} RENAME COLUMN gone TO `to go`")),
    ("widen a column", sql("ALTER TABLE {t} ALTER COLUMN n TYPE BIGINT")),
    ("drop a column", sql("ALTER TABLE {t} DROP COLUMN `to go`", "ALTER TABLE {t} ALTER COLUMN more AFTER n")),
    ("append under the new schema", insert(60, 70, LATER)),
    (
        "swap the names of two columns",
        sql(
            "ALTER TABLE {t} ADD COLUMN other STRING",
            "UPDATE {t} SET other = concat('o', id) WHERE id % 2 = 0",
            "ALTER TABLE {t} RENAME COLUMN other TO x",
            "ALTER TABLE {t} RENAME COLUMN name TO other",
            "ALTER TABLE {t} RENAME COLUMN x TO name",
        ),
    ),
    ("drop the other column", sql("ALTER TABLE {t} DROP COLUMN name", "ALTER TABLE {t} RENAME COLUMN other TO name")),
    ("add a partition field", sql("ALTER TABLE {t} ADD PARTITION FIELD bucket(2, id)")),
    ("append under the new spec", insert(70, 90, LATER)),
    ("delete under two specs", sql("DELETE FROM {t} WHERE id % 6 = 4")),
    ("rewrite position deletes", call("rewrite_position_delete_files", ", options => map('rewrite-all', 'true')")),
    ("another spec", sql("ALTER TABLE {t} DROP PARTITION FIELD days(day)", "ALTER TABLE {t} WRITE ORDERED BY id DESC")),
    ("rewrite the data files", call("rewrite_data_files", ", options => map('rewrite-all', 'true')")),
    ("rewrite the manifests", call("rewrite_manifests", ", use_caching => false")),
    ("branch and tag", sql("ALTER TABLE {t} CREATE BRANCH side", "ALTER TABLE {t} CREATE TAG kept")),
    ("append to the branch", insert(90, 95, LATER, "{t}.branch_side")),
    ("roll back", back_to(4)),
    ("show the branch's snapshot", back_to(0, "set_current_snapshot")),
    ("statistics", call("compute_table_stats")),
    ("overwrite", sql(f"INSERT OVERWRITE {{t}} {ROWS}{LATER} FROM range(0, 6)")),
    ("raise the version", raise_version),
    ("delete under the new version", sql("DELETE FROM {t} WHERE id = 3")),
    ("raise the version again", raise_version),
    ("delete under that", sql("DELETE FROM {t} WHERE id = 4")),
    ("truncate", sql("DELETE FROM {t}")),
    ("append to nothing", insert(0, 9, LATER)),
    (
        "replace the table",
        sql("CREATE OR REPLACE TABLE {t} USING iceberg PARTITIONED BY (k) AS SELECT id, id % 2 AS k FROM range(9)"),
    ),
    ("properties", sql("ALTER TABLE {t} SET TBLPROPERTIES ('a' = 'b', 'write.metadata.previous-versions-max' = '2')")),
    ("expire", call("expire_snapshots", ", older_than => TIMESTAMP'2100-01-01 00:00:00', retain_last => 1")),
    ("drop the branch", sql("ALTER TABLE {t} DROP BRANCH side", "ALTER TABLE {t} DROP TAG kept")),
    ("append at last", sql("INSERT INTO {t} VALUES (100, 1), (101, 0)")),
    ("expire again", call("expire_snapshots", ", older_than => TIMESTAMP'2100-01-01 00:00:00', retain_last => 1")),
)


# Steps after which the rows that changed are all that is compared.
CHANGES = ("append", "merge", "update", "delete", "delete again of the same files", "delete under two specs")


@dataclass
class Living:
    """One foreign table that Spark goes on writing to, and its copy."""

    lab: Lab
    kept: KeptUp
    name: str
    migrated: Migrated | None = None

    def migrate(self, mode: str = "clone", *extra: str) -> None:
        """The first copy."""
        self.kept.migrate(mode, [self.name], *extra)
        self.migrated = Migrated(self.lab.spark, self.lab.java, self.kept.target)

    def step(self, what: str, *arguments: str) -> dict[str, Any]:
        """One round, after which both sides are the same to Spark."""
        told = self.kept.up_to_date(*arguments)[self.name]
        self.judge(what)
        return told

    def facts(self) -> dict[str, Any]:
        """The source's metadata as it is now."""
        return facts(self.lab.java, self.lab.table())

    def judge(self, what: str, *, snapshots: bool = False) -> None:
        """Spark reads the same rows, and Iceberg's library the same metadata; with time travel, everywhere."""
        assert self.migrated
        source, target = Judge(self.lab), self.migrated.judge(*self.name.split("."))
        assert facts(self.lab.java, self.migrated.table()) == self.facts(), what
        answers = [(source.current().answer(), target.current().answer())]
        if snapshots:
            ids = self.lab.snapshot_ids()
            answers += [(source.snapshot(one).answer(), target.snapshot(one).answer()) for one in ids[::4]]
        if self.lab.table().operations().current().formatVersion() > 2 and snapshots:
            assert lineage(self.lab) == lineage(self.migrated), what
        for expected, found in answers:
            assert expected["digest"] and same(expected, found), (what, expected, found)


def lineage(lab: Lab | Migrated) -> list[Any]:
    """What version 3 keeps of each row: its number, and when it was last written."""
    frame = lab.spark.sql(f"SELECT id, _row_id, _last_updated_sequence_number FROM {lab.t}")
    return sorted(tuple(row) for row in frame.collect())


def facts(java: Java, table: Any) -> dict[str, Any]:
    """What a target must have as its source has it, beside the rows."""
    metadata = table.operations().current()
    snapshot = metadata.currentSnapshot()
    return {
        "version": metadata.formatVersion(),
        "schema": java.iceberg.SchemaParser.toJson(metadata.schema()),
        "spec": str(metadata.spec()),
        "order": str(metadata.sortOrder()),
        "current": snapshot.snapshotId() if snapshot else None,
        "snapshots": [one.snapshotId() for one in metadata.snapshots()],
        "refs": {name: (ref.snapshotId(), ref.isBranch()) for name, ref in dict(metadata.refs()).items()},
        "statistics": sorted(file.snapshotId() for file in metadata.statisticsFiles()),
        "sequence": metadata.lastSequenceNumber(),
    }


@pytest.fixture(scope="module")
def engines(spark: SparkSession, java: Java, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """The Spark of all tests, whose foreign catalogs are here."""
    made = Engines(tmp_path_factory.mktemp("sync"), spark, java)
    yield made
    made.stop()


@pytest.fixture
def living(engines: Engines, tmp_path: Path) -> Callable[..., Living]:
    """A table in a foreign lakehouse of its own, made by Spark with twenty rows in it."""

    def make(columns: str = COLUMNS, version: int = 2, *, partition: str = "", **properties: str) -> Living:
        session = engines.session(tmp_path / "lake")
        lab = Lab(session, engines.java, tmp_path / "lake")
        lab.use(Shape("life", "goes on", (), "spark", "fuzz", "life", lambda _: None))
        lab.create(columns, version, partition=partition, **properties)
        kept = KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()
        return Living(lab, kept, "fuzz.life")

    return make


LIVES = {"1 to 3": (1, {}), "2 merge-on-read": (2, MERGE_ON_READ), "3 merge-on-read": (3, MERGE_ON_READ)}


@pytest.mark.parametrize("life", LIVES)
def test_the_target_goes_through_every_step_of_its_sources_life(life: str, living: Callable[..., Living]) -> None:
    version, properties = LIVES[life]
    table = living(version=version, partition="days(day)", **properties)
    insert(0, 20)(table.lab)
    table.migrate()
    for number, (what, act) in enumerate(LIFE, 1):
        act(table.lab)
        told = table.step(what)
        if what in CHANGES:
            assert told["made"]["compared"] == "changes", what
        if "made" in told:
            read = table.kept.cli.run("table", "digest", "foreign", table.name)
            assert (told["made"]["rows"], told["made"]["digest"]) == (read["rows"], read["digest"]), what
        if what == "delete under that":
            table.judge(what, snapshots=True)
        assert number >= told["round"]
    table.judge("the end", snapshots=True)
    table.kept.cli.run("validate")


def test_equality_deletes_and_upserts_come_along(living: Callable[..., Living]) -> None:
    """As Flink writes them: Iceberg's Java library has the words that Spark lacks."""
    table = living("id BIGINT, name STRING, n INT", partition="bucket(2, id)")
    lab, java = table.lab, table.lab.java

    def upsert(first: int, *columns: str, rows: int = 3, at: int = 0) -> None:
        now = lab.table()
        made = [{"id": first + one, "name": f"u{at}", "n": one} for one in range(rows)]
        keys = [{column: row[column] for column in columns} for row in made]
        deletes = [java.equality_delete(now, list(columns), keys, partition=row) for row in made[:2]]
        java.row_delta(now, rows=made, deletes=deletes)

    java.append(lab.table(), [{"id": one, "name": f"n{one}", "n": one} for one in range(20)])
    table.migrate()
    upsert(3, "id", at=1)
    assert table.step("upsert")["made"]["compared"] == "changes"
    upsert(4, "id", "name", at=2)
    upsert(5, "id", at=3)
    table.step("two upserts at once")
    now = lab.table()
    java.row_delta(now, deletes=[java.equality_delete(now, ["n"], [{"n": None}, {"n": 2}], partition={"id": 2})])
    table.step("a delete by nulls too")
    lab.sql("ALTER TABLE {t} RENAME COLUMN n TO m", "ALTER TABLE {t} ADD COLUMN n INT")
    table.step("the key has another name")
    lab.sql("ALTER TABLE {t} REPLACE PARTITION FIELD bucket(2, id) WITH truncate(10, id)")
    java.append(lab.table(), [{"id": 3, "name": "again", "m": 1, "n": 5}])
    table.step("the deleted row is back under another spec")
    call("rewrite_data_files", ", options => map('rewrite-all', 'true', 'remove-dangling-deletes', 'true')")(lab)
    table.step("compaction")
    upsert(7, "id", at=4)
    call("expire_snapshots", ", older_than => TIMESTAMP'2100-01-01 00:00:00', retain_last => 1")(lab)
    table.step("expired", "--whole")
    table.judge("the end", snapshots=True)


@pytest.mark.parametrize("version", [2, 3])
def test_a_registered_table_follows_without_a_copy(version: int, living: Callable[..., Living]) -> None:
    table = living(version=version, partition="days(day)", **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    table.migrate("register")
    chosen = ("append", "merge", "delete", "widen a column", "rewrite the data files", "roll back", "expire", "append")
    steps = dict(LIFE)
    for what in chosen:
        (steps[what] if what != "roll back" else back_to(1))(table.lab)
        told = table.step(what)
        assert told["made"]["files_copied"] == 0
    written = [path for path in (table.kept.target / "warehouse").rglob("*") if path.is_file()]
    assert len(written) == len(chosen) + 1, "one metadata file for each round, and nothing else"


def test_a_clone_of_a_higher_version_follows_until_its_source_is_raised(living: Callable[..., Living]) -> None:
    table = living(version=2, partition="days(day)", **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    sql("DELETE FROM {t} WHERE id = 3")(table.lab)
    table.migrate("clone", "--target-format-version", "3")
    steps = (*(dict(LIFE)[what] for what in ("append", "update", "delete")), raise_version, *(insert(50, 60),) * 2)
    for number, act in enumerate((*steps, sql("DELETE FROM {t} WHERE id % 6 = 4"), back_to(1))):
        act(table.lab)
        table.kept.up_to_date()
        assert table.migrated
        found = table.migrated.judge("fuzz", "life").current().answer()
        assert same(Judge(table.lab).current().answer(), found), number
        assert table.migrated.table().operations().current().formatVersion() == 3
    assert table.facts() == facts(table.lab.java, table.migrated.table())


def test_delete_files_that_are_there_are_not_made_again(living: Callable[..., Living]) -> None:
    table = living(version=2, **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    sql("DELETE FROM {t} WHERE id % 5 = 1")(table.lab)
    table.migrate()
    for act in (
        call("rewrite_manifests", ", use_caching => false"),
        insert(20, 30),
        sql("DELETE FROM {t} WHERE id = 22"),
    ):
        act(table.lab)
        call("rewrite_manifests", ", use_caching => false")(table.lab)
        table.kept.up_to_date()
        assert not table.kept.again


def test_a_table_without_a_snapshot_gets_its_first_rows(living: Callable[..., Living]) -> None:
    table = living()
    table.migrate()
    assert table.step("nothing")["round"] == 0
    table.lab.sql("ALTER TABLE {t} ADD COLUMN late STRING")
    assert table.step("a column")["made"]["changes"]["schema"]
    insert(0, 3, ", 1 AS n, 'x' AS gone, 'y' AS late")(table.lab)
    assert table.step("rows")["made"]["rows"] == 3


def test_a_location_that_moved_is_followed(living: Callable[..., Living], tmp_path: Path) -> None:
    """What was inside the table is outside then, and has another name in the copy: all of it is copied once more."""
    table = living(version=2, **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    table.migrate()
    places = ("elsewhere", "fuzz/life", "fuzz")
    for number, place in enumerate(places):
        table.lab.sql(f"ALTER TABLE {{t}} SET LOCATION 'file://{tmp_path}/lake/warehouse/{place}'")
        assert table.kept.outcome().code == 0
        table.judge(f"the location alone is {place}")
        insert(20 * (number + 1), 20 * (number + 2))(table.lab)
        table.lab.sql(f"DELETE FROM {{t}} WHERE id % 5 = {number}")
        assert table.kept.outcome().code == 0
        table.judge(f"rows in {place}")
    table.judge("the end", snapshots=True)


def test_files_outside_the_location_are_brought_in(living: Callable[..., Living], tmp_path: Path) -> None:
    table = living(version=2, **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    table.migrate()
    table.lab.set(write_data_path=f"file://{tmp_path}/lake/warehouse/data elsewhere")
    for what in ("append", "merge", "delete", "rewrite position deletes", "rewrite the data files"):
        dict(LIFE)[what](table.lab)
        table.step(what)
    target = table.kept.target
    assert table.migrated
    found = table.migrated.spark.sql(f"SELECT file_path FROM {table.migrated.t}.all_files").collect()
    places = [row.file_path for row in found]
    assert places and all(local(place).is_relative_to(target) for place in places), places


def test_a_source_that_its_catalog_set_back_is_followed(living: Callable[..., Living]) -> None:
    """As from a backup, or by registering an older metadata file: the table's clock goes back, too."""
    table = living()
    insert(0, 20)(table.lab)
    an_hour_older(table.lab)
    first = table.lab.table().operations().current().metadataFileLocation()
    table.migrate()
    insert(20, 30)(table.lab)
    second = table.lab.table().operations().current().metadataFileLocation()
    table.step("the newer state")
    for place, name in ((first, "the older state"), (second, "the newer state again"), (first, "and back")):
        point_to(table.lab, place)
        table.step(name)
    insert(30, 40)(table.lab)
    table.step("another life")
    table.judge("the end", snapshots=True)


def point_to(lab: Lab, place: str) -> None:
    """The foreign catalog shows another metadata file of the table."""
    with closing(sqlite3.connect(lab.out / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE iceberg_tables SET metadata_location = ?", (place,))


def an_hour_older(lab: Lab) -> None:
    """The table was last written an hour ago."""
    path = local(lab.table().operations().current().metadataFileLocation())
    hour = 3_600_000

    def older(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: one - hour if key in TIMES else older(one) for key, one in value.items()}
        return [older(one) for one in value] if isinstance(value, list) else value

    made = path.with_name(f"00009-{path.name}")
    made.write_text(json.dumps(older(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    point_to(lab, f"file://{made}")


TIMES = ("last-updated-ms", "timestamp-ms")


def test_position_deletes_on_pages_of_version_2_come_along(living: Callable[..., Living]) -> None:
    """Where a dictionary does not pay, such pages have positions by their differences."""
    table = living("id BIGINT, name STRING", 2, write_parquet_page__version="v2", **MERGE_ON_READ)
    sql("INSERT INTO {t} SELECT /*+ COALESCE(1) */ id, concat('n', id) FROM range(1000)")(table.lab)
    table.migrate()
    for where in ("id = 3", "id % 3 = 1", "id > 500"):
        table.lab.sql(f"DELETE FROM {{t}} WHERE {where}")
        table.step(where)
