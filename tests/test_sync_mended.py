"""Targets that are not whole any more: a whole round brings a rewritten one right."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.harness.cli import Outcome
from tests.harness.judged import pyiceberg_catalog
from tests.harness.written import reading
from tests.lakehouse.registry import local
from tests.test_kill import Process
from tests.test_sync_set_back import Made

IDS = pa.schema([("id", pa.int64())])
MENDS = "`icebridge sync --whole`"


class Damaged(Made):
    """A rewritten table whose target somebody has damaged."""

    def __init__(self, folder: Path, rounds: int) -> None:
        super().__init__(folder, IDS)
        self.append(id=[1, 2, 3])
        self.kept.migrate("rewrite")
        for number in range(rounds):
            self.append(id=[10 + number])
            self.sync()

    @property
    def metadata(self) -> Path:
        """The target's metadata file."""
        return local(self.kept.pointer("shop.t"))

    def list(self) -> Path:
        """The manifest list that the target shows."""
        metadata = json.loads(self.metadata.read_text())
        [current] = (one for one in metadata["snapshots"] if one["snapshot-id"] == metadata["current-snapshot-id"])
        return local(current["manifest-list"])

    def manifest(self) -> Path:
        """One of its manifests."""
        return local(records(self.list())[0]["manifest_path"])

    def data_file(self) -> Path:
        """One of its data files."""
        return local(records(self.manifest())[0]["data_file"]["file_path"])

    def same(self) -> bool:
        """Whether both sides have the same rows, as PyIceberg reads them."""
        copy = pyiceberg_catalog(self.kept.target).load_table("shop.t")
        return reading(copy) == reading(self.table.refresh())

    def mended(self, done: Outcome) -> None:
        """Nothing is left of the damage, and the next round goes on."""
        assert done.code == 0, done
        assert self.same()
        self.kept.cli.run("validate")
        self.append(id=[99])
        self.sync()


def records(path: Path) -> list[dict[str, Any]]:
    """Of an Avro file."""
    with path.open("rb") as file:
        return list(fastavro.reader(file))


def written(path: Path, like: Path, rows: list[dict[str, Any]], **metadata: str) -> None:
    """An Avro file under the schema of another one."""
    reader = fastavro.reader(io.BytesIO(like.read_bytes()))
    kept = {key: value for key, value in reader.metadata.items() if not key.startswith("avro.")}
    with path.open("wb") as file:
        fastavro.writer(file, reader.writer_schema, rows, metadata={**kept, **metadata})


