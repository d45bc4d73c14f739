"""Every primitive type with its edges, and nested types."""

from __future__ import annotations

from typing import Any

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("types")
shape = SHAPES.shape

UUIDS = [
    "f79c3e09-677c-4bbd-a479-3f349cb785e7",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
]
PRIMITIVES: dict[str, list[Any]] = {
    "boolean": [True, False, None],
    "int": [2147483647, -2147483648, 0],
    "long": [9223372036854775807, -9223372036854775808, -1],
    "float": ["NaN", -0.0, "-Infinity", 0.10000000149011612, 1.401298464324817e-45],
    "double": ["NaN", -0.0, "Infinity", 0.1, 5e-324],
    "decimal(9, 2)": ["-0.05", "9999999.99", "0.00"],
    "decimal(18, 4)": ["-99999999999999.9999", "0.0001", "12.0000"],
    "decimal(38, 10)": ["9999999999999999999999999999.9999999999", "-0.0000000001", "1.5000000000"],
    "date": ["1969-12-31", "0001-01-01", "9999-12-31"],
    "timestamp": ["1969-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"],
    "timestamptz": ["1969-12-31T23:59:59.999999+00:00", "2024-02-29T12:00:00.000001+02:00", "9999-12-31T23:59:59Z"],
    "string": ["", "Grüße 日本 😀", "x" * 500],
    "uuid": UUIDS,
    "fixed[16]": ["00" * 16, "ff" * 16, "000102030405060708090a0b0c0d0e0f"],
    "binary": ["", "00", "80ff00"],
}
TIMES: dict[str, list[Any]] = {
    "time": ["00:00:00", "23:59:59.999999", "12:34:56.000001"],
}
NANOS: dict[str, list[Any]] = {
    "timestamp_ns": ["1969-12-31T23:59:59.999999999", "2024-05-06T07:08:09.123456789", "1677-09-21T00:12:43.145224193"],
    "timestamptz_ns": [
        "1969-12-31T23:59:59.999999999+00:00",
        "2262-04-11T23:47:16.854775807+00:00",
        "1970-01-01T00:00:00Z",
    ],
}


