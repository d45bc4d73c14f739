"""Operations by Iceberg's Java library and by PyIceberg: what Spark SQL cannot say, or says otherwise."""

from __future__ import annotations

import random
from typing import Any

from tests.fuzz_tables.bench import Act, Bench, Operation, Skip
from tests.fuzz_tables.rows import arrow

# Spark compares bounds of uuids with a sign and may keep rows whose key was deleted (lakehouse shape eq_uuid_sign). Of
# several keys of type fixed Iceberg 1.11 for Java applies the last alone, as if its reader gave them all one buffer: of
# the keys 00 and ff it deleted ff, DuckDB and we delete both. Floats are no keys by the specification.
NO_KEYS = ("uuid", "fixed", "float", "double")
POSITIONS = 1


def java_append(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Append rows, sometimes under an older partition spec."""
    table = bench.table()
    spec = bench.spec(rng, table)
    rows = bench.rows(rng, bench.fields(table), op["rows"])
    bench.java.append(table, rows, spec_id=spec.specId(), file_format=op.get("format", "parquet"))
    bench.say(f"newAppend() of {len(rows)} rows under spec {spec.specId()}: {rows}")


def equality_delete(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Delete by keys, with or without new rows in the same commit, in one partition or in all."""
    table = bench.table()
    if table.operations().current().formatVersion() < 2:
        raise Skip("version 1 has no delete files")
    spec = bench.spec(rng, table)
    options: dict[str, Any] = {"deletes": [_equality(bench, rng, table, spec)]}
    if rng.random() < 0.25:
        options["deletes"].append(_equality(bench, rng, table, spec))
    if op["rows"] and rng.random() < 0.5:
        options["rows"] = bench.rows(rng, bench.fields(table), op["rows"])
    bench.java.row_delta(table, **options)
    bench.say(f"newRowDelta() with the rows {options.get('rows', [])}")


def _equality(bench: Bench, rng: random.Random, table: Any, spec: Any) -> Any:
    fields = [one for one in bench.columns(plain=True, table=table) if not one["type"].startswith(NO_KEYS)]
    if not fields:
        raise Skip("no column makes a key")
    chosen = rng.sample(fields, min(len(fields), rng.choice((1, 1, 2))))
    samples = [bench.remembered(rng, bench.fields(table)) for _ in range(rng.randint(1, 4))]
    names = [one["name"] for one in chosen]
    required = {one["name"] for one in chosen if one["required"]}
    keys = [
        key
        for key in ({name: sample[name] for name in names} for sample in samples)
        if all(key[name] is not None for name in required)
    ]
    if not keys:
        raise Skip("no keys to delete")
    bench.say(f"equality delete by {names} of {keys} under spec {spec.specId()} in the partition of {samples[0]}")
    return bench.java.equality_delete(table, names, keys, partition=samples[0], spec_id=spec.specId())


def files(table: Any) -> list[Any]:
    """The scan tasks of the current snapshot, one for each data file."""
    found, iterator = [], table.newScan().planFiles().iterator()
    while iterator.hasNext():
        found.append(iterator.next())
    if not found:
        raise Skip("there are no data files")
    return found


def position_delete(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Delete by position, with new rows in the same commit or without."""
    table = bench.table()
    version = table.operations().current().formatVersion()
    if version < 2:
        raise Skip("version 1 has no delete files")
    task = rng.choice(files(table))
    file = task.file()
    spec = table.specs().get(file.specId())
    places = sorted(rng.sample(range(file.recordCount()), rng.randint(1, min(4, file.recordCount()))))
    path = file.location()
    if version > 2:
        if any(str(delete.format()) == "PUFFIN" or delete.content().id() == POSITIONS for delete in task.deletes()):
            raise Skip("the data file has deletes by position")
        deletes = list(bench.positions.vector(table, spec, file.partition(), path, places))
    else:
        paths = [path] * len(places)
        if rng.random() < 0.15:
            # A name after all others that no file has: nothing may come of it.
            paths, places = [*paths, f"{path}-gone.parquet"], [*places, 0]
        deletes = [bench.positions.positions(table, spec, file.partition(), paths, places, op.get("format", "parquet"))]
    rows = bench.rows(rng, bench.fields(table), op["rows"]) if rng.random() < 0.4 else []
    bench.java.row_delta(table, deletes=deletes, rows=rows)
    bench.say(f"newRowDelta() with deletes at {places} of a file of {file.recordCount()} rows, and the rows {rows}")


def python_append(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Append rows by PyIceberg."""
    table, rows = _python_rows(bench, op, rng)
    table.append(rows)
    bench.say(f"PyIceberg: append({rows.to_pylist()})")


def python_overwrite(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Overwrite by a filter or the whole table by PyIceberg."""
    table, rows = _python_rows(bench, op, rng)
    given = {} if rng.random() < 0.3 else {"overwrite_filter": _filter(bench, rng)}
    table.overwrite(rows, **given)
    bench.say(f"PyIceberg: overwrite({rows.to_pylist()}, {given})")


def python_delete(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Delete by a filter by PyIceberg."""
    table = bench.pyiceberg().load_table(bench.name)
    given = _filter(bench, rng)
    table.delete(given)
    bench.say(f"PyIceberg: delete({given})")


def _python_rows(bench: Bench, op: Operation, rng: random.Random) -> tuple[Any, Any]:
    table = bench.pyiceberg().load_table(bench.name)
    fields = bench.fields()
    return table, arrow(bench.rows(rng, fields, op["rows"]), fields, table.schema().as_arrow())


def _filter(bench: Bench, rng: random.Random) -> Any:
    from pyiceberg.expressions import EqualTo, IsNull, LessThan, Not, NotNull

    good = [one for one in bench.columns(plain=True) if one["type"] in ("int", "long", "string", "date", "boolean")]
    if not good:
        raise Skip("no column to filter by")
    field = rng.choice(good)
    known = bench.remembered(rng, [field])[field["name"]]
    makes: tuple[Any, ...] = (IsNull, NotNull) if known is None else (EqualTo, EqualTo, LessThan)
    if known is None:
        return rng.choice(makes)(field["name"])
    made = rng.choice(makes)(field["name"], known)
    return Not(made) if rng.random() < 0.3 else made


ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (java_append, equality_delete, position_delete, python_append, python_overwrite, python_delete)
}
