"""Operations on rows by Spark SQL."""

from __future__ import annotations

import random

from tests.fuzz_tables.bench import Act, Bench, Operation, Skip
from tests.fuzz_tables.rows import literal, value
from tests.lakehouse.registry import quoted


def insert(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Append rows, to the table or to a branch."""
    bench.not_for_spark()
    fields = bench.fields()
    rows = bench.rows(rng, fields, op["rows"])
    bench.sql(f"INSERT INTO {_place(bench, op, rng)} {bench.values(fields, rows)}")


def insert_overwrite(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Replace the partitions that the new rows fall into, or the whole table."""
    bench.not_for_spark()
    fields = bench.fields()
    mode = rng.choice(("dynamic", "static"))
    bench.spark.conf.set("spark.sql.sources.partitionOverwriteMode", mode)
    bench.say(f"-- spark.sql.sources.partitionOverwriteMode={mode}")
    bench.sql(f"INSERT OVERWRITE {{t}} {bench.values(fields, bench.rows(rng, fields, op['rows']))}")


def delete(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Delete by a random predicate."""
    bench.not_for_spark()
    bench.sql(f"DELETE FROM {_place(bench, op, rng)} WHERE {predicate(bench, rng)}")


def truncate(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Delete every row by metadata alone."""
    bench.not_for_spark()
    bench.sql("DELETE FROM {t}")


def update(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Update one or two columns where a random predicate holds."""
    bench.not_for_spark()
    fields = bench.columns()
    chosen = rng.sample(fields, min(len(fields), rng.randint(1, 2)))
    parts = [
        f"{quoted(one['name'])} = {literal(one['type'], value(rng, one['type'], required=one['required']))}"
        for one in chosen
    ]
    bench.sql(f"UPDATE {_place(bench, op, rng)} SET {', '.join(parts)} WHERE {predicate(bench, rng)}")


def merge(bench: Bench, op: Operation, rng: random.Random) -> None:
    """Merge by one key, with up to all three kinds of clauses."""
    bench.not_for_spark()
    fields = bench.fields()
    keys = [one for one in bench.columns(plain=True) if not one["type"].startswith(("float", "double"))]
    if not keys:
        raise Skip("no key to merge by")
    key = rng.choice(keys)
    rows = bench.rows(rng, fields, op["rows"])
    distinct = {literal(key["type"], row[key["name"]]): row for row in rows if row[key["name"]] is not None}
    if not distinct:
        raise Skip("no rows to merge")
    source = [f"({spelled}, {place % 3})" for place, spelled in enumerate(distinct)]
    other = rng.choice(bench.columns())
    changed = literal(other["type"], value(rng, other["type"], required=other["required"]))
    new = rng.choice(list(distinct.values()))
    inserted = ", ".join("s.k" if one is key else literal(one["type"], new[one["name"]]) for one in fields)
    clauses = [
        "WHEN MATCHED AND s.what = 0 THEN DELETE",
        f"WHEN MATCHED THEN UPDATE SET t.{quoted(other['name'])} = {changed}",
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(quoted(one['name']) for one in fields)}) VALUES ({inserted})",
    ]
    kept = [clause for clause in clauses if rng.random() < 0.75] or clauses
    if rng.random() < 0.15:
        kept.append("WHEN NOT MATCHED BY SOURCE THEN DELETE")
    bench.sql(
        f"MERGE INTO {_place(bench, op, rng)} t USING (SELECT * FROM VALUES {', '.join(source)} AS x(k, what)) s "
        f"ON t.{quoted(key['name'])} = s.k {' '.join(kept)}"
    )


def predicate(bench: Bench, rng: random.Random) -> str:
    """A condition that holds for some rows, none or all."""
    field = rng.choice(bench.columns(plain=True))
    name, kind = quoted(field["name"]), field["type"]
    form = rng.random()
    if form < 0.45:
        parts = rng.randint(2, 5)
        return f"pmod(hash({name}), {parts}) = {rng.randrange(parts)}"
    if form < 0.6:
        return f"{name} IS {rng.choice(('', 'NOT '))}NULL"
    if form < 0.63:
        return "true"
    known = bench.remembered(rng, [field])[field["name"]]
    spelled = literal(kind, known if known is not None else value(rng, kind, required=True))
    return f"{name} {rng.choice(('=', '=', '=', '<', '>=', '<=>', '<>'))} {spelled}"


def _place(bench: Bench, op: Operation, rng: random.Random) -> str:
    """The table, or a branch of it that there is."""
    if op.get("branch"):
        branches = sorted(name for name, ref in dict(bench.table().refs()).items() if ref.isBranch() and name != "main")
        if branches:
            return f"{{t}}.{quoted('branch_' + rng.choice(branches))}"
    return "{t}"


ACTS: dict[str, Act] = {act.__name__: act for act in (insert, insert_overwrite, delete, truncate, update, merge)}
