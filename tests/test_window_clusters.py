"""Plans into Unity Catalog in the real window: the target, who copies and what follows, and what clusters tell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import sample
from tests.harness.sandbox import Sandbox, sandbox
from tests.harness.webdriver import ENTER, Driver, Window, display, driver
from tests.services.fixtures import or_skip
from tests.services.keychain import keychain
from tests.test_window import SIZES, shots, wait_until_saved, window
from tests.window_settings import PROFILE, VOLUME, after, clusters


@pytest.fixture(scope="module")
def webkit() -> Iterator[Driver]:
    """A display, a desktop session with a keyring, and the driver in it."""
    with or_skip(display()) as screen, or_skip(keychain()) as home, or_skip(driver(screen, home)) as started:
        yield started


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A workspace whose gate is open for everybody."""
    with sandbox("--tables", "10") as running:
        running.turn("gate", open=True)
        yield running


def add_workspace(app: Window, box: Sandbox, name: str) -> None:
    """Signed in to by token: no browser has a part here."""
    app.click("nav-workspaces")
    app.click("add-workspace")
    app.type("workspace-host", box.url)
    app.type("workspace-name", name)
    app.choose("workspace-way", "Personal access token")
    app.type("workspace-secret-token", box.token)
    app.click("workspace-save")
    app.says(f"principal-{name}", box.user)


def add_target(app: Window, picture: str = "") -> None:
    """A catalog of Unity Catalog as target, of one of the workspaces that are saved."""
    app.click("nav-connect")
    app.click("connect-sample")
    app.says("check-result-managed", "reachable", 60)
    app.click("add-target")
    app.choose("target-kind", "Unity Catalog")
    app.type("target-name", "lakehouse")
    app.wait("the workspaces", lambda: offered(app) == ["Choose a workspace", "prod", "staging"])
    app.disabled("target-save")
    app.choose("target-uri", "prod")
    app.type("target-warehouse", "main")
    if picture:
        shots(app, "connect", picture)
    app.click("target-save")
    app.says("check-result-lakehouse", "reachable")
    app.shows("route-target", "lakehouse")


def offered(app: Window) -> list[str]:
    """The workspaces that the form of a target offers."""
    return [app.call("GET", f"element/{o}/text").strip() for o in app.elements("[data-testid=target-uri] option")]


def read_inventory(app: Window) -> None:
    """The sample's tables, as far as the plan needs them."""
    app.click("nav-inventory")
    app.click("inventory-read")
    app.says("inventory-tables", rf"^{len(sample.tables())}$", 60)
    app.click("nav-plan")


def begin(app: Window, box: Sandbox, picture: str = "") -> None:
    """Two workspaces, the sample, and a catalog of the first as target."""
    app.resize(*SIZES[0])
    add_workspace(app, box, "prod")
    add_workspace(app, box, "staging")
    add_target(app, picture)
    read_inventory(app)


def planned(app: Window) -> dict[str, Any]:
    """The plan file that is in sight."""
    return json.loads(Path(app.text("plan-path")).read_text(encoding="utf-8"))


