"""Copy-on-write changes, overwrites and table maintenance."""

from __future__ import annotations

from tests.lakehouse.registry import Lab, Registry

SHAPES = Registry("changes")
shape = SHAPES.shape

COLUMNS = "id BIGINT, grp STRING, v DOUBLE"
ROWS = "SELECT id, concat('g', id % 4) AS grp, id * 0.5 AS v FROM range({}, {})"


def _filled(lab: Lab, version: int = 2, partition: str = "", **more: str) -> None:
    lab.create(COLUMNS, version, partition=partition, **more)
    lab.insert(ROWS.format(0, 60))
    lab.insert(ROWS.format(60, 100))


@shape("DELETE, UPDATE and MERGE by copy-on-write", "v2", "copy-on-write")
def copy_on_write(lab: Lab) -> None:
    _filled(lab)
    lab.sql(
        "DELETE FROM {t} WHERE id % 5 = 0",
        "UPDATE {t} SET v = -v WHERE id < 30",
        "MERGE INTO {t} t USING (SELECT id FROM range(90, 110)) s ON t.id = s.id WHEN MATCHED THEN DELETE "
        "WHEN NOT MATCHED THEN INSERT (id, grp, v) VALUES (s.id, 'new', 0)",
    )


@shape("Copy-on-write changes to a version 3 table keep row lineage", "v3", "copy-on-write")
def copy_on_write_v3(lab: Lab) -> None:
    _filled(lab, 3)
    lab.sql("UPDATE {t} SET v = 1 WHERE id = 3", "DELETE FROM {t} WHERE id = 70")


@shape("INSERT OVERWRITE of the partitions that the rows fall into", "v2", "overwrite", "partitioned")
def overwrite_dynamic(lab: Lab) -> None:
    _filled(lab, partition="grp")
    lab.spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    lab.sql("INSERT OVERWRITE {t} SELECT id, 'g2', -1 FROM range(500, 510)")
    lab.spark.conf.unset("spark.sql.sources.partitionOverwriteMode")


@shape("INSERT OVERWRITE of the whole table", "v1", "overwrite")
def overwrite_static(lab: Lab) -> None:
    _filled(lab, 1)
    lab.sql("INSERT OVERWRITE {t} SELECT id, 'only', 0 FROM range(7)")


@shape(
    "CREATE OR REPLACE TABLE with another schema and partitioning: the history goes on",
    "v2",
    "replace",
    "schema-evolution",
)
def replaced(lab: Lab) -> None:
    _filled(lab, partition="grp")
    lab.sql(
        "CREATE OR REPLACE TABLE {t} USING iceberg PARTITIONED BY (bucket(2, key)) "
        "TBLPROPERTIES ('format-version'='2') AS "
        "SELECT id AS key, CAST(id AS STRING) AS v FROM range(20)"
    )


@shape("Manifests rewritten, after many small appends", "v2", "manifests")
def rewritten_manifests(lab: Lab) -> None:
    lab.create(COLUMNS, 2, partition="grp", commit_manifest__merge_enabled="false")
    for batch in range(6):
        lab.insert(ROWS.format(batch * 8, batch * 8 + 8))
    lab.sql("CALL foreign.system.rewrite_manifests('{p}')")
    lab.sql("DELETE FROM {t} WHERE grp = 'g3'")


@shape("Manifests merged by the writer itself", "v2", "manifests")
def merged_manifests(lab: Lab) -> None:
    lab.create(COLUMNS, 2, commit_manifest_min__count__to__merge="2")
    for batch in range(5):
        lab.insert(ROWS.format(batch * 8, batch * 8 + 8))


@shape("Snapshots expired: metadata forgets them and their files are gone", "v2", "expired")
def expired_snapshots(lab: Lab) -> None:
    _filled(lab)
    lab.sql("DELETE FROM {t} WHERE id % 5 = 0", "UPDATE {t} SET v = 0 WHERE id = 1")
    lab.sql(
        "CALL foreign.system.expire_snapshots("
        "table => '{p}', older_than => TIMESTAMP'2999-01-01 00:00:00', retain_last => 2)"
    )
    lab.insert(ROWS.format(100, 105))


@shape("Old metadata files deleted after commit", "v2", "metadata-log")
def metadata_cleaned(lab: Lab) -> None:
    lab.create(
        COLUMNS, 2, write_metadata_delete__after__commit_enabled="true", write_metadata_previous__versions__max="2"
    )
    for batch in range(5):
        lab.insert(ROWS.format(batch * 4, batch * 4 + 4))


@shape("Compaction by sort order, after a change of the order", "v2", "compacted", "sort-order")
def compacted_by_sort(lab: Lab) -> None:
    _filled(lab)
    lab.sql(
        "ALTER TABLE {t} WRITE ORDERED BY grp DESC NULLS LAST, bucket(4, id)",
        "CALL foreign.system.rewrite_data_files("
        "table => '{p}', strategy => 'sort', options => map('rewrite-all', 'true'))",
        "ALTER TABLE {t} WRITE UNORDERED",
    )
    lab.insert(ROWS.format(100, 110))


@shape("Manifest statistics cut off: no column bounds at all", "v2", "statistics")
def no_metrics(lab: Lab) -> None:
    _filled(lab, write_metadata_metrics_default="none")
    lab.set(write_metadata_metrics_column_grp="truncate(1)")
    lab.insert(ROWS.format(100, 110))


@shape("Column statistics in a Puffin file", "v2", "statistics", "puffin")
def table_statistics(lab: Lab) -> None:
    _filled(lab)
    lab.sql("CALL foreign.system.compute_table_stats(table => '{p}')")
    lab.insert(ROWS.format(100, 110))


@shape("Partition statistics file", "v2", "statistics", "partition-statistics", "partitioned")
def partition_statistics(lab: Lab) -> None:
    _filled(lab, partition="grp")
    lab.sql("CALL foreign.system.compute_partition_stats(table => '{p}')")
