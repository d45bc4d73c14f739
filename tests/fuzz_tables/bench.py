"""The work bench of one random table: a laboratory that keeps a record of what was done to the table."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tests.fuzz_tables.kinds import NOT_SPARK
from tests.fuzz_tables.rows import literal, some_rows
from tests.lakehouse.java import Java
from tests.lakehouse.judge import uses
from tests.lakehouse.registry import Lab, Shape, quoted
from tests.lakehouse.spark import CATALOG

NAMESPACE = "fuzz"
Operation = dict[str, Any]
Act = Callable[["Bench", Operation, random.Random], None]


class Skip(Exception):
    """The operation does not fit the table as it is by now."""


class Bench(Lab):
    """One table in the making."""

    def __init__(self, spark: SparkSession, java: Java, positions: Any, out: Path, name: str) -> None:
        super().__init__(spark, java, out)
        self.positions = positions
        self.done: list[str] = []
        # What was written, by field id: keys of deletes and samples of partitions are taken from it.
        self.written: list[dict[int, Any]] = []
        self._shape = Shape(name, "random", (), "spark", NAMESPACE, name, lambda _: None)

    def sql(self, *statements: str) -> DataFrame | None:
        """Run SQL and keep it."""
        self.done += statements
        return super().sql(*statements)

    def say(self, what: str) -> None:
        """Keep what was done by other means than SQL."""
        self.done.append(what)

    @property
    def p(self) -> str:
        """The table as procedures take it."""
        return ".".join(map(quoted, self.name))

    def call(self, procedure: str, arguments: str = "") -> None:
        """Call a procedure on the table."""
        more = f", {arguments}" if arguments else ""
        self.sql(f"CALL {CATALOG}.system.{procedure}(table => {text_of(self.p)}{more})")

    def fields(self, table: Any = None) -> list[dict[str, Any]]:
        """The columns of the table as they are now."""
        schema = (table or self.table()).schema()
        return json.loads(self.java.iceberg.SchemaParser.toJson(schema))["fields"]

    def columns(self, *, plain: bool = False, table: Any = None) -> list[dict[str, Any]]:
        """The columns; `plain` leaves the nested ones out, and is never empty."""
        found = [one for one in self.fields(table) if not plain or isinstance(one["type"], str)]
        found = [one for one in found if one["type"] not in ("unknown", "variant")]
        if not found:
            raise Skip("there is no such column")
        return found

    def not_for_spark(self) -> None:
        """Give up where Spark could not even open the table."""
        if any(uses(one, NOT_SPARK) for one in self.fields()):
            raise Skip("Spark cannot open the table")

    def rows(self, rng: random.Random, fields: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
        """Make rows and remember them."""
        made = some_rows(rng, fields, count)
        self.written += [{one["id"]: row[one["name"]] for one in fields} for row in made]
        return made

    def remembered(self, rng: random.Random, fields: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A row that was written before, under the names of today."""
        row = rng.choice(self.written) if self.written else {}
        return {one["name"]: row.get(one["id"]) for one in fields if isinstance(one["type"], str)}

    def spec(self, rng: random.Random, table: Any) -> Any:
        """The current partition spec, or sometimes an older one."""
        known = sorted(dict(table.specs()))
        return table.specs().get(rng.choice(known)) if rng.random() < 0.3 else table.spec()

    def snapshots(self) -> list[int]:
        """The snapshots there are, oldest first."""
        found = self.snapshot_ids()
        if not found:
            raise Skip("there is no snapshot")
        return found

    def values(self, fields: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> str:
        """Rows as SQL's VALUES."""
        lines = (", ".join(literal(one["type"], row[one["name"]]) for one in fields) for row in rows)
        return "VALUES " + ", ".join(f"({line})" for line in lines)


def text_of(name: str) -> str:
    """A name as a SQL string, in which backslashes and quotes mean something."""
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def acts(*parts: dict[str, Act]) -> dict[str, Act]:
    """All operations by name; no name may be there twice."""
    found: dict[str, Act] = {}
    for part in parts:
        if double := found.keys() & part.keys():
            raise ValueError(f"operations of one name: {sorted(double)}")
        found |= part
    return found
