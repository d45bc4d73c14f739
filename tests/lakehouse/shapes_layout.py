"""Format versions, partition transforms and partition evolution."""

from __future__ import annotations

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("layout")
shape = SHAPES.shape

COLUMNS = "id BIGINT, name STRING, amount DOUBLE, day DATE, at TIMESTAMP"


def rows(first: int, count: int) -> str:
    """Rows over two years; every seventh name and every eleventh day is null."""
    return (
        f"SELECT id, IF(id % 7 = 0, NULL, concat('name-', id % 13)) AS name, id * 1.25 - 10 AS amount, "
        f"IF(id % 11 = 0, NULL, date_add(DATE'2023-01-01', CAST(id * 9 % 700 AS INT))) AS day, "
        f"timestamp_micros(1672531200000000 + id * 7919000003) AS at FROM range({first}, {first + count})"
    )


@shape("Format version 1, unpartitioned, two appends", "v1", "append")
def v1_plain(lab: Lab) -> None:
    lab.create(COLUMNS, 1)
    lab.insert(rows(0, 50))
    lab.insert(rows(50, 50))


@shape("Format version 2, unpartitioned, two appends", "v2", "append")
def v2_plain(lab: Lab) -> None:
    lab.create(COLUMNS, 2)
    lab.insert(rows(0, 100))
    lab.insert(rows(100, 23))


@shape("Format version 3 with row lineage, unpartitioned", "v3", "append")
def v3_plain(lab: Lab) -> None:
    lab.create(COLUMNS, 3)
    lab.insert(rows(0, 100))
    lab.insert(rows(100, 23))


@shape("Format version 1 upgraded to 2 between appends", "v1", "v2", "upgraded")
def v1_upgraded(lab: Lab) -> None:
    lab.create(COLUMNS, 1)
    lab.insert(rows(0, 30))
    lab.set(format__version="2")
    lab.insert(rows(30, 30))


def _partitioned(lab: Lab, partition: str, version: int = 2) -> None:
    lab.create(
        COLUMNS, version, partition=partition, write_distribution__mode="none", write_spark_fanout_enabled="true"
    )
    lab.insert(rows(0, 120))
    lab.insert(rows(120, 40))


@shape("Identity partitions, one of them null", "v2", "partitioned")
def part_identity(lab: Lab) -> None:
    _partitioned(lab, "name")


@shape("Bucket partitions over a long", "v2", "partitioned")
def part_bucket(lab: Lab) -> None:
    _partitioned(lab, "bucket(4, id)")


@shape("Truncate partitions over a string and a long", "v2", "partitioned")
def part_truncate(lab: Lab) -> None:
    _partitioned(lab, "truncate(6, name), truncate(50, id)")


@shape("Year partitions over a date", "v2", "partitioned")
def part_year(lab: Lab) -> None:
    _partitioned(lab, "years(day)")


@shape("Month partitions over a date", "v1", "partitioned")
def part_month(lab: Lab) -> None:
    _partitioned(lab, "months(day)", 1)


@shape("Day partitions over a timestamp with zone", "v2", "partitioned")
def part_day(lab: Lab) -> None:
    _partitioned(lab, "days(at)")


@shape("Hour partitions over a timestamp with zone", "v3", "partitioned")
def part_hour(lab: Lab) -> None:
    _partitioned(lab, "hours(at)", 3)


@shape("Partition values with slashes, spaces, percent signs, umlauts and the empty string", "v2", "partitioned", "odd")
def part_odd_values(lab: Lab) -> None:
    lab.create("id INT, part STRING", partition="part")
    values = ["a/b", "a b", "100%", "ümlaut", "", "x=y", "a+b", "null", "%2F", "日本"]
    listed = ", ".join(f"({number}, '{value}')" for number, value in enumerate(values))
    lab.sql(f"INSERT INTO {{t}} SELECT * FROM VALUES {listed}, (99, NULL) AS v(id, part) ORDER BY part")


