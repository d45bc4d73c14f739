"""A local Spark with Iceberg in two catalogs: `foreign`, which the jobs read, and `managed`, which they write.

Run this file to fetch the jars beforehand. They come by Spark's own resolver and stay in ICEBRIDGE_CACHE.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark

SPARK = Path(__file__).resolve().parents[1]
ICEBERG_VERSION = "1.11.0"
# One runtime for each Spark that a supported Databricks Runtime has: 16.4 LTS is 3.5, 17.3 LTS is 4.0.
RUNTIMES = {"3.5": "iceberg-spark-runtime-3.5_2.12", "4.0": "iceberg-spark-runtime-4.0_2.13"}
CATALOGS = ("foreign", "managed")

_FETCH = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.jars.packages", sys.argv[1]).config("spark.jars.ivy", sys.argv[2])
builder.getOrCreate().stop()
"""


def spark_minor() -> str:
    """`3.5` or `4.0`."""
    return ".".join(pyspark.__version__.split(".")[:2])


def jar() -> Path:
    """Iceberg's runtime for this PySpark, fetched on the first call."""
    name = RUNTIMES[spark_minor()]
    ivy = Path(os.environ.get("ICEBRIDGE_CACHE") or SPARK.parent / ".icebridge" / "cache") / "ivy"
    wanted = ivy / "jars" / f"org.apache.iceberg_{name}-{ICEBERG_VERSION}.jar"
    if not wanted.is_file():
        ivy.mkdir(parents=True, exist_ok=True)
        package = f"org.apache.iceberg:{name}:{ICEBERG_VERSION}"
        subprocess.run([sys.executable, "-c", _FETCH, package, str(ivy)], check=True, timeout=600)
    return wanted


def settings(warehouse: Path) -> dict[str, str]:
    """Spark's settings. Tables lie in folders, so every process with these settings sees the same ones."""
    found = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": str(jar().resolve()),
        "spark.log.level": "ERROR",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(warehouse / "spark"),
    }
    for catalog in CATALOGS:
        name = f"spark.sql.catalog.{catalog}"
        found |= {
            name: "org.apache.iceberg.spark.SparkCatalog",
            f"{name}.type": "hadoop",
            f"{name}.warehouse": str(warehouse / catalog),
            f"{name}.cache-enabled": "false",
        }
    return found


def write_defaults(folder: Path, warehouse: Path) -> None:
    """A SPARK_CONF_DIR for jobs in processes of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{key} {value}" for key, value in settings(warehouse).items())
    (folder / "spark-defaults.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    print(jar())
