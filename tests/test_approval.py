"""Approval of a plan by others: one state folder runs it, others approve it, each with a key of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.harness.bundle_verifier import pretty, verify
from tests.harness.cli import Icebridge, fresh
from tests.test_bundle_verifier import resealed

SIGNING_KEY = "ICEBRIDGE_SECRET_AUDIT_SIGNING_KEY"
FAST = ("--quiet", "0s")


def with_key(folder: Path, key: Ed25519PrivateKey | None = None) -> Icebridge:
    """A state folder; the variable stands in for its keychain."""
    cli = fresh(folder)
    key = key or Ed25519PrivateKey.generate()
    document = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cli.environment[SIGNING_KEY] = base64.b64encode(document).decode()
    return cli


def public_key(cli: Icebridge) -> str:
    return str(cli.run("approval", "key")["public_key"])


@dataclass
class Desk:
    """Who runs a plan, two who approve, and a sample lakehouse."""

    folder: Path
    runner: Icebridge
    ada: Icebridge
    bob: Icebridge

    @property
    def both(self) -> tuple[str, ...]:
        """Both as a plan names them."""
        return "--approver", f"Ada={public_key(self.ada)}", "--approver", f"Bob={public_key(self.bob)}"

    def plan(self, *options: str) -> Path:
        """A plan of all sample tables that can be moved."""
        path = self.folder / "plan.json"
        route = ("--source", "sample", "--target", "managed", "--mode", "clone")
        self.runner.run("plan", *route, "--out", path, *options)
        return path

    def give(self, approver: Icebridge, plan: Path, *options: str) -> Path:
        """An approval's file."""
        return Path(approver.run("approval", "give", plan, *options)["path"])

    def take(self, file: Path) -> None:
        self.runner.run("approval", "take", file)

    def states(self, plan: Path, *, enough: bool) -> dict[str, str]:
        """Who has approved, as the runner's state says it. The exit code says whether it is enough."""
        done = self.runner.outcome("approval", "list", plan)
        assert (done.code, done.json[0]["is_enough"]) == (0 if enough else 1, enough), done
        return {one["name"]: one["state"] for one in done.json[0]["approvers"]}

    def bundle(self, name: str) -> Path:
        self.runner.run("audit", "export", "--out", self.folder / name)
        return self.folder / name


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    runner, ada, bob = (with_key(tmp_path / name) for name in ("runner", "ada", "bob"))
    runner.run("sample", tmp_path / "sample")
    runner.run("inventory", "sample")
    judged = runner.outcome("preflight", "--source", "sample", "--target", "managed", "--accept-all-losses")
    assert judged.code in (0, 1), judged
    return Desk(tmp_path, runner, ada, bob)


def told(error: dict[str, Any]) -> str:
    """What an error names, beside its message; it says both commands."""
    assert "approval give" in error["hint"] and "approval take" in error["hint"], error
    return " | ".join(error["causes"])


def failed(cli: Icebridge, bundle: Path) -> list[str]:
    """The checks of a bundle that do not hold."""
    return [check["name"] for check in cli.outcome("audit", "verify", bundle).json["checks"] if not check["passed"]]


def test_a_plan_is_run_once_enough_others_have_approved_it(desk: Desk) -> None:
    plan = desk.plan(*desk.both, "--approvals", "2", "--change", "CHG0012345")
    settings = json.loads(plan.read_text())["settings"]
    assert (settings["approval"]["needed"], settings["change"]) == (2, "CHG0012345")
    error = desk.runner.refuse("run", plan, code="not-approved")
    assert "Ada has not approved it" in told(error) and "Bob has not approved it" in told(error)
    assert desk.runner.run("runs") == []

    given = desk.ada.run("approval", "give", plan, "--for", "12h")
    hash_of_plan = json.loads(plan.read_text())["hash"]
    assert (given["source"], given["target"], given["change"]) == ("sample", "managed", "CHG0012345")
    assert given["approval"]["plan_hash"] == hash_of_plan and given["tables"] > 0 and given["bytes"] > 0
    assert all(loss["code"].startswith("IB-") and loss["tables"] > 0 for loss in given["losses"])
    key = public_key(desk.ada)
    short = "".join(c if c.isalnum() else "_" for c in key[:8])
    assert given["path"] == str(desk.folder / f"plan.{short}.approval.json")
    desk.take(Path(given["path"]))
    assert told(desk.runner.refuse("run", plan, code="not-approved")) == "Bob has not approved it"
    assert desk.states(plan, enough=False) == {"Ada": "approved", "Bob": "missing"}
    # Twice by one key is once.
    desk.take(desk.give(desk.ada, plan))
    desk.runner.refuse("run", plan, code="not-approved")

    desk.take(desk.give(desk.bob, plan))
    assert desk.states(plan, enough=True) == {"Ada": "approved", "Bob": "approved"}
    assert desk.runner.run("run", plan)["state"] == "succeeded"
    assert desk.runner.run("approval", "list")[0]["is_known"]
    # Without a keychain nobody can tell who it is that runs it.
    del desk.runner.environment[SIGNING_KEY]
    desk.runner.environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nowhere"
    desk.runner.refuse("run", "--resume", code="keychain-unavailable")


