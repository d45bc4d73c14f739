"""Operations on schemas, partition specs and sort orders."""

from __future__ import annotations

import random
import re
from typing import Any

from tests.fuzz_tables.bench import Act, Bench, Operation, Skip
from tests.fuzz_tables.kinds import NAMES, PLAIN_NAMES, PRIMITIVES, kind, leaves, sql, transform_sql, transforms
from tests.fuzz_tables.rows import value
from tests.lakehouse.registry import quoted


def add_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add a column anywhere."""
    fields = bench.fields()
    name = _fresh(rng, fields)
    place = rng.choice(("", "", " FIRST", f" AFTER {quoted(rng.choice(fields)['name'])}"))
    bench.not_for_spark()
    bench.sql(f"ALTER TABLE {{t}} ADD COLUMN {quoted(name)} {sql(kind(rng, PRIMITIVES))}{place}")


def add_default(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add a column with a default, which version 3 alone has and Spark cannot say."""
    table = bench.table()
    if table.operations().current().formatVersion() < 3:
        raise Skip("only version 3 has defaults")
    # Spark's vectorized reader cannot open a decimal column that has a default: the plain one is right.
    bench.set(read_parquet_vectorization_enabled="false")
    chosen = rng.choice(("boolean", "int", "long", "double", "string", "date", "decimal(9, 2)", "uuid"))
    given = value(rng, chosen, required=True)
    name = _fresh(rng, bench.fields())
    if isinstance(given, float) or given in ("NaN", "Infinity", "-Infinity"):
        given = 2.5
    literal = bench.java.literal(given)
    table = bench.table()
    if chosen == "long":
        literal = bench.java.literal(int(given) + 5_000_000_000 if abs(int(given)) < 2**31 else int(given))
    table.updateSchema().addColumn(name, bench.java.type(chosen), literal).commit()
    bench.say(f"updateSchema().addColumn({name!r}, {chosen}, default {given!r})")


def drop_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Drop a column, though never the last one."""
    bench.not_for_spark()
    fields = bench.fields()
    if len(fields) < 2:
        raise Skip("the last column stays")
    bench.sql(f"ALTER TABLE {{t}} DROP COLUMN {quoted(rng.choice(fields)['name'])}")


def rename_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Rename a column."""
    bench.not_for_spark()
    fields = bench.fields()
    old = rng.choice(fields)["name"]
    bench.sql(f"ALTER TABLE {{t}} RENAME COLUMN {quoted(old)} TO {quoted(_fresh(rng, fields))}")


def move_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Move a column."""
    bench.not_for_spark()
    fields = bench.fields()
    if len(fields) < 2:
        raise Skip("there is one column")
    one, other = rng.sample([field["name"] for field in fields], 2)
    place = "FIRST" if rng.random() < 0.5 else f"AFTER {quoted(other)}"
    bench.sql(f"ALTER TABLE {{t}} ALTER COLUMN {quoted(one)} {place}")


def widen_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Promote a type, at the top or inside."""
    bench.not_for_spark()
    fields = bench.fields()
    found = [((*path, one["name"]), wide) for path, one in _all(fields) if (wide := _wider(rng, one["type"]))]
    if not found:
        raise Skip("nothing to promote")
    path, wide = rng.choice(found)
    bench.sql(f"ALTER TABLE {{t}} ALTER COLUMN {_path(path)} TYPE {sql(wide)}")


