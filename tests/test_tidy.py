"""`icebridge tidy`: what earlier work left behind is listed, and only what is ours alone is removed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service.workspace import ImportFormat

from spark.judges.digest_reference import Digest
from tests.harness import clusters
from tests.harness.cli import Icebridge, fresh
from tests.harness.foreign import foreign
from tests.harness.judged import pyiceberg_catalog
from tests.harness.kept_up import KeptUp, files
from tests.harness.kill_walk import KillWalk
from tests.harness.lake import Lake
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.written import reading

# Fixtures of other files.
from tests.test_sync_faults import lake as lake

KILLS = 12


@pytest.fixture
def kept(lake: Lake, tmp_path: Path) -> KeptUp:
    """Catalogs that know each other; nothing is copied."""
    return KeptUp(fresh(tmp_path / "state"), lake.folder, tmp_path / "managed").connect()


def tidy(cli: Icebridge, *arguments: str, code: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The leftovers by their kinds."""
    done = cli.outcome("tidy", *arguments)
    assert done.code == code, done
    assert "unseen" not in done.json, done.json
    found: dict[str, list[dict[str, Any]]] = {}
    for left in done.json["leftovers"]:
        found.setdefault(left["kind"], []).append(left)
    return found


def fates(leftovers: list[dict[str, Any]]) -> dict[str, str]:
    """What shall become, or became, of each."""
    return {left["name"]: left["fate"] for left in leftovers}


def test_a_new_state_has_nothing(icebridge: Icebridge) -> None:
    assert tidy(icebridge) == {} == tidy(icebridge, "--yes", "--staged")


@pytest.mark.parametrize("mode", ["rewrite", "clone"])
def test_what_a_killed_run_staged_is_taken_back_and_never_what_was_published(
    mode: str, kept: KeptUp, lake: Lake, tmp_path: Path
) -> None:
    kept.cli.run("inventory", "foreign")
    plan = str(kept.route.replan(mode, "--max-commits-per-min", "100000")["path"])
    walk = KillWalk(kept.cli, tmp_path / "walk", kept.cli.state, kept.target)
    walk.begin_here()
    source = files(lake.folder / "warehouse")
    taken_back = 0
    for at, killed in walk.walk(KILLS, "run", plan):
        if not killed or not kept.cli.run("runs"):
            continue
        # Looking changes nothing; without --staged a resume finds what it had.
        before = files(kept.target)
        listed = tidy(kept.cli).get("staged_copy", [])
        assert all(left["fate"] == "stays" for left in listed), (at, listed)
        assert fates(tidy(kept.cli, "--yes").get("staged_copy", [])) == fates(listed), at
        assert files(kept.target) == before, at
        left = tidy(kept.cli, "--staged", "--yes").get("staged_copy", [])
        assert {one["fate"] for one in left} <= {"removed", "stays"}, (at, left)
        taken_back += sum(one["fate"] == "removed" for one in left)
        again = fates(tidy(kept.cli, "--staged").get("staged_copy", []))
        assert again.keys() == {one["name"] for one in left if one["fate"] == "stays"}, (at, left, again)
        # What is left in the target belongs to tables that it has, or may have.
        kept.route.resume().succeeded()
        assert tidy(kept.cli, "--staged") == {}, at
        tables = {name.rpartition("/")[2] for name in folders_of_tables(kept)}
        there = {path.name for path in (kept.target / "warehouse").glob("*/*") if any(path.rglob("*.*"))}
        assert there == tables, (at, there ^ tables)
    assert taken_back > 0
    assert files(lake.folder / "warehouse") == source


def folders_of_tables(kept: KeptUp) -> Iterator[str]:
    """Where the target's tables lie."""
    catalog = pyiceberg_catalog(kept.target)
    for namespace in catalog.list_namespaces():
        for name in catalog.list_tables(namespace):
            yield catalog.load_table(name).metadata.location.rstrip("/")


