"""What `icebridge sync` does when others write, tables and files go, processes die, or two work at once."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from pyiceberg.table.update import SetLocationUpdate
from pyiceberg.types import LongType

from spark.judges.digest_reference import Digest
from tests.harness.cli import Icebridge, fresh
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import File, KeptUp, file, files
from tests.harness.lake import GOOD, Lake, small_lake
from tests.harness.route import meanwhile
from tests.harness.written import plain, reading, sqlite_catalog
from tests.test_kill import Process, local, reachable

ONE, TWO = (f"shop.{name}" for name in GOOD)
MOVED = "shop.moved"
SNAPSHOT = "icebridge.source-snapshot-id"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Three tables that PyIceberg goes on writing to."""
    return small_lake(tmp_path / "lake")


@pytest.fixture(params=["clone", "rewrite"])
def kept(lake: Lake, tmp_path: Path, request: pytest.FixtureRequest) -> KeptUp:
    """Their copies."""
    made = KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()
    made.migrate(request.param)
    return made


def append(catalog: SqlCatalog, table: str, first: int, count: int = 5) -> Table:
    """New rows."""
    loaded = catalog.load_table(table)
    ids = range(first, first + count)
    loaded.append(pa.table({"id": pa.array(ids, pa.int64()), "name": pa.array([f"row {one}" for one in ids])}))
    return loaded


def target(kept: KeptUp, table: str) -> Table:
    """The copy, as PyIceberg opens it."""
    return pyiceberg_catalog(kept.target).load_table(table)


def is_the_source(kept: KeptUp, *tables: str) -> None:
    """PyIceberg reads the same rows on both sides, and all that the copy needs is in its own folder."""
    foreign = sqlite_catalog(kept.source)
    for name in tables or (ONE, TWO, MOVED):
        copy = target(kept, name)
        assert reading(copy) == reading(foreign.load_table(name)), name
        gone = [path for path in reachable(copy) if not path.is_file()]
        assert not gone, gone
        assert all(path.is_relative_to(kept.target) for path in reachable(copy))


def test_where_nothing_changed_nothing_is_written(kept: KeptUp, lake: Lake) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    state, there = kept.state(), files(kept.target)
    for arguments in ((), ("--table", ONE), ()):
        tables = kept.up_to_date(*arguments)
        assert all("made" not in table for table in tables.values())
    assert kept.state() == state and files(kept.target) == there
    # Every row is read, which is a validation; still nothing is written to the target.
    tables = kept.up_to_date("--whole")
    assert all("made" not in table for table in tables.values()) and files(kept.target) == there
    assert kept.state()["validations"] != state["validations"]
    assert {name: table["round"] for name, table in kept.up_to_date().items()} == {ONE: 1, TWO: 0, MOVED: 0}


def test_a_look_changes_nothing_and_tells_how_far_behind(kept: KeptUp, lake: Lake) -> None:
    append(lake.catalog, ONE, 100)
    append(lake.catalog, ONE, 200, 7)
    state, there = kept.state(), files(kept.target)
    looked = kept.outcome("--look")
    assert looked.code == 1
    tables = {table["source"]: table for table in looked.json["tables"]}
    assert {name: table["state"] for name, table in tables.items()} == {
        ONE: "behind",
        TWO: "up_to_date",
        MOVED: "up_to_date",
    }
    assert tables[ONE]["lag"]["snapshots"] == 2 and tables[ONE]["lag"]["rows"] == 12
    assert kept.state() == state and files(kept.target) == there
    kept.up_to_date()
    state, there = kept.state(), files(kept.target)
    assert kept.outcome("--look").code == 0
    assert kept.state() == state and files(kept.target) == there


@pytest.mark.parametrize("at_once", ["1", "2", "8"])
def test_more_tables_than_are_synced_at_once_come_to_an_end(at_once: str, tmp_path: Path) -> None:
    names = [f"shop.t{number}" for number in range(12)]
    tables = [plain(sqlite_catalog(tmp_path / "lake"), name, 3) for name in names]
    kept = KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()
    kept.migrate("clone", (), "--max-parallel-tables", at_once)
    for number in range(1, 4):
        for table in tables:
            append(sqlite_catalog(kept.source), ".".join(table.name()), 100 * number)
        assert {table["round"] for table in kept.up_to_date().values()} == {number}


