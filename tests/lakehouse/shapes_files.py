"""File formats, codecs, places where files lie, and files that were there before the table."""

from __future__ import annotations

from pathlib import Path

from tests.lakehouse.registry import Lab, Registry

SHAPES = Registry("files")
shape = SHAPES.shape

COLUMNS = "id BIGINT, name STRING, v DOUBLE"
ROWS = "SELECT id, concat('name-', id % 5) AS name, id * 0.25D AS v FROM range({}, {})"


def _plain_parquet(lab: Lab, query: str, *, partition: str = "") -> Path:
    """Parquet files without field ids, as any Spark job writes them."""
    folder = lab.folder(lab.shape.name)
    writer = lab.spark.sql(query).coalesce(1).write.mode("overwrite")
    (writer.partitionBy(partition) if partition else writer).parquet(f"file://{folder}")
    return folder


def _add_files(lab: Lab, folder: Path) -> None:
    lab.sql(f"CALL foreign.system.add_files(table => '{{p}}', source_table => '`parquet`.`file://{folder}`')")


@shape(
    "Imported Parquet without field ids, read by name mapping, and appended to since", "v2", "name-mapping", "add-files"
)
def imported_parquet(lab: Lab) -> None:
    folder = _plain_parquet(lab, ROWS.format(0, 40))
    lab.create(COLUMNS)
    _add_files(lab, folder)
    lab.insert(ROWS.format(40, 50))


@shape(
    "Imported Parquet, then a column renamed, one dropped and added again: its old values come back",
    "v2",
    "name-mapping",
    "schema-evolution",
)
def imported_and_evolved(lab: Lab) -> None:
    folder = _plain_parquet(lab, ROWS.format(0, 20))
    lab.create(COLUMNS)
    _add_files(lab, folder)
    lab.sql(
        "ALTER TABLE {t} RENAME COLUMN name TO title",
        "ALTER TABLE {t} DROP COLUMN v",
        "ALTER TABLE {t} ADD COLUMN v DOUBLE",
    )
    lab.insert("SELECT id, 'new', -1D FROM range(20, 25)")


@shape("Imported nested Parquet without field ids", "v2", "name-mapping", "nested")
def imported_nested(lab: Lab) -> None:
    folder = _plain_parquet(
        lab,
        "SELECT id, named_struct('a', id, 'b', array(named_struct('x', CAST(id AS STRING)))) AS s, "
        "map(concat('k', id), named_struct('y', id * 0.5D)) AS m, array(id, NULL) AS l FROM range(10)",
    )
    lab.create(
        "id BIGINT, s STRUCT<a: BIGINT, b: ARRAY<STRUCT<x: STRING>>>, m MAP<STRING, STRUCT<y: DOUBLE>>, l ARRAY<BIGINT>"
    )
    _add_files(lab, folder)


@shape(
    "Imported Hive-style partitions: the partition column is not in the files",
    "v2",
    "name-mapping",
    "partitioned",
    "hive",
)
def imported_hive_partitions(lab: Lab) -> None:
    folder = _plain_parquet(
        lab, "SELECT id, concat('name-', id % 5) AS name, CAST(id % 3 AS INT) AS part FROM range(30)", partition="part"
    )
    lab.create("id BIGINT, name STRING, part INT", partition="part")
    _add_files(lab, folder)


@shape("Imported files with fewer and more columns than the table", "v2", "name-mapping")
def imported_other_columns(lab: Lab) -> None:
    folder = _plain_parquet(lab, "SELECT id, 'extra' AS surplus, id * 0.25D AS v FROM range(10)")
    lab.create(COLUMNS)
    _add_files(lab, folder)


@shape("Imported Parquet with INT96 timestamps before and after 1970", "v2", "name-mapping", "int96")
def imported_int96(lab: Lab) -> None:
    lab.spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    folder = _plain_parquet(lab, "SELECT id, timestamp_micros(id * 86399123457 - 400000000001) AS at FROM range(20)")
    lab.spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    lab.create("id BIGINT, at TIMESTAMP")
    _add_files(lab, folder)


@shape("Imported files with deletes by position on them", "v2", "name-mapping", "position-deletes")
def imported_with_deletes(lab: Lab) -> None:
    folder = _plain_parquet(lab, ROWS.format(0, 40))
    lab.create(COLUMNS, write_delete_mode="merge-on-read")
    _add_files(lab, folder)
    lab.sql("DELETE FROM {t} WHERE id % 4 = 1")


@shape("Files added by PyIceberg, without field ids", "v2", "name-mapping", "add-files", writer="pyiceberg")
def pyiceberg_add_files(lab: Lab) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.table({"id": pa.array(range(20), pa.int64()), "name": [f"n{number % 3}" for number in range(20)]})
    path = lab.folder(lab.shape.name) / "data.parquet"
    pq.write_table(rows, path)
    table = lab.pyiceberg().create_table(lab.name, schema=rows.schema)
    table.add_files([f"file://{path}"])
    table.append(rows.slice(0, 5))


