"""Snapshots, branches, tags, rollbacks and long histories."""

from __future__ import annotations

import json

from tests.lakehouse.registry import Lab, Registry, field, local

SHAPES = Registry("history")
shape = SHAPES.shape

COLUMNS = "id BIGINT, v STRING"
ROWS = "SELECT id, concat('v', id) AS v FROM range({}, {})"


@shape("A table that never had a snapshot", "v2", "empty", "no-snapshot")
def no_snapshot(lab: Lab) -> None:
    lab.create(COLUMNS, partition="bucket(2, id)")


@shape("A version 1 table that never had a snapshot", "v1", "empty", "no-snapshot")
def no_snapshot_v1(lab: Lab) -> None:
    lab.create(COLUMNS, 1)


@shape("An append of no rows", "v2", "empty")
def empty_append(lab: Lab) -> None:
    lab.create(COLUMNS)
    lab.sql("INSERT INTO {t} SELECT id, 'x' FROM range(0)")


@shape("Branches and tags, some with retention, some ahead of main", "v2", "refs", "branches", "tags")
def branches_and_tags(lab: Lab) -> None:
    lab.create(COLUMNS, write_delete_mode="merge-on-read")
    lab.insert(ROWS.format(0, 10))
    lab.sql("ALTER TABLE {t} CREATE TAG `end-of-2023` RETAIN 365 DAYS")
    lab.insert(ROWS.format(10, 20))
    lab.sql("ALTER TABLE {t} CREATE BRANCH audit RETAIN 30 DAYS WITH SNAPSHOT RETENTION 3 SNAPSHOTS")
    lab.sql("ALTER TABLE {t} CREATE BRANCH `feature/über`", "ALTER TABLE {t} CREATE TAG v1")
    lab.sql("INSERT INTO {t}.branch_audit VALUES (100, 'audit only')", "DELETE FROM {t}.branch_audit WHERE id < 3")
    lab.insert(ROWS.format(20, 25))


@shape("Rolled back: the current snapshot is not the latest one", "v2", "rollback")
def rolled_back(lab: Lab) -> None:
    lab.create(COLUMNS)
    lab.insert(ROWS.format(0, 10))
    lab.insert(ROWS.format(10, 20))
    lab.insert(ROWS.format(20, 30))
    lab.sql(f"CALL foreign.system.rollback_to_snapshot('{{p}}', {lab.snapshot_ids()[1]})")


@shape("Rolled back and gone on from there: the history forks", "v2", "rollback", "fork")
def rolled_back_and_on(lab: Lab) -> None:
    lab.create(COLUMNS)
    lab.insert(ROWS.format(0, 10))
    lab.insert(ROWS.format(10, 20))
    lab.sql(f"CALL foreign.system.rollback_to_snapshot('{{p}}', {lab.snapshot_ids()[0]})")
    lab.insert(ROWS.format(50, 55))


@shape("A staged snapshot (write-audit-publish) that was never published", "v2", "wap", "staged")
def staged_snapshot(lab: Lab) -> None:
    lab.create(COLUMNS, write_wap_enabled="true")
    lab.insert(ROWS.format(0, 10))
    lab.spark.conf.set("spark.wap.id", "nightly-audit")
    lab.insert(ROWS.format(10, 20))
    lab.spark.conf.unset("spark.wap.id")


@shape("A staged snapshot that was published by cherry-pick", "v2", "wap", "cherry-pick")
def cherry_picked(lab: Lab) -> None:
    lab.create(COLUMNS, write_wap_enabled="true")
    lab.insert(ROWS.format(0, 10))
    lab.spark.conf.set("spark.wap.id", "nightly-audit")
    lab.insert(ROWS.format(10, 20))
    lab.spark.conf.unset("spark.wap.id")
    staged = lab.snapshot_ids()[1]
    lab.insert(ROWS.format(20, 30))
    lab.sql(f"CALL foreign.system.cherrypick_snapshot('{{p}}', {staged})")


@shape("Only a branch has data: main has no snapshot", "v2", "branches", "no-snapshot", writer="java")
def branch_only(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "long"), field(2, "v", "string")])
    update = table.newAppend()
    for data_file in lab.java.data_files(table, [{"id": number, "v": f"v{number}"} for number in range(5)]):
        update.appendFile(data_file)
    update.toBranch("side").commit()


def _many(lab: Lab, count: int) -> None:
    properties = {"write.metadata.metrics.default": "none", "read.split.open-file-cost": "4096"}
    table = lab.java_create([field(1, "id", "long"), field(2, "v", "string")], properties=properties)
    lab.java.many_snapshots(table, [{"id": number, "v": f"v{number % 10}"} for number in range(count)])


@shape("300 snapshots", "v2", "many-snapshots", writer="java")
def snapshots_300(lab: Lab) -> None:
    _many(lab, 300)


@shape(
    "As many snapshots as --many says (10,000 unless told), most empty", "v2", "many-snapshots", "slow", writer="java"
)
def many_snapshots(lab: Lab) -> None:
    """A hundred snapshots are real. Those after them are written into the metadata as a stream leaves them that commits
    while nothing happens: each lists the same files again. Committing 10,000 times would take hours."""
    _many(lab, 100)
    table = lab.table()
    path = local(table.operations().current().metadataFileLocation())
    metadata = json.loads(path.read_text(encoding="utf-8"))
    last = metadata["snapshots"][-1]
    for number in range(1, int(lab.options["many"]) - 99):
        snapshot_id = last["snapshot-id"] // 2 + number
        at = last["timestamp-ms"] + number
        parent = metadata["snapshots"][-1]["snapshot-id"]
        sequence = last["sequence-number"] + number
        changed = {
            "snapshot-id": snapshot_id,
            "parent-snapshot-id": parent,
            "timestamp-ms": at,
            "sequence-number": sequence,
        }
        metadata["snapshots"].append({**last, **changed})
        metadata["snapshot-log"].append({"snapshot-id": snapshot_id, "timestamp-ms": at})
        metadata |= {"last-updated-ms": at, "last-sequence-number": sequence, "current-snapshot-id": snapshot_id}
        metadata["refs"]["main"]["snapshot-id"] = snapshot_id
    grown = path.with_name(f"09999-{metadata['table-uuid']}.metadata.json")
    grown.write_text(json.dumps(metadata), encoding="utf-8")
    identifier = lab.java.identifier(*lab.name)
    lab.java.catalog.dropTable(identifier, False)
    lab.java.catalog.registerTable(identifier, f"file:{grown}")
