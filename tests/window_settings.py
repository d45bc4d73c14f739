"""The settings of clusters and of what follows, as a person types them in the window."""

from __future__ import annotations

from tests.harness.clusters import VOLUME
from tests.harness.webdriver import DOWN, ENTER, SPACE, Window
from tests.test_window import shots


def toggle(app: Window, testid: str) -> None:
    """By keyboard."""
    app.tab_to(testid)
    app.press(SPACE)


def clusters(app: Window) -> None:
    """By keyboard where a person would: the radios, the boxes, the numbers. No plan is made before it is complete."""
    app.tab_to("settings-clusters")
    app.press(ENTER)
    app.tab_to("clusters-engine-here")
    app.press(DOWN)
    app.says("settings-clusters-state", "not complete")
    app.says("settings-incomplete", "folder on a volume")
    app.disabled("plan-first")
    app.type("clusters-volume", "/tmp/elsewhere")
    app.wait("a mark of the fault", lambda: app.attribute("clusters-volume", "aria-invalid") == "true")
    shots(app, "plan", "plan-unity-error")
    app.click("nav-preflight")
    app.says("settings-incomplete", "folder on a volume")
    shots(app, "preflight", "preflight-incomplete")
    app.click("preflight-settings")
    app.type("clusters-volume", VOLUME)
    app.gone("settings-incomplete")
    app.says("settings-clusters-state", "photon clusters")
    app.type("clusters-source-catalog", "glue_lake")
    app.choose("clusters-method", "CTAS")
    app.tab_to("clusters-advanced")
    app.press(ENTER)
    app.type("clusters-min-workers", "9")
    app.says("clusters-workers-wrong", "worker")
    app.type("clusters-min-workers", "2")
    app.type("clusters-max-workers", "4")
    app.gone("clusters-workers-wrong")
    toggle(app, "clusters-spot")
    app.type("clusters-spark-conf", "spark.sql.catalog.src.token = hunter2")
    app.says("settings-incomplete", "is a secret")
    app.type("clusters-spark-conf", "spark.sql.shuffle.partitions = 400")
    app.gone("settings-incomplete")
    app.type("clusters-secret-conf", "spark.sql.catalog.src.token")
    app.says("settings-incomplete", "no “=”")
    app.type("clusters-secret-conf", "spark.sql.catalog.src.token = token")
    app.gone("settings-incomplete")
    toggle(app, "clusters-keep-secrets")
    app.type("clusters-tags", "team = lakehouse")
    app.type("clusters-side-by-side", "2")
    compute(app)
    app.choose("settings-version", "Version 3")
    app.tab_to("conversions")
    app.press(ENTER)
    app.choose("conversions-partitions", "Cluster by their columns")
    for place in ("compute", "node-type", "access", "performance", "unversioned"):
        pictured(app, f"clusters-{place}")
    pictured(app, "conversions-time")


def pictured(app: Window, testid: str) -> None:
    """Pictures of the settings around a field."""
    app.script(
        "document.querySelector(`[data-testid='${arguments[0]}']`).closest('label').scrollIntoView({block: 'start'})",
        testid,
    )
    shots(app, "plan", f"plan-{testid}")


PROFILE = "arn:aws:iam::123456789012:instance-profile/copier"


def compute(app: Window) -> None:
    """What the copies run on, and who runs them: each wrong field says so itself."""
    app.choose("clusters-compute", "Serverless")
    app.gone("clusters-pool")
    app.choose("clusters-performance", "Standard")
    app.choose("clusters-compute", "Automatic")
    app.type("clusters-node-type", "i3.xlarge")
    app.type("clusters-pool", "pool-1")
    app.says("settings-incomplete", "from a pool or are of a kind")
    assert app.attribute("clusters-pool", "aria-invalid") == "true"
    app.type("clusters-node-type", " ")
    app.type("clusters-driver-pool", "pool-2")
    app.gone("settings-incomplete")
    app.type("clusters-instance-profile", "copier")
    app.says("settings-incomplete", "by its ARN")
    app.type("clusters-instance-profile", PROFILE)
    app.choose("clusters-access", "Standard")
    app.type("clusters-run-as", "5e0b-12")
    app.says("settings-incomplete", "read the scripts")
    app.type("clusters-scripts", "/Shared/icebridge")
    app.gone("settings-incomplete")
    app.choose("clusters-access", "Dedicated")
    app.type("clusters-single-user", "lake-admins")
    app.choose("clusters-unversioned", "Fail")


def after(app: Window) -> None:
    """What is asked for, and the names that principals have in the target."""
    app.tab_to("settings-after")
    app.press(ENTER)
    toggle(app, "after-comments")
    toggle(app, "after-grants")
    app.type("after-principals", "nobody")
    app.says("settings-incomplete", "Governance: line 1")
    app.type("after-principals", f"old@example.com = new@example.com{ENTER}interns =")
    app.gone("settings-incomplete")
    app.choose("after-optimization", "Enable")
    app.choose("after-level", "each of their schemas")
    toggle(app, "after-metrics")
    app.type("after-metrics-table", "main.ops.jobs")
    app.type("after-warehouse", "abc123")
    app.says("settings-after-state", "comments, grants, optimization")
    shots(app, "plan", "plan-unity-open")