def test_a_plan_takes_along_who_copies_and_what_follows(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with window(webkit, state, "clusters") as app:
        begin(app, box, "connect-unity")
        app.says("settings-clusters-state", "this computer")
        app.says("settings-after-state", "nothing")
        shots(app, "plan", "plan-unity")
        clusters(app)
        after(app)
        app.click("plan-first")
        app.find("plan-path", 60)
        settings = planned(app)["settings"]
        photon, then = settings["photon"], settings["after"]
        assert settings["engine"] == "photon" and photon["volume"] == VOLUME
        assert (photon["source_catalog"], photon["method"], photon.get("serverless")) == ("glue_lake", "ctas", None)
        assert (photon["pool"], photon["driver_pool"], photon["run_as"]) == ("pool-1", "pool-2", "5e0b-12")
        assert photon["instance_profile"] == PROFILE and photon["scripts_folder"] == "/Shared/icebridge"
        assert (photon["performance_target"], photon["unversioned"]) == ("STANDARD", False)
        assert settings["target_format_version"] == 3
        assert settings["conversions"]["partitions"] == "cluster"
        assert (photon["min_workers"], photon["max_workers"], photon["spot"]) == (2, 4, False)
        assert photon["spark_conf"] == {"spark.sql.shuffle.partitions": "400"}
        assert (then["comments"], then["tags"], then["grants"], then["owner"]) == (True, False, True, False)
        assert then["principals"] == {"old@example.com": "new@example.com", "interns": None}
        assert then["predictive_optimization"] == {"level": "schema", "setting": "enable"}
        assert (then["metrics"], then["metrics_table"], then["warehouse"]) == (True, "main.ops.jobs", "abc123")
        # Another engine is another plan; what was typed for the clusters waits.
        # Over the Iceberg endpoint no table could be version 3.
        app.choose("settings-version", "As in the source")
        app.tab_to("clusters-engine-photon")
        app.click("clusters-engine-here")
        app.find("plan-stale")
        app.click("plan-make")
        app.gone("plan-stale")
        assert "photon" not in planned(app)["settings"] and planned(app)["settings"]["after"] == then
        # A target that is no Unity Catalog is asked for none of it.
        app.click("nav-connect")
        app.click("choose-managed")
        app.says("route-target", "^managed$")
        app.click("nav-plan")
        app.find("plan-first")
        assert not app.has("settings-clusters") and not app.has("settings-after")
        app.click("plan-first")
        app.find("plan-path", 60)
        assert not {"engine", "photon", "after"} & set(planned(app)["settings"])
        app.click("nav-connect")
        app.click("choose-lakehouse")
        app.says("route-target", "^lakehouse$")
        app.click("nav-plan")
        app.click("settings-clusters")
        app.click("clusters-engine-automatic")
        app.find("clusters-above")
        wait_until_saved(state, '"automatic"')
    with window(webkit, state, "clusters-again") as app:
        app.find("clusters-above")
        app.wait("the volume", lambda: app.value("clusters-volume") == VOLUME)
        app.wait(
            "the principals", lambda: app.value("after-principals") == "old@example.com = new@example.com\ninterns ="
        )


# What the backend would answer with clusters at work, laid over what it does answer.
ANSWERS = """
const [answers] = arguments;
const core = window.__TAURI__.core;
const real = core.invoke;
const bytes = value => new TextEncoder().encode(JSON.stringify(value));
const read = answer => JSON.parse(new TextDecoder().decode(answer));
window.answers = answers;
// Views and rows in full are told apart by what they list, and rows by their table.
const name = given => {
  const asked = given.op.startsWith('tables.') ? JSON.parse(given.payload) : {};
  return [given.op, asked.scope?.of, asked.table].filter(Boolean).join(':');
};
const invoke = async (command, given) => {
  const answer = window.answers[command === 'rpc' ? name(given) : command];
  if (answer === undefined) return real(command, given);
  if (answer.fails) throw answer.fails;
  if (answer.is !== undefined) return bytes(answer.is);
  const whole = read(await real(command, given));
  Object.assign(whole.plan ?? whole.preflight ?? whole, answer.merge ?? {});
  for (const row of whole.rows ?? []) Object.assign(row, answer.rows?.[row.name] ?? answer.rows?.['*'] ?? {});
  return bytes(whole);
};
window.__TAURI__.core = {...core, invoke};
"""
ORDERS, LINES, EVENTS = "sales.products", "sales.order_lines", "web.legacy_events"
FITS = (
    "Photon, because it is larger than 10 GiB; DEEP CLONE, because the source is seen as glue_lake and has no deletes"
)
RUN_PAGE = "https://sandbox.example.com/jobs/runs/4711"


def cluster_copy(name: str, method: str) -> dict[str, Any]:
    """What a plan says of a table that a cluster copies."""
    return {
        "source": f"glue_lake.{name}",
        "target": f"main.{name}",
        "method": method,
        "snapshot_id": 1,
        "table_uuid": None,
        "delete_files": 0,
        "deletion_vectors": 0,
        "partition_fields": None,
        "properties": None,
        "partition_by": None,
        "cluster_by": None,
        "comment": None,
        "format_version": 2,
        "bytes": 12 << 30,
        "rows": 5_000_000,
    }


def table_run(name: str, state: str, **more: Any) -> dict[str, Any]:
    """A table of a run."""
    run = {"source": name, "target": name, "mode": "rewrite", "state": state, "engine": "photon"}
    sizes = {"bytes_done": 0, "bytes_total": 12 << 30, "rows_done": 0, "rows_total": 5_000_000}
    return {**run, **sizes, **more}


# In the order in which a run's states are listed.
STATES = ("failed", "copying", "committing", "validating", "committed", "queued", "cancelled", "migrated")


def row(table: dict[str, Any]) -> dict[str, Any]:
    """A table of a run in its view."""
    same = ("target", "mode", "engine", "state")
    cluster, validation = table.get("cluster") or {}, table.get("validation")
    found: dict[str, Any] = {"result": "not_compared"}
    if validation:
        checks = validation["checks"]
        found = {"result": "equal" if validation["passed"] else "differs", "proof": validation["proof"]}
        found |= {"checks": len(checks), "checks_passed": sum(check["passed"] for check in checks)}
        found |= {"digest": validation["digest"], "validation_ms": validation["milliseconds"]}
    return {
        "name": table["source"],
        **{column: table[column] for column in same},
        **{"bytes_to_copy": table["bytes_total"], "bytes_copied": table["bytes_done"]},
        **{"rows": table["rows_total"], "rows_copied": table["rows_done"]},
        **({"stage": cluster["stage"], "stage_message": cluster["message"]} if cluster else {}),
        **found,
    }


def run(state: str, tables: list[dict[str, Any]]) -> dict[str, Any]:
    """What the backend would answer to all that is asked about a run: by operation, view and table."""
    ended = None if state == "running" else "2026-03-01T11:40:00Z"
    bare: dict[str, Any] = {
        "run_id": "run-1",
        "plan_hash": "0" * 64,
        "source": "sample",
        "target": "lakehouse",
        "state": state,
    }
    bare |= {"started_at": "2026-03-01T10:00:00Z", "ended_at": ended}
    rows = sorted(map(row, tables), key=lambda row: STATES.index(row["state"]))
    total = {column: sum(row[column] for row in rows) for column in ("bytes_to_copy", "rows", "rows_copied")}
    equal = sum(row["result"] == "equal" for row in rows)
    counters = {
        "by_state": dict(Counter(row["state"] for row in rows)),
        **total,
        **{"bytes_copied": 0, "bytes_done": 0, "on_clusters": sum(row["engine"] == "photon" for row in rows)},
        **{"equal": equal, "differ": 0},
    }
    proofs = Counter(row["proof"] for row in rows if "proof" in row)
    facets = {"result": list(Counter(row["result"] for row in rows).items()), "proof": list(proofs.items())}
    page = {"total": len(rows), "matching": len(rows), "offset": 0, "rows": rows, "sums": total, "facets": facets}
    migrated = counters["by_state"].get("migrated", 0)
    return {
        "run.list": [{**bare, "tables": len(rows), "migrated": migrated, "failed": 0}],
        "run.overview": {**bare, "counters": counters},
        "tables.view:run": page,
        **{f"tables.detail:run:{table['source']}": {"run": table} for table in tables},
    }


def at_work() -> list[dict[str, Any]]:
    """The tables of a run in the middle."""
    view = {"step": "step-1", "job_run_id": 4711}
    running = {**view, "stage": "running", "message": "batch 2 of 4", "run_page_url": RUN_PAGE}
    starting = {**view, "stage": "starting", "message": "the cluster is starting", "run_page_url": RUN_PAGE}
    queued = {**view, "stage": "queued", "message": "the workspace has no room for another run", "run_page_url": None}
    return [
        table_run(ORDERS, "copying", rows_done=2_500_000, cluster=running),
        table_run(LINES, "copying", cluster={**starting, "run_page_url": "http://127.0.0.1:8765/jobs/runs/4712"}),
        table_run("crm.customers", "queued", cluster=queued),
        table_run(EVENTS, "copying", engine="embedded", bytes_done=3 << 30),
    ]


def over(documents: str) -> list[dict[str, Any]]:
    """The tables of the same run at its end."""
    result = {
        "source": f"glue_lake.{ORDERS}",
        "target": f"main.{ORDERS}",
        "method": "insert_select",
        "end": "done",
        "rows_total": 5_000_000,
        "rows_done": 5_000_000,
        "batches_total": 4,
        "batches_done": 4,
        "batches_found": 1,
        "lost": ["identifier fields: order_id", "the sort order by order_time"],
        "milliseconds": 754_000,
        "job_run_id": 4711,
        "run_page_url": RUN_PAGE,
    }
    outcome = {
        **dict.fromkeys(("files_copied", "files_decoded", "files_chunk_moved", "bytes_written", "commit_attempts"), 0),
        "target_metadata_location": "",
        "target_location": "",
        "rows_written": None,
        "adopted": False,
        "cluster": result,
    }
    validation = {
        **{"source": ORDERS, "target": ORDERS, "source_snapshot_id": 1, "target_snapshot_id": 2, "passed": True},
        **{"proof": "digest", "read_by": "photon", "rows": 5_000_000, "digest": "5e" * 32, "milliseconds": 61_000},
        "checks": [{"name": "great-expectations", "passed": True, "source": "41 expectations", "target": "41 met"}],
        "validated_at": "2026-03-01T11:39:00Z",
    }
    denied = {
        "code": "access-denied",
        "message": "the right to change the owner is missing",
        "object": f"main.{ORDERS}",
        "hint": "Ask the owner of main.sales to run the statement.",
    }
    report = {
        "done": [f"COMMENT ON TABLE main.{ORDERS} IS 'Orders'", f"GRANT SELECT ON TABLE main.{ORDERS} TO `analysts`"],
        "not_done": [{"statement": f"ALTER TABLE main.{ORDERS} SET OWNER TO `lake-admins`", "error": denied}],
        "left_behind": [
            "the row filter main.sec.own_region on region is not carried; the same for the copy: "
            f"ALTER TABLE main.{ORDERS} SET ROW FILTER main.sec.own_region ON (region)",
            "SELECT for the principal 5e0b9f3a: who is deleted cannot be granted anything",
        ],
    }
    done = {
        "rows_done": 5_000_000,
        "bytes_done": 12 << 30,
        "outcome": outcome,
        "validation": validation,
        "documents": documents,
        "governance": report,
    }
    ended = {"step": "step-1", "stage": "over", "message": "", "job_run_id": 4711, "run_page_url": RUN_PAGE}
    return [table_run(ORDERS, "migrated", cluster=ended, **done)]


def test_what_clusters_tell_is_shown(webkit: Driver, box: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with window(webkit, state, "clusters-told") as app:
        begin(app, box)
        app.click("settings-clusters")
        app.click("clusters-engine-automatic")
        app.type("clusters-volume", VOLUME)
        app.script(ANSWERS, told(state))
        preflight_told(app)
        plan_told(app)
        run_told(app)
        end_told(app, state)


def told(state: Path) -> dict[str, Any]:
    """The answers, by operation."""
    photon = {"engine": "photon"}
    chosen = {**photon, "engine_reason": FITS}
    return {
        "preflight.run": {"merge": {"has_engines": True}},
        "tables.view:preflight": {"rows": {ORDERS: photon, LINES: photon}},
        f"tables.detail:preflight:{ORDERS}": {"merge": chosen},
        "plan.make": {"merge": {"has_engines": True, "on_clusters": 2}},
        "tables.view:plan": {
            "rows": {ORDERS: {**photon, "method": "deep_clone"}, LINES: {**photon, "method": "insert_select"}}
        },
        f"tables.detail:plan:{ORDERS}": {
            "merge": {"engine_reason": FITS, "cluster": cluster_copy(ORDERS, "deep_clone")}
        },
        "plan.cost": {
            "fails": {
                "code": "workspace-unreachable",
                "message": "the workspace does not answer",
                "object": "prod",
                "hint": "Check the network, and ask again.",
                "causes": ["connection refused"],
                "retryable": True,
            }
        },
        **{operation: {"is": value} for operation, value in run("running", at_work()).items()},
    }


def answer(app: Window, operation: str, value: Any) -> None:
    """From now on, this."""
    app.script("window.answers[arguments[0]] = {is: arguments[1]};", operation, value)


def answer_run(app: Window, state: str, tables: list[dict[str, Any]]) -> None:
    """The run is so from now on."""
    for operation, value in run(state, tables).items():
        answer(app, operation, value)


def preflight_told(app: Window) -> None:
    """The engine of each table, and why."""
    app.click("nav-preflight")
    app.find("preflight-by-table", 60)
    app.click("preflight-accept-all")
    app.find("preflight-nothing-open", 60)
    app.click("preflight-again")
    app.click("preflight-by-table")
    app.wait("the engines", lambda: app.rows("preflight-grid").get(ORDERS, {}).get("engine") == "Photon")
    app.click(f"row-{ORDERS}")
    app.says("preflight-engine", "larger than 10 GiB")
    shots(app, "preflight", "preflight-engines")


def plan_told(app: Window) -> None:
    """Engine, method, and the cost: first it cannot be told, then it can."""
    app.click("nav-plan")
    app.click("plan-first")
    app.says("plan-cost-error", "does not answer", 60)
    shots(app, "plan", "plan-cost-error")
    low, high = {"milli_dbu": 4200, "cents": 315}, {"milli_dbu": 16_800, "cents": 1260}
    basis = "prices of 2026-02-01 (the public price list); without the cloud's own bill for machines and storage"
    answer(app, "plan.cost", {"min": low, "max": high, "clusters": 2, "basis": basis, "guessed": True})
    app.click("plan-cost-again")
    app.says("plan-cost-dollars", r"^\$3\.15 to \$12\.60$")
    app.shows("plan-cost-dbu", "4.20 to 16.80 DBU")
    app.shows("plan-cost-clusters", "2")
    app.says("plan-cost-basis", "public price list")
    app.find("plan-cost-guessed")
    app.wait("the engine", lambda: app.rows("plan-grid").get(ORDERS, {}).get("engine") == "Photon")
    app.click(f"row-{ORDERS}")
    app.says("plan-engine", r"(?s)DEEP CLONE.*larger than 10 GiB")
    shots(app, "plan", "plan-clusters")


def run_told(app: Window) -> None:
    """How far each cluster is, and where to look."""
    app.click("nav-history")
    app.click("open-run-run-1")
    app.says("run-state", "running")
    rows = app.rows("run-grid")
    assert [rows[name]["cluster"] for name in (ORDERS, LINES, EVENTS)] == ["running", "starting", "here"]
    assert rows[ORDERS]["progress"] == "50 %"
    app.click(f"row-{LINES}")
    app.says("run-cluster-words", "The cluster is starting")
    # No page without a certificate is opened.
    app.shows("run-page-address", "http://127.0.0.1:8765/jobs/runs/4712")
    app.click(f"row-{ORDERS}")
    app.says("run-cluster", "2,500,000 of 5,000,000")
    app.find("run-page")
    shots(app, "run", "run-clusters")
    rows_wait_for_the_mouse(app)


def rows_wait_for_the_mouse(app: Window) -> None:
    """What failed goes to the top, but not under a mouse that reaches for a row."""
    order = list(app.rows("run-grid"))
    failed = at_work()
    failed[-1]["state"] = "failed"

    def told() -> list[str] | None:
        app.hover(f"row-{LINES}")
        rows = app.rows("run-grid")
        return list(rows) if rows[EVENTS]["state"] == "failed" else None

    def held() -> bool:
        answer_run(app, "running", failed)
        seen = app.wait("the failure", told)
        app.wait("the failure at the top", lambda: next(iter(app.rows("run-grid"))) == EVENTS)
        answer_run(app, "running", at_work())
        app.wait("the order as it was", lambda: list(app.rows("run-grid")) == order)
        return seen == order

    # On a busy machine the mouse may stand still for longer than a row waits.
    assert any(held() for _ in range(3))


def end_told(app: Window, state: Path) -> None:
    """What is lost, what is left to do by hand, the documents, and the bill."""
    documents = str(state / "docs" / "gone" / "index.html")
    answer_run(app, "succeeded", over(documents))
    app.says("run-state", "succeeded")
    app.says("run-cluster-lost", "identifier fields")
    app.shows("run-cluster-batches", "4 of 4, 1 of them by an earlier attempt")
    app.says("after-open-0", "SET OWNER")
    app.says("after-error-0", "missing")
    app.find("copy-after-open-0")
    app.says("after-left-behind", r"(?s)row filter.*SET ROW FILTER.*who is deleted")
    app.tab_to("after-done")
    app.press(ENTER)
    app.says("after-statements", "GRANT SELECT")
    answer(
        app,
        "run.bill",
        {"bill": "not_yet", "explanation": "the bill has nothing of this plan yet: some hours after a run it will"},
    )
    app.click("run-bill-ask")
    app.says("run-bill-words", "some hours after")
    shots(app, "run", "run-clusters-over")
    app.script("document.querySelector(`[data-testid='run-after']`).scrollIntoView({block: 'start'})")
    shots(app, "run", "run-left-behind")
    cost = {"milli_dbu": 9000, "cents": 675}
    runs = [{"job_run_id": "4711", "cost": cost}]
    answer(app, "run.bill", {"bill": "known", "cost": cost, "runs": runs, "against_estimate": "within"})
    app.click("run-bill-ask")
    app.says("run-bill-words", r"\$6\.75, 9\.00 DBU; within the estimate")
    app.click("nav-validate")
    app.click(f"row-{ORDERS}")
    app.says("validate-reader", "a cluster, with Great Expectations")
    shots(app, "validate", "validate-clusters")
    # The shell itself refuses what is not there.
    app.click("documents-open")
    app.says("error-code", "file-missing")
