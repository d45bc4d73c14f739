"""Spark writes without pause until it is asked to stop; readers find all of it in a REST catalog, and back again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.hooks import Hooks
from tests.harness.route import Route, connect
from tests.harness.written import reading
from tests.lakehouse.judge import Judge
from tests.services.auth_proxy import AuthProxy
from tests.services.rest_catalog import RestCatalog
from tests.test_rest_target import Target, planned
from tests.test_sync import MERGE_ON_READ, Act, Living, call, insert, sql

# Fixtures of the other file.
from tests.test_sync import engines as engines
from tests.test_sync import living as living

EXPIRED = ", older_than => TIMESTAMP'2100-01-01 00:00:00', retain_last => 3"
WORK: tuple[Act, ...] = (
    insert(100, 130),
    sql("UPDATE {t} SET name = concat(name, '!') WHERE id % 7 = 0"),
    sql("DELETE FROM {t} WHERE id % 5 = 1"),
    sql(
        "MERGE INTO {t} t USING (SELECT id FROM range(0, 200, 5)) s ON t.id = s.id "
        "WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = -1 "
        "WHEN NOT MATCHED THEN INSERT (id, name, day, n, gone) VALUES (s.id, 'new', DATE'2024-01-02', 7, NULL)"
    ),
    call("rewrite_data_files", ", options => map('rewrite-all', 'true')"),
    sql("ALTER TABLE {t} RENAME COLUMN gone TO went", "ALTER TABLE {t} RENAME COLUMN went TO gone"),
    lambda lab: call("rollback_to_snapshot", f", snapshot_id => {lab.snapshot_ids()[-2]}")(lab),
    call("expire_snapshots", EXPIRED),
)


class Writer:
    """Works until the file `stop` is there, and says by `stopped` that it has."""

    def __init__(self, life: Living, folder: Path) -> None:
        self.life, self.folder = life, folder
        self.done = 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self) -> None:
        try:
            while not (self.folder / "stop").exists():
                WORK[self.done % len(WORK)](self.life.lab)
                self.done += 1
        except BaseException as error:
            self.error = error
        (self.folder / "stopped").touch()

    def end(self) -> None:
        (self.folder / "stop").touch()
        self.thread.join(120)
        assert self.error is None, self.error


@pytest.mark.parametrize("life", ["merge-on-read", "copy-on-write"])
def test_a_table_is_cut_over_while_spark_writes(
    life: str,
    living: Callable[..., Living],
    local_catalog: RestCatalog,
    guarded_catalog: AuthProxy,
    tmp_path: Path,
) -> None:
    properties = MERGE_ON_READ if life == "merge-on-read" else {}
    one = living(version=2, partition="days(day)", **properties)
    insert(0, 40)(one.lab)
    cli, hooks = one.kept.cli, Hooks(tmp_path / "hooks")
    credential = {"credential": guarded_catalog.credential()}
    connect(cli, "rest", "rest", guarded_catalog.uri, target=True, secrets=credential)
    route = Route(cli, target="rest")
    namespace = f"live_{time.monotonic_ns()}"
    route.rename("*", namespace)
    target = Target(local_catalog, guarded_catalog, namespace, route)
    route.run(planned(target, "clone", "fuzz.*")).succeeded()
    hooks.do("quiesce", "touch stop; until test -e stopped; do sleep 0.1; done")
    hooks.do("release", "rm -f stop stopped")
    for again in range(2):
        writer = Writer(one, hooks.folder)
        try:
            while writer.done < (9 if again else 3) and writer.thread.is_alive():
                writer.thread.join(0.1)
            done = cli.outcome("cutover", "move", "--quiet", "1s", "--within", "1m", "--hooks", hooks.path)
        finally:
            writer.end()
        assert done.code == 0, done
        [table] = done.json["tables"]
        moved = table["moved"]
        spark = Judge(one.lab).current().answer()
        assert (moved["rows"], moved["digest"]) == (spark["rows"], spark["digest"]), again
        found = reading(target.table("life"))
        assert (found.rows, found.digest) == (spark["rows"], spark["digest"])
        assert 1000 <= moved["downtime_ms"] < 60_000
        print(f"{writer.done} operations, {moved['rows']} rows, downtime {moved['downtime_ms']} ms")
        if again:
            break
        # The way back: the source has everything, and goes on.
        assert cli.run("cutover", "back", "--hooks", str(hooks.path))["tables"][0]["state"] == "not_begun"
        assert Judge(one.lab).current().answer() == spark
        assert not (hooks.folder / "stop").exists()
