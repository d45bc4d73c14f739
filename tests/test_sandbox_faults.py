"""Faults on demand: each is met by the vendor's own SDK as a real one would be."""

from __future__ import annotations

import subprocess
import time

import pytest
import requests
from databricks.sdk.errors import InternalError, TemporarilyUnavailable, TooManyRequests, Unauthenticated
from databricks.sdk.errors.base import DatabricksError

from tests.harness.sandbox import Sandbox, sandbox
from tests.leakage.canary import credential

pytest_plugins = ["tests.harness.sandbox"]

SUMMARY = "/api/2.1/unity-catalog/metastore_summary"


def test_429_is_waited_out_as_it_says(box: Sandbox) -> None:
    with box.fault(SUMMARY, "throttle", retry_after=2, count=1):
        started = time.monotonic()
        assert box.client().metastores.summary().name == "sandbox"
        assert 1.9 < time.monotonic() - started < 8
    with box.fault(SUMMARY, "throttle"):
        answer = box.ask("GET", SUMMARY)
        assert answer.status_code == 429 and "Retry-After" not in answer.headers
        assert answer.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
        assert answer.json()["details"][-1]["request_id"] == answer.headers["x-request-id"]
    with box.fault(SUMMARY, "throttle", retry_after=1), pytest.raises((TooManyRequests, TimeoutError)):
        box.client(retry_timeout_seconds=2).metastores.summary()


def test_500_and_503_are_what_they_are(box: Sandbox) -> None:
    with box.fault(SUMMARY, "error", count=1), pytest.raises(InternalError):
        box.client().metastores.summary()
    with box.fault(SUMMARY, "error", status=503, retry_after=1, count=1):
        assert box.client().metastores.summary().name == "sandbox", "503 is tried again"
    with box.fault(SUMMARY, "error", status=503):
        answer = box.ask("GET", SUMMARY)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    with (
        box.fault(SUMMARY, "error", status=503, retry_after=1),
        pytest.raises((TemporarilyUnavailable, TimeoutError)),
    ):
        box.client(retry_timeout_seconds=2).metastores.summary()


def test_slow_and_latency_take_their_time(box: Sandbox) -> None:
    with box.fault(SUMMARY, "slow", ms=700):
        started = time.monotonic()
        box.client().metastores.summary()
        assert time.monotonic() - started >= 0.7
    with box.setting(latency_ms=150):
        started = time.monotonic()
        for _ in range(3):
            box.ask("GET", SUMMARY)
        assert time.monotonic() - started >= 0.45
        started = time.monotonic()
        box.look("counts")
        assert time.monotonic() - started < 0.15, "what is behind the curtain is not slowed down"


def test_a_cut_connection_did_nothing_and_a_lost_answer_did(box: Sandbox) -> None:
    path = "/api/2.0/secrets/scopes/create"
    for kind, there in (("cut", []), ("lost", ["mine"]), ("half", ["mine", "half"])):
        with box.fault(path, kind, count=1), pytest.raises(requests.exceptions.RequestException):
            body = {"scope": "mine" if kind != "half" else "half"}
            box.ask("POST", path, json=body)
        scopes = {scope.name for scope in box.client().secrets.list_scopes()}
        assert scopes == set(there), kind
    for scope in ("mine", "half"):
        box.client().secrets.delete_scope(scope)


def test_half_an_answer_is_no_answer(box: Sandbox) -> None:
    with box.fault(SUMMARY, "half", count=1), pytest.raises(requests.exceptions.RequestException):
        box.ask("GET", SUMMARY)
    with box.fault(SUMMARY, "half", count=1):
        assert box.client().metastores.summary().name == "sandbox", "the client tries again"


def test_garbage_is_not_json(box: Sandbox) -> None:
    with box.fault(SUMMARY, "garbage", count=1):
        answer = box.ask("GET", SUMMARY)
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html"
    with box.fault(SUMMARY, "garbage", count=1), pytest.raises((ValueError, DatabricksError)):
        box.client().metastores.summary()