def table_of(kinds: dict[str, list[Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Fields and rows: a column for each type, a row for each edge, and one row of nulls."""
    names = {kind: "c_" + "".join(letter if letter.isalnum() else "_" for letter in kind).strip("_") for kind in kinds}
    fields = [field(1, "id", "int")] + [field(number, names[kind], kind) for number, kind in enumerate(kinds, 2)]
    count = max(map(len, kinds.values()))
    rows = [
        {"id": row, **{names[kind]: (values[row] if row < len(values) else None) for kind, values in kinds.items()}}
        for row in range(count)
    ]
    return fields, [*rows, {"id": count}]


def _java(lab: Lab, kinds: dict[str, list[Any]], version: int) -> None:
    fields, rows = table_of(kinds)
    table = lab.java_create(fields, version)
    lab.java.append(table, rows)
    lab.java.append(table, rows[:2])


@shape("Every type that Spark reads, with its edges", "v2", "types", writer="java")
def all_types(lab: Lab) -> None:
    _java(lab, PRIMITIVES, 2)


@shape("The same under format version 1", "v1", "types", writer="java")
def all_types_v1(lab: Lab) -> None:
    _java(lab, PRIMITIVES, 1)


@shape("Time of day, which Spark cannot read", "v2", "types", "time", "not-spark", writer="java")
def time_type(lab: Lab) -> None:
    _java(lab, TIMES, 2)


@shape("Nanosecond timestamps of version 3", "v3", "types", "nanos", "not-spark", writer="java")
def nanosecond_types(lab: Lab) -> None:
    _java(lab, NANOS, 3)


@shape("Types as Spark itself writes them", "v2", "types")
def spark_types(lab: Lab) -> None:
    lab.create(
        "id INT, b BOOLEAN, s SMALLINT, y TINYINT, l BIGINT, f FLOAT, d DOUBLE, d9 DECIMAL(9,2), d18 DECIMAL(18,4), "
        "d38 DECIMAL(38,10), day DATE, ts TIMESTAMP, ntz TIMESTAMP_NTZ, txt STRING, "
        "c CHAR(4), vc VARCHAR(9), bin BINARY"
    )
    lab.sql(
        "INSERT INTO {t} VALUES (1, true, 32767, -128, 1L, float('NaN'), double('-0.0'), -0.05, 0.0001, "
        "-1234567890123456789012345678.0123456789, DATE'0001-01-01', TIMESTAMP'0001-01-01 00:00:00', "
        "TIMESTAMP_NTZ'9999-12-31 23:59:59.999999', 'é', 'ab', 'varchar', X'00FF'), "
        "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
        "(3, false, -1, 0, -1L, float('-Infinity'), double('Infinity'), 0, -0.0001, 0, DATE'1582-10-10', "
        "TIMESTAMP'1582-10-10 10:10:10.101010', TIMESTAMP_NTZ'1969-12-31 23:59:59.999999', '', 'abcd', '', X'')"
    )


@shape(
    "Types as PyIceberg writes them, with uuid, fixed and time", "v2", "types", "time", "not-spark", writer="pyiceberg"
)
def pyiceberg_types(lab: Lab) -> None:
    import pyarrow as pa
    from pyiceberg import types as kinds
    from pyiceberg.schema import Schema

    schema = Schema(
        kinds.NestedField(1, "id", kinds.LongType(), required=True),
        kinds.NestedField(2, "at", kinds.TimeType()),
        kinds.NestedField(3, "code", kinds.FixedType(4)),
        kinds.NestedField(4, "price", kinds.DecimalType(38, 10)),
        kinds.NestedField(5, "day", kinds.DateType()),
        kinds.NestedField(6, "ratio", kinds.FloatType()),
    )
    table = lab.pyiceberg().create_table(lab.name, schema=schema, properties={"format-version": "2"})
    rows = pa.Table.from_pydict(
        {
            "id": [1, 2, 3],
            "at": [0, 86_399_999_999, None],
            "code": [b"\0\0\0\0", b"\xff\xfe\xfd\xfc", None],
            "price": ["-0.0000000001", "9999999999999999999999999999.9999999999", None],
            "day": [-1, 19_000, None],
            "ratio": [float("nan"), -0.0, None],
        },
        schema=pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                ("at", pa.int64()),
                ("code", pa.binary(4)),
                ("price", pa.string()),
                ("day", pa.int32()),
                ("ratio", pa.float32()),
            ]
        ),
    )
    casts = {"at": pa.time64("us"), "price": pa.decimal128(38, 10), "day": pa.date32()}
    target = pa.schema(
        [casts[part.name] and part.with_type(casts[part.name]) if part.name in casts else part for part in rows.schema]
    )
    table.append(rows.cast(target))
    table.append(rows.cast(target).slice(0, 1))


@shape("UUID columns by PyIceberg, which writes them as fixed bytes", "v2", "types", "uuid", writer="pyiceberg")
def pyiceberg_uuid(lab: Lab) -> None:
    import uuid

    import pyarrow as pa
    from pyiceberg import types as kinds
    from pyiceberg.schema import Schema

    schema = Schema(kinds.NestedField(1, "id", kinds.LongType()), kinds.NestedField(2, "u", kinds.UUIDType()))
    table = lab.pyiceberg().create_table(lab.name, schema=schema)
    values = pa.array([uuid.UUID(text).bytes for text in UUIDS] + [None], pa.uuid())
    table.append(pa.table({"id": pa.array(range(4), pa.int64()), "u": values}))


@shape("Lists, maps and structs in each other, empty and null at each level", "v2", "nested")
def nested_types(lab: Lab) -> None:
    lab.create(
        "id INT, items ARRAY<STRUCT<sku: STRING, price: DECIMAL(9,2), at: TIMESTAMP>>, "
        "attrs MAP<STRING, STRUCT<v: DOUBLE, tags: ARRAY<STRING>>>, grid ARRAY<ARRAY<INT>>, m MAP<INT, STRING>, "
        "deep STRUCT<a: STRUCT<b: STRUCT<c: DATE, l: ARRAY<MAP<STRING, INT>>>>>"
    )
    lab.sql(
        "INSERT INTO {t} VALUES (1, array(named_struct('sku', 'a', 'price', -0.05, "
        "'at', TIMESTAMP'1969-12-31 23:59:59.5'), NULL), "
        "map('z', named_struct('v', double('NaN'), 'tags', array('x', NULL)), 'a', NULL), "
        "array(array(1, NULL), NULL, array()), "
        "map(2, 'two', 1, NULL), "
        "named_struct('a', named_struct('b', named_struct('c', DATE'1900-01-01', 'l', array(map('k', 1)))))), "
        "(2, NULL, NULL, NULL, NULL, NULL), (3, array(), map(), array(), map(), named_struct('a', NULL)), "
        "(4, array(named_struct('sku', NULL, 'price', NULL, 'at', NULL)), "
        "map('', named_struct('v', NULL, 'tags', NULL)), "
        "array(array()), map(0, ''), named_struct('a', named_struct('b', NULL)))"
    )
    lab.insert(
        "SELECT CAST(id AS INT), transform(sequence(1, id % 4 + 1), i -> named_struct('sku', concat('s', i), 'price', "
        "CAST(i * 1.5 AS DECIMAL(9,2)), 'at', timestamp_micros(i * 1000003))), "
        "map(concat('k', id), named_struct('v', id / 3, "
        "'tags', array(concat('t', id)))), array(array(CAST(id AS INT))), "
        "map(CAST(id AS INT), 'v'), NULL FROM range(100, 140)"
    )


@shape("Required fields in structs, list elements and map values", "v2", "nested", "required", writer="java")
def nested_required(lab: Lab) -> None:
    address = {"type": "struct", "fields": [field(3, "zip", "string", required=True), field(4, "town", "string")]}
    listed = {"type": "list", "element-id": 6, "element-required": True, "element": "int"}
    mapped = {"type": "map", "key-id": 8, "key": "string", "value-id": 9, "value-required": True, "value": "uuid"}
    fields = [
        field(1, "id", "long", required=True),
        field(2, "address", address, required=True),
        field(5, "scores", listed, required=True),
        field(7, "ids", mapped),
    ]
    table = lab.java_create(fields)
    lab.java.append(
        table,
        [
            {
                "id": 1,
                "address": {"zip": "0", "town": "x"},
                "scores": [3, 1],
                "ids": {"keys": ["a"], "values": UUIDS[:1]},
            },
            {"id": 2, "address": {"zip": "1"}, "scores": [], "ids": {"keys": [], "values": []}},
            {"id": 3, "address": {"zip": ""}, "scores": [0]},
        ],
    )


@shape("Maps with keys of many types", "v2", "nested", writer="java")
def map_keys(lab: Lab) -> None:
    def mapped(number: int, key: Any) -> dict[str, Any]:
        ids = {"key-id": number, "value-id": number + 1}
        return {"type": "map", **ids, "key": key, "value": "int", "value-required": False}

    keys = {
        "long": [5, -5],
        "date": ["1969-12-31", "2024-01-01"],
        "uuid": UUIDS[:2],
        "decimal(9, 2)": ["-0.05", "7.00"],
    }
    keys |= {"timestamptz": ["1970-01-01T00:00:00Z"], "boolean": [True, False], "double": [1.5, -0.25]}
    fields = [field(number, f"m{number}", mapped(100 + 2 * number, kind)) for number, kind in enumerate(keys, 1)]
    row = {
        f"m{number}": {"keys": some, "values": [1, None][: len(some)]} for number, some in enumerate(keys.values(), 1)
    }
    lab.java.append(lab.java_create(fields), [row, {}])


@shape("Variant column of version 3: there is no digest for it", "v3", "variant", "finding")
def v3_variant(lab: Lab) -> None:
    lab.create("id INT, v VARIANT", 3)
    lab.sql(
        "INSERT INTO {t} SELECT id, parse_json(j) FROM "
        """VALUES (1, '{"a": 1}'), (2, '[1, null]'), (3, NULL) AS v(id, j)"""
    )
