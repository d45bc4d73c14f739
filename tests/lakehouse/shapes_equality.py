"""Equality deletes as Flink and other streaming writers leave them. Databricks does not apply them; we must."""

from __future__ import annotations

from typing import Any

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("equality")
shape = SHAPES.shape

FIELDS = [field(1, "id", "long"), field(2, "name", "string"), field(3, "region", "string"), field(4, "v", "double")]


def rows(first: int, last: int, mark: str = "n") -> list[dict[str, Any]]:
    """Rows in three regions; every tenth name is null."""
    return [
        {
            "id": number,
            "name": None if number % 10 == 0 else f"{mark}{number}",
            "region": f"r{number % 3}",
            "v": number / 2,
        }
        for number in range(first, last)
    ]


def ids(*numbers: int) -> list[dict[str, Any]]:
    """Keys of one column."""
    return [{"id": number} for number in numbers]


@shape("Equality deletes by one key, unpartitioned", "v2", "equality-deletes", writer="java")
def eq_plain(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 40))
    lab.java.append(table, rows(40, 60))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(3, 4, 41, 999))])


@shape(
    "Equality deletes that hold for one partition only, though the key is in others",
    "v2",
    "equality-deletes",
    "partitioned",
    writer="java",
)
def eq_partition_scoped(lab: Lab) -> None:
    table = lab.java_create(FIELDS, partition=[("region", "identity", 3)])
    lab.java.append(table, [{**row, "region": region} for row in rows(0, 10) for region in ("r0", "r1", "r2")])
    delete = lab.java.equality_delete(table, ["id"], ids(1, 2, 3), partition={"region": "r1"})
    lab.java.row_delta(table, deletes=[delete])


@shape("Equality deletes in the null partition and in a bucket", "v2", "equality-deletes", "partitioned", writer="java")
def eq_null_partition(lab: Lab) -> None:
    table = lab.java_create(FIELDS, partition=[("region", "identity", 3), ("id_bucket", "bucket[2]", 1)])
    lab.java.append(table, [{**row, "region": region} for row in rows(0, 12) for region in ("r0", None)])
    deletes = [
        lab.java.equality_delete(table, ["id"], ids(number), partition={"region": None, "id": number})
        for number in (1, 2, 3)
    ]
    lab.java.row_delta(table, deletes=deletes)


@shape(
    "Global equality deletes: written under an unpartitioned spec, they hold in every partition",
    "v2",
    "equality-deletes",
    "partitioned",
    "partition-evolution",
    "global",
    writer="java",
)
def eq_global(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 10))
    lab.sql("ALTER TABLE {t} ADD PARTITION FIELD region")
    table = lab.table()
    lab.java.append(table, [{**row, "region": region} for row in rows(0, 10, "p") for region in ("r0", "r1", "r2")])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(2, 5, 7), spec_id=0)])


@shape("A delete whose key is null: null equals null", "v2", "equality-deletes", "null-key", writer="java")
def eq_null_key(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 30))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["name"], [{"name": None}, {"name": "n7"}])])


@shape("A delete of other keys keeps the rows whose key is null", "v2", "equality-deletes", "null-key", writer="java")
def eq_null_rows_stay(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 30))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["name"], [{"name": "n7"}, {"name": "n8"}])])


@shape("Keys of several columns, with nulls in some", "v2", "equality-deletes", "null-key", writer="java")
def eq_several_columns(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 30))
    keys = [{"region": "r1", "name": "n1"}, {"region": "r0", "name": "n1"}, {"region": "r1", "name": None}]
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["region", "name"], keys)])


@shape("Delete files with different key columns in one table", "v2", "equality-deletes", writer="java")
def eq_different_keys(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 30))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(1, 2))])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["name"], [{"name": "n5"}])])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["v", "region"], [{"v": 4.5, "region": "r0"}])])


@shape(
    "Upserts: the delete of a commit spares the rows of the same commit",
    "v2",
    "equality-deletes",
    "upsert",
    writer="java",
)
def eq_upsert(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 20))
    for batch in range(6):
        new = rows(batch * 3, batch * 3 + 5, f"u{batch}-")
        keys = ids(*[row["id"] for row in new])
        lab.java.row_delta(table, rows=new, deletes=[lab.java.equality_delete(table, ["id"], keys)])