def gone(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def other_rows(path: Path) -> None:
    pq.write_table(pa.table({"id": pa.array([1, 2, 9], pa.int64())}), path)


DAMAGES: dict[str, tuple[Callable[[Damaged], Path], Callable[[Path], None]]] = {
    "data file gone": (Damaged.data_file, gone),
    "data file cut": (Damaged.data_file, cut),
    "data file of other rows": (Damaged.data_file, other_rows),
    "manifest gone": (Damaged.manifest, gone),
    "manifest cut": (Damaged.manifest, cut),
    "manifest list gone": (Damaged.list, gone),
    "manifest list cut": (Damaged.list, cut),
}


@pytest.mark.parametrize("rounds", [0, 1])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_target_is_found_and_brought_right(damage: str, rounds: int, tmp_path: Path) -> None:
    made = Damaged(tmp_path, rounds)
    which, how = DAMAGES[damage]
    how(which(made))
    # Who looks for damage finds it, and says where it is and how it is mended.
    found = made.kept.cli.outcome("validate")
    assert found.code == 1, found
    [told] = made.kept.outcome().json["tables"]
    assert told["state"] == "not_migrated"
    assert (told["error"]["code"], MENDS in told["error"]["hint"]) == ("validation-failed", True), told
    moved = made.kept.cli.outcome("cutover", "move", "--quiet", "0s").json["tables"][0]
    assert (moved["state"], MENDS in moved["error"]["hint"]) == ("not_migrated", True), moved
    done = made.kept.outcome("--whole")
    # Until it is validated again it counts for nothing.
    if done.code == 0:
        [told] = made.kept.outcome().json["tables"]
        assert (told["state"], "`icebridge validate`" in told["error"]["hint"]) == ("not_migrated", True), told
    made.mended(done)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_target_that_is_damaged_while_its_source_goes_on_is_brought_right(damage: str, tmp_path: Path) -> None:
    made = Damaged(tmp_path, 1)
    which, how = DAMAGES[damage]
    how(which(made))
    made.append(id=[20, 21])
    done = made.kept.outcome()
    # What reads the target's metadata blames the target; a damaged file of an earlier round is not read.
    if done.code:
        [told] = done.json["tables"]
        assert (told["state"], MENDS in told["error"]["hint"]) == ("failed", True), told
        assert "source" not in told["error"]["hint"], told
    else:
        assert damage.startswith("data file")
    made.mended(made.kept.outcome("--whole"))


def test_a_whole_round_that_was_killed_after_a_failed_validation_is_made_again(tmp_path: Path) -> None:
    made = Damaged(tmp_path, 1)
    other_rows(made.data_file())
    assert made.kept.cli.outcome("validate").code == 1
    with closing(sqlite3.connect(made.kept.target / "catalog.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with Process(made.kept.cli, "sync", "--whole") as process:
            assert process.killed_after(3), "it waits for the catalog"
        database.execute("ROLLBACK")
    made.mended(made.kept.outcome("--whole"))


def test_a_passing_fault_of_the_source_does_not_close_the_way(tmp_path: Path) -> None:
    made = Damaged(tmp_path, 1)
    gone(made.data_file())
    assert made.kept.cli.outcome("validate").code == 1
    [file] = {local(task.file.file_path) for task in made.table.refresh().scan(row_filter="id = 1").plan_files()}
    away = file.rename(file.with_suffix(".away"))
    [told] = made.kept.outcome("--whole").json["tables"]
    assert (told["state"], told["error"]["code"]) == ("failed", "file-missing"), told
    away.rename(file)
    made.mended(made.kept.outcome("--whole"))


def test_delete_files_that_others_have_left_are_brought_right(tmp_path: Path) -> None:
    """A snapshot that says it replaced files, with a position delete: we write none."""
    made = Damaged(tmp_path, 1)
    metadata = json.loads(made.metadata.read_text())
    at, manifest = made.list(), made.manifest()
    file = made.data_file()
    delete = file.with_name("a-deletes.parquet")
    place = pa.schema(
        [
            pa.field("file_path", pa.string(), False, {"PARQUET:field_id": "2147483546"}),
            pa.field("pos", pa.int64(), False, {"PARQUET:field_id": "2147483545"}),
        ]
    )
    path = records(manifest)[0]["data_file"]["file_path"]
    pq.write_table(pa.table({"file_path": [path], "pos": [0]}, schema=place), delete)
    snapshot = metadata["current-snapshot-id"] + 1
    number = metadata["last-sequence-number"] + 1
    entry = records(manifest)[0]
    entry |= {"status": 1, "snapshot_id": snapshot, "sequence_number": number, "file_sequence_number": number}
    said = {"content": 1, "file_path": str(delete), "record_count": 1, "file_size_in_bytes": delete.stat().st_size}
    entry["data_file"] |= said
    deletes = manifest.with_name("a-deletes.avro")
    written(deletes, manifest, [entry], content="deletes")
    line = records(at)[0] | {"manifest_path": str(deletes), "manifest_length": deletes.stat().st_size, "content": 1}
    line |= {"sequence_number": number, "min_sequence_number": number, "added_snapshot_id": snapshot}
    later = at.with_name("a-list.avro")
    written(later, at, [*records(at), line])
    [current] = (one for one in metadata["snapshots"] if one["snapshot-id"] == metadata["current-snapshot-id"])
    next_one = current | {"snapshot-id": snapshot, "parent-snapshot-id": current["snapshot-id"]}
    next_one |= {"sequence-number": number, "manifest-list": str(later), "summary": {"operation": "replace"}}
    metadata["snapshots"].append(next_one)
    metadata |= {"current-snapshot-id": snapshot, "last-sequence-number": number}
    metadata["refs"]["main"]["snapshot-id"] = snapshot
    made.metadata.write_text(json.dumps(metadata))
    made.append(id=[20])
    [told] = made.kept.outcome().json["tables"]
    assert (told["state"], told["error"]["code"]) == ("stopped", "target-changed"), told
    assert MENDS in told["error"]["hint"]
    made.mended(made.kept.outcome("--whole"))


def test_a_damaged_clone_says_what_to_do(tmp_path: Path) -> None:
    made = Made(tmp_path, IDS)
    made.append(id=[1, 2, 3])
    made.kept.migrate("clone")
    [file] = (made.kept.target / "warehouse").rglob("*.parquet")
    other_rows(file)
    [told] = made.kept.outcome("--whole").json["tables"]
    assert told["state"] == "failed" and "drop the table there" in told["error"]["hint"], told
