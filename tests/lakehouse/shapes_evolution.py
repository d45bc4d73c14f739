"""Schema evolution: what a reader must resolve by field id, and what time travel must show under an older schema."""

from __future__ import annotations

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("evolution")
shape = SHAPES.shape


@shape("A column added, in the middle and at the end, after rows were written", "v2", "schema-evolution")
def add_columns(lab: Lab) -> None:
    lab.create("id INT, name STRING")
    lab.insert("SELECT CAST(id AS INT), concat('n', id) FROM range(10)")
    lab.sql("ALTER TABLE {t} ADD COLUMNS (score DOUBLE AFTER id, note STRING)")
    lab.insert("SELECT CAST(id AS INT), id / 4, concat('n', id), 'new' FROM range(10, 20)")


@shape("A column dropped, and no snapshot since: the newest snapshot still shows it", "v2", "schema-evolution")
def drop_column(lab: Lab) -> None:
    lab.create("id INT, secret STRING, name STRING")
    lab.insert("SELECT CAST(id AS INT), 'hush', concat('n', id) FROM range(10)")
    lab.sql("ALTER TABLE {t} DROP COLUMN secret")


@shape("Columns renamed, two of them exchanging their names", "v2", "schema-evolution")
def rename_columns(lab: Lab) -> None:
    lab.create("id INT, a STRING, b STRING")
    lab.insert("SELECT CAST(id AS INT), concat('was-a-', id), concat('was-b-', id) FROM range(10)")
    lab.sql("ALTER TABLE {t} RENAME COLUMN a TO c")
    lab.sql("ALTER TABLE {t} RENAME COLUMN b TO a")
    lab.sql("ALTER TABLE {t} RENAME COLUMN c TO b")
    lab.insert("SELECT CAST(id AS INT), concat('now-b-', id), concat('now-a-', id) FROM range(10, 15)")


@shape("Columns moved first and last", "v1", "schema-evolution")
def reorder_columns(lab: Lab) -> None:
    lab.create("a INT, b STRING, c DOUBLE", 1)
    lab.insert("SELECT CAST(id AS INT), concat('b', id), id * 0.5 FROM range(10)")
    lab.sql("ALTER TABLE {t} ALTER COLUMN c FIRST", "ALTER TABLE {t} ALTER COLUMN a AFTER b")
    lab.insert("SELECT id * 0.5, concat('b', id), CAST(id AS INT) FROM range(10, 20)")


@shape("int to long, float to double, decimal precision, with old and new files", "v2", "schema-evolution", "promotion")
def promote_types(lab: Lab) -> None:
    lab.create("id INT, ratio FLOAT, price DECIMAL(9,2), narrow DECIMAL(4,2)")
    lab.insert(
        "SELECT CAST(id - 5 AS INT), CAST(id * 0.1 AS FLOAT), CAST(id * -1.05 AS DECIMAL(9,2)), 1.25 FROM range(10)"
    )
    lab.sql(
        "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE {t} ALTER COLUMN ratio TYPE DOUBLE",
        "ALTER TABLE {t} ALTER COLUMN price TYPE DECIMAL(20,2)",
        "ALTER TABLE {t} ALTER COLUMN narrow TYPE DECIMAL(38,2)",
    )
    lab.insert("SELECT 3000000000 + id, id * 0.1D, CAST('123456789012345678.91' AS DECIMAL(20,2)), 9.75 FROM range(5)")


@shape("Nested fields added, renamed, dropped and promoted in struct, list and map", "v2", "schema-evolution", "nested")
def nested_evolution(lab: Lab) -> None:
    lab.create(
        "id INT, s STRUCT<a: INT, b: STRING>, l ARRAY<STRUCT<x: INT>>, m MAP<STRING, STRUCT<y: FLOAT, z: STRING>>"
    )
    lab.insert(
        "SELECT CAST(id AS INT), named_struct('a', CAST(id AS INT), 'b', concat('b', id)), "
        "array(named_struct('x', CAST(id AS INT)), NULL), "
        "map('k', named_struct('y', CAST(id AS FLOAT), 'z', 'z')) FROM range(6)"
    )
    lab.sql(
        "ALTER TABLE {t} ADD COLUMN s.c DATE",
        "ALTER TABLE {t} RENAME COLUMN s.b TO bb",
        "ALTER TABLE {t} ALTER COLUMN s.a TYPE BIGINT",
        "ALTER TABLE {t} ADD COLUMN l.element.added STRING",
        "ALTER TABLE {t} DROP COLUMN m.value.z",
        "ALTER TABLE {t} ALTER COLUMN m.value.y TYPE DOUBLE",
        "ALTER TABLE {t} ALTER COLUMN s.c FIRST",
    )
    lab.insert(
        "SELECT CAST(id AS INT), named_struct('c', DATE'2024-01-01', 'a', id, 'bb', 'new'), "
        "array(named_struct('x', 1, 'added', 'yes')), map('k', named_struct('y', id * 0.1D)) FROM range(6, 9)"
    )


@shape("A column dropped and a new one of the same name and another type", "v2", "schema-evolution")
def drop_and_readd(lab: Lab) -> None:
    lab.create("id INT, v INT")
    lab.insert("SELECT CAST(id AS INT), CAST(id * 10 AS INT) FROM range(10)")
    lab.sql("ALTER TABLE {t} DROP COLUMN v", "ALTER TABLE {t} ADD COLUMN v STRING")
    lab.insert("SELECT CAST(id AS INT), concat('text-', id) FROM range(10, 20)")