def test_only_the_tables_that_are_asked_for(kept: KeptUp, lake: Lake) -> None:
    for table in (ONE, TWO):
        append(lake.catalog, table, 100)
    assert set(kept.up_to_date("--table", TWO)) == {TWO}
    assert reading(target(kept, ONE)) == lake.readings["good_one"]
    kept.cli.refuse("sync", "--table", "shop.nothing", code="invalid-input")
    kept.up_to_date()
    is_the_source(kept)


def test_a_target_that_others_wrote_to_stays_as_they_left_it(kept: KeptUp, lake: Lake) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    theirs = append(pyiceberg_catalog(kept.target), ONE, 1000)
    pointer = kept.pointer(ONE)
    append(lake.catalog, ONE, 200)
    append(lake.catalog, TWO, 200)
    kept.stopped(ONE, "target-changed")
    for again in range(2):
        append(lake.catalog, ONE, 300 + 10 * again)
        state = kept.state()
        kept.stopped(ONE, "target-changed")
        assert kept.state() == state, "said once, it is not written down again"
    assert kept.pointer(ONE) == pointer and reading(target(kept, ONE)) == reading(theirs)
    is_the_source(kept, TWO, MOVED)


def test_a_target_that_is_gone_is_named(kept: KeptUp, lake: Lake) -> None:
    append(lake.catalog, ONE, 100)
    pyiceberg_catalog(kept.target).drop_table(ONE)
    kept.stopped(ONE, "target-changed")
    append(lake.catalog, TWO, 100)
    kept.stopped(ONE, "target-changed")
    is_the_source(kept, TWO, MOVED)


@pytest.mark.parametrize("again", [False, True])
def test_a_source_that_is_gone_or_is_another_table_stops(again: bool, kept: KeptUp, lake: Lake) -> None:
    before = reading(target(kept, ONE))
    catalog = lake.catalog
    old = catalog.load_table(ONE)
    catalog.drop_table(ONE)
    if again:
        catalog.create_table(ONE, old.schema(), location=f"file://{lake.folder}/warehouse/shop/again")
        append(catalog, ONE, 1)
    append(catalog, TWO, 100)
    for _ in range(2):
        kept.stopped(ONE, "source-replaced")
    assert reading(target(kept, ONE)) == before
    is_the_source(kept, TWO, MOVED)


def test_two_tables_that_changed_names_are_not_taken_for_each_other(kept: KeptUp, lake: Lake) -> None:
    catalog = lake.catalog
    for old, new in ((ONE, "shop.aside"), (TWO, ONE), ("shop.aside", TWO)):
        catalog.rename_table(old, new)
    append(catalog, ONE, 500)
    for name in (ONE, TWO):
        kept.stopped(name, "source-replaced")


def test_a_missing_file_of_the_source_fails_the_round_and_not_the_target(kept: KeptUp, lake: Lake) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    before, pointer = reading(target(kept, ONE)), kept.pointer(ONE)
    newest = append(lake.catalog, ONE, 200)
    lost = local(newest.inspect.files()["file_path"].to_pylist()[0])
    aside = lost.with_suffix(".aside")
    lost.rename(aside)
    append(lake.catalog, TWO, 100)
    for _ in range(3):
        told = kept.stopped(ONE, "file-missing", state="failed")
        assert lost.name in told["error"]["object"], told
        assert kept.pointer(ONE) == pointer and reading(target(kept, ONE)) == before
    is_the_source(kept, TWO, MOVED)
    aside.rename(lost)
    kept.up_to_date()
    is_the_source(kept)


def test_a_missing_file_of_the_target_is_not_claimed_to_be_there(kept: KeptUp, lake: Lake) -> None:
    """Rounds do not read what earlier ones compared; `--whole` and `validate` do, and must say so."""
    assert kept.cli.outcome("validate").code == 0
    lost = local(target(kept, ONE).inspect.files()["file_path"].to_pylist()[0])
    lost.unlink()
    append(lake.catalog, ONE, 100)
    told = {one["source"]: one for one in kept.outcome("--whole").json["tables"]}[ONE]
    if is_rewritten(kept):
        # An older snapshot still lacks the file.
        assert reading(target(kept, ONE)) == reading(lake.catalog.load_table(ONE))
        return
    assert told["state"] == "failed" and told["error"]["code"] in ("file-missing", "validation-failed"), told
    assert kept.pointer(ONE).rsplit("/", 1)[1].startswith("00000-")
    assert kept.cli.outcome("validate").code == 1


