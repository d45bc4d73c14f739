"""Row-level deletes by position: version 2 delete files and version 3 deletion vectors."""

from __future__ import annotations

from tests.lakehouse.registry import Lab, Registry

SHAPES = Registry("deletes")
shape = SHAPES.shape

MERGE_ON_READ = {
    "write_delete_mode": "merge-on-read",
    "write_update_mode": "merge-on-read",
    "write_merge_mode": "merge-on-read",
}
ROWS = "SELECT id, concat('g', id % 4) AS grp, id * 0.5 AS v FROM range({}, {})"
COLUMNS = "id BIGINT, grp STRING, v DOUBLE"


def _filled(lab: Lab, version: int = 2, partition: str = "", **more: str) -> None:
    lab.create(COLUMNS, version, partition=partition, **MERGE_ON_READ, **more)
    lab.insert(ROWS.format(0, 100))
    lab.insert(ROWS.format(100, 200))


@shape("Position deletes, several files on one data file", "v2", "position-deletes")
def pos_several(lab: Lab) -> None:
    _filled(lab)
    lab.sql(
        "DELETE FROM {t} WHERE id % 10 = 0", "DELETE FROM {t} WHERE id % 10 = 3", "DELETE FROM {t} WHERE id IN (1, 199)"
    )


@shape("Position deletes in partitions, one delete file for many data files", "v2", "position-deletes", "partitioned")
def pos_partitioned(lab: Lab) -> None:
    _filled(lab, partition="grp", write_delete_granularity="partition")
    lab.insert(ROWS.format(200, 260))
    lab.sql("DELETE FROM {t} WHERE id % 7 = 0", "DELETE FROM {t} WHERE grp = 'g1' AND id > 150")


@shape("Position deletes with one delete file for each data file", "v2", "position-deletes", "partitioned")
def pos_file_granularity(lab: Lab) -> None:
    _filled(lab, partition="bucket(3, id)", write_delete_granularity="file")
    lab.sql("DELETE FROM {t} WHERE id % 5 = 0")


@shape("MERGE INTO with updates, deletes and inserts, merge-on-read", "v2", "position-deletes", "merge")
def pos_merge(lab: Lab) -> None:
    _filled(lab)
    lab.sql(
        "MERGE INTO {t} t USING (SELECT id, id % 3 AS what FROM range(90, 220)) s ON t.id = s.id "
        "WHEN MATCHED AND s.what = 0 THEN DELETE WHEN MATCHED AND s.what = 1 THEN UPDATE SET v = -1 "
        "WHEN NOT MATCHED THEN INSERT (id, grp, v) VALUES (s.id, 'new', 0)",
        "UPDATE {t} SET grp = 'updated' WHERE id < 5",
    )


@shape("Position deletes after partition evolution", "v2", "position-deletes", "partition-evolution")
def pos_evolved(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id = 5", "ALTER TABLE {t} ADD PARTITION FIELD grp")
    lab.insert(ROWS.format(200, 240))
    lab.sql(
        "DELETE FROM {t} WHERE id % 20 = 1",
        "ALTER TABLE {t} DROP PARTITION FIELD grp",
        "DELETE FROM {t} WHERE id = 239",
    )


@shape("Position deletes in Avro files over Parquet data", "v2", "position-deletes", "avro-deletes")
def pos_avro(lab: Lab) -> None:
    _filled(lab, write_delete_format_default="avro")
    lab.sql("DELETE FROM {t} WHERE id % 9 = 4")


@shape("Deletion vectors, rewritten by later deletes", "v3", "deletion-vectors")
def dv_plain(lab: Lab) -> None:
    _filled(lab, 3)
    lab.sql(
        "DELETE FROM {t} WHERE id % 10 = 0", "DELETE FROM {t} WHERE id % 10 = 3", "UPDATE {t} SET v = -1 WHERE id = 42"
    )


@shape("Deletion vectors of many partitions in few Puffin files", "v3", "deletion-vectors", "partitioned")
def dv_partitioned(lab: Lab) -> None:
    _filled(lab, 3, partition="grp")
    lab.sql(
        "DELETE FROM {t} WHERE id % 7 = 0",
        "MERGE INTO {t} t USING (SELECT id FROM range(0, 300, 11)) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 7 "
        "WHEN NOT MATCHED THEN INSERT (id, grp, v) VALUES (s.id, 'g9', 1)",
    )


@shape("A deletion vector over more rows than one roaring container", "v3", "deletion-vectors", "large")
def dv_large_positions(lab: Lab) -> None:
    lab.create("id BIGINT", 3, **MERGE_ON_READ)
    lab.insert("SELECT id FROM range(0, 140000)")
    lab.sql("DELETE FROM {t} WHERE id % 70000 > 900")


@shape(
    "Version 2 with position deletes upgraded to 3: both kinds of deletes at once",
    "v3",
    "position-deletes",
    "deletion-vectors",
    "upgraded",
)
def dv_after_upgrade(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id % 10 = 0")
    lab.set(format__version="3")
    lab.sql("DELETE FROM {t} WHERE id BETWEEN 150 AND 160")
    lab.insert(ROWS.format(200, 230))
    lab.sql("DELETE FROM {t} WHERE id = 229")


@shape("Version 2 with position deletes upgraded to 3 and no delete since", "v3", "position-deletes", "upgraded")
def pos_upgraded_only(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id % 10 = 0")
    lab.set(format__version="3")
    lab.insert(ROWS.format(200, 230))


@shape("All rows deleted by metadata alone", "v2", "empty")
def all_deleted(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t}")


@shape("All rows deleted, but only by position deletes", "v2", "position-deletes", "empty")
def all_deleted_by_position(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id % 2 = 0", "DELETE FROM {t} WHERE id % 2 = 1")


@shape("Position deletes that were compacted away with rewrite_data_files", "v2", "compacted")
def compacted(lab: Lab) -> None:
    _filled(lab, partition="grp")
    lab.sql("DELETE FROM {t} WHERE id % 6 = 0")
    lab.sql(
        "CALL foreign.system.rewrite_data_files(table => '{p}', options => map('rewrite-all', 'true'))",
        "CALL foreign.system.rewrite_position_delete_files(table => '{p}', options => map('rewrite-all', 'true'))",
    )
    lab.insert(ROWS.format(200, 210))


@shape("Data files rewritten while old delete files stay and no longer apply", "v2", "position-deletes", "dangling")
def dangling_deletes(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id % 6 = 0")
    lab.sql(
        "CALL foreign.system.rewrite_data_files(table => '{p}', where => 'id >= 100', "
        "options => map('rewrite-all', 'true', "
        "'use-starting-sequence-number', 'true'))"
    )