@shape("A table that PyIceberg appended to, overwrote and deleted from", "v2", "append", writer="pyiceberg")
def pyiceberg_changes(lab: Lab) -> None:
    import pyarrow as pa

    rows = pa.table({"id": pa.array(range(30), pa.int64()), "name": [f"n{number % 3}" for number in range(30)]})
    table = lab.pyiceberg().create_table(lab.name, schema=rows.schema)
    table.append(rows)
    table.delete("id < 5")
    table.overwrite(rows.slice(0, 3), overwrite_filter="name = 'n1'")


def _codec(lab: Lab, codec: str) -> None:
    lab.create(COLUMNS, write_parquet_compression__codec=codec)
    lab.insert(ROWS.format(0, 500))


@shape("Parquet compressed by Snappy", "v2", "codec")
def codec_snappy(lab: Lab) -> None:
    _codec(lab, "snappy")


@shape("Parquet compressed by gzip", "v2", "codec")
def codec_gzip(lab: Lab) -> None:
    _codec(lab, "gzip")


@shape("Parquet compressed by Zstandard", "v2", "codec")
def codec_zstd(lab: Lab) -> None:
    _codec(lab, "zstd")


@shape("Parquet compressed by LZ4 (Hadoop or raw, as the writer has it)", "v2", "codec")
def codec_lz4(lab: Lab) -> None:
    _codec(lab, "lz4_raw")


@shape("Parquet without compression", "v2", "codec")
def codec_none(lab: Lab) -> None:
    _codec(lab, "uncompressed")


@shape("Data pages of version 2 with delta encodings", "v2", "encoding")
def parquet_pages_v2(lab: Lab) -> None:
    lab.create(
        f"{COLUMNS}, day DATE, at TIMESTAMP", write_parquet_page__version="v2", write_parquet_dict__size__bytes="1"
    )
    lab.insert(
        "SELECT id, concat('name-', id) AS name, id * 0.1 AS v, date_add(DATE'1969-01-01', CAST(id AS INT)) AS day, "
        "timestamp_micros(id * -123456789) AS at FROM range(2000)"
    )


@shape("Dictionary pages, long strings, many row groups and pages", "v2", "encoding", "large")
def long_strings(lab: Lab) -> None:
    lab.create(
        "id BIGINT, kind STRING, txt STRING",
        write_parquet_row__group__size__bytes="65536",
        write_parquet_page__size__bytes="4096",
        write_parquet_row__group__check__min__record__count="50",
        write_parquet_row__group__check__max__record__count="100",
        write_delete_mode="merge-on-read",
    )
    lab.insert(
        "SELECT id, concat('kind-', id % 3) AS kind, "
        "repeat(sha2(CAST(id AS STRING), 256), CAST(id % 40 AS INT)) AS txt FROM range(1500)"
    )
    lab.sql("DELETE FROM {t} WHERE id % 100 = 99")


@shape("Table metadata compressed by gzip", "v2", "gzip-metadata")
def gzip_metadata(lab: Lab) -> None:
    lab.create(COLUMNS, write_metadata_compression__codec="gzip")
    lab.insert(ROWS.format(0, 20))
    lab.insert(ROWS.format(20, 25))


@shape("Object store layout: hashes in the paths", "v2", "object-storage", "partitioned")
def object_storage(lab: Lab) -> None:
    lab.create(COLUMNS, partition="name", write_object__storage_enabled="true")
    lab.insert(ROWS.format(0, 30))


@shape("Data outside of the table's folder, and metadata in yet another place", "v2", "outside")
def data_outside(lab: Lab) -> None:
    data, metadata = lab.folder("data_elsewhere"), lab.folder("metadata_elsewhere")
    lab.create(
        COLUMNS,
        write_data_path=f"file://{data}",
        write_metadata_path=f"file://{metadata}",
        write_delete_mode="merge-on-read",
    )
    lab.insert(ROWS.format(0, 30))
    lab.sql("DELETE FROM {t} WHERE id = 7")


@shape("ORC data files: a blocking finding", "v2", "orc", "finding")
def orc_table(lab: Lab) -> None:
    lab.create(COLUMNS, write_format_default="orc")
    lab.insert(ROWS.format(0, 30))


@shape("Avro data files: a blocking finding", "v2", "avro", "finding")
def avro_table(lab: Lab) -> None:
    lab.create(COLUMNS, write_format_default="avro")
    lab.insert(ROWS.format(0, 30))


@shape("Parquet, ORC and Avro data files in one table", "v2", "orc", "avro", "mixed-formats", "finding")
def mixed_formats(lab: Lab) -> None:
    lab.create(COLUMNS)
    for place, kind in enumerate(("parquet", "orc", "avro")):
        lab.set(write_format_default=kind)
        lab.insert(ROWS.format(place * 10, place * 10 + 10))


@shape("Parquet now, but ORC files in older snapshots", "v2", "orc", "mixed-formats")
def orc_in_history(lab: Lab) -> None:
    lab.create(COLUMNS, write_format_default="orc")
    lab.insert(ROWS.format(0, 10))
    lab.set(write_format_default="parquet")
    lab.sql("INSERT OVERWRITE {t} " + ROWS.format(0, 12))
