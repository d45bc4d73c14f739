"""Iceberg's Java API through Spark's gateway: for what Spark SQL cannot say, above all equality deletes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from tests.lakehouse.spark import CATALOG

SOURCE = Path(__file__).with_name("ForeignWriter.java")
Rows = Sequence[dict[str, Any]]


class Java:
    """Iceberg's own library, in the JVM that Spark runs in, over the same catalog."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._gateway: Any = spark.sparkContext._gateway
        self.iceberg: Any = self._jvm.org.apache.iceberg
        self.catalog: Any = self.iceberg.spark.Spark3Util.loadIcebergCatalog(spark._jsparkSession, CATALOG)
        compiler = self._jvm.org.codehaus.janino.SimpleCompiler()
        compiler.cook(SOURCE.read_text(encoding="utf-8"))
        written = compiler.getClassLoader().loadClass("ForeignWriter")
        self._writer: Any = written.getDeclaredConstructors()[0].newInstance(self._array(self._jvm.java.lang.Object))

    def identifier(self, namespace: str, name: str) -> Any:
        """Iceberg's identifier, which knows no quoting and so takes every name."""
        levels = self._array(self._jvm.java.lang.String, namespace)
        return self.iceberg.catalog.TableIdentifier.of(self.iceberg.catalog.Namespace.of(levels), name)

    def _array(self, kind: Any, *items: Any) -> Any:
        """A Java array: py4j makes lists of Python's, which varargs do not take."""
        array = self._gateway.new_array(kind, len(items))
        for place, item in enumerate(items):
            array[place] = item
        return array

    def load(self, namespace: str, name: str) -> Any:
        """Load a table afresh from the catalog."""
        return self.catalog.loadTable(self.identifier(namespace, name))

    def schema(self, fields: Sequence[dict[str, Any]], schema_id: int = 0, keys: Sequence[int] = ()) -> Any:
        """Parse a schema from the fields of its JSON form."""
        text = {"type": "struct", "schema-id": schema_id, "identifier-field-ids": list(keys), "fields": list(fields)}
        return self.iceberg.SchemaParser.fromJson(json.dumps(text))

    def create(
        self,
        namespace: str,
        name: str,
        fields: Sequence[dict[str, Any]],
        *,
        partition: Sequence[tuple[str, str, int]] = (),
        properties: dict[str, str] | None = None,
        keys: Sequence[int] = (),
        location: str | None = None,
    ) -> Any:
        """Create a table; partition fields are (name, transform, source id)."""
        schema = self.schema(fields, keys=keys)
        parts = [
            {"name": title, "transform": transform, "source-id": source, "field-id": 1000 + place}
            for place, (title, transform, source) in enumerate(partition)
        ]
        spec = self.iceberg.PartitionSpecParser.fromJson(schema, json.dumps({"spec-id": 0, "fields": parts}))
        builder = self.catalog.buildTable(self.identifier(namespace, name), schema).withPartitionSpec(spec)
        if location:
            builder = builder.withLocation(location)
        return builder.withProperties(properties or {}).create()

    def records(self, schema: Any, rows: Rows) -> Any:
        """Turn rows in Iceberg's single-value JSON (by column name) into Java records."""
        return self._writer.records(schema, json.dumps(list(rows)))

    def data_files(self, table: Any, rows: Rows, *, spec_id: int | None = None, file_format: str = "parquet") -> Any:
        """Write data files without committing them."""
        spec = table.spec() if spec_id is None else table.specs().get(spec_id)
        records = self.records(table.schema(), rows)
        return self._writer.dataFiles(table, spec, records, file_format, table.properties())

    def equality_delete(
        self,
        table: Any,
        columns: Sequence[str],
        keys: Rows,
        *,
        partition: dict[str, Any] | None = None,
        spec_id: int | None = None,
        file_format: str = "parquet",
    ) -> Any:
        """Write an equality delete file without committing it; `partition` is a row that lies in the partition."""
        spec = table.spec() if spec_id is None else table.specs().get(spec_id)
        key_schema = table.schema().select(list(columns))
        sample = self.records(table.schema(), [partition or {}]).get(0)
        records = self.records(key_schema, keys)
        return self._writer.equalityDelete(table, spec, key_schema, list(columns), records, sample, file_format)

    def append(self, table: Any, rows: Rows, **options: Any) -> None:
        """Write rows and commit them as an append."""
        update = table.newAppend()
        for data_file in self.data_files(table, rows, **options):
            update.appendFile(data_file)
        update.commit()

    def row_delta(self, table: Any, *, rows: Rows = (), deletes: Sequence[Any] = (), **options: Any) -> None:
        """Commit new rows and delete files in one snapshot, as an upsert does."""
        update = table.newRowDelta()
        for data_file in self.data_files(table, rows, **options) if rows else []:
            update.addRows(data_file)
        for delete_file in deletes:
            update.addDeletes(delete_file)
        update.commit()

    def many_snapshots(self, table: Any, rows: Rows) -> None:
        """A snapshot for each row."""
        self._writer.manySnapshots(table, self.records(table.schema(), rows))

    def literal(self, value: Any) -> Any:
        """A literal for a default value; strings are converted to the column's type by Iceberg."""
        return self.iceberg.expressions.Expressions.lit(value)

    def type(self, name: str) -> Any:
        """A primitive type by its name in the specification."""
        return self.iceberg.types.Types.fromPrimitiveString(name)