def test_earlier_bundles_of_a_run_go_if_nobody_touched_them(kept: KeptUp, tmp_path: Path) -> None:
    kept.migrate("clone")
    first = Path(kept.cli.run("audit", "export")["path"])
    run, folder = first.stem, first.parent
    # One of them as a folder, under the name that earlier versions gave it.
    bundles = [first, *(folder / name for name in (f"{run}-2.zip", f"{run}-3", f"{run}-3.zip"))]
    for path in bundles[1:]:
        kept.cli.run("audit", "export", *(["--out", path] if path.suffix == "" else []))
    elsewhere = kept.cli.run("audit", "export", "--out", tmp_path / "elsewhere")["path"]
    with bundles[1].open("ab") as file:
        file.write(b"mine")
    names = (f".{first.name}.{'0' * 32}.unfinished", "of others", f".{run}-2.{'1' * 32}.unfinished")
    ours, others, late = (folder / name for name in names)
    thesis = folder / ".my-thesis.unfinished"
    for path in (ours, others, late, thesis):
        path.mkdir()
        (path / "plan.json").write_text("{}")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    half = folder / f".{first.name}.{'2' * 32}.unfinished"
    half.write_text("half of an archive")
    an_hour_ago = time.time() - 3700
    for path in (ours / "plan.json", ours, half, thesis / "plan.json", thesis, late):
        os.utime(path, (an_hour_ago, an_hour_ago))

    found = tidy(kept.cli)
    assert fates(found["unfinished_bundle"]) == {
        ours.name: "removable",
        half.name: "removable",
        late.name: "stays",
    }
    expected = {bundles[0].name: "removable", bundles[1].name: "stays", bundles[2].name: "removable"}
    assert fates(found["bundle"]) == expected
    assert all(path.exists() for path in [*bundles, ours, half])
    found = tidy(kept.cli, "--yes")
    assert fates(found["unfinished_bundle"]) == {
        ours.name: "removed",
        half.name: "removed",
        late.name: "stays",
    }
    assert fates(found["bundle"]) == {
        bundles[0].name: "removed",
        bundles[1].name: "stays",
        bundles[2].name: "removed",
    }
    assert [path.exists() for path in bundles] == [False, True, False, True]
    assert others.is_dir() and late.is_dir() and thesis.is_dir() and Path(elsewhere).is_dir()
    assert not ours.exists() and not half.exists()
    assert kept.cli.run("audit", "verify", bundles[3])["intact"]

    # Numbers that are free are given anew: the journal tells which one is later.
    bundles.append(Path(kept.cli.run("audit", "export")["path"]))
    assert bundles[4] == bundles[0]
    assert fates(tidy(kept.cli, "--yes")["bundle"])[bundles[3].name] == "removed"

    # The last one was changed: nothing can stand for the earlier ones.
    bundles.append(Path(kept.cli.run("audit", "export")["path"]))
    with bundles[-1].open("r+b") as file:
        file.seek(40)
        file.write(b"changed")
    assert set(fates(tidy(kept.cli, "--yes")["bundle"]).values()) == {"stays"}


def test_a_bundle_of_another_state_stays(kept: KeptUp, tmp_path: Path) -> None:
    kept.migrate("clone")
    first = Path(kept.cli.run("audit", "export")["path"])
    other = fresh(tmp_path / "other")
    shutil.copytree(kept.cli.state, other.state, dirs_exist_ok=True)
    # From here on the two states have journals of their own.
    other.run("validate")
    theirs = other.run("audit", "export", "--out", first.parent / f"{first.stem}-2.zip")["path"]
    kept.cli.run("validate")
    kept.cli.run("validate")
    assert Path(kept.cli.run("audit", "export")["path"]).name.endswith("-3.zip")
    found = tidy(kept.cli, "--yes")["bundle"]
    assert fates(found) == {first.name: "removed", Path(theirs).name: "stays"}
    assert "another state" in next(left["why"] for left in found if left["fate"] == "stays")


def test_a_rehearsal_is_told_and_no_folder_there_is_touched(kept: KeptUp) -> None:
    kept.cli.run("inventory", "foreign")
    plan = kept.route.replan("clone", "--max-commits-per-min", "100000")["path"]
    made = kept.cli.run("cutover", "rehearse", plan)
    state = Path(made["state_folder"])
    notes = state.parent / "notes" / "mine.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    catalog = pyiceberg_catalog(kept.target)
    for name in catalog.list_tables(made["schema"]):
        catalog.drop_table(name)
    there = files(state.parent)
    for arguments in ([], ["--yes", "--staged"]):
        [left] = tidy(kept.cli, *arguments)["rehearsal"]
        assert (left["name"], left["fate"]) == (state.name, "stays") and str(state) in left["why"], left
    assert files(state.parent) == there
    assert tidy(Icebridge(state), "--yes", "--staged") == {}