@shape("A struct whose every field was dropped and others added: old rows hold a struct of nulls", "v2", "nested")
def struct_replaced(lab: Lab) -> None:
    lab.create("id INT, s STRUCT<a: INT>")
    lab.sql("INSERT INTO {t} VALUES (1, named_struct('a', 1)), (2, NULL), (3, named_struct('a', NULL))")
    lab.sql("ALTER TABLE {t} ADD COLUMN s.b STRING", "ALTER TABLE {t} DROP COLUMN s.a")
    lab.sql("INSERT INTO {t} VALUES (4, named_struct('b', 'x')), (5, NULL)")


@shape("A required column made optional, then null", "v2", "schema-evolution", "required")
def required_to_optional(lab: Lab) -> None:
    lab.create("id INT NOT NULL, name STRING NOT NULL")
    lab.insert("SELECT CAST(id AS INT), concat('n', id) FROM range(10)")
    lab.sql("ALTER TABLE {t} ALTER COLUMN name DROP NOT NULL")
    lab.sql("INSERT INTO {t} VALUES (10, NULL), (11, 'x')")


@shape("Schema changes while a tag and a branch keep older snapshots", "v2", "schema-evolution", "refs")
def refs_with_old_schema(lab: Lab) -> None:
    lab.create("id INT, v INT")
    lab.insert("SELECT CAST(id AS INT), CAST(id AS INT) FROM range(10)")
    lab.sql("ALTER TABLE {t} CREATE TAG before", "ALTER TABLE {t} CREATE BRANCH side")
    lab.sql("ALTER TABLE {t} RENAME COLUMN v TO value", "ALTER TABLE {t} ADD COLUMN extra STRING")
    lab.insert("SELECT CAST(id AS INT), CAST(id AS INT), 'x' FROM range(10, 20)")


@shape("Rollback to a snapshot of an older schema: the current schema stays", "v2", "schema-evolution", "rollback")
def rollback_over_schema(lab: Lab) -> None:
    lab.create("id INT, v INT")
    lab.insert("SELECT CAST(id AS INT), CAST(id AS INT) FROM range(10)")
    lab.sql("ALTER TABLE {t} DROP COLUMN v", "ALTER TABLE {t} ADD COLUMN w DOUBLE")
    lab.insert("SELECT CAST(id AS INT), 0.5D FROM range(10, 20)")
    lab.sql(f"CALL foreign.system.rollback_to_snapshot('{{p}}', {lab.snapshot_ids()[0]})")


@shape("Version 3 defaults: initial defaults fill the rows of older files", "v3", "defaults", writer="java")
def v3_defaults(lab: Lab) -> None:
    # Spark's vectorized reader of 1.11 cannot open a decimal column that has a default: the plain one is right.
    properties = {"read.parquet.vectorization.enabled": "false"}
    table = lab.java_create([field(1, "id", "long")], 3, properties=properties)
    lab.java.append(table, [{"id": number} for number in range(10)])
    update = table.updateSchema()
    defaults = {
        "flag": ("boolean", True),
        "i": ("int", 34),
        "l": ("long", "5000000000"),
        "f": ("float", 1.5),
        "d": ("double", -2.25),
        "dec": ("decimal(9, 2)", "-12.50"),
        "dec38": ("decimal(38, 10)", "1234567890123456789012345678.0123456789"),
        "day": ("date", "1969-12-31"),
        "ts": ("timestamp", "2024-05-06T07:08:09.123456"),
        "tstz": ("timestamptz", "2024-05-06T07:08:09.123456+00:00"),
        "s": ("string", "default – ünïcode"),
        "u": ("uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7"),
    }
    for name, (kind, value) in defaults.items():
        literal = lab.java.literal(int(value) if kind == "long" else value)
        update.addColumn(name, lab.java.type(kind), literal)
    update.commit()
    table = lab.table()
    table.updateSchema().updateColumnDefault("i", lab.java.literal(35)).commit()
    lab.java.append(lab.table(), [{"id": 100, "i": 35}, {"id": 101, "s": "own", "flag": False}])


@shape(
    "Version 3 default inside a struct, and a required column with a default", "v3", "defaults", "nested", writer="java"
)
def v3_nested_defaults(lab: Lab) -> None:
    inner = {"type": "struct", "fields": [field(3, "a", "int")]}
    table = lab.java_create([field(1, "id", "long"), field(2, "s", inner)], 3)
    lab.java.append(table, [{"id": 1, "s": {"a": 1}}, {"id": 2, "s": {"a": None}}, {"id": 3, "s": None}])
    update = table.updateSchema().addColumn("s", "b", lab.java.type("string"), lab.java.literal("inner default"))
    update.addRequiredColumn("must", lab.java.type("int"), lab.java.literal(7)).commit()
    lab.java.append(lab.table(), [{"id": 4, "s": {"a": 4, "b": "own"}, "must": 8}])


@shape("Version 3 column of type unknown", "v3", "types", "unknown", writer="java")
def v3_unknown(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "long"), field(2, "nothing", "unknown")], 3)
    lab.java.append(table, [{"id": number} for number in range(5)])