def test_what_does_not_count(desk: Desk, tmp_path: Path) -> None:
    own = public_key(desk.runner)
    plan = desk.plan("--approver", f"Ada={public_key(desk.ada)}", "--approver", f"Me={own}")
    # By who runs it.
    desk.take(desk.give(desk.runner, plan))
    error = desk.runner.refuse("run", plan, code="not-approved")
    assert "Me has the key of this state" in told(error) and "Ada has not approved it" in told(error)
    # By somebody whom the plan does not name.
    desk.bob.refuse("approval", "give", plan, code="invalid-input")
    stranger = Ed25519PrivateKey.generate()
    desk.take(signed(stranger, json.loads(plan.read_text())["hash"], tmp_path / "stranger.json"))
    desk.runner.refuse("run", plan, code="not-approved")
    # Of another plan.
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(plan, other / "plan.json")
    changed = desk.plan("--approver", f"Ada={public_key(desk.ada)}", "--approver", f"Me={own}", "--change", "CHG2")
    desk.take(desk.give(desk.ada, other / "plan.json"))
    assert "Ada has not approved it" in told(desk.runner.refuse("run", changed, code="not-approved"))
    # For a time that is over.
    desk.take(desk.give(desk.ada, changed, "--for", "1s"))
    time.sleep(1.1)
    assert "the approval by Ada expired at" in told(desk.runner.refuse("run", changed, code="not-approved"))
    assert desk.states(changed, enough=False) == {"Ada": "expired", "Me": "own_key"}
    desk.take(desk.give(desk.ada, changed))
    assert desk.runner.run("run", changed)["state"] == "succeeded"


