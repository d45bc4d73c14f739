"""Judge a migrated catalog by engines that are not ours: Spark through Iceberg's own JdbcCatalog, and PyIceberg."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.lakehouse.judge import Judge
from tests.lakehouse.registry import quoted

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

CATALOG = "icebridge"


class Migrated:
    """One managed catalog, opened by Spark in a session of its own; shaped as the judge expects a laboratory.

    Another catalog of that layout (`catalog.db` beside `warehouse`) is opened by the name it has inside its database.
    """

    def __init__(self, spark: SparkSession, java: Java, folder: Path, catalog: str = CATALOG) -> None:
        self.spark = spark.newSession()
        self.java = java
        self.truth: dict[Any, Any] = {}
        self._folder, self._catalog = folder, catalog
        self.namespace = self.name = ""
        prefix = f"spark.sql.catalog.{catalog}"
        for key, value in {
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            f"{prefix}.type": "jdbc",
            f"{prefix}.uri": f"jdbc:sqlite:{folder / 'catalog.db'}",
            f"{prefix}.warehouse": f"file://{folder / 'warehouse'}",
            f"{prefix}.jdbc.schema-version": "V1",
            f"{prefix}.cache-enabled": "false",
        }.items():
            self.spark.conf.set(key, value)
        # Loads the catalog while this session is the active one: later it would be looked for in Spark's first session.
        self.spark.sql(f"USE {quoted(catalog)}")

    @property
    def t(self) -> str:
        """The table as SQL names it."""
        return ".".join(quoted(part) for part in (self._catalog, *self.namespace.split("."), self.table_name))

    def table(self) -> Any:
        """The table as Iceberg's Java library loads it."""
        jvm = self.spark._jvm
        return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(self.spark._jsparkSession, self.t)

    def pyiceberg(self) -> SqlCatalog:
        """The same catalog as PyIceberg opens it."""
        return pyiceberg_catalog(self._folder, self._catalog)

    def judge(self, namespace: str, table: str) -> Judge:
        """Look at one table."""
        self.namespace, self.table_name = namespace, table
        self.name = (namespace, table)  # type: ignore[assignment]
        return Judge(self)  # type: ignore[arg-type]


def pyiceberg_catalog(folder: Path, catalog: str = CATALOG) -> SqlCatalog:
    """A managed catalog as PyIceberg opens it, unchanged."""
    from pyiceberg.catalog.sql import SqlCatalog

    database = f"sqlite:///{quote(str(folder / 'catalog.db'))}"
    return SqlCatalog(catalog, uri=database, warehouse=f"file://{folder / 'warehouse'}")


def same(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether two answers tell of the same rows."""
    return (expected["rows"], expected["digest"]) == (found["rows"], found["digest"])
