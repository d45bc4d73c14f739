"""What Databricks refuses of managed Iceberg tables and of reads of foreign ones. docs/sandbox.md names the pages."""

from pyspark.sql import types as T

from databricks_runtime import refusals, switches
from databricks_runtime.refusals import Refusal, not_for_managed

MOST_CLUSTER_COLUMNS = 4
_RESERVED = {
    "write.metadata.path",
    "write.metadata.previous-versions-max",
    "write.data.path",
    "write.delete.mode",
    "write.location-provider.impl",
}
_WITH_STATISTICS = (
    *(T.IntegerType, T.LongType, T.ShortType, T.ByteType, T.FloatType, T.DoubleType, T.DecimalType),
    *(T.DateType, T.TimestampType, T.TimestampNTZType, T.StringType),
)


def check_properties(properties):
    for key in properties:
        if key in _RESERVED or key.startswith("write.format."):
            raise not_for_managed(f"The table property {key} is managed by the engine and cannot be set.")


def check_create(made, schema):
    """`schema` is that of the new table."""
    if made.using is None or made.using == "DELTA":
        text = "The sandbox holds no Delta tables: say USING ICEBERG."
        raise Refusal("UNSUPPORTED_FEATURE.SANDBOX", "0A000", text)
    if made.using != "ICEBERG":
        raise Refusal("UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY", "0A000", f"{made.using} is not for managed tables.")
    check_properties(made.properties)
    version_3 = made.properties.get("format-version") == "3"
    if version_3 and not switches.writes_format_3():
        raise not_for_managed("Format version 3 needs Databricks Runtime 18.")
    for column in made.columns or []:
        if column.nested_required:
            raise nested_not_null(column.name)
    if made.partitioned_by is not None:
        if made.clustered_by is not None:
            text = "CLUSTER BY and PARTITIONED BY cannot both be given."
            raise Refusal("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "42908", text)
        _check_partitions(made.partitioned_by, schema)
    if made.clustered_by is not None:
        _check_clustering(made.clustered_by, schema, made.properties)


def check_reclustered(clustered_by, schema, properties, is_partitioned):
    """ALTER TABLE ... CLUSTER BY, which a partitioned table refuses in every form."""
    if is_partitioned:
        condition = "DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED"
        raise Refusal(condition, "42000", "ALTER TABLE CLUSTER BY cannot be applied to a partitioned table.")
    _check_clustering(clustered_by, schema, properties)


def _check_clustering(clustered_by, schema, properties):
    if clustered_by == "NONE":
        return
    if clustered_by != "AUTO":
        _check_clusters(clustered_by, schema)
    off = [str(properties.get(f"delta.{name}")).lower() for name in ("enableDeletionVectors", "enableRowTracking")]
    if properties.get("format-version") != "3" and off != ["false", "false"]:
        condition = "MANAGED_ICEBERG_ATTEMPTED_TO_ENABLE_CLUSTERING_WITHOUT_DISABLING_DVS_OR_ROW_TRACKING"
        text = (
            "Clustering a version 2 table needs delta.enableDeletionVectors and delta.enableRowTracking set to false."
        )
        raise Refusal(condition, "0A000", text)


def _check_partitions(paths, schema):
    for path in paths:
        if path is None:
            text = "Partitioning by expressions is not supported for Delta tables."
            raise Refusal("DELTA_OPERATION_NOT_ALLOWED", "0AKDC", text)
        column = _top(schema, path[0]) if len(path) == 1 else None
        if column is None:
            text = f"The partition column {'.'.join(path)} is not a column of the table."
            raise Refusal("PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA", "42000", text)
        if isinstance(column.dataType, T.BinaryType | T.StructType | T.ArrayType | T.MapType):
            text = f"The column {column.name} of type {column.dataType.simpleString()} cannot be a partition column."
            raise Refusal("INVALID_PARTITION_COLUMN_DATA_TYPE", "0A000", text)


def _check_clusters(paths, schema):
    if len(paths) > MOST_CLUSTER_COLUMNS:
        text = f"CLUSTER BY supports up to {MOST_CLUSTER_COLUMNS} clustering columns."
        raise Refusal("DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "54000", text)
    for path in paths:
        kind = schema
        for part in path:
            column = _top(kind, part) if isinstance(kind, T.StructType) else None
            if column is None:
                text = f"The column {'.'.join(path)} is not a column of the table."
                raise Refusal("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "42703", text)
            kind = column.dataType
        if not isinstance(kind, _WITH_STATISTICS):
            text = f"CLUSTER BY is not supported on {'.'.join(path)}: its type is {kind.simpleString()}."
            raise Refusal("DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED", "0A000", text)


def _top(schema, name):
    return next((field for field in schema.fields if field.name.lower() == name.lower()), None)


def check_readable(schema):
    """Foreign tables with NOT NULL inside of a column cannot be read at all."""
    for field in schema.fields:
        if _holds_required(field.dataType):
            raise nested_not_null(field.name)


def nested_not_null(column):
    text = f"The column {column} contains a NOT NULL constraint inside of a struct, an array or a map."
    return refusals.Refusal("DELTA_NESTED_NOT_NULL_CONSTRAINT", "0AKDC", text)


def _holds_required(kind):
    if isinstance(kind, T.StructType):
        return any(not field.nullable or _holds_required(field.dataType) for field in kind.fields)
    if isinstance(kind, T.ArrayType):
        return not kind.containsNull or _holds_required(kind.elementType)
    if isinstance(kind, T.MapType):
        return not kind.valueContainsNull or _holds_required(kind.keyType) or _holds_required(kind.valueType)
    return False
