"""Tables whose rows were written anew are kept up with their source: what changed is written, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness.judged import same
from tests.harness.kept_up import UNIT_MAP
from tests.harness.written import reading
from tests.lakehouse.judge import Judge
from tests.lakehouse.registry import field
from tests.services.faults import COMMIT
from tests.test_rest_target import BAD_DAYS, Target, planned
from tests.test_sync import CHANGES, LIFE, LIVES, MERGE_ON_READ, Living, call, engines, insert, living, sql
from tests.test_sync_rest import commits, goes_on, more, source, sync, synced

__all__ = ["engines", "living", "synced"]


def layout(table: Any) -> dict[str, Any]:
    """What a rewritten table has as its source has it; ids of schemas, specs and orders are its own."""
    metadata = table.operations().current()
    schema = metadata.schema()
    return {
        "columns": str(schema.asStruct()),
        "identifier": sorted(int(one) for one in schema.identifierFieldIds()),
        "spec": [
            (one.sourceId(), one.name(), str(one.transform()))
            for one in metadata.spec().fields()
            if str(one.transform()) != "void"
        ],
        "order": [str(one) for one in metadata.sortOrder().fields()],
    }


def judged(table: Living, what: str) -> None:
    """Spark reads the same rows on both sides, under the same columns, spec and order."""
    assert table.migrated
    ours = table.migrated.judge(*table.name.split("."))
    expected, found = Judge(table.lab).current().answer(), ours.current().answer()
    assert expected["digest"] and same(expected, found), (what, expected, found)
    assert layout(table.migrated.table()) == layout(table.lab.table()), what


def files(table: Living) -> set[str]:
    """The data files that the target shows."""
    assert table.migrated
    table.migrated.judge(*table.name.split("."))
    rows = table.migrated.spark.sql(f"SELECT file_path FROM {table.migrated.t}.files").collect()
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("life", LIVES)
def test_a_rewritten_table_goes_through_every_step_of_its_sources_life(
    life: str, living: Callable[..., Living]
) -> None:
    version, properties = LIVES[life]
    table = living(version=version, partition="days(day)", **properties)
    insert(0, 20)(table.lab)
    table.migrate("rewrite")
    for what, act in LIFE:
        act(table.lab)
        told = table.kept.up_to_date()[table.name]
        judged(table, what)
        if what in CHANGES:
            assert told["made"]["compared"] == "changes", what
        if "made" in told:
            read = table.kept.cli.run("table", "digest", "foreign", table.name)
            assert (told["made"]["rows"], told["made"]["digest"]) == (read["rows"], read["digest"]), what
            found = table.kept.cli.run("table", "digest", "managed", table.name)
            assert found["digest"] == read["digest"], what
    table.kept.cli.run("validate")
    assert len(list(table.kept.target.rglob(f"*{UNIT_MAP[1:]}*"))) <= 2


def test_only_what_changed_is_written(living: Callable[..., Living]) -> None:
    table = living(version=2, partition="days(day)", **MERGE_ON_READ)
    insert(0, 30)(table.lab)
    table.migrate("rewrite")
    before = files(table)
    insert(30, 33)(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    after = files(table)
    # Three new rows, one in each partition; what was there stays.
    assert before < after and len(after - before) == 3 == made["files_copied"]
    assert (made["rows_read"], made["changes"]["snapshots"]) == (6, {"append": 1})
    # A deleted row: the files of its unit alone are written again.
    sql("DELETE FROM {t} WHERE id = 3")(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    assert len(after - files(table)) == 1 == made["files_copied"]
    judged(table, "one row")
    # What is no change of rows is no new file.
    now = files(table)
    for act in (call("rewrite_manifests", ", use_caching => false"), sql("ALTER TABLE {t} ADD COLUMN late STRING")):
        act(table.lab)
        assert table.kept.up_to_date()[table.name]["made"]["files_copied"] == 0
    assert files(table) == now
    # Every row is gone, and comes again.
    sql("DELETE FROM {t}")(table.lab)
    assert table.kept.up_to_date()[table.name]["made"]["rows"] == 0
    assert files(table) == set()
    insert(0, 2, ", 1 AS n, 'x' AS gone, 'y' AS late")(table.lab)
    table.kept.up_to_date()
    judged(table, "again")


def test_compaction_writes_nothing(living: Callable[..., Living]) -> None:
    """What was replaced is compared, and stays; rows that are new to the target are written."""
    table = living(version=2, partition="days(day)", **MERGE_ON_READ)
    for first in (0, 10, 20):
        insert(first, first + 10)(table.lab)
    sql("DELETE FROM {t} WHERE id = 3")(table.lab)
    table.migrate("rewrite")
    before = files(table)
    compact = call("rewrite_data_files", ", options => map('rewrite-all', 'true')")
    compact(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    assert (made["files_copied"], made["compared"], files(table)) == (0, "changes", before)
    assert made["rows_read"] >= 29, "both sides were read"
    judged(table, "compacted")
    # Once more, with a delete in between: only the partition of that row is written again.
    sql("DELETE FROM {t} WHERE id = 4")(table.lab)
    compact(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    assert len(before & files(table)) == len(before) - 1 and made["files_copied"] == 1
    # With rows that are new: what they were packed into has rows that the target lacks.
    insert(30, 40)(table.lab)
    compact(table.lab)
    assert table.kept.up_to_date()[table.name]["made"]["files_copied"] == 3
    judged(table, "packed together")
    call("rewrite_position_delete_files", ", options => map('rewrite-all', 'true')")(table.lab)
    table.kept.up_to_date()
    judged(table, "position deletes")
    # Nothing is believed that way.
    compact(table.lab)
    assert table.kept.up_to_date("--whole")[table.name]["made"]["files_copied"] == 3


def test_others_may_compact_the_target(living: Callable[..., Living]) -> None:
    """As an engine does that manages tables: what it wrote stays, and is compared."""
    table = living(version=3, partition="days(day)", **MERGE_ON_READ)
    insert(0, 20)(table.lab)
    table.migrate("rewrite")
    for first in (20, 30):
        insert(first, first + 10)(table.lab)
        table.kept.up_to_date()
    assert table.migrated
    compact = "CALL icebridge.system.rewrite_data_files(table => 'fuzz.life', options => map('rewrite-all', 'true'))"
    table.migrated.spark.sql(compact)
    theirs = files(table)
    assert "made" not in table.kept.up_to_date()[table.name]
    insert(40, 50)(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    assert (made["compared"], made["files_copied"]) == ("whole", 3) and theirs < files(table)
    judged(table, "compacted by others")
    sql("DELETE FROM {t} WHERE id = 3")(table.lab)
    made = table.kept.up_to_date()[table.name]["made"]
    assert (made["compared"], len(theirs - files(table))) == ("changes", 1)
    judged(table, "and a row less")
    # Both sides at once.
    table.migrated.spark.sql(compact)
    insert(50, 60)(table.lab)
    call("rewrite_data_files", ", options => map('rewrite-all', 'true')")(table.lab)
    table.kept.up_to_date()
    judged(table, "both were compacted")
    # Rows are another matter.
    table.migrated.spark.sql("INSERT INTO icebridge.fuzz.life SELECT * FROM icebridge.fuzz.life LIMIT 1")
    insert(60, 61)(table.lab)
    told = {one["source"]: one for one in table.kept.outcome().json["tables"]}[table.name]
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed"), told


def test_what_others_wrote_is_raised_with_the_source(living: Callable[..., Living]) -> None:
    """Engines name fields of version 3 in manifests of version 2, and not all of them."""
    table = living("id BIGINT, p INT", partition="p")
    table.lab.sql("INSERT INTO {t} SELECT id, CAST(id % 3 AS INT) FROM range(20)")
    table.migrate("rewrite")
    assert table.migrated
    compact = "CALL icebridge.system.rewrite_data_files(table => 'fuzz.life', options => map('rewrite-all', 'true'))"
    table.migrated.spark.sql(compact)
    table.lab.set(format__version="3")
    for act in ("DELETE FROM {t} WHERE id = 4", "INSERT INTO {t} VALUES (50, 1)", "DELETE FROM {t} WHERE id = 50"):
        table.lab.sql(act)
        table.kept.up_to_date()
        judged(table, act)
        copy = table.migrated.pyiceberg().load_table("fuzz.life")
        assert reading(copy).rows == table.lab.spark.sql(f"SELECT * FROM {table.lab.t}").count()


def test_compaction_that_cannot_be_followed_costs_a_copy(living: Callable[..., Living]) -> None:
    table = living(version=2, partition="days(day)")
    insert(0, 20)(table.lab)
    table.migrate("rewrite")
    assert table.migrated
    compact = "CALL icebridge.system.rewrite_data_files(table => 'fuzz.life', options => map('rewrite-all', 'true'))"
    insert(20, 30)(table.lab)
    table.kept.up_to_date()
    for _ in range(66):
        table.migrated.spark.sql(compact)
    insert(30, 31)(table.lab)
    table.kept.up_to_date()
    judged(table, "too many to be followed")
    # What was joined has columns that the source does not show any more.
    before = table.lab.table().operations().current().metadataFileLocation()
    sql("ALTER TABLE {t} DROP COLUMN n")(table.lab)
    insert(40, 50, ", 'x' AS gone")(table.lab)
    table.kept.up_to_date()
    table.migrated.spark.sql(compact)
    with closing(sqlite3.connect(table.lab.out / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE iceberg_tables SET metadata_location = ? WHERE table_name = 'life'", (before,))
    table.lab.sql("REFRESH TABLE {t}")
    table.kept.up_to_date()
    judged(table, "set back")


def test_rows_that_others_call_compaction_are_seen(living: Callable[..., Living]) -> None:
    """More rows than before are none; whatever else is called so, a whole round reads."""
    table = living(version=2)
    insert(0, 20)(table.lab)
    table.migrate("rewrite")
    insert(20, 30)(table.lab)
    table.kept.up_to_date()
    pointer = Path(table.kept.pointer(table.name).removeprefix("file:"))
    assert table.migrated
    copy = table.migrated.pyiceberg().load_table("fuzz.life")
    copy.delete("id < 3")
    now = Path(table.kept.pointer(table.name).removeprefix("file:"))
    text = json.loads(now.read_text())
    text["snapshots"][-1]["summary"]["operation"] = "replace"
    now.write_text(json.dumps(text))
    assert now != pointer
    assert "made" in table.kept.up_to_date("--whole")[table.name]
    judged(table, "read, and written again")
    copy = table.migrated.pyiceberg().load_table("fuzz.life")
    copy.append(copy.scan().to_arrow().slice(0, 1))
    now = Path(table.kept.pointer(table.name).removeprefix("file:"))
    text = json.loads(now.read_text())
    text["snapshots"][-1]["summary"]["operation"] = "replace"
    now.write_text(json.dumps(text))
    table.kept.stopped(table.name, "target-changed")


def test_a_map_that_is_gone_or_changed_costs_a_copy_and_no_row(living: Callable[..., Living]) -> None:
    table = living(version=2, partition="days(day)")
    insert(0, 20)(table.lab)
    table.migrate("rewrite")
    for spoil in (Path.unlink, lambda path: path.write_text(path.read_text().replace('"reads":["', '"reads":["f'))):
        before = files(table)
        [place] = [path for path in table.kept.target.rglob(f"*{UNIT_MAP[1:]}*") if named(table, path)]
        spoil(place)
        insert(20, 22)(table.lab)
        told = table.kept.up_to_date()[table.name]
        assert told["made"]["changes"]["history"] == "continued"
        assert not before & files(table)
        judged(table, "all of it again")
    # Columns keep their ids here: they can be told from others without it.
    [place] = [path for path in table.kept.target.rglob(f"*{UNIT_MAP[1:]}*") if named(table, path)]
    place.unlink()
    sql("ALTER TABLE {t} RENAME COLUMN name TO title")(table.lab)
    table.kept.up_to_date()
    judged(table, "renamed without a map")


def named(table: Living, path: Path) -> bool:
    """Whether the target says that this is its map."""
    pointer = json.loads(Path(table.kept.pointer(table.name).removeprefix("file:")).read_text())
    return bool(pointer["properties"]["icebridge.unit-map"].endswith(path.name))


def test_the_files_of_a_table_without_field_ids_are_written_again_under_other_names(
    living: Callable[..., Living],
) -> None:
    """Their rows depend on names."""
    table = living(version=2)
    insert(0, 5)(table.lab)
    table.lab.set(**{"schema_name__mapping_default": '[{"field-id": 1, "names": ["id"]}]'})
    table.migrate("rewrite")
    before = files(table)
    sql("ALTER TABLE {t} RENAME COLUMN name TO title")(table.lab)
    table.kept.up_to_date()
    assert not before & files(table)
    judged(table, "renamed")


def test_behind_rest_what_the_source_gets_comes_in_one_commit(synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "rewrite")).succeeded()
    table = source(tmp_path)
    assert sync(synced)["state"] == "up_to_date"
    assert commits(synced) == []
    goes_on(table)
    told = sync(synced)
    assert (told["state"], told["round"]) == ("up_to_date", 1)
    assert len(commits(synced)) == 1
    made = synced.table("orders")
    assert reading(made) == reading(table)
    assert made.schema().as_struct() == table.schema().as_struct()
    assert [(one.name, str(one.transform)) for one in made.spec().fields] == [
        (one.name, str(one.transform)) for one in table.spec().fields
    ]
    assert len(made.snapshots()) == 2
    assert "made" not in sync(synced)
    table.manage_snapshots().rollback_to_snapshot(table.snapshots()[0].snapshot_id).commit()
    assert sync(synced)["made"]["changes"]["history"] == "rolled_back"
    assert reading(synced.table("orders")) == reading(table)
    assert synced.route.cli.run("validate")["tables"][0]["validation"]["passed"]
    # Somebody else's commit stays.
    theirs = synced.table("orders")
    more(theirs)
    more(table)
    told = sync(synced, code=1)
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed")


@pytest.mark.parametrize("day", BAD_DAYS)
def test_behind_rest_one_round_on_a_bad_day(day: str, synced: Target, tmp_path: Path) -> None:
    synced.route.run(planned(synced, "rewrite")).succeeded()
    table = source(tmp_path)
    more(table)
    table.delete("id = 1")
    synced.guard.faults.add(BAD_DAYS[day](COMMIT))
    for _ in range(2):
        done = synced.route.cli.outcome("sync")
        if done.code == 0:
            break
    assert done.code == 0, done
    made = synced.table("orders")
    assert reading(made) == reading(table)
    assert len(made.snapshots()) == 2
    assert made.properties["icebridge.sync-round"] == "1"


def test_a_table_that_was_replaced_under_another_type_of_its_partition_goes_on(living: Callable[..., Living]) -> None:
    table = living(version=2, partition="n")
    insert(0, 20)(table.lab)
    sql("ALTER TABLE {t} CREATE TAG old")(table.lab)
    table.migrate("rewrite")
    columns = "id, day, concat('p', id % 3) AS n, gone"
    sql(f"CREATE OR REPLACE TABLE {{t}} USING iceberg PARTITIONED BY (n) AS SELECT {columns} FROM {{t}}")(table.lab)
    # What an older schema stored is read as that schema has it.
    assert table.kept.cli.run("table", "digest", "foreign", table.name, "--ref", "old")["rows"] == 20
    table.kept.up_to_date()
    judged(table, "replaced")
    sql("DELETE FROM {t} WHERE n = 'p1'")(table.lab)
    table.kept.up_to_date()
    judged(table, "deleted")
    assert table.migrated
    found = table.migrated.spark.sql(f"SELECT count(*) FROM {table.migrated.t} WHERE n = 'p2'").collect()
    assert found == table.lab.spark.sql(f"SELECT count(*) FROM {table.lab.t} WHERE n = 'p2'").collect()
    table.migrated.spark.sql("CALL icebridge.system.rewrite_manifests('fuzz.life')")
    table.kept.cli.run("validate")


UUIDS = [f"{start}-0000-4000-8000-000000000001" for start in ("10000000", "7fffffff", "f0000000")]


def test_rows_are_found_by_a_uuid_that_is_the_partition(living: Callable[..., Living]) -> None:
    """Engines order uuids in two ways, and would skip a manifest by bounds in the other one."""
    table = living("id BIGINT")
    table.lab.sql("DROP TABLE {t}")
    columns = [field(1, "id", "long"), field(2, "u", "uuid")]
    made = table.lab.java_create(columns, 2, partition=[("u", "identity", 2)])
    for first in (0, 3):
        table.lab.java.append(made, [{"id": first + at, "u": one} for at, one in enumerate(UUIDS)])
    table.migrate("rewrite")
    copy = table.migrated
    assert copy

    def found() -> list[int]:
        copy.judge(*table.name.split("."))
        counted = [copy.spark.sql(f"SELECT count(*) FROM {copy.t} WHERE u = '{one}'").collect() for one in UUIDS]
        return [int(rows[0][0]) for rows in counted]

    assert found() == [2, 2, 2]
    table.lab.java.append(made, [{"id": 9, "u": UUIDS[0]}])
    table.kept.up_to_date()
    assert found() == [3, 2, 2]
    copy.spark.sql(f"DELETE FROM {copy.t} WHERE u = '{UUIDS[2]}'")
    assert found() == [3, 2, 0]
