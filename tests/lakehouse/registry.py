"""Shapes: small functions that each leave one table in the lakehouse as a certain writer would."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tests.lakehouse.java import Java
from tests.lakehouse.spark import CATALOG, warehouse_uri

Make = Callable[["Lab"], None]
WRITERS = ("spark", "java", "pyiceberg")


@dataclass(frozen=True)
class Shape:
    """One table and why it is there."""

    name: str
    description: str
    tags: tuple[str, ...]
    writer: str
    namespace: str
    table: str
    make: Make
    view: bool = False

    @property
    def identifier(self) -> str:
        """How people write the table; the exact parts are namespace and table."""
        return f"{self.namespace}.{self.table}"


class Registry:
    """The shapes of one lakehouse, in the order of their definition."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.shapes: dict[str, Shape] = {}

    def shape(
        self,
        description: str,
        *tags: str,
        writer: str = "spark",
        namespace: str | None = None,
        table: str | None = None,
        view: bool = False,
    ) -> Callable[[Make], Make]:
        """Register the decorated function; it names the table unless `table` does."""
        if writer not in WRITERS:
            raise ValueError(f"no such writer: {writer}")

        def register(make: Make) -> Make:
            name = make.__name__
            if name in self.shapes:
                raise ValueError(f"two shapes are called {name}")
            place = namespace or self.namespace
            self.shapes[name] = Shape(name, description, tags, writer, place, table or name, make, view)
            return make

        return register


class Lab:
    """What a shape works with: Spark, the Java API and PyIceberg over one catalog, and the shape's own table."""

    def __init__(self, spark: SparkSession, java: Java, out: Path, options: dict[str, Any] | None = None) -> None:
        self.spark = spark
        self.java = java
        self.out = out
        self.options = options or {}
        self._shape: Shape | None = None
        self.truth: dict[int | None, DataFrame] = {}

    def use(self, shape: Shape) -> None:
        """Work on this shape's table from now on."""
        self._shape = shape
        self.truth = {}
        self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{quoted(shape.namespace)}")

    @property
    def shape(self) -> Shape:
        """The shape in work."""
        if self._shape is None:
            raise RuntimeError("no shape is in work")
        return self._shape

    @property
    def name(self) -> tuple[str, str]:
        """Namespace and name of the table in work."""
        return self.shape.namespace, self.shape.table

    @property
    def t(self) -> str:
        """The table in work as SQL writes it."""
        return ".".join([CATALOG, *map(quoted, self.name)])

    def sql(self, *statements: str) -> DataFrame | None:
        """Run SQL in which {t} is the table in work and {p} its name as procedures take it."""
        result = None
        place = ".".join(map(quoted, self.name))
        for statement in statements:
            result = self.spark.sql(statement.replace("{t}", self.t).replace("{p}", place))
        return result

    def create(self, columns: str, version: int = 2, *, partition: str = "", **properties: str) -> None:
        """Create the table in work by Spark; underscores in property names stand for dots, double ones for hyphens."""
        pairs = {"format-version": str(version)}
        pairs |= {key.replace("__", "-").replace("_", "."): value for key, value in properties.items()}
        listed = ", ".join(f"'{key}'='{value}'" for key, value in pairs.items())
        by = f" PARTITIONED BY ({partition})" if partition else ""
        self.sql(f"CREATE TABLE {{t}} ({columns}) USING iceberg{by} TBLPROPERTIES ({listed})")

    def insert(self, select: str) -> None:
        """Append the rows of a query by Spark, as one file for each partition."""
        self.sql(f"INSERT INTO {{t}} SELECT /*+ COALESCE(1) */ * FROM ({select})")

    def expect(self, select: str, snapshot_id: int | None = None) -> None:
        """Say by a query what the table (or a snapshot) holds where Spark will not be able to read it; asked now."""
        frame = self.sql(select)
        assert frame is not None
        self.truth[snapshot_id] = self.spark.createDataFrame(frame.collect(), frame.schema)

    def set(self, **properties: str) -> None:
        """Set table properties, named as in create."""
        for key, value in properties.items():
            name = key.replace("__", "-").replace("_", ".")
            self.sql(f"ALTER TABLE {{t}} SET TBLPROPERTIES ('{name}'='{value}')")

    def table(self) -> Any:
        """The table in work as a Java object, loaded afresh."""
        return self.java.load(*self.name)

    def snapshot_ids(self) -> list[int]:
        """The ids of all snapshots that metadata knows, oldest first."""
        return [snapshot.snapshotId() for snapshot in self.table().snapshots()]

    def java_create(self, fields: Sequence[dict[str, Any]], version: int = 2, **options: Any) -> Any:
        """Create the table in work by the Java API."""
        properties = {"format-version": str(version), **options.pop("properties", {})}
        return self.java.create(*self.name, fields, properties=properties, **options)

    def pyiceberg(self) -> Any:
        """PyIceberg's catalog over the same SQLite file."""
        from pyiceberg.catalog.sql import SqlCatalog

        uri = f"sqlite:///{self.out / 'catalog.db'}"
        return SqlCatalog(CATALOG, uri=uri, warehouse=warehouse_uri(self.out))

    def folder(self, name: str) -> Path:
        """A folder beside the warehouse for files that were there before the table."""
        path = self.out / "outside" / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return "`" + name.replace("`", "``") + "`"


def field(number: int, name: str, kind: Any, *, required: bool = False, doc: str | None = None) -> dict[str, Any]:
    """A field of Iceberg's JSON schema."""
    extra = {"doc": doc} if doc else {}
    return {"id": number, "name": name, "required": required, "type": kind, **extra}


def dumps(value: Any) -> str:
    """JSON as it is kept in files: stable and readable."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def local(location: str) -> Path:
    """The path of a location with or without a scheme."""
    return Path("/" + location.removeprefix("file:").lstrip("/"))