def killed_with_a_copy(kept: KeptUp, tmp_path: Path) -> str:
    """A run that is killed while it copies; returns a table that is staged and not published."""
    kept.cli.run("inventory", "foreign")
    plan = str(kept.route.replan("rewrite", "--max-commits-per-min", "100000")["path"])
    walk = KillWalk(kept.cli, tmp_path / "walk", kept.cli.state, kept.target)
    walk.begin_here()
    for _, killed in walk.walk(40, "run", plan):
        listed = tidy(kept.cli, "--staged").get("staged_copy", []) if killed else []
        for left in listed:
            if left["fate"] == "removable":
                return str(left["name"])
    raise AssertionError("no kill left a staged copy")


def test_a_target_that_is_away_keeps_what_is_staged(kept: KeptUp, tmp_path: Path) -> None:
    name = killed_with_a_copy(kept, tmp_path)
    away = kept.target.with_name("away")
    kept.target.rename(away)
    done = kept.cli.outcome("tidy", "--staged", "--yes")
    assert done.code == 1 and done.json["unseen"][0]["error"]["code"] == "catalog-unreachable", done
    assert not kept.target.exists(), "a target that is not mounted was made"
    away.rename(kept.target)
    assert fates(tidy(kept.cli, "--staged")["staged_copy"])[name] == "removable"
    kept.route.resume().succeeded()


def renamed(kept: KeptUp) -> dict[str, Digest]:
    """What the killed run published and still has a place for gets another name; its rows."""
    staged = fates(tidy(kept.cli).get("staged_copy", []))
    if not staged:
        return {}
    catalog = pyiceberg_catalog(kept.target)
    there = [name for name in staged if catalog.table_exists(name)]
    for name in there:
        catalog.rename_table(name, f"{name}_live")
    return {name: reading(catalog.load_table(f"{name}_live")) for name in there}


def whole(kept: KeptUp, there: dict[str, Digest]) -> bool:
    """Whether they have their rows still."""
    catalog = pyiceberg_catalog(kept.target)
    return there == {name: reading(catalog.load_table(f"{name}_live")) for name in there}


def test_what_was_published_and_renamed_stays(kept: KeptUp, lake: Lake, tmp_path: Path) -> None:
    kept.cli.run("inventory", "foreign")
    plan = str(kept.route.replan("rewrite", "--max-commits-per-min", "100000")["path"])
    walk = KillWalk(kept.cli, tmp_path / "walk", kept.cli.state, kept.target)
    walk.begin_here()
    seen = []
    for at, killed in walk.walk(40, "run", plan):
        if not killed or not (there := renamed(kept)):
            continue
        tidy(kept.cli, "--staged", "--yes")
        assert whole(kept, there), at
        # A resume neither writes there nor copies them a second time, and takes them once they have their names again.
        run = kept.route.resume()
        for name in there:
            error = run.failed(name, "target-changed")
            assert f"{name}_live" in json.dumps(error), error
        assert whole(kept, there), at
        catalog = pyiceberg_catalog(kept.target)
        for name in there:
            catalog.rename_table(f"{name}_live", name)
        kept.route.resume().succeeded()
        assert {name: reading(catalog.load_table(name)) for name in there} == there, at
        seen.append(at)
    assert seen
    # Nor is it cleared where the source has gone on so far that the plan is of no use any more.
    stale = False
    for at in seen:
        walk.again()
        walk.kill(at, "run", plan)
        if there := renamed(kept):
            for name in there:
                table = lake.catalog.load_table(name)
                pinned = table.current_snapshot()
                assert pinned is not None
                table.append(table.scan().to_arrow())
                table.maintenance.expire_snapshots().by_id(pinned.snapshot_id).commit()
            kept.cli.outcome("run", "--resume")
            assert whole(kept, there), at
            stale = True
            break
    assert stale


