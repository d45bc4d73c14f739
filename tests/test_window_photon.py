"""The whole journey into Unity Catalog in the real window: a person signs in through a browser, the gate is closed and
then opened, clusters that are real Spark copy, Great Expectations' documents are opened, the bundle is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog.rest import RestCatalog

from tests.harness import clusters
from tests.harness.cli import Icebridge
from tests.harness.desk import Desk, sign_in, workspaces
from tests.harness.sandbox import Sandbox
from tests.harness.webdriver import ENTER, Window
from tests.harness.written import reading
from tests.test_window import SIZES, ended, shots

pytest_plugins = ["tests.harness.desk"]

# Spark starts anew for each task, and machines differ.
pytestmark = pytest.mark.timeout(1800)

TABLES = {"shop.orders": "Photon", "shop.daily": "Photon", "shop.corrected": "here"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A workspace with clusters, whose gate nobody has opened."""
    with clusters.spark_workspace() as running:
        running.turn("gate", open=False, on=["main", "glue_lake"])
        yield running


def test_a_person_moves_tables_with_clusters(desk: Desk, box: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with workspaces(desk, state, "photon") as app:
        app.resize(*SIZES[1])
        enter(app, desk, box)
        connect(app)
        app.click("connect-next")
        app.click("inventory-read")
        app.says("inventory-tables", rf"^{len(TABLES)}$", 60)
        app.wait("every table", lambda: set(app.rows("inventory-grid")) == set(TABLES))
        settings(app)
        plan(app)
        run(app)
        validate(app, desk)
        audit(app, tmp_path / "bundle")
        # Nobody chose the compute, and the workspace offers serverless.
        counts = box.look("counts")
        assert (counts["clusters_started"], counts["runs_started"]) == (0, 1), counts
        keep_up(app, box)
    judged(box)
    # The command line takes it from there: same state, same bundle.
    cli = Icebridge(state)
    verdict = cli.run("audit", "verify", tmp_path / "bundle")
    assert verdict["intact"] and verdict["migrated"] == len(TABLES)
    assert "Governance gate" in (tmp_path / "bundle" / "summary.md").read_text(encoding="utf-8")


def enter(app: Window, desk: Desk, box: Sandbox) -> None:
    """A sign-in through the browser, and the gate, which the window sees being opened."""
    app.click("add-workspace")
    app.type("workspace-host", box.url)
    app.type("workspace-name", "prod")
    app.click("workspace-save")
    sign_in(app, desk, "prod", box.user)
    app.click("tab-gate")
    app.type("gate-catalog", "main")
    app.type("gate-schemas", "shop")
    app.press(ENTER)
    app.says("gate-verdict", "closed")
    box.turn("gate", open=True, on=["main", "glue_lake"])
    app.says("gate-verdict", "open")


def connect(app: Window) -> None:
    """Two catalogs of the same workspace."""
    app.click("nav-connect")
    for side, name, warehouse in (("source", "glue", "glue_lake"), ("target", "managed", "main")):
        app.click(f"add-{side}")
        app.choose(f"{side}-kind", "Unity Catalog")
        app.type(f"{side}-name", name)
        app.choose(f"{side}-uri", "prod")
        app.type(f"{side}-warehouse", warehouse)
        app.click(f"{side}-save")
        app.says(f"check-result-{name}", "reachable", 60)
    shots(app, "connect", "photon-connect")


def settings(app: Window) -> None:
    """Clusters for all that they can take, comments and metrics afterwards."""
    app.click("nav-plan")
    app.click("settings-clusters")
    app.click("clusters-engine-automatic")
    app.type("clusters-volume", clusters.VOLUME)
    app.type("clusters-above", "0")
    app.click("settings-after")
    app.click("after-comments")
    app.click("after-metrics")
    app.click("nav-preflight")
    app.find("preflight-accept-all", 60)
    app.click("preflight-accept-all")
    app.find("preflight-nothing-open", 60)
    app.click("preflight-by-table")
    engines = app.wait("the engines", lambda: app.rows("preflight-grid"))
    assert {name: row["engine"] for name, row in engines.items()} == TABLES
    app.click("row-shop.corrected")
    app.says("preflight-engine", "IB-F019")
    shots(app, "preflight", "photon-preflight")


def plan(app: Window) -> None:
    """Who copies what, and what it will cost."""
    app.click("nav-plan")
    app.click("plan-first")
    app.says("plan-tables", rf"^{len(TABLES)}$", 60)
    app.says("plan-cost-dollars", r"^\$\d+\.\d\d to \$\d+\.\d\d$", 60)
    app.shows("plan-cost-clusters", "1")
    shots(app, "plan", "photon-plan")
    app.click("run-start")


def run(app: Window) -> None:
    """Seen while the cluster works, and at its end."""
    app.says("run-state", "running", 60)
    app.pick("row-shop.orders")
    app.says("run-cluster", "running", clusters.MINUTES)
    app.find("run-page-address")
    shots(app, "run", "photon-run")
    app.wait("the end of the run", lambda: ended(app), clusters.MINUTES)
    assert app.text("run-state") == "succeeded", app.text("run-failures")
    app.says("run-after", "1 done")
    shots(app, "run", "photon-run-over")
    app.click("run-next")


def validate(app: Window, desk: Desk) -> None:
    """Both readers, and the documents in the browser."""
    app.says("validate-passed", rf"^{len(TABLES)} of {len(TABLES)}$")
    app.click("row-shop.orders")
    app.find("documents-open")
    shots(app, "validate", "photon-validate")
    app.click("documents-open")
    page = app.wait("the documents", lambda: shown(desk))
    desk.person.open(page)
    desk.person.says("Data Docs")


def shown(desk: Desk) -> str | None:
    """The documents that the browser was asked to show."""
    latest = desk.asked.latest()
    if not latest.endswith("index.html"):
        return None
    return latest if latest.startswith("file:") else Path(latest).as_uri()


def audit(app: Window, bundle: Path) -> None:
    """The bundle, exported and verified in the window."""
    app.click("validate-next")
    app.type("audit-folder", str(bundle))
    app.click("audit-export")
    app.find("audit-exported", 60)
    app.click("audit-verify-exported")
    app.says("audit-verdict", "verified", 60)
    assert not re.search("not verified", app.text("audit-verdict"))


def keep_up(app: Window, box: Sandbox) -> None:
    """Rows that the source gets afterwards, brought by a cluster that the window tells of."""
    clusters.write(box, "INSERT INTO glue_lake.shop.daily SELECT id, NULL FROM range(100, 104)")
    app.click("nav-sync")
    app.shows("sync-behind", "1", 60)
    app.click("sync-now")
    app.says("sync-progress", "cluster: running", clusters.MINUTES)
    shots(app, "sync", "photon-sync")
    app.gone("sync-progress", clusters.MINUTES)
    app.shows("sync-behind", "0")
    app.pick("row-shop.daily")
    app.says("sync-past-round", r"(?s)Round 1.*1 append.*by a cluster, run \d+")
    shots(app, "sync", "photon-sync-done")


def judged(box: Sandbox) -> None:
    """PyIceberg reads the same rows on both sides."""
    uri = f"{box.url}/api/2.1/unity-catalog/iceberg-rest"
    source, target = (RestCatalog("judge", uri=uri, warehouse=name, token=box.token) for name in ("glue_lake", "main"))
    for name in TABLES:
        there, here = target.load_table(name), source.load_table(name)
        if name == "shop.corrected":
            assert there.scan().to_arrow().num_rows == here.scan().to_arrow().num_rows == 90
        else:
            assert reading(there) == reading(here), name