@shape("A key deleted, inserted again, deleted and inserted", "v2", "equality-deletes", "sequence", writer="java")
def eq_reinsert(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    for turn in range(3):
        lab.java.append(table, rows(5, 8, f"turn{turn}-"))
        if turn < 2:
            lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(5, 6))])


@shape("The key column was renamed after the delete", "v2", "equality-deletes", "schema-evolution", writer="java")
def eq_renamed_key(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 20))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["name"], [{"name": "n3"}, {"name": "n4"}])])
    lab.sql("ALTER TABLE {t} RENAME COLUMN name TO title", "ALTER TABLE {t} ADD COLUMN name STRING")
    lab.java.append(lab.table(), [{"id": 100, "title": "n3", "name": "n4", "region": "r0", "v": 1}])


@shape(
    "The key column was dropped after the delete, which still holds, though Spark cannot read it",
    "v2",
    "equality-deletes",
    "schema-evolution",
    writer="java",
)
def eq_dropped_key(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 20))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["name"], [{"name": "n3"}, {"name": None}])])
    lab.expect("SELECT * FROM {t}", lab.snapshot_ids()[-1])
    lab.expect("SELECT id, region, v FROM {t} UNION ALL SELECT 100L, 'r0', 1D")
    lab.sql("ALTER TABLE {t} DROP COLUMN name")
    lab.java.append(lab.table(), [{"id": 100, "region": "r0", "v": 1}])


@shape(
    "The key column was promoted from int to long after the delete",
    "v2",
    "equality-deletes",
    "promotion",
    writer="java",
)
def eq_promoted_key(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "int"), field(2, "f", "float"), field(3, "d", "decimal(9, 2)")])
    made = [{"id": number, "f": number / 4, "d": f"{number}.25"} for number in range(20)]
    lab.java.append(table, made)
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(3, 4))])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["d"], [{"d": "7.25"}])])
    lab.sql(
        "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE {t} ALTER COLUMN d TYPE DECIMAL(18,2)",
    )
    table = lab.table()
    lab.java.append(table, [{"id": 5000000000, "f": 1, "d": "1.00"}, {"id": 3, "f": 1, "d": "7.25"}])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(5000000000, 9))])


@shape("Keys of many types", "v2", "equality-deletes", "types", writer="java")
def eq_key_types(lab: Lab) -> None:
    kinds = {
        "date": ["1969-12-31", "2024-01-01"],
        "timestamptz": ["1969-12-31T23:59:59.999999Z", "2024-01-01T00:00:00Z"],
        "decimal(38, 10)": ["-0.0000000001", "1.0000000000"],
        "uuid": ["579c3e09-677c-4bbd-a479-3f349cb785e7", "00000000-0000-0000-0000-000000000001"],
        "binary": ["00ff", ""],
        "fixed[2]": ["0102", "ffff"],
        "boolean": [True, False],
    }
    fields = [field(1, "id", "int")] + [field(number, f"k{number}", kind) for number, kind in enumerate(kinds, 2)]
    table = lab.java_create(fields)
    made = []
    for number in range(2, 2 + len(kinds)):
        for value in list(kinds.values())[number - 2]:
            made.append({"id": len(made), f"k{number}": value})
    lab.java.append(table, made)
    for number, values in enumerate(kinds.values(), 2):
        key = f"k{number}"
        if key != "k8":
            lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, [key], [{key: values[0]}])])


@shape(
    "A uuid key with its highest bit set: Spark compares bounds with a sign and keeps the row, which is wrong",
    "v2",
    "equality-deletes",
    "types",
    "uuid",
    "spark-differs",
    writer="java",
)
def eq_uuid_sign(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "int"), field(2, "u", "uuid")])
    values = ["f79c3e09-677c-4bbd-a479-3f349cb785e7", "00000000-0000-0000-0000-000000000001", None]
    lab.java.append(table, [{"id": number, "u": value} for number, value in enumerate(values)])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["u"], [{"u": values[0]}])])
    lab.expect("SELECT * FROM {t} WHERE id <> 0")


