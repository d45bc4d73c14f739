"""A local Spark with Iceberg in two catalogs: `foreign`, which the jobs read, and `managed`, which they write.

Run this file to fetch the jars beforehand. They come by Spark's own resolver and stay in ICEBRIDGE_CACHE. With a path,
it makes Java's archive of the classes that Spark loads there, by which a new process starts in half the time. Processes
are told of it by SPARK_SUBMIT_OPTS.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
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

# What most tests do once: so that its classes are in the archive.
_USUAL = """
import pathlib, sys
from pyspark.sql import SparkSession
import local_spark, row_digest
builder = SparkSession.builder
for key, value in local_spark.settings(pathlib.Path(sys.argv[1])).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sql("CREATE NAMESPACE foreign.s")
spark.sql("CREATE TABLE foreign.s.t (id BIGINT, name STRING) USING iceberg")
for _ in range(2):
    spark.sql("INSERT INTO foreign.s.t SELECT id, concat('n', id) FROM range(100)")
spark.sql("DELETE FROM foreign.s.t WHERE id = 7")
row_digest.measure(spark.table("foreign.s.t"))
java = spark.sparkContext._gateway.proc
spark.stop()
# Java ends with its input, and writes the archive then.
java.stdin.close()
sys.exit(java.wait())
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


def submit_arguments(folder: Path, warehouse: Path) -> str:
    """PYSPARK_SUBMIT_ARGS for jobs in processes of their own. SPARK_CONF_DIR would do as well, but it is put on the
    class path, and Java takes no archive of classes with a folder there.
    """
    path = folder / "spark.properties"
    lines = (f"{key} {value}" for key, value in settings(warehouse).items())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"--properties-file {shlex.quote(str(path))} pyspark-shell"


def write_archive(path: Path) -> None:
    """The archive for this PySpark and this Java; another one of either takes no notice of it."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    python_path = os.pathsep.join(map(str, (SPARK, SPARK / "tests")))
    options = f'"-XX:ArchiveClassesAtExit={unfinished}" -Xlog:cds*=off -Xlog:cds=off'
    with tempfile.TemporaryDirectory(prefix="icebridge-archive-") as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": python_path,
            "SPARK_SUBMIT_OPTS": options,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        subprocess.run([sys.executable, "-c", _USUAL, folder], env=environment, check=True, timeout=600)
    os.replace(unfinished, path)


if __name__ == "__main__":
    print(jar())
    if sys.argv[1:]:
        write_archive(Path(sys.argv[1]).resolve())
