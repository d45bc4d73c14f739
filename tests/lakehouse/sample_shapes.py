"""The tables of the sample: what a small company that sells coffee machines has lying about."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from tests.lakehouse.registry import Lab, Registry, field

SHAPES = Registry("sales")
shape = SHAPES.shape

CITIES = ["Berlin", "Köln", "Wien", "Zürich", "München", "Graz", "Hamburg", "Bern"]
FIRST = ["Ada", "Björn", "Chiara", "Dávid", "Émile", "Fatma", "Grete", "Hiro", "Ines", "Jörg"]
LAST = ["Ahorn", "Brandt", "Çelik", "Dubois", "Egger", "Fischer", "Gruber", "Huber"]
MERGE_ON_READ = {
    "write_delete_mode": "merge-on-read",
    "write_update_mode": "merge-on-read",
    "write_merge_mode": "merge-on-read",
}
SMALL_FILES = {"read.split.open-file-cost": "4096"}


def _pick(items: list[str], seed: str) -> str:
    """SQL that picks one of the items by a hash: the same in every run."""
    listed = ", ".join(f"'{item}'" for item in items)
    return f"element_at(array({listed}), CAST(pmod(hash({seed}), {len(items)}) AS INT) + 1)"


@shape("Orders, changed in place by merge-on-read", "v2", "position-deletes", "partitioned")
def orders(lab: Lab) -> None:
    lab.create(
        "order_id BIGINT NOT NULL COMMENT 'from the shop', customer_id BIGINT, status STRING, total DECIMAL(12,2), "
        "ordered_at TIMESTAMP, city STRING",
        partition="months(ordered_at)",
        **MERGE_ON_READ,
    )
    for first, last in ((1000, 1700), (1700, 2200)):
        lab.insert(
            f"SELECT id AS order_id, pmod(hash(id, 'c'), 400) + 1 AS customer_id, "
            f"{_pick(['paid', 'shipped', 'delivered', 'returned'], 'id')} AS status, "
            f"CAST((pmod(hash(id), 90000) + 500) / 100 AS DECIMAL(12,2)) AS total, "
            f"timestamp_seconds(1736150400 + (id - 1000) * 7300 + pmod(hash(id), 3600)) AS ordered_at, "
            f"{_pick(CITIES, 'id, 1')} AS city FROM range({first}, {last}) ORDER BY ordered_at"
        )
    lab.sql(
        "DELETE FROM {t} WHERE status = 'returned' AND total < 100",
        "UPDATE {t} SET status = 'delivered' WHERE order_id < 1020",
    )
    lab.sql("DELETE FROM {t} WHERE customer_id = 17")


@shape("Lines of the orders, nested", "v2", "nested", "append")
def order_lines(lab: Lab) -> None:
    lab.create("order_id BIGINT, lines ARRAY<STRUCT<sku: STRING, quantity: INT, price: DECIMAL(9,2)>>")
    lab.insert(
        "SELECT id AS order_id, transform(sequence(1, pmod(hash(id), 3) + 1), n -> named_struct('sku', concat('CM-', "
        "lpad(pmod(hash(id, n), 60), 3, '0')), 'quantity', CAST(pmod(hash(n, id), 4) + 1 AS INT), 'price', "
        "CAST((pmod(hash(id, n, 'p'), 9000) + 99) / 100 AS DECIMAL(9,2)))) AS lines FROM range(1000, 1600)"
    )


@shape("Products with attributes in a map and a struct", "v2", "nested", "comments")
def products(lab: Lab) -> None:
    lab.sql(
        "CREATE TABLE {t} (sku STRING COMMENT 'stock keeping unit', "
        "name STRING, size STRUCT<width_mm: INT, height_mm: INT, "
        "weight_kg: DOUBLE>, attributes MAP<STRING, STRING>, tags ARRAY<STRING>) USING iceberg COMMENT 'What we sell'"
    )
    lab.insert(
        f"SELECT concat('CM-', lpad(id, 3, '0')) AS sku, "
        f"concat({_pick(['Moka', 'Filtro', 'Espresso', 'Aero'], 'id')}, ' ', id) AS name, IF(id % 9 = 0, NULL, "
        f"named_struct('width_mm', CAST(100 + id AS INT), 'height_mm', CAST(200 + id * 2 AS INT), "
        f"'weight_kg', 1.5D + id / 16D)) AS size, map('colour', {_pick(['black', 'red', 'steel'], 'id')}, 'energy', "
        f"IF(id % 5 = 0, NULL, 'A')) AS attributes, IF(id % 4 = 0, array(), "
        f"array('kitchen', {_pick(['new', 'sale'], 'id')})) "
        f"AS tags FROM range(60)"
    )


@shape(
    "Customers, upserted by a stream with equality deletes",
    "v2",
    "equality-deletes",
    "identifier-fields",
    namespace="crm",
    writer="java",
)
def customers(lab: Lab) -> None:
    fields = [
        field(1, "customer_id", "long", required=True, doc="the key of the stream"),
        field(2, "name", "string"),
        field(3, "city", "string"),
        field(4, "newsletter", "boolean"),
        field(5, "changed_at", "timestamptz"),
    ]
    table = lab.java_create(fields, keys=[1], properties={"write.upsert.enabled": "true", **SMALL_FILES})
    draw = random.Random(20250106)

    def customer(number: int, batch: int) -> dict[str, Any]:
        moment = dt.datetime(2025, 1, 6, tzinfo=dt.UTC) + dt.timedelta(hours=batch * 12, seconds=number)
        return {
            "customer_id": number,
            "name": f"{draw.choice(FIRST)} {draw.choice(LAST)}",
            "city": draw.choice(CITIES) if draw.random() > 0.05 else None,
            "newsletter": draw.random() > 0.5,
            "changed_at": moment.isoformat(),
        }

    lab.java.append(table, [customer(number, 0) for number in range(1, 401)])
    for batch in range(1, 9):
        changed = sorted(draw.sample(range(1, 440), 25))
        keys = [{"customer_id": number} for number in changed]
        delete = lab.java.equality_delete(table, ["customer_id"], keys)
        lab.java.row_delta(table, rows=[customer(number, batch) for number in changed], deletes=[delete])
    gone = lab.java.equality_delete(table, ["customer_id"], [{"customer_id": number} for number in (5, 17, 99)])
    lab.java.row_delta(table, deletes=[gone])


@shape("Contacts, renamed and widened over the years", "v2", "schema-evolution", namespace="crm")
def contacts(lab: Lab) -> None:
    lab.create("id INT, mail STRING, phone STRING, score FLOAT")
    lab.insert(
        f"SELECT CAST(id AS INT), concat(lower({_pick(['ada', 'hiro', 'ines'], 'id')}), id, '@example.com') AS mail, "
        "IF(id % 6 = 0, NULL, concat('+49 30 ', 100000 + id)) AS phone, CAST(id / 8 AS FLOAT) AS score FROM range(150)"
    )
    lab.sql(
        "ALTER TABLE {t} RENAME COLUMN mail TO email",
        "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT",
        "ALTER TABLE {t} ALTER COLUMN score TYPE DOUBLE",
        "ALTER TABLE {t} DROP COLUMN phone",
        "ALTER TABLE {t} ADD COLUMN consent DATE AFTER email",
    )
    lab.insert("SELECT 5000000000 + id, concat('new', id, '@example.com'), DATE'2025-02-01', id / 3D FROM range(50)")


@shape(
    "Page views by day; the partitioning was refined later", "v2", "partitioned", "partition-evolution", namespace="web"
)
def page_views(lab: Lab) -> None:
    lab.create("view_id BIGINT, path STRING, visitor STRING, at TIMESTAMP", partition="days(at)")
    views = (
        f"SELECT id AS view_id, {_pick(['/', '/cart', '/machines', '/beans', '/über-uns'], 'id')} AS path, "
        "substr(sha2(CAST(id % 90 AS STRING), 256), 1, 12) AS visitor, "
        "timestamp_micros(1736150400000000 + id * 411000017) AS at FROM range({}, {}) ORDER BY at"
    )
    lab.insert(views.format(0, 700))
    lab.sql("ALTER TABLE {t} ADD PARTITION FIELD bucket(2, visitor)")
    lab.insert(views.format(700, 1100))


@shape("Sessions in format version 3 with deletion vectors", "v3", "deletion-vectors", namespace="web")
def sessions(lab: Lab) -> None:
    lab.create("session_id BIGINT, visitor STRING, pages INT, seconds DOUBLE, bot BOOLEAN", 3, **MERGE_ON_READ)
    lab.insert(
        "SELECT id AS session_id, substr(sha2(CAST(id % 90 AS STRING), 256), 1, 12) AS visitor, "
        "CAST(pmod(hash(id), 30) + 1 AS INT) AS pages, pmod(hash(id, 1), 3000) / 8D AS seconds, "
        "id % 13 = 0 AS bot FROM range(600)"
    )
    lab.sql("DELETE FROM {t} WHERE bot", "UPDATE {t} SET pages = 1 WHERE seconds < 20")


@shape("Events imported from Parquet files that have no field ids", "v2", "name-mapping", "add-files", namespace="web")
def legacy_events(lab: Lab) -> None:
    folder = lab.folder("legacy_events")
    lab.spark.sql(
        "SELECT id AS event_id, concat('click-', id % 7) AS kind, "
        "date_add(DATE'2019-03-01', CAST(id % 200 AS INT)) AS day "
        "FROM range(300)"
    ).coalesce(1).write.mode("overwrite").parquet(f"file://{folder}")
    lab.create("event_id BIGINT, kind STRING, day DATE")
    lab.sql(f"CALL foreign.system.add_files(table => '{{p}}', source_table => '`parquet`.`file://{folder}`')")
    lab.sql("ALTER TABLE {t} RENAME COLUMN kind TO event_kind")
    lab.sql("INSERT INTO {t} VALUES (1000, 'manual', DATE'2025-01-06')")


@shape("Sensor readings of the test bench, with gaps and broken values", "v2", "partitioned", "types", namespace="ops")
def sensor_readings(lab: Lab) -> None:
    lab.create("sensor INT, at TIMESTAMP_NTZ, celsius DOUBLE, raw BINARY", partition="bucket(4, sensor)")
    lab.insert(
        "SELECT CAST(id % 12 AS INT) AS sensor, "
        "CAST(timestamp_micros(1736150400000000 + id * 30000000) AS TIMESTAMP_NTZ) AS at, "
        "CASE WHEN id % 97 = 0 THEN double('NaN') WHEN id % 41 = 0 THEN NULL WHEN id % 53 = 0 THEN double('-0.0') "
        "ELSE 20 + pmod(hash(id), 800) / 16D END AS celsius, unhex(substr(sha2(CAST(id AS STRING), 256), 1, 8)) AS raw "
        "FROM range(900) ORDER BY sensor"
    )


@shape(
    "Shipments, with a branch for the audit and a tag for the quarter's end", "v2", "branches", "tags", namespace="ops"
)
def shipments(lab: Lab) -> None:
    lab.create("shipment_id BIGINT, order_id BIGINT, carrier STRING, shipped_on DATE")
    rows = (
        f"SELECT id AS shipment_id, id + 1000 AS order_id, {_pick(['Post', 'DHL', 'Bote'], 'id')} AS carrier, "
        "date_add(DATE'2025-01-07', CAST(id / 20 AS INT)) AS shipped_on FROM range({}, {})"
    )
    lab.insert(rows.format(0, 200))
    lab.sql("ALTER TABLE {t} CREATE TAG `2025-q1` RETAIN 3650 DAYS", "ALTER TABLE {t} CREATE BRANCH audit")
    lab.sql("DELETE FROM {t}.branch_audit WHERE carrier = 'Bote'")
    lab.insert(rows.format(200, 300))


@shape("Stock levels, one small commit every hour", "v2", "many-snapshots", namespace="ops", writer="java")
def stock_levels(lab: Lab) -> None:
    table = lab.java_create(
        [field(1, "sku", "string"), field(2, "pieces", "int"), field(3, "hour", "int")], properties=SMALL_FILES
    )
    draw = random.Random(7)
    made = [{"sku": f"CM-{draw.randrange(60):03d}", "pieces": draw.randrange(500), "hour": hour} for hour in range(48)]
    lab.java.many_snapshots(table, made)


@shape("A staging table that nobody has filled yet", "v2", "empty", "no-snapshot", namespace="ops")
def staging_returns(lab: Lab) -> None:
    lab.create("return_id BIGINT, order_id BIGINT, reason STRING, received_at TIMESTAMP", partition="days(received_at)")


@shape("An archive in ORC files, which cannot be moved as it is", "v1", "orc", "finding", namespace="ops")
def log_archive(lab: Lab) -> None:
    lab.create("line BIGINT, host STRING, text STRING", 1, write_format_default="orc")
    lab.insert("SELECT id, concat('host-', id % 3), concat('line ', sha2(CAST(id AS STRING), 256)) FROM range(200)")


@shape("Invoices in exact decimals, corrected by copy-on-write", "v2", "copy-on-write", "types", namespace="finance")
def invoices(lab: Lab) -> None:
    lab.create(
        "invoice STRING, net DECIMAL(18,2), vat DECIMAL(18,4), gross DECIMAL(38,10), issued DATE, due DATE",
        partition="years(issued)",
    )
    lab.insert(
        "SELECT concat('R-', 2024 + id % 2, '-', lpad(id, 5, '0')) AS invoice, CAST(n AS DECIMAL(18,2)) AS net, "
        "CAST(n * 0.19 AS DECIMAL(18,4)) AS vat, CAST(n * 1.19 AS DECIMAL(38,10)) AS gross, "
        "issued, date_add(issued, 14) AS due "
        "FROM (SELECT id, CAST((pmod(hash(id), 2000000) - 150000) / 100 AS DECIMAL(18,2)) AS n, "
        "date_add(DATE'2024-03-01', CAST(id AS INT)) AS issued FROM range(500)) ORDER BY issued"
    )
    lab.sql("UPDATE {t} SET net = -net WHERE net < -1400", "DELETE FROM {t} WHERE net = 0")


@shape("Exchange rates in format version 1, by month", "v1", "partitioned", namespace="finance")
def currency_rates(lab: Lab) -> None:
    lab.create("currency STRING, day DATE, rate DECIMAL(12,6)", 1, partition="months(day)")
    lab.insert(
        "SELECT c AS currency, date_add(DATE'2024-12-01', CAST(id AS INT)) AS day, "
        "CAST(base + pmod(hash(id, c), 1000) / 20000 AS DECIMAL(12,6)) AS rate FROM range(90) "
        "CROSS JOIN (VALUES ('USD', 1.05), ('CHF', 0.94), ('JPY', 161.3)) AS v(c, base) ORDER BY day"
    )


@shape("The ledger, loaded twice by mistake and rolled back", "v2", "rollback", "sort-order", namespace="finance")
def ledger(lab: Lab) -> None:
    lab.create("entry BIGINT, account INT, amount DECIMAL(14,2), booked DATE")
    lab.sql("ALTER TABLE {t} WRITE ORDERED BY account, booked")
    rows = (
        "SELECT id AS entry, CAST(1000 + id % 9 * 100 AS INT) AS account, "
        "CAST((pmod(hash(id), 400000) - 200000) / 100 AS DECIMAL(14,2)) AS amount, "
        "date_add(DATE'2025-01-01', CAST(id / 10 AS INT)) AS booked FROM range(350)"
    )
    lab.insert(rows)
    lab.insert(rows)
    lab.sql(f"CALL foreign.system.rollback_to_snapshot('{{p}}', {lab.snapshot_ids()[0]})")


@shape("Revenue by city: a view", "view", namespace="finance", view=True)
def revenue(lab: Lab) -> None:
    lab.sql("CREATE VIEW {t} AS SELECT city, sum(total) AS total FROM foreign.sales.orders GROUP BY city")
