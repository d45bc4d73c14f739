"""The Spark session and where it runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Engine:
    """What decides which statements may be used."""

    spark: str
    databricks: bool = False
    # Major and minor of the Databricks Runtime; none on serverless, whose number means something else.
    runtime: tuple[int, int] | None = None

    @classmethod
    def of(cls, spark: SparkSession) -> Engine:
        """Look at the environment: every kind of Databricks compute sets DATABRICKS_RUNTIME_VERSION."""
        told = os.environ.get("DATABRICKS_RUNTIME_VERSION")
        if told is None:
            return cls(spark.version)
        number = re.match(r"(\d+)\.(\d+)", told)
        return cls(spark.version, True, (int(number[1]), int(number[2])) if number else None)

    def as_dict(self) -> dict[str, Any]:
        """For results."""
        runtime = ".".join(map(str, self.runtime)) if self.runtime else None
        return {"spark": self.spark, "databricks": self.databricks, "runtime": runtime}


@contextmanager
def session(name: str) -> Iterator[tuple[SparkSession, Engine]]:
    """The session that is there, or one of our own, which is stopped at the end. Catalogs come from Spark's own
    settings.
    """
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    spark = SparkSession.builder.appName(f"icebridge-{name}").getOrCreate()
    engine = Engine.of(spark)
    # Times are compared and split by text, so every clock runs in UTC.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        yield spark, engine
    finally:
        if found is None and not engine.databricks:
            spark.stop()