def test_a_cut_file_of_the_target_is_found_by_a_whole_comparison(kept: KeptUp, lake: Lake) -> None:
    cut = local(target(kept, ONE).inspect.files()["file_path"].to_pylist()[0])
    cut.write_bytes(cut.read_bytes()[:-40])
    append(lake.catalog, ONE, 100)
    told = {one["source"]: one for one in kept.outcome("--whole").json["tables"]}[ONE]
    if is_rewritten(kept):
        is_the_source(kept)
        return
    assert told["state"] == "failed", told


def is_rewritten(kept: KeptUp) -> bool:
    """Whose rows can be written again; files of a clone are the source's."""
    tables = json.loads(Path(kept.plan).read_text(encoding="utf-8"))["tables"]
    return {table["mode"] for table in tables} == {"rewrite"}


def twin(kept: KeptUp, folder: Path) -> KeptUp:
    """Another state folder that knows the same catalogs and the same plan, and has adopted its tables."""
    other = KeptUp(fresh(folder), kept.source, kept.target, str(folder.parent / "plan.json")).connect()
    shutil.copy(kept.plan, other.plan)
    other.cli.run("inventory", "foreign")
    other.cli.run("run", other.plan)
    return other


def test_two_states_take_turns(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    other = twin(kept, tmp_path / "twin" / "state")
    for turn in range(6):
        append(lake.catalog, ONE, 100 * (turn + 1))
        at_work = (kept, other)[turn % 2]
        assert at_work.up_to_date()[ONE]["round"] == turn + 1
        is_the_source(kept)
    for one in (kept, other):
        assert {table["round"] for name, table in one.up_to_date().items() if name == ONE} == {6}


def test_two_states_at_once_apply_each_round_once(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    other = twin(kept, tmp_path / "twin" / "state")
    for turn in range(8):
        catalog = lake.catalog
        for table in (ONE, TWO, MOVED):
            append(catalog, table, 100 * (turn + 1))
        with meanwhile(other.cli, "sync") as second:
            first = kept.cli.outcome("sync")
        for outcome in (first, second.outcome):
            for table in outcome.json["tables"]:
                # Who came second is told so, or finds it done.
                codes = (table.get("error") or {}).get("code", "")
                assert table["state"] == "up_to_date" or codes in ("target-changed", "commit-conflict"), table
        is_the_source(kept)
        rounds = {name: table["round"] for name, table in kept.up_to_date().items()}
        assert rounds == dict.fromkeys((ONE, TWO, MOVED), turn + 1)
        other.up_to_date()
    for table in (ONE, TWO, MOVED):
        made = [step["made"]["target_metadata_location"] for one in (kept, other) for step in one.committed(table)]
        assert max(Counter(made).values()) <= 2 and len(set(made)) == 8, "one file for each round, whoever made it"


KILLS = 16


def test_killed_at_any_instant_a_round_has_happened_or_has_not(kept: KeptUp, lake: Lake) -> None:
    names = (ONE, TWO)
    known: dict[str, dict[str, Digest]] = {}
    visible: dict[str, dict[Path, File]] = {name: {} for name in names}
    for name in names:
        first = lake.catalog.load_table(name)
        known[name] = {snapshot(first): reading(first)}
    dice = random.Random("kill sync")
    append(lake.catalog, TWO, 50)
    began = time.monotonic()
    kept.up_to_date()
    seconds = time.monotonic() - began
    seen: Counter[str] = Counter()
    hits = tries = 0
    while hits < KILLS and tries < 3 * KILLS:
        tries += 1
        for place, name in enumerate(names):
            table = append(lake.catalog, name, 100 * tries)
            if tries % 3 == place:
                table.delete(f"id = {100 * dice.randint(1, tries)}")
            known[name][snapshot(table)] = reading(table)
        with Process(kept.cli, "sync") as process:
            hits += process.killed_after(dice.uniform(0.02, seconds * 1.3))
        for name in names:
            copy, now = target(kept, name), lake.catalog.load_table(name)
            state = copy.properties[SNAPSHOT]
            known[name].setdefault(state, reading(now.refresh(), int(state)))
            assert reading(copy) == known[name][state], f"{name} shows no state of its source"
            changed = [path for path, was in visible[name].items() if file(path) != was]
            assert not changed, f"files that readers need were written again: {changed}"
            visible[name] = {path: file(path) for path in reachable(copy)}
            seen["synced" if state == snapshot(now) else "behind"] += 1
        if dice.random() < 0.3:
            assert kept.outcome().code == 0
    assert kept.outcome().code == 0
    tables = kept.up_to_date()
    is_the_source(kept)
    print(f"{hits} kills in {tries} rounds of {seconds:.2f} s; tables then: {dict(seen)}")
    assert hits >= KILLS // 2 and seen["behind"]
    assert bundle(kept.cli, kept.cli.state.parent / "bundle")["intact"]
    for name in names:
        rounds = kept.committed(name)
        assert [step["round"] for step in rounds] == list(range(1, tables[name]["round"] + 1))
        assert len({step["source_metadata_location"] for step in rounds}) == len(rounds)


def snapshot(table: Table) -> str:
    """The snapshot that a table shows."""
    return str(table.metadata.current_snapshot_id)


def one_column(path: Path, *ids: int) -> str:
    """A Parquet file without field ids, as other programs leave it; of so many rows it is of one size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"id": pa.array(ids, pa.int64())})
    pq.write_table(rows, path, compression="none", use_dictionary=False)
    return f"file://{path}"


def imported(tmp_path: Path, *ids: int) -> tuple[KeptUp, Table]:
    """The copy of a table that took in one file of another program, at the top of its location."""
    catalog = sqlite_catalog(tmp_path / "lake")
    catalog.create_namespace("shop")
    place = tmp_path / "lake" / "warehouse" / "here"
    schema = pa.schema([("id", pa.int64())])
    table = catalog.create_table("shop.t", schema, location=f"file://{place}")
    table.add_files([one_column(place / "000000_0.parquet", *ids)])
    kept = KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()
    kept.migrate("clone")
    return kept, table


def is_as_before_or_the_source(kept: KeptUp, before: Digest) -> None:
    """A round has happened and all is right, or it has not and nothing is changed: it is said which."""
    [told] = kept.outcome().json["tables"]
    if told["state"] == "up_to_date":
        is_the_source(kept, "shop.t")
    else:
        assert told["error"]["code"] and reading(target(kept, "shop.t")) == before


@pytest.mark.parametrize("ids", [(20, 21), (20, 21, 22, 23)], ids=["same size", "other size"])
def test_a_file_name_that_is_used_again_is_no_known_file(ids: tuple[int, ...], tmp_path: Path) -> None:
    """Another program writes its file once more, and the table takes it in again: no sync has come in between."""
    kept, table = imported(tmp_path, 10, 11)
    before = reading(target(kept, "shop.t"))
    table.delete("id >= 10")
    table.add_files([one_column(tmp_path / "lake" / "warehouse" / "here" / "000000_0.parquet", *ids)])
    is_as_before_or_the_source(kept, before)


@pytest.mark.parametrize("ids", [(20, 21), (20, 21, 22, 23)], ids=["same size", "other size"])
def test_files_of_one_name_below_an_old_and_a_new_location_are_two(ids: tuple[int, ...], tmp_path: Path) -> None:
    kept, table = imported(tmp_path, 10, 11)
    before = reading(target(kept, "shop.t"))
    place = tmp_path / "lake" / "warehouse" / "there"
    with table.transaction() as change:
        change._apply((SetLocationUpdate(location=f"file://{place}"),))
    table.refresh().add_files([one_column(place / "000000_0.parquet", *ids)])
    is_as_before_or_the_source(kept, before)


def point_to(kept: KeptUp, path: Path) -> None:
    """The foreign catalog shows this metadata file for every table."""
    with closing(sqlite3.connect(kept.source / "catalog.db")) as database, database:
        database.execute("UPDATE iceberg_tables SET metadata_location = ?", (f"file://{path}",))


def test_a_metadata_file_that_is_written_again_is_not_taken_for_the_known_one(tmp_path: Path) -> None:
    """Tables in files are numbered: v2 of a table that was set back to v1 is another v2."""
    kept, table = imported(tmp_path, 10, 11)
    first = local(table.metadata_location)
    second = first.parent / "v2.metadata.json"
    for number in range(2):
        point_to(kept, first)
        table.refresh().append(pa.table({"id": pa.array(range(number + 1), pa.int64())}))
        second.write_bytes(local(table.metadata_location).read_bytes())
        point_to(kept, second)
        kept.up_to_date()
        is_the_source(kept, "shop.t")


def test_a_round_says_the_digest_that_the_table_has_by_a_new_name_mapping(tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "lake")
    catalog.create_namespace("shop")
    rows = pa.table({"a": ["a1", "a2"], "b": ["b1", "b2"]})
    path = tmp_path / "lake" / "warehouse" / "in.parquet"
    table = catalog.create_table("shop.t", rows.schema)
    pq.write_table(rows, path)
    table.add_files([f"file://{path}"])
    kept = KeptUp(fresh(tmp_path / "state"), tmp_path / "lake", tmp_path / "managed").connect()
    kept.migrate("clone")
    other_way = [{"field-id": 1, "names": ["b"]}, {"field-id": 2, "names": ["a"]}]
    with table.transaction() as change:
        change.set_properties({"schema.name-mapping.default": json.dumps(other_way)})
    made = kept.up_to_date()["shop.t"]["made"]
    assert made["digest"] == kept.cli.run("table", "digest", "foreign", "shop.t")["digest"]
    is_the_source(kept, "shop.t")


def test_a_file_that_the_table_has_twice_is_counted_twice(tmp_path: Path) -> None:
    kept, table = imported(tmp_path, 10, 11)
    again = [f"file://{tmp_path}/lake/warehouse/here/000000_0.parquet"]
    first = table.metadata.current_snapshot_id
    table.add_files(again, check_duplicate_files=False)
    assert kept.up_to_date()["shop.t"]["made"]["rows"] == 4
    table.manage_snapshots().rollback_to_snapshot(first).commit()
    assert kept.up_to_date()["shop.t"]["made"]["rows"] == 2
    is_the_source(kept, "shop.t")


def test_a_copy_of_a_synced_table_is_synced_itself(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    second = KeptUp(fresh(tmp_path / "second"), kept.target, tmp_path / "second-managed")
    second.cli.connect_sql("foreign", kept.target / "catalog.db", "icebridge")
    second.cli.connect_embedded("managed", second.target)
    second.migrate("clone")
    for first in (200, 300):
        append(lake.catalog, ONE, first)
        kept.up_to_date()
        second.up_to_date()
        assert reading(target(second, ONE)) == reading(lake.catalog.load_table(ONE))


def test_the_journal_says_once_that_rounds_fail_for_one_reason(kept: KeptUp, lake: Lake) -> None:
    newest = append(lake.catalog, ONE, 100)
    local(newest.inspect.files()["file_path"].to_pylist()[0]).unlink()
    kept.stopped(ONE, "file-missing", state="failed")
    for _ in range(3):
        kept.stopped(ONE, "file-missing", state="failed")
        steps = [one["stage"] for one in kept.journal() if one["kind"] == "table.synced"]
        assert steps[-1] == "failed", steps


def bundle(cli: Icebridge, folder: Path) -> dict[str, Any]:
    """The bundle of the run, verified."""
    cli.run("audit", "export", "--out", folder)
    verdict: dict[str, Any] = cli.run("audit", "verify", folder)
    return verdict


@pytest.fixture
def synced(kept: KeptUp, lake: Lake) -> KeptUp:
    """Two rounds of one table, one of another, none of the third."""
    append(lake.catalog, ONE, 100)
    kept.up_to_date()
    append(lake.catalog, ONE, 200)
    append(lake.catalog, TWO, 200)
    kept.up_to_date()
    return kept


def test_a_synced_table_validates_as_what_it_is_now(synced: KeptUp) -> None:
    view = synced.cli.run("validate")
    rows = {table["source"]: table["validation"]["rows"] for table in view["tables"]}
    assert rows == {ONE: 20, TWO: 15, MOVED: 10}
    now = {table["source"]: table["validation"]["source_snapshot_id"] for table in view["tables"]}
    assert now == {name: table["synced_snapshot_id"] for name, table in synced.up_to_date().items()}
    assert all(table["validation"]["passed"] for table in view["tables"])


def test_validate_finds_what_a_synced_table_lost(synced: KeptUp) -> None:
    local(target(synced, ONE).inspect.files()["file_path"].to_pylist()[0]).unlink()
    done = synced.cli.outcome("validate")
    assert done.code == 1
    assert {table["source"] for table in done.json["tables"] if table["state"] != "migrated"} == {ONE}


def test_the_plan_run_again_adopts_what_was_synced(synced: KeptUp, lake: Lake) -> None:
    there = files(synced.target / "warehouse")
    for arguments in (("run", synced.plan), ("run", "--resume")):
        view = synced.cli.run(*arguments)
        assert {table["state"] for table in view["tables"]} == {"migrated"}, arguments
        assert files(synced.target / "warehouse") == there
    append(lake.catalog, ONE, 300)
    assert synced.up_to_date()[ONE]["round"] == 3
    is_the_source(synced)


def test_a_state_folder_that_was_lost_is_made_anew_from_the_plan(synced: KeptUp, lake: Lake, tmp_path: Path) -> None:
    other = twin(synced, tmp_path / "twin" / "state")
    assert {name: table["round"] for name, table in other.up_to_date().items()} == {ONE: 2, TWO: 1, MOVED: 0}
    append(lake.catalog, ONE, 300)
    made = other.up_to_date()[ONE]
    assert made["round"] == 3 and made["made"]["rows"] == 25
    is_the_source(other)


def test_the_bundle_of_a_synced_run_verifies(synced: KeptUp, tmp_path: Path) -> None:
    verdict = bundle(synced.cli, tmp_path / "bundle")
    assert verdict["intact"] and verdict["migrated"] == 3, verdict
    synced.cli.run("validate")
    verdict = bundle(synced.cli, tmp_path / "later")
    assert verdict["intact"] and verdict["migrated"] == 3, verdict


def test_the_preflight_of_a_synced_table_asks_nothing_new(synced: KeptUp) -> None:
    before = synced.cli.outcome("preflight", *synced.route.arguments)
    synced.cli.run("inventory", "foreign")
    after = synced.cli.outcome("preflight", *synced.route.arguments)
    assert {table["source"] for table in after.json["tables"]} == {ONE, TWO, MOVED}
    assert before.code == after.code, after


def test_the_digest_of_another_state_is_not_built_upon(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    """A validation names a snapshot; its columns may be others since, by a round that this state did not make."""
    append(lake.catalog, ONE, 100)
    twin = KeptUp(Icebridge(tmp_path / "twin"), kept.source, kept.target, kept.plan)
    shutil.copytree(kept.cli.state, twin.cli.state)
    kept.up_to_date()
    twin.cli.run("validate")
    with lake.catalog.load_table(ONE).update_schema() as update:
        update.add_column("late", LongType())
    kept.up_to_date()
    append(lake.catalog, ONE, 200)
    made = {table["source"]: table for table in twin.sync("--table", ONE).values()}[ONE]["made"]
    digest = kept.cli.run("table", "digest", "managed", ONE)
    assert (made["digest"], made["rows"]) == (digest["digest"], digest["rows"])


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_loop_outlives_what_somebody_can_mend(kept: KeptUp, lake: Lake) -> None:
    database = kept.source / "catalog.db"
    append(lake.catalog, ONE, 100)
    with Process(kept.cli, "sync", "--every", "1s") as loop:
        until(lambda: kept.committed(ONE))
        database.rename(database.with_name("away"))
        time.sleep(3)
        database.with_name("away").rename(database)
        append(sqlite_catalog(kept.source), ONE, 200)
        until(lambda: len(kept.committed(ONE)) > 1)
        assert loop.popen.poll() is None
    is_the_source(kept, TWO, MOVED)
