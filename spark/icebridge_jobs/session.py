"""The Spark session and where it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from icebridge_jobs import substitution
from icebridge_jobs.runtime import Runtime

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Engine:
    """What decides which statements may be used."""

    spark: str
    # None on open-source Spark.
    runtime: Runtime | None = None
    # Whether ${...} in a statement is replaced, and could not be kept.
    substitutes: bool = False

    @classmethod
    def of(cls, spark: SparkSession) -> Engine:
        """Look at the environment: every kind of Databricks compute sets DATABRICKS_RUNTIME_VERSION."""
        told = os.environ.get("DATABRICKS_RUNTIME_VERSION")
        return cls(spark.version, None if told is None else Runtime.parse(told))

    @property
    def databricks(self) -> bool:
        """Whether this is Databricks' compute, of whatever kind."""
        return self.runtime is not None

    def as_dict(self) -> dict[str, Any]:
        """For results."""
        cluster = self.runtime and self.runtime.cluster
        runtime = ".".join(map(str, cluster)) if cluster else None
        told = self.runtime.told if self.runtime else None
        return {"spark": self.spark, "databricks": self.databricks, "runtime": runtime, "runtime_key": told}


@contextmanager
def session(name: str) -> Iterator[tuple[SparkSession, Engine]]:
    """The session that is there, or one of our own, which is stopped at the end. Catalogs come from Spark's own
    settings.
    """
    os.environ["TZ"] = "UTC"
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    spark = SparkSession.builder.appName(f"icebridge-{name}").getOrCreate()
    engine = replace(Engine.of(spark), substitutes=substitution.is_on(spark))
    # Times are compared and split by text, so every clock runs in UTC.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        yield spark, engine
    finally:
        if found is None and not engine.databricks:
            spark.stop()