def optional_column(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Let a required column be null."""
    bench.not_for_spark()
    required = [one["name"] for one in bench.fields() if one["required"]]
    if not required:
        raise Skip("nothing is required")
    bench.sql(f"ALTER TABLE {{t}} ALTER COLUMN {quoted(rng.choice(required))} DROP NOT NULL")


def nested_field(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add, rename, drop or move a field inside a struct, wherever the struct is."""
    bench.not_for_spark()
    found = [(path, fields) for one in bench.fields() for path, fields in leaves(one["type"], (one["name"],))]
    if not found:
        raise Skip("there is no struct")
    path, fields = rng.choice(found)
    one, what = rng.choice(fields)["name"], rng.choice(("add", "add", "rename", "drop", "move"))
    old = _path((*path, one))
    if what == "add":
        new = _path((*path, _fresh(rng, fields)))
        bench.sql(f"ALTER TABLE {{t}} ADD COLUMN {new} {sql(kind(rng, PRIMITIVES, 2))}")
    elif what == "rename":
        bench.sql(f"ALTER TABLE {{t}} RENAME COLUMN {old} TO {quoted(_fresh(rng, fields))}")
    elif what == "move":
        bench.sql(f"ALTER TABLE {{t}} ALTER COLUMN {old} FIRST")
    elif len(fields) > 1:
        bench.sql(f"ALTER TABLE {{t}} DROP COLUMN {old}")
    else:
        raise Skip("the last field stays")


def add_partition(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Add a partition field."""
    bench.not_for_spark()
    transform, name = _transform(bench, rng)
    named = f" AS {quoted(rng.choice(NAMES) + '_p')}" if rng.random() < 0.2 else ""
    bench.sql(f"ALTER TABLE {{t}} ADD PARTITION FIELD {transform_sql(transform, name)}{named}")


def drop_partition(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Drop a partition field; version 1 leaves a void one."""
    bench.not_for_spark()
    bench.sql(f"ALTER TABLE {{t}} DROP PARTITION FIELD {quoted(_partition(bench, rng))}")


def replace_partition(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Replace a partition field by another."""
    bench.not_for_spark()
    transform, name = _transform(bench, rng)
    old = quoted(_partition(bench, rng))
    bench.sql(f"ALTER TABLE {{t}} REPLACE PARTITION FIELD {old} WITH {transform_sql(transform, name)}")


def sort_order(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Set or drop the sort order."""
    bench.not_for_spark()
    if rng.random() < 0.2:
        bench.sql("ALTER TABLE {t} WRITE UNORDERED")
        return
    transform, name = _transform(bench, rng)
    order = rng.choice(("ASC NULLS FIRST", "DESC NULLS LAST", "DESC"))
    bench.sql(
        f"ALTER TABLE {{t}} WRITE {rng.choice(('', 'LOCALLY '))}ORDERED BY {transform_sql(transform, name)} {order}"
    )


def identifier(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Name a key."""
    bench.not_for_spark()
    required = [one["name"] for one in bench.columns(plain=True) if one["required"]]
    if not required:
        raise Skip("nothing is required")
    bench.sql(f"ALTER TABLE {{t}} SET IDENTIFIER FIELDS {quoted(rng.choice(required))}")


def _fresh(rng: random.Random, fields: list[dict[str, Any]]) -> str:
    taken = {one["name"].lower() for one in fields}
    pool = NAMES if rng.random() < 0.3 else PLAIN_NAMES
    free = [name for name in pool if name.lower() not in taken]
    return rng.choice(free) if free else f"n{len(fields)}"


def _all(fields: list[dict[str, Any]]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    found: list[tuple[tuple[str, ...], dict[str, Any]]] = [((), one) for one in fields]
    for one in fields:
        for path, inner in leaves(one["type"], (one["name"],)):
            found += [(path, part) for part in inner]
    return found


def _wider(rng: random.Random, given: Any) -> str | None:
    if given in ("int", "float"):
        return "long" if given == "int" else "double"
    if isinstance(given, str) and given.startswith("decimal"):
        precision, scale = map(int, re.findall(r"\d+", given))
        return f"decimal({rng.randint(precision + 1, 38)}, {scale})" if precision < 38 else None
    return None


def _path(path: tuple[str, ...]) -> str:
    return ".".join(map(quoted, path))


def _transform(bench: Bench, rng: random.Random) -> tuple[str, str]:
    field = rng.choice(bench.columns(plain=True))
    return rng.choice(transforms(field["type"])), field["name"]


def _partition(bench: Bench, rng: random.Random) -> str:
    names = [part.name() for part in bench.table().spec().fields() if not part.transform().isVoid()]
    if not names:
        raise Skip("there is no partition field")
    return rng.choice(names)


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        *(add_column, add_default, drop_column, rename_column, move_column, widen_column, optional_column),
        *(nested_field, add_partition, drop_partition, replace_partition, sort_order, identifier),
    )
}
