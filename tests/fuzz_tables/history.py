"""Random histories as plain data: a table to be made and what happens to it. They know no engine and no file."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.fuzz_tables.forms import FORMS
from tests.fuzz_tables.kinds import BY_JAVA, NOT_SPARK, PRIMITIVES, columns, transforms
from tests.fuzz_tables.upkeep import properties

NAMES = ("", "", "", "", " two words", ".dotted", ' 100% "it\'s"', "_größen_😀", "_CAPS", "-x=y&z")
# How often each operation comes, relative to the others.
BY_SPARK = {
    "insert": 16,
    "insert_overwrite": 3,
    "delete": 10,
    "truncate": 1,
    "update": 6,
    "merge": 6,
    "add_column": 5,
    "add_default": 2,
    "drop_column": 4,
    "rename_column": 4,
    "move_column": 2,
    "widen_column": 6,
    "optional_column": 1,
    "nested_field": 5,
    "add_partition": 5,
    "drop_partition": 3,
    "replace_partition": 3,
    "sort_order": 2,
    "identifier": 1,
    "set_properties": 3,
    "upgrade": 3,
    "branch": 3,
    "roll_back": 2,
    "cherry_pick": 1,
    "rewrite_data": 4,
    "rewrite_deletes": 2,
    "rewrite_manifests": 2,
    "expire": 2,
}
BY_OTHERS = {
    "java_append": 7,
    "equality_delete": 7,
    "position_delete": 6,
    "python_append": 3,
    "python_overwrite": 2,
    "python_delete": 2,
    "add_files": 3,
    "python_add_files": 2,
}
# After these, a branch may be written to instead of the table.
TO_BRANCHES = ("insert", "delete", "update", "merge")


@dataclass(frozen=True)
class History:
    """One table and its life."""

    seed: str
    index: int
    create: dict[str, Any]
    operations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The table's name in the foreign catalog."""
        return f"t{self.index}{self.create['suffix']}"

    @property
    def target(self) -> str:
        """Its name in the managed one, which takes no odd names."""
        return f"t{self.index}"

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def without(self, place: int) -> History:
        """The same life without one operation."""
        return replace(self, operations=self.operations[:place] + self.operations[place + 1 :])


def make(seed: str | int, index: int) -> History:
    """The history of that seed and index: the same each time."""
    rng = random.Random(f"{seed}-{index}")
    version = rng.choice((1, 2, 2, 2, 3, 3))
    dice = rng.random()
    primitives = PRIMITIVES
    if dice < 0.15:
        primitives = (*PRIMITIVES, *BY_JAVA)
    elif dice < 0.2:
        primitives = (*PRIMITIVES, *BY_JAVA, *(NOT_SPARK if version == 3 else NOT_SPARK[:1]))
    # PyIceberg alone judges what Spark cannot read, and it errs in nested types (see known.py).
    made = columns(rng, primitives, nested=primitives[-1] not in NOT_SPARK)
    create = {
        "suffix": rng.choice(NAMES),
        "version": version,
        "writer": "java" if dice < 0.3 else "spark",
        "columns": made,
        "partition": _partition(rng, made),
        "properties": _properties(rng),
    }
    weights = BY_OTHERS if primitives[-1] in NOT_SPARK else {**BY_SPARK, **BY_OTHERS}
    operations = [_operation(rng, "java_append" if create["writer"] == "java" else "insert")]
    operations += [
        _operation(rng, name) for name in rng.choices(list(weights), list(weights.values()), k=rng.randint(0, 7))
    ]
    if rng.random() < 0.3:
        forms = rng.sample(sorted(FORMS), rng.choice((1, 1, 2)))
        operations += [{"op": "form", "seed": rng.randrange(2**32), "form": form} for form in forms]
    if rng.random() < 0.04:
        operations = []
    return History(str(seed), index, create, operations)


def of(plain: dict[str, Any]) -> History:
    """A history that was kept as JSON."""
    return History(**{key: plain[key] for key in ("seed", "index", "create", "operations")})


def _operation(rng: random.Random, name: str) -> dict[str, Any]:
    most = rng.choice((3, 8, 8, 20))
    made: dict[str, Any] = {"op": name, "seed": rng.randrange(2**32), "rows": rng.randint(1, most)}
    if name in TO_BRANCHES and rng.random() < 0.15:
        made["branch"] = True
    if name in ("java_append", "position_delete") and rng.random() < 0.02:
        made["format"] = rng.choice(("avro", "orc"))
    return made


def _partition(rng: random.Random, made: list[dict[str, Any]]) -> list[list[str]]:
    """Up to three partition fields, of different columns."""
    if rng.random() < 0.35:
        return []
    choices = [[rng.choice(found), one["name"]] for one in made if (found := transforms(one["type"]))]
    return rng.sample(choices, min(len(choices), rng.choice((1, 1, 1, 2, 3))))


def _properties(rng: random.Random) -> dict[str, str]:
    found = properties(rng, 4)
    if rng.random() < 0.7:
        found |= {f"write.{what}.mode": "merge-on-read" for what in ("delete", "update", "merge")}
    if rng.random() < 0.01:
        found["write.format.default"] = rng.choice(("orc", "avro"))
    return found