@shape("Four partition specs in one v2 table", "v2", "partitioned", "partition-evolution")
def part_evolved_v2(lab: Lab) -> None:
    lab.create(COLUMNS, 2)
    lab.insert(rows(0, 40))
    lab.sql("ALTER TABLE {t} ADD PARTITION FIELD months(at)")
    lab.insert(rows(40, 40))
    lab.sql("ALTER TABLE {t} REPLACE PARTITION FIELD months(at) WITH days(at)")
    lab.insert(rows(80, 40))
    lab.sql("ALTER TABLE {t} ADD PARTITION FIELD bucket(3, id) AS shard")
    lab.insert(rows(120, 40))
    lab.sql("DELETE FROM {t} WHERE id BETWEEN 75 AND 85")


@shape(
    "Dropped partition fields in a v1 table stay as void transforms", "v1", "partitioned", "partition-evolution", "void"
)
def part_evolved_v1_void(lab: Lab) -> None:
    lab.create(COLUMNS, 1, partition="name, bucket(2, id)")
    lab.insert(rows(0, 40))
    lab.sql("ALTER TABLE {t} DROP PARTITION FIELD name")
    lab.insert(rows(40, 40))
    lab.sql("ALTER TABLE {t} DROP PARTITION FIELD bucket(2, id)")
    lab.insert(rows(80, 20))


@shape(
    "A partition field renamed, and the source column renamed and promoted", "v2", "partitioned", "partition-evolution"
)
def part_renamed_source(lab: Lab) -> None:
    lab.create("id INT, region STRING, v INT", partition="region, bucket(3, id)")
    lab.insert("SELECT CAST(id AS INT) AS id, concat('r', id % 3) AS region, CAST(id AS INT) AS v FROM range(30)")
    lab.sql(
        "ALTER TABLE {t} RENAME COLUMN region TO area",
        "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE {t} REPLACE PARTITION FIELD region WITH area AS zone",
    )
    lab.insert("SELECT id, concat('r', id % 3) AS area, CAST(id % 100 AS INT) AS v FROM range(5000000000, 5000000020)")


@shape("Identity partitions over every type that Spark takes for one", "v2", "partitioned", "types")
def part_many_types(lab: Lab) -> None:
    lab.create(
        "id BIGINT, b BOOLEAN, i INT, f FLOAT, d DECIMAL(9,2), dt DATE, ts TIMESTAMP, n TIMESTAMP_NTZ, bin BINARY",
        partition="b, i, d, dt, ts, n, bin",
    )
    lab.insert(
        "SELECT id, id % 2 = 0, CAST(id % 3 AS INT), CAST(id AS FLOAT), CAST(-0.05 * (id % 2) AS DECIMAL(9,2)), "
        "date_add(DATE'1969-12-30', CAST(id % 4 AS INT)), timestamp_micros(-1 - id % 2), "
        "TIMESTAMP_NTZ'1969-12-31 23:59:59.999999', CAST('ab' AS BINARY) FROM range(12) ORDER BY 2, 3, 5, 6, 7"
    )


@shape(
    "Bucket and truncate over uuid, binary, decimal and time, by the Java API",
    "v2",
    "partitioned",
    "types",
    writer="java",
)
def part_java_types(lab: Lab) -> None:
    fields = [field(1, "id", "long"), field(2, "u", "uuid"), field(3, "bin", "binary"), field(4, "d", "decimal(18, 4)")]
    parts = [("u_b", "bucket[3]", 2), ("bin_t", "truncate[2]", 3), ("d_t", "truncate[100]", 4)]
    table = lab.java_create(fields, partition=parts)
    made = [
        {
            "id": number,
            "u": f"00000000-0000-4000-8000-{number:012x}",
            "bin": f"{number % 3:02x}{number:02x}ff",
            "d": f"{number - 5}.0{number:03d}",
        }
        for number in range(10)
    ]
    lab.java.append(table, [*made, {"id": 99}])
