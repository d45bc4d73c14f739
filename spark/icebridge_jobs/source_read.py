"""Reading a foreign table at its pin.

Databricks limits time travel on foreign Iceberg tables to snapshots that were read there before, and the pin comes
from the source's own metadata. So a pin that is refused is primed: the table is refreshed and read once as it is,
which makes its snapshot one that was read. Where even that does not do, and the input allows it, the table is read as
it is: whoever started the job then sees to it that the source's snapshot is the pin, before and after.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pyspark.sql import types as T

from icebridge_jobs import conversions, iceberg_table, source_table, substitution
from icebridge_jobs.engine_error import refuses_statement, refuses_version
from icebridge_jobs.errors import JobError
from icebridge_jobs.session import Engine
from icebridge_jobs.source_table import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# `pinned`: at once. `primed`: after the table was read as it is. `unversioned`: as it is.
How = Literal["pinned", "primed", "unversioned"]


class SourceRead:
    """One table, the same way for every statement of a job."""

    def __init__(self, spark: SparkSession, engine: Engine, source: Source, pin: int | None) -> None:
        self.spark = spark
        self.source = source
        self.engine = engine
        self.pin = pin
        substitution.refuse(engine.substitutes, source.name.parts, source.table)
        self.how: How = "unversioned" if pin is None else "pinned"
        if engine.databricks and pin is not None:
            self.how = self._find_way()

    @property
    def sql(self) -> str:
        """The table with the version it is read at."""
        version = f" VERSION AS OF {self.pin}" if self.how != "unversioned" else ""
        return f"{self.source.name.sql}{version}"

    def rows(self) -> DataFrame:
        """All rows, in the form that the target takes."""
        return conversions.converted(self._raw(), self.source.conversions)

    @cached_property
    def schema(self) -> T.StructType:
        """Of the source as it is, with all its comments."""
        return self._raw().schema

    @cached_property
    def columns(self) -> str:
        """What a SELECT of the source names: all, or each in the form that the target takes."""
        if not self.source.conversions:
            return "*"
        return ", ".join(conversions.expressions(self.schema, self.source.conversions))

    def _raw(self) -> DataFrame:
        rows = self.spark.sql(f"SELECT * FROM {self.sql}")
        source_table.refuse_reserved(self.source, rows.schema)
        substitution.refuse(self.engine.substitutes, substitution.names_of(rows.schema), self.source.table)
        return rows

    def _find_way(self) -> How:
        try:
            self._look(self.pin)
            return "pinned"
        except Exception as error:
            if not refuses_version(error):
                raise
        self.spark.sql(f"REFRESH FOREIGN TABLE {self.source.name.sql}")
        self._look(None)
        try:
            self._look(self.pin)
            return "primed"
        except Exception as error:
            if not refuses_version(error):
                raise
            if not self.source.unversioned:
                raise self._refused(error) from error
        return "unversioned"

    def _refused(self, error: Exception) -> JobError:
        never = refuses_statement(error)
        return JobError(
            "unsupported" if never else "plan-stale",
            f"Databricks does not read the foreign table at the snapshot {self.pin}, also after a refresh and a read",
            about=str(self.source.name),
            hint="Allow the table to be read without a version, or copy it with the embedded engine."
            if never
            else "Make the plan again, for the source may have moved on; or allow a read without a version.",
            cause=error,
        )

    def _look(self, version: int | None) -> None:
        """Read one row: where Spark answers from afar, nothing is refused before."""
        iceberg_table.rows_at(self.spark, self.source.name, version, limit=1).collect()