def signed(key: Ed25519PrivateKey, of_plan: str, path: Path, **change: Any) -> Path:
    """An approval written by docs/approval.md alone."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    said: dict[str, Any] = {
        "approval_version": 1,
        "plan_hash": of_plan,
        "public_key": base64.b64encode(raw).decode(),
        "given_at": "2026-01-01T00:00:00.000Z",
        "expires_at": "2099-01-01T00:00:00.000Z",
        "algorithm": "Ed25519",
        **change,
    }
    message = "IceBridge plan approval\n" + "".join(f"{name}: {value}\n" for name, value in said.items())
    said["signature"] = base64.b64encode(key.sign(message.encode())).decode()
    path.write_bytes(pretty(said))
    return path


def test_a_changed_approval_is_refused_field_by_field(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan("--approver", f"Ada={public_key(desk.ada)}")
    good = json.loads(desk.give(desk.ada, plan).read_text())
    changes: dict[str, list[Any]] = {
        "approval_version": [2, "1"],
        "plan_hash": ["0" * 64, ""],
        "public_key": [public_key(desk.bob), "AAAA"],
        "given_at": ["2020-01-01T00:00:00.000Z", "yesterday"],
        "expires_at": ["2099-01-01T00:00:00.000Z", ""],
        "algorithm": ["none", "ed25519"],
        "signature": [base64.b64encode(bytes(64)).decode(), ""],
    }
    assert set(changes) == set(good)
    path = tmp_path / "changed.json"
    for name, values in changes.items():
        for value in values:
            path.write_bytes(pretty({**good, name: value}))
            desk.runner.refuse("approval", "take", path, code="invalid-input")
        path.write_bytes(pretty({key: value for key, value in good.items() if key != name}))
        desk.runner.refuse("approval", "take", path, code="invalid-input")
    for text in (pretty({**good, "remark": "seen"}), b"", b"\xff", b" " * 20_000 + pretty(good)):
        path.write_bytes(text)
        desk.runner.refuse("approval", "take", path, code="invalid-input")
    desk.runner.refuse("approval", "take", tmp_path / "none.json", code="invalid-input")
    # Signed, but with another version, algorithm or time than there is.
    key, plan_hash = Ed25519PrivateKey.generate(), good["plan_hash"]
    desk.take(signed(key, plan_hash, path))
    for change in (
        {"approval_version": 2},
        {"algorithm": "Ed448"},
        {"expires_at": "2099-01-01"},
        {"expires_at": "2020-01-01T00:00:00.000Z"},
        {"plan_hash": "short"},
    ):
        signed(key, plan_hash, path, **change)
        desk.runner.refuse("approval", "take", path, code="invalid-input")
    assert "Ada has not approved it" in told(desk.runner.refuse("run", plan, code="not-approved"))


def test_a_plan_that_was_edited_is_not_approved(desk: Desk) -> None:
    plan = desk.plan("--approver", f"Ada={public_key(desk.ada)}", "--change", "CHG1")
    plan.write_text(plan.read_text().replace("CHG1", "CHG2"))
    desk.ada.refuse("approval", "give", plan, code="plan-broken")


def test_nonsense_is_refused_when_the_plan_is_made(desk: Desk) -> None:
    key, route = public_key(desk.ada), ("plan", "--source", "sample", "--target", "managed")
    for options in (
        ("--approver", "Ada=AAAA"),
        ("--approver", "Ada"),
        ("--approver", f"={key}"),
        ("--approver", f"Ada={key}", "--approver", f"Bob={key}"),
        ("--approver", f"Ada={key}", "--approver", f"Ada={public_key(desk.bob)}"),
        ("--approver", f"Ada={key}", "--approvals", "2"),
        ("--approver", f"Ada={key}", "--approvals", "0"),
        ("--approvals", "1"),
        ("--approver", f"A\x1b[31m={key}"),
        ("--approver", f"{'A' * 201}={key}"),
        ("--change", "C" * 201),
        ("--change", "CHG\n1"),
    ):
        desk.runner.refuse(*route, *options, code="invalid-input")


def test_resume_sync_and_move_ask_again_and_back_does_not(desk: Desk) -> None:
    plan = desk.plan("--approver", f"Ada={public_key(desk.ada)}", "--change", "CHG7")
    desk.take(desk.give(desk.ada, plan, "--for", "8s"))
    began = time.monotonic()
    assert desk.runner.run("run", plan)["state"] == "succeeded"
    time.sleep(max(0.0, 8.5 - (time.monotonic() - began)))
    for command in (("run", "--resume"), ("sync",), ("cutover", "move", *FAST)):
        assert "expired" in told(desk.runner.refuse(*command, code="not-approved")), command
    for command in (("sync", "--look"), ("cutover", "look"), ("cutover", "runbook")):
        done = desk.runner.outcome(*command)
        assert "not-approved" not in done.stdout and done.code in (0, 1), command

    desk.take(desk.give(desk.ada, plan, "--for", "1h"))
    assert desk.runner.outcome("sync").json["tables"]
    assert desk.runner.run("run", "--resume")["state"] == "succeeded"
    moved = desk.runner.outcome("cutover", "move", *FAST).json["tables"]
    assert {table["state"] for table in moved} == {"on_probation"}, moved
    desk.take(desk.give(desk.ada, plan, "--for", "1s"))
    time.sleep(1.1)
    desk.runner.refuse("cutover", "move", *FAST, code="not-approved")
    desk.runner.run("cutover", "check")
    desk.runner.run("cutover", "back")

    bundle = desk.bundle("bundle")
    entries = [json.loads(line) for line in (bundle / "journal.jsonl").read_text().splitlines()]
    beginnings = [entry for entry in entries if "approved" in entry["body"]]
    kinds = [entry["kind"] for entry in beginnings]
    assert kinds == ["run.started", "run.resumed", "cutover.approved"]
    for entry in beginnings:
        (by,) = entry["body"]["approved"]["by"]
        assert (by["name"], by["public_key"]) == ("Ada", public_key(desk.ada)), entry
        assert by["given_at"] < entry["body"]["approved"]["at"] < by["expires_at"]
        assert entry["body"]["change"] == "CHG7"
    # Two of Ada's: the run began on one, and was resumed and cut over on the other.
    assert len(json.loads((bundle / "approvals.json").read_text())) == 2
    assert failed(desk.runner, bundle) == []


def test_a_bundle_has_the_approvals_and_shows_where_they_were_changed(desk: Desk, tmp_path: Path) -> None:
    plan = desk.plan(*desk.both, "--approvals", "2", "--change", "CHG <b>9</b>")
    for approver in (desk.ada, desk.bob):
        desk.take(desk.give(approver, plan))
    desk.runner.run("run", plan)
    bundle = desk.bundle("bundle")
    assert failed(desk.runner, bundle) == []
    verify(bundle)
    listed = json.loads((bundle / "manifest.json").read_text())["files"]
    assert "approvals.json" in [file["path"] for file in listed]
    for name in ("summary.md", "summary.html"):
        text = (bundle / name).read_text()
        assert "CHG &lt;b&gt;9&lt;/b&gt;" in text and "Approved by" in text
        assert all(word in text for word in ("Ada", "Bob", public_key(desk.ada), public_key(desk.bob))), text

    def changed(change: Callable[[list[dict[str, Any]]], Any]) -> list[str]:
        """By a forger who brings the manifest up to date."""
        folder = tmp_path / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(bundle, folder)
        approvals = json.loads((folder / "approvals.json").read_text())
        change(approvals)
        (folder / "approvals.json").write_bytes(pretty(approvals))
        resealed(folder)
        return failed(desk.runner, folder)

    assert changed(lambda _: None) == []
    assert changed(lambda approvals: approvals.pop()) == ["approvals"]
    assert changed(lambda approvals: approvals.reverse()) == ["approvals"]
    assert changed(lambda approvals: approvals[0].update(expires_at="2099-01-01T00:00:00.000Z")) == ["approvals"]
    assert changed(lambda approvals: approvals[0].update(signature=approvals[1]["signature"])) == ["approvals"]
    assert changed(lambda approvals: approvals.append(approvals[0])) == ["approvals"]

    folder = tmp_path / "without"
    shutil.copytree(bundle, folder)
    (folder / "approvals.json").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = [file for file in manifest["files"] if file["path"] != "approvals.json"]
    (folder / "manifest.json").write_bytes(pretty(manifest))
    resealed(folder)
    assert failed(desk.runner, folder) == ["approvals"]


def test_who_approved_does_not_sign_the_bundle(desk: Desk) -> None:
    """The one who ran the plan does: it was not another one then."""
    plan = desk.plan(*desk.both)
    desk.take(desk.give(desk.ada, plan))
    desk.runner.run("run", plan)
    assert failed(desk.runner, desk.bundle("by the runner")) == []
    desk.runner.environment[SIGNING_KEY] = desk.bob.environment[SIGNING_KEY]
    assert failed(desk.runner, desk.bundle("by one who was not asked then")) == []
    desk.runner.environment[SIGNING_KEY] = desk.ada.environment[SIGNING_KEY]
    assert failed(desk.runner, desk.bundle("by who approved")) == ["approvals"]


def test_an_approval_is_a_file_of_its_own(desk: Desk) -> None:
    plan = desk.plan(*desk.both)
    before = plan.read_bytes()
    desk.ada.refuse("approval", "give", plan, "--out", plan, code="invalid-input")
    assert plan.read_bytes() == before
    os.mkfifo(desk.folder / "pipe")
    desk.runner.refuse("approval", "take", desk.folder / "pipe", code="invalid-input")


def test_a_plan_without_approvers_is_run_as_before(desk: Desk) -> None:
    plan = desk.plan("--change", "CHG1")
    assert "approval" not in json.loads(plan.read_text())["settings"]
    desk.ada.refuse("approval", "give", plan, code="invalid-input")
    assert desk.runner.run("run", plan)["state"] == "succeeded"
    bundle = desk.bundle("bundle")
    assert failed(desk.runner, bundle) == [] and not (bundle / "approvals.json").exists()
    assert "CHG1" in (bundle / "summary.md").read_text()
