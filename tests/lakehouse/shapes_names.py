"""Odd names, comments, keys, orders, and what else is in a catalog."""

from __future__ import annotations

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("names")
shape = SHAPES.shape


@shape("Column names with spaces, dots, quotes, backticks, umlauts and emoji", "v2", "odd-names", writer="java")
def odd_columns(lab: Lab) -> None:
    names = [
        "a b",
        "a.b",
        'say "hi"',
        "it's",
        "back`tick",
        "größe",
        "😀",
        "UPPER",
        "upper2",
        "1st",
        "a/b",
        "select",
        "x-y",
        "ta\tb",
    ]
    fields = [field(number, name, "int") for number, name in enumerate(names, 1)]
    inner = {"type": "struct", "fields": [field(101, "in.ner", "string"), field(102, "sp ace", "date")]}
    table = lab.java_create([*fields, field(100, "st.ruct", inner)])
    nested = {"in.ner": "x", "sp ace": "2024-01-02"}
    lab.java.append(table, [{**dict.fromkeys(names, row), "st.ruct": nested if row else None} for row in range(5)])
    lab.java.row_delta(table, deletes=[lab.java.equality_delete(table, ["größe"], [{"größe": 3}])])


@shape("Columns that differ in their case alone", "v2", "odd-names", "case", writer="java")
def case_columns(lab: Lab) -> None:
    table = lab.java_create([field(1, "id", "int"), field(2, "ID", "int")])
    lab.spark.conf.set("spark.sql.caseSensitive", "true")
    lab.java.append(table, [{"id": 1, "ID": 2}, {"id": 3, "ID": None}])


def _one(lab: Lab) -> None:
    lab.create("id INT, v STRING", partition="v")
    lab.sql("INSERT INTO {t} VALUES (1, 'a'), (2, 'b')")


@shape("A table name with a space", "v2", "odd-names", table="two words")
def table_with_space(lab: Lab) -> None:
    _one(lab)


@shape("A table name with a dot", "v2", "odd-names", table="dot.ted")
def table_with_dot(lab: Lab) -> None:
    _one(lab)


@shape("A table name with quotes and a percent sign", "v2", "odd-names", table='100% "it\'s"')
def table_with_quotes(lab: Lab) -> None:
    _one(lab)


@shape("A table and a namespace with umlauts and emoji", "v2", "odd-names", namespace="büro", table="größen_😀")
def table_with_emoji(lab: Lab) -> None:
    _one(lab)


@shape("A table name in capital letters", "v2", "odd-names", "case", table="ORDERS_Archive")
def table_in_capitals(lab: Lab) -> None:
    _one(lab)


@shape("Identifier fields", "v2", "identifier-fields")
def identifier_fields(lab: Lab) -> None:
    lab.create("id BIGINT NOT NULL, region STRING NOT NULL, v DOUBLE")
    lab.sql("ALTER TABLE {t} SET IDENTIFIER FIELDS id, region")
    lab.sql("INSERT INTO {t} VALUES (1, 'a', 0.5), (1, 'b', NULL), (2, 'a', -0.5)")


@shape("Sort order with transforms", "v2", "sort-order")
def sort_order(lab: Lab) -> None:
    lab.create("id BIGINT, region STRING, at TIMESTAMP")
    lab.sql("ALTER TABLE {t} WRITE ORDERED BY region ASC NULLS FIRST, bucket(8, id) DESC NULLS LAST, days(at)")
    lab.sql("INSERT INTO {t} SELECT id, concat('r', id % 3), timestamp_micros(id * 99999999999) FROM range(50)")


@shape("Table comment, column docs and other properties", "v2", "comments", "properties")
def documented(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {t} (id BIGINT COMMENT 'the key; never reused', "
        "name STRING COMMENT 'It\\'s \"quoted\" – ünïcode', "
        "s STRUCT<a: INT COMMENT 'nested doc'>) USING iceberg COMMENT 'Customers of the old shop' "
        "TBLPROPERTIES ('contact'='Ada', 'team'='crm', 'pii'='true', "
        "'write.parquet.bloom-filter-enabled.column.id'='true', "
        "'history.expire.max-snapshot-age-ms'='86400000', 'gc.enabled'='false')"
    )
    lab.sql("INSERT INTO {t} VALUES (1, 'x', named_struct('a', 1)), (2, NULL, NULL)")


@shape("A hundred columns", "v2", "wide")
def wide(lab: Lab) -> None:
    lab.create(", ".join(f"c{number:03d} {'STRING' if number % 3 else 'BIGINT'}" for number in range(120)))
    values = ", ".join(f"concat('v', id + {number})" if number % 3 else f"id * {number}" for number in range(120))
    lab.insert(f"SELECT {values} FROM range(20)")


@shape("No columns but one, and all of it null", "v2", "nulls")
def only_nulls(lab: Lab) -> None:
    lab.create("v STRING")
    lab.insert("SELECT CAST(NULL AS STRING) AS v FROM range(30)")


@shape("A view: listed by the catalog, but no table", "view", view=True)
def a_view(lab: Lab) -> None:
    lab.sql("CREATE VIEW {t} AS SELECT id, v FROM foreign.names.identifier_fields WHERE v > 0")