@shape("Floating point keys: NaN equals NaN, and -0.0 is not 0.0", "v2", "equality-deletes", "types", writer="java")
def eq_float_keys(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "int"), field(2, "d", "double")])
    values = ["NaN", 0.0, -0.0, 1.5, "Infinity", None]
    lab.java.append(table, [{"id": number, "d": value} for number, value in enumerate(values)])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["d"], [{"d": "NaN"}, {"d": -0.0}])])


@shape("A key inside a struct", "v2", "equality-deletes", "nested", writer="java")
def eq_nested_key(lab: Lab) -> None:
    inner = {"type": "struct", "fields": [field(3, "a", "int"), field(4, "b", "string")]}
    table = lab.java_create([field(1, "id", "int"), field(2, "s", inner)])
    made = [{"id": number, "s": {"a": number % 5, "b": f"b{number}"} if number % 4 else None} for number in range(20)]
    lab.java.append(table, made)
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["s.a"], [{"s": {"a": 2}}])])


@shape(
    "Equality and position deletes on the same data files", "v2", "equality-deletes", "position-deletes", writer="java"
)
def eq_and_positions(lab: Lab) -> None:
    properties = {"write.delete.mode": "merge-on-read", "write.update.mode": "merge-on-read"}
    table = lab.java_create(FIELDS, properties=properties)
    lab.java.append(table, rows(0, 40))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(1, 2, 3))])
    lab.sql("DELETE FROM {t} WHERE id IN (10, 11)", "UPDATE {t} SET v = -1 WHERE id = 20")
    lab.java.row_delta(lab.table(), deletes=[lab.java.equality_delete(lab.table(), ["id"], ids(20, 21))])


@shape(
    "Equality deletes and deletion vectors in a version 3 table",
    "v3",
    "equality-deletes",
    "deletion-vectors",
    writer="java",
)
def eq_and_vectors(lab: Lab) -> None:
    table = lab.java_create(FIELDS, 3, properties={"write.delete.mode": "merge-on-read"})
    lab.java.append(table, rows(0, 40))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(1, 2, 3))])
    lab.sql("DELETE FROM {t} WHERE id IN (10, 11)")
    lab.java.append(lab.table(), rows(1, 3, "again"))


@shape("Equality deletes in Avro files over Parquet data", "v2", "equality-deletes", "avro-deletes", writer="java")
def eq_avro(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 40))
    delete = lab.java.equality_delete(table, ["id"], ids(1, 2, 3), file_format="avro")
    lab.java.row_delta(table, deletes=[delete])


@shape("Equality deletes that remove every row", "v2", "equality-deletes", "empty", writer="java")
def eq_everything(lab: Lab) -> None:
    table = lab.java_create(FIELDS, keys=[])
    lab.java.append(table, rows(0, 20))
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["id"], ids(*range(20)))])


@shape(
    "A key column added later: old rows have null there, and a null key deletes them",
    "v2",
    "equality-deletes",
    "null-key",
    "schema-evolution",
    writer="java",
)
def eq_key_added_later(lab: Lab) -> None:
    table = lab.java_create(FIELDS)
    lab.java.append(table, rows(0, 10))
    lab.sql("ALTER TABLE {t} ADD COLUMN tenant STRING")
    table = lab.table()
    lab.java.append(table, [{**row, "tenant": "t1"} for row in rows(10, 20)])
    keys = [{"tenant": None, "id": 4}, {"tenant": "t1", "id": 14}, {"tenant": "t1", "id": 5}]
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["tenant", "id"], keys)])


@shape("A deleted key column with an initial default of version 3", "v3", "equality-deletes", "defaults", writer="java")
def eq_default_key(lab: Lab) -> None:
    table = lab.java_create(FIELDS, 3)
    lab.java.append(table, rows(0, 10))
    table.updateSchema().addColumn("tenant", lab.java.type("string"), lab.java.literal("t0")).commit()
    table = lab.table()
    lab.java.append(table, [{**row, "tenant": "t1"} for row in rows(10, 20)])
    keys = [{"tenant": "t0", "id": 4}, {"tenant": "t1", "id": 14}, {"tenant": None, "id": 5}]
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["tenant", "id"], keys)])