def test_removing_wants_the_state_to_itself(kept: KeptUp) -> None:
    from tests.harness.route import meanwhile, wait_until

    kept.cli.run("inventory", "foreign")
    plan = kept.route.replan("rewrite", "--max-commits-per-min", "1")["path"]
    with meanwhile(kept.cli, "run", str(plan)) as run:
        wait_until(lambda: (kept.cli.state / "state.lock.holder").exists())
        kept.cli.refuse("tidy", "--yes", code="state-locked")
        assert all(left["fate"] == "stays" for left in tidy(kept.cli, "--staged").get("staged_copy", []))
        run.send_signal(2)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Clusters that run nothing: what is looked at is what is left of them."""
    with sandbox("--gate-open") as running:
        yield running


def test_what_is_left_in_a_workspace(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    admin = box.client(box.admin_token)
    for name in ("orders", "events"):
        foreign(box, tmp_path / "lake", f"shop.{name}")
    route = clusters.route(icebridge, box, "arrived")
    made = clusters.plan(route, clusters.settings(tmp_path))
    # The clusters' runs fail; that their jobs stay is the fault's doing.
    with box.fault("/api/*/jobs/delete", "error", status=403, code="PERMISSION_DENIED"):
        assert clusters.run(route, made["path"]).outcome.code == 1
    jobs = {job.settings.name for job in admin.jobs.list() if job.settings}
    assert jobs
    # Of somebody else, under a name of ours.
    [first, *_] = [admin.jobs.get(job.job_id or 0).settings for job in admin.jobs.list()]
    assert first
    pilot = box.client(box.token)
    others = pilot.jobs.create(name=first.name, tasks=first.tasks, job_clusters=first.job_clusters).job_id
    # Scripts of another version, which a step used that is over.
    [mine] = {row[0] for row in rows(icebridge, "SELECT json_extract(record, '$.scripts') FROM cluster_steps")}
    older = f"{mine.rpartition('/')[0]}/0123456789abcdef"
    put(box, f"{older}/bulk_copy.py", "print(1)")
    rows(icebridge, f"UPDATE cluster_steps SET record = json_set(record, '$.scripts', '{older}')")
    with box.fault("/api/*/unity-catalog/schemas/*", "error", status=403, code="PERMISSION_DENIED"):
        told = icebridge.outcome("workspace", "doctor", "here", "--catalog", "main", "--yes").json["left_behind"]
    theirs = {"icebridge.doctor.state": "x"}
    admin.schemas.create(name="icebridge_doctor_x", catalog_name="main", properties=theirs)

    found = tidy(icebridge)
    assert fates(found["job"]) == dict.fromkeys(jobs, "removable")
    assert fates(found["scripts"]) == {older: "stays"}
    assert fates(found["scratch_schema"]) == {told: "stays"}
    with box.fault("/api/*/jobs/delete", "error", status=403, code="PERMISSION_DENIED"):
        failed = tidy(icebridge, "--yes", code=1)
    assert set(fates(failed["job"]).values()) == {"failed"} and failed["job"][0]["error"]["code"] == "access-denied"
    assert fates(tidy(icebridge, "--yes")["job"]) == dict.fromkeys(jobs, "removed")
    assert [job.job_id for job in admin.jobs.list()] == [others] and "job" not in tidy(icebridge)
    admin.workspace.get_status(f"{older}/bulk_copy.py")
    assert {schema.name for schema in admin.schemas.list(catalog_name="main")} >= {
        "icebridge_doctor_x",
        told.rpartition(".")[2],
    }


def test_the_steps_of_a_catalog_that_was_removed_are_told(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    for name in ("orders", "events"):
        foreign(box, tmp_path / "lake", f"shop.{name}")
    route = clusters.route(icebridge, box, "arrived")
    made = clusters.plan(route, clusters.settings(tmp_path))
    with box.fault("/api/*/jobs/delete", "error", status=403, code="PERMISSION_DENIED"):
        assert clusters.run(route, made["path"]).outcome.code == 1
    icebridge.run("catalog", "remove", "managed")
    left = tidy(icebridge, "--yes")["job"]
    assert left and all(one["fate"] == "stays" and "add it again" in one["why"] for one in left), left


def rows(cli: Icebridge, statement: str) -> list[tuple[Any, ...]]:
    """What is in the state, or as it could have been."""
    with sqlite3.connect(cli.state / "state.db") as database:
        return database.execute(statement).fetchall()


def put(box: Sandbox, path: str, content: str) -> None:
    """A file of the workspace."""
    client = box.client(box.admin_token)
    client.workspace.mkdirs(path.rpartition("/")[0])
    client.workspace.upload(path, content.encode(), format=ImportFormat.RAW, overwrite=True)
