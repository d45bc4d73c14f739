"""A statement of Databricks SQL, carried out by open-source Spark with Iceberg."""

import re

from pyspark.sql import functions as F
from pyspark.sql import types as T

from databricks_runtime import clustering, grammar, memory, refusals, rules, switches
from databricks_runtime.refusals import Refusal
from databricks_runtime.statements import Change, Clone, CreateTable, Describe, Insert, Query, Refresh

_METADATA = {
    *("snapshots", "refs", "history", "files", "manifests", "partitions", "entries", "metadata_log_entries"),
    *("all_data_files", "all_files", "all_manifests", "all_entries", "data_files", "delete_files", "position_deletes"),
}


class Engine:
    """`native` is Spark's own `sql`."""

    def __init__(self, native):
        self.native = native
        # Foreign tables that were analysed as they were and not yet read: by name, their snapshot then.
        self.analysed = {}
        self.at_work = False

    def sql(self, session, text):
        self.at_work = True
        try:
            return self._sql(session, text)
        finally:
            self.at_work = False

    def _sql(self, session, text):
        statement = grammar.parse(text)
        now = self._check_reads(session, statement)
        run = {
            CreateTable: self._create,
            Clone: self._clone,
            Insert: self._insert,
            Change: self._change,
            Refresh: self._refresh,
            Describe: self._describe,
        }.get(type(statement))
        if run is None:
            answer = self.native(session, text)
            if isinstance(statement, Query):
                self.analysed.update(now)
            return answer
        answer = run(session, statement)
        self._read(now)
        return answer

    def ran(self, plan):
        """An action ran on this plan: what it names and was analysed before has been read."""
        if self.at_work or not self.analysed:
            return
        text = plan().replace("`", "").lower()
        named = {name for name in self.analysed if re.search(rf"{re.escape('.'.join(name).lower())}(?![\w.])", text)}
        done = {name: self.analysed[name] for name in named}
        self._read(done)
        for name in done:
            del self.analysed[name]

    def _read(self, snapshots):
        if switches.choice("PRIME_COUNTS_AS_READ") == "yes":
            for name, snapshot in snapshots.items():
                memory.note_read(name, snapshot)

    def _check_reads(self, session, statement):
        """Refuse what cannot be read; return the current snapshots of the foreign tables that are read as they are."""
        now = {}
        shows = switches.choice("METADATA_TABLES") == "shown"
        for reference in statement.reads:
            name = self._full(session, reference.name)
            if name is None:
                continue
            if len(name) > 3:
                if shows and name[-1].lower() in _METADATA:
                    continue
                text = f"Nested or empty namespaces are not supported in Unity Catalog: {'.'.join(name)}."
                raise Refusal("UC_INVALID_NAMESPACE", "0A000", text)
            if not self._is_foreign(name) or not self._exists(session, name):
                continue
            rules.check_readable(self.native(session, f"SELECT * FROM {_sql(name)}").schema)
            if reference.version is None:
                snapshot = self._snapshot(session, name)
                if snapshot is not None:
                    now[name] = snapshot
            else:
                _check_version(name, reference.version)
        return now

    def _create(self, session, made):
        name = self._managed(session, made.name)
        given = made.columns
        if made.query is not None:
            if given is not None:
                text = "A table that is made of a query takes its columns from there."
                raise Refusal("UNSUPPORTED_FEATURE.CTAS_WITH_COLUMNS", "42601", text)
            schema = self.native(session, made.query).schema
        else:
            if given is None:
                raise Refusal("SPECIFY_COLUMNS", "42601", f"{'.'.join(name)} has no columns.")
            schema = _schema(session, given)
        rules.check_create(made, schema)
        properties = [made.properties_text[1:-1]] if made.properties_text else []
        if isinstance(made.clustered_by, list):
            told = clustering.literal(clustering.noted(made.clustered_by))
            properties.append(f"'{clustering.PROPERTY}' = {told}")
        parts = [
            made.head,
            f"({', '.join(column.text for column in given)})" if given else "",
            "USING iceberg",
            f"PARTITIONED BY {made.partitions_text}" if made.partitions_text else "",
            f"COMMENT {made.comment}" if made.comment else "",
            f"TBLPROPERTIES ({', '.join(properties)})" if properties else "",
            f"AS {made.query}" if made.query is not None else "",
        ]
        return self.native(session, " ".join(filter(None, parts)))

    def _clone(self, session, made):
        name = self._managed(session, made.name)
        source = self._full(session, made.source.name)
        if source is not None and self._is_foreign(source) and switches.choice("DEEP_CLONE_OF_FOREIGN") == "refused":
            text = "The clone source is a foreign Iceberg table, which cannot be cloned to a managed Iceberg table."
            raise Refusal("DELTA_CLONE_UNSUPPORTED_SOURCE", "0AKDC", text)
        version = f" VERSION AS OF {made.source.version}" if made.source.version is not None else ""
        answer = self.native(
            session, f"CREATE TABLE {_sql(name)} USING iceberg AS SELECT * FROM {_sql(made.source.name)}{version}"
        )
        memory.note_clone(name, source or made.source.name)
        return answer

    def _insert(self, session, made):
        name = self._managed(session, made.name)
        if made.replace_where is None:
            return self.native(session, made.sql)
        # Columns go by their places.
        columns = made.columns or self.native(session, f"SELECT * FROM {_sql(name)}").columns
        rows = self.native(session, made.query).toDF(*columns)
        rows.writeTo(_sql(name)).overwrite(F.expr(made.replace_where))
        return session.range(0)

    def _change(self, session, made):
        name = self._managed(session, made.name)
        rules.check_properties(made.properties)
        if made.clustered_by is not None:
            return self._cluster(session, name, made.clustered_by)
        return self.native(session, made.sql)

    def _cluster(self, session, name, wanted):
        properties = self._properties(session, name)
        schema = self.native(session, f"SELECT * FROM {_sql(name)}").schema
        is_partitioned = self._table(session, name).spec().isPartitioned()
        rules.check_reclustered(wanted, schema, properties, is_partitioned)
        for text in clustering.statements(_sql(name), wanted):
            answer = self.native(session, text)
        return answer

    def _refresh(self, session, made):
        name = self._full(session, made.name) or made.name
        if not self._is_foreign(name):
            text = f"{'.'.join(name)} is no foreign table."
            raise Refusal("UNSUPPORTED_FEATURE.TABLE_OPERATION", "0A000", text)
        return self.native(session, f"REFRESH TABLE {_sql(name)}")

    def _describe(self, session, made):
        name = self._full(session, made.name) or made.name
        if made.detail:
            return self._detail(session, name)
        if not made.history:
            return self.native(session, made.sql)
        found = self.native(session, f"SELECT operation FROM {_sql(name)}.snapshots ORDER BY committed_at").collect()
        source = memory.source_of_clone(name)
        first = ("CLONE", {"source": source}) if source else ("CREATE TABLE", {})
        entries = [first, *(("WRITE", {"mode": row[0]}) for row in found[1 if source else 0 :])]
        rows = [(version, *entry) for version, entry in enumerate(entries)][::-1]
        return session.createDataFrame(
            rows, "version BIGINT, operation STRING, operationParameters MAP<STRING, STRING>"
        )

    def _detail(self, session, name):
        """Of its columns in life those that are known here."""
        properties = self._properties(session, name)
        table = self._table(session, name)
        partitions = [field.name() for field in table.spec().fields()]
        row = (".".join(name), table.location(), partitions, clustering.columns(properties), properties)
        return session.createDataFrame(
            [row],
            "name STRING, location STRING, partitionColumns ARRAY<STRING>, clusteringColumns ARRAY<STRING>,"
            " properties MAP<STRING, STRING>",
        )

    def _properties(self, session, name):
        return {row[0]: row[1] for row in self.native(session, f"SHOW TBLPROPERTIES {_sql(name)}").collect()}

    def _managed(self, session, name):
        full = self._full(session, name)
        if full is None or len(full) != 3:
            text = f"Nested or empty namespaces are not supported in Unity Catalog: {'.'.join(name)}."
            raise Refusal("UC_INVALID_NAMESPACE", "0A000", text)
        if self._is_foreign(full):
            raise refusals.read_only(".".join(full))
        return full

    def _full(self, session, name):
        """With its catalog; none for a name of something else, such as a view of the session."""
        if name[0] in switches.catalogs() and len(name) > 2:
            return name
        current = session.catalog.currentCatalog()
        return (current, *name) if len(name) == 2 and current in switches.catalogs() else None

    def _is_foreign(self, name):
        return switches.catalogs().get(name[0], False)

    def _exists(self, session, name):
        return session.catalog.tableExists(_sql(name))

    def _snapshot(self, session, name):
        """By Iceberg's own library: a query of `refs` would be a Spark job at each statement."""
        found = self._table(session, name).currentSnapshot()
        return found.snapshotId() if found is not None else None

    def _table(self, session, name):
        load = session._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable
        return load(session._jsparkSession, _sql(name))


def _check_version(name, version):
    way = switches.choice("TIME_TRAVEL_OF_FOREIGN")
    if way == "never":
        text = f"Time travel on the foreign table {'.'.join(name)}."
        raise Refusal("UNSUPPORTED_FEATURE.TIME_TRAVEL", "0A000", text)
    if way == "after_read" and not memory.was_read(name, version):
        text = f"Cannot time travel {'.'.join(name)} to version {version}: it was not read before."
        raise Refusal("DELTA_VERSION_NOT_FOUND", "22003", text)


def _schema(session, columns):
    """Spark reads the types."""
    read = session._jvm.org.apache.spark.sql.types.DataType.fromDDL
    return T.StructType(
        [T.StructField(one.name, T._parse_datatype_json_string(read(one.kind).json())) for one in columns]
    )


def _sql(name):
    return ".".join("`" + part.replace("`", "``") + "`" for part in name)