def test_an_expired_token_is_401(box: Sandbox) -> None:
    with box.fault("/api/*", "expired-token", count=1), pytest.raises(Unauthenticated, match="expired"):
        box.client().metastores.summary()


def test_empty_pages_lose_nothing(box: Sandbox) -> None:
    client = box.client()
    whole = [table.name for table in client.tables.list("lake", "s0000", max_results=0)]
    with box.fault("/api/2.1/unity-catalog/tables", "empty-pages", skip=1, count=3):
        answer = box.ask("GET", "/api/2.1/unity-catalog/tables?catalog_name=lake&schema_name=s0001&max_results=0")
        assert len(answer.json()["tables"]) == 100
        empty = box.ask("GET", "/api/2.1/unity-catalog/tables?catalog_name=lake&schema_name=s0001&max_results=0")
        assert empty.json().keys() == {"next_page_token"}
        assert [table.name for table in client.tables.list("lake", "s0000", max_results=0)] == whole
    hits = box.look("faults")["rules"]
    assert hits == [], "the rule is gone with its block"


def test_reordered_lists_are_complete(box: Sandbox) -> None:
    client = box.client()
    whole = [table.name for table in client.tables.list("lake", "s0002", max_results=0)]
    with box.fault("/api/2.1/unity-catalog/tables", "reordered"):
        other = [table.name for table in client.tables.list("lake", "s0002", max_results=0)]
    assert other != whole and sorted(map(str, other)) == whole and len(whole) == 500


def test_rules_are_counted_and_checked(box: Sandbox) -> None:
    box.turn("faults", rules=[{"path": SUMMARY, "kind": "slow", "ms": 1}, {"path": "/x", "kind": "cut"}])
    box.ask("GET", SUMMARY)
    assert [(rule["kind"], rule["hits"]) for rule in box.look("faults")["rules"]] == [("slow", 1), ("cut", 0)]
    requests.delete(f"{box.url}/sandbox/faults", timeout=10)
    wrong = requests.post(f"{box.url}/sandbox/faults", json={"path": "/x", "kind": "unheard"}, timeout=10)
    assert wrong.status_code == 400
    wrong = requests.post(f"{box.url}/sandbox/settings", json={"latency": 1}, timeout=10)
    assert wrong.status_code == 400, "a setting that does not exist"


def test_requests_can_be_looked_at_without_their_secrets(box: Sandbox) -> None:
    box.turn("counts/reset")
    box.client().secrets.create_scope("seen")
    box.client().secrets.put_secret("seen", "key", string_value=credential("scope"))
    seen = box.look("requests")["requests"]
    put = next(one for one in seen if one["path"] == "/api/2.0/secrets/put")
    assert put["status"] == 200 and "databricks-sdk-py" in put["user_agent"]
    assert credential("scope") not in str(seen) and box.token not in str(seen)
    assert box.look("counts")["requests_open"] == 0
    box.client().secrets.delete_scope("seen")


def memory(box: Sandbox) -> int:
    """What the sandbox's process holds, in KB."""
    port = box.url.rsplit(":", 1)[1]
    found = subprocess.run(["ss", "-ltnpH", f"sport = :{port}"], capture_output=True, text=True, check=False).stdout
    if "pid=" not in found:
        pytest.skip("ss is not there, or does not tell processes")
    pid = found.split("pid=")[1].split(",")[0]
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])


def test_a_hundred_thousand_tables_cost_little() -> None:
    with sandbox("--tables", "100000") as big:
        # Every table is made once; the client's own reading of them would take most of the time.
        listed = 0
        for schema in big.client().schemas.list("lake", max_results=0):
            query = f"catalog_name=lake&schema_name={schema.name}&omit_columns=true&omit_properties=true"
            listed += len(big.ask("GET", f"/api/2.1/unity-catalog/tables?{query}").json()["tables"])
        assert listed == 100_000
        assert memory(big) < 200_000
