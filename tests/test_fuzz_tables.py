"""Random tables by random histories: every engine reads the same rows, and finds them in our copies too.

`python -m tests.fuzz_tables` tries more of them; a history that failed once is kept in tests/fuzz_tables/kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz_tables import synced
from tests.fuzz_tables.avro import Avro, raw
from tests.fuzz_tables.batch import Engines
from tests.fuzz_tables.fuzz import Fuzz
from tests.fuzz_tables.history import History, make, of
from tests.fuzz_tables.tally import Tally

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.lakehouse.java import Java

KEPT = sorted((Path(__file__).parent / "fuzz_tables" / "kept").glob("*.json"))
# Which tables of which seed; their numbers differ, since they share one warehouse.
SYNCED = 10
SEEDS = {"life": range(0, 7), "tests": range(7, 14), "more": range(14, 21)}


@pytest.fixture(scope="module")
def engines(spark: SparkSession, java: Java, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """The Spark of all tests, with DuckDB beside it."""
    made = Engines(tmp_path_factory.mktemp("fuzz"), spark, java)
    yield made
    made.stop()


def test_engines_and_copies_agree_on_random_tables(engines: Engines) -> None:
    tables = [make(seed, index) for seed, indexes in SEEDS.items() for index in indexes]
    fuzz = Fuzz(engines, Tally("tests"), shrinks=False)
    fuzz.batch(tables)
    assert not fuzz.failures
    assert not fuzz.complaints
    assert fuzz.tally.not_made == 0
    # A fuzzer that makes nothing, or reads nothing, finds nothing.
    assert fuzz.tally.snapshots > len(tables)
    assert fuzz.tally.copies > len(tables)


def test_copies_follow_random_tables_through_their_lives(engines: Engines) -> None:
    tally = synced.run(engines, iter([make("synced", index) for index in range(SYNCED)]), SYNCED)
    assert not tally.found
    assert tally.rounds > 2 * SYNCED and tally.readings > 2 * SYNCED
    assert tally.compared["changes"] > tally.compared["whole"] > 0


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_what_failed_once_does_not_fail_again(path: Path, engines: Engines) -> None:
    history = of(json.loads(path.read_text(encoding="utf-8")))
    _, found = Fuzz(engines, Tally("kept")).alone(history)
    assert not found


def test_a_table_comes_out_of_its_seed_the_same_each_time() -> None:
    assert make("tests", 3) == make("tests", 3)
    assert make("tests", 3) != make("tests", 4)
    assert of(json.loads(json.dumps(make("tests", 3).plain()))) == make("tests", 3)


DELETES = History(
    "canary",
    0,
    {
        "suffix": "",
        "version": 2,
        "writer": "spark",
        "columns": [{"name": "id", "type": "long", "required": False}],
        "partition": [],
        "properties": {},
    },
    [
        {"op": "insert", "seed": 1, "rows": 20},
        {"op": "position_delete", "seed": 2, "rows": 1},
        {"op": "add_column", "seed": 3, "rows": 1},
    ],
)


def without_deletes(target: Path, mode: str) -> None:
    """Take the delete manifests out of every manifest list of the copies."""
    with raw():
        for path in target.rglob("*.avro"):
            file = Avro.read(path)
            if any("manifest_path" in record for record in file.records):
                file.records = [record for record in file.records if not record["content"]]
                path.write_bytes(file.bytes())


def test_copies_that_lost_their_deletes_are_found_and_the_history_is_made_small(engines: Engines) -> None:
    fuzz = Fuzz(engines, Tally("canary"), meddle=without_deletes)
    fuzz.batch([DELETES])
    assert [failure.differences[0].kind for failure in fuzz.failures] == ["clone has other rows"]
    assert [op["op"] for op in fuzz.failures[0].history.operations] == ["insert", "position_delete"]
    assert fuzz.tally.differences == 1
