"""The Spark session that writes foreign tables and judges what is in them.

Run `python -m tests.lakehouse.spark` to fetch the jars beforehand. They come by Spark's own resolver and stay in
ICEBRIDGE_CACHE, so that later sessions start without a network.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_VERSION = "4.0.5"
ICEBERG_VERSION = "1.11.0"
SQLITE_VERSION = "3.50.3.0"
PACKAGES = (
    f"org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:{ICEBERG_VERSION}",
    f"org.xerial:sqlite-jdbc:{SQLITE_VERSION}",
)
CATALOG = "foreign"
ROOT = Path(__file__).resolve().parents[2]

_FETCH = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.jars.packages", sys.argv[1]).config("spark.jars.ivy", sys.argv[2])
builder.getOrCreate().stop()
"""


def cache_dir() -> Path:
    """Where jars are kept between runs."""
    return Path(os.environ.get("ICEBRIDGE_CACHE") or ROOT / ".icebridge" / "cache")


def jars() -> list[Path]:
    """Return the jars of PACKAGES, fetched on the first call.

    They are fetched in a process of their own: the catalog's JDBC driver must be on the class path that the JVM starts
    with, because java.sql.DriverManager does not look into jars that Spark adds later.
    """
    ivy = cache_dir() / "ivy"
    wanted = [ivy / "jars" / f"{group}_{name}-{version}.jar" for group, name, version in map(_split, PACKAGES)]
    if not all(jar.is_file() for jar in wanted):
        ivy.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", _FETCH, ",".join(PACKAGES), str(ivy)], check=True)
    return wanted


def _split(package: str) -> tuple[str, str, str]:
    group, name, version = package.split(":")
    return group, name, version


def catalog_uri(out: Path) -> str:
    """The SQLite file of a generated lakehouse as JDBC writes it."""
    return f"jdbc:sqlite:{out / 'catalog.db'}"


def warehouse_uri(out: Path) -> str:
    """The warehouse as a URI with a scheme, as object stores have one."""
    return f"file://{out / 'warehouse'}"


def start(out: Path) -> SparkSession:
    """Start Spark with the catalog `foreign` in the folder `out`. All clocks run in UTC, so that values are exact."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["TZ"] = "UTC"
    (out / "warehouse").mkdir(parents=True, exist_ok=True)
    name = f"spark.sql.catalog.{CATALOG}"
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.driver.extraClassPath": ":".join(map(str, jars())),
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.log.level": "ERROR",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        # For tables this small, compiling a query takes longer than interpreting it.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.warehouse.dir": str(out / "spark-warehouse"),
        name: "org.apache.iceberg.spark.SparkCatalog",
        f"{name}.type": "jdbc",
        f"{name}.uri": catalog_uri(out),
        f"{name}.warehouse": warehouse_uri(out),
        f"{name}.jdbc.schema-version": "V1",
        f"{name}.cache-enabled": "false",
    }
    builder = SparkSession.builder.appName("icebridge-lakehouse")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


if __name__ == "__main__":
    print(*jars(), sep="\n")
