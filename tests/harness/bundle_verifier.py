"""A second verifier of audit bundles, by docs/audit-bundle.md alone: `python -m tests.harness.bundle_verifier DIR`.

What the program refuses and this passes, or the other way round, is a fault of one of them or of the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOT_LISTED = {"manifest.json", "signature.json"}
LEVELS = ["schema", "count", "aggregates", "digest", "bytes", "target_read_back", "read_back"]
ENTRY = {"sequence", "at", "run_id", "table", "kind", "body", "previous_hash", "hash"}
MANIFEST = {
    *("bundle_version", "product_version", "run_id", "plan_hash", "exported_at", "journal_entries", "journal_head"),
    *("tables", "migrated", "lowest_proof", "public_key", "files"),
}
ENVIRONMENT = ["product", "product_version", "operating_system", "architecture", "settings", "catalogs"]
TABLE = {"planned", "state", "error", "outcome", "validation", "after"}


class Broken(Exception):
    """The bundle is not intact."""


def need(holds: object, why: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise Broken(why)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once."""
    need(len(dict(pairs)) == len(pairs), "a key stands twice")
    return dict(pairs)


def parse(text: bytes) -> Any:
    """JSON without a key that stands twice."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Broken(f"no JSON: {error}") from error


def pretty(value: Any) -> bytes:
    """The layout of the page."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def compact(value: Any, *, sort: bool) -> str:
    """JSON without spaces."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False)


def document(path: Path) -> Any:
    """A file in the page's layout."""
    need(path.is_file() and not path.is_symlink(), f"{path.name} is no file")
    text = path.read_bytes()
    value = parse(text)
    need(pretty(value) == text, f"{path.name} has another layout")
    return value


def signature(folder: Path, manifest: dict[str, Any], sha256: str) -> None:
    """Where the manifest names a key, the signature fits."""
    path = folder / "signature.json"
    if "public_key" not in manifest:
        return need(not path.exists(), "a signature of which the manifest does not speak")
    signed = document(path)
    need(list(signed) == ["algorithm", "public_key", "manifest_sha256", "signature"], "an unknown field")
    need(signed["algorithm"] == "Ed25519" and signed["public_key"] == manifest["public_key"], "another key")
    need(signed["manifest_sha256"] == sha256, "another manifest")
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(manifest["public_key"], validate=True))
        key.verify(base64.b64decode(signed["signature"], validate=True), f"IceBridge audit bundle\n{sha256}\n".encode())
    except (ValueError, InvalidSignature) as error:
        raise Broken("the signature does not fit") from error


def files(folder: Path, manifest: dict[str, Any]) -> None:
    """Every listed file is there and nothing else."""
    listed = {file["path"]: file for file in manifest["files"]}
    need(len(listed) == len(manifest["files"]), "a file is listed twice")
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    folders = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir()}
    need(there - NOT_LISTED == set(listed) and folders <= {"tables"}, "other files than the manifest lists")
    for name, file in listed.items():
        need(set(file) == {"path", "bytes", "sha256"}, "an unknown field")
        text = (folder / name).read_bytes()
        same = len(text) == file["bytes"] and hashlib.sha256(text).hexdigest() == file["sha256"]
        need(same and not (folder / name).is_symlink(), f"{name} was changed")


def the_plan(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The plan's hash holds and every loss was accepted."""
    plan: dict[str, Any] = document(folder / "plan.json")
    found = hashlib.sha256(compact({**plan, "hash": ""}, sort=False).encode()).hexdigest()
    need(found == plan["hash"] == manifest["plan_hash"], "the plan's hash")
    found_all = [finding for table in plan["tables"] for finding in table["findings"]]
    need(all(f["accepted"] for f in found_all if f["verdict"] == "loses"), "a loss was not accepted")
    return plan


def journal(folder: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The chain holds from its first entry to the one that the manifest names."""
    entries, previous = [], "0" * 64
    lines = (folder / "journal.jsonl").read_bytes().split(b"\n")
    need(lines.pop() == b"", "the last line has no end")
    for number, line in enumerate(lines, 1):
        entry = parse(line)
        need(set(entry) == ENTRY and compact(entry, sort=True).encode() == line, f"line {number} has another layout")
        body = compact(entry["body"], sort=True)
        digest = hashlib.sha256()
        named = [entry[name] for name in ("previous_hash", "at", "run_id", "table", "kind")]
        for part in (named[0], str(entry["sequence"]), *named[1:], body):
            digest.update(struct.pack(">Q", len(part.encode())) + part.encode())
        holds = entry["sequence"] == number and entry["previous_hash"] == previous
        need(holds and entry["hash"] == digest.hexdigest(), f"the chain breaks at {number}")
        previous = entry["hash"]
        entries.append(entry)
    need(len(entries) == manifest["journal_entries"] and previous == manifest["journal_head"], "the journal's end")
    return entries


def level(checks: list[dict[str, Any]]) -> str:
    """The highest proof level without a gap."""
    held: dict[str, bool] = {}
    for kind, passed in ((check["name"].split(":")[0], check["passed"]) for check in checks):
        held[kind] = held.get(kind, True) and passed
    reached = next((at for at, name in enumerate(LEVELS) if not held.get(name)), 0)
    others = [name for name in ("read-back", "target-read-back") if held.get(name)]
    if others and reached > LEVELS.index("digest"):
        return others[0].replace("-", "_")
    return LEVELS[reached - 1] if reached else "none"


def table(evidence: dict[str, Any], planned: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """One table's evidence follows from the plan and the journal; its proof level."""
    need(set(evidence) <= TABLE and evidence["planned"] == planned, "evidence about something else")
    states = [entry["body"] for entry in entries if entry["kind"] == "table.state"]
    last = states[-1] if states else {"state": "queued"}
    need((evidence["state"], evidence["error"]) == (last["state"], last.get("error")), "another state")
    made = [body for body in states if "outcome" in body]
    outcome = dict(evidence["outcome"] or {})
    sums = outcome.pop("checksums", [])
    need(outcome == (made[-1]["outcome"] if made else {}), "another outcome than the journal")
    listed = hashlib.sha256("".join(f"{one['sha256']}  {one['path']}\n" for one in sums).encode()).hexdigest()
    expected = {"files": len(sums), "bytes": sum(one["bytes"] for one in sums), "sha256": listed}
    need(not made or made[-1].get("checksums", expected) == expected, "other checksums than the journal")
    validations = [entry["body"]["validation"] for entry in entries if entry["kind"] == "table.validated"]
    need(evidence["validation"] == (validations[-1] if validations else None), "another validation than the journal")
    proof = level((validation := evidence["validation"] or {}).get("checks", []))
    need(not validation or validation["proof"] == proof, "a proof level of its own")
    if evidence["state"] != "migrated":
        return "none"
    need(validation["passed"] and all(check["passed"] for check in validation["checks"]), "migrated and not validated")
    need(validation.get("conversions") == planned.get("conversions"), "a proof under other conversions than the plan's")
    need(LEVELS.index(proof) >= LEVELS.index("digest"), "migrated without a digest")
    for name, value in (("digest", validation["digest"]), ("count", str(validation["rows"]))):
        sides = [(c["source"], c["target"]) for c in validation["checks"] if c["name"] == name]
        need(sides == [(value, value)], f"the {name} differs")
    return str(proof)


def verify(folder: Path) -> None:
    """Raise `Broken` unless the bundle is intact."""
    manifest = document(folder / "manifest.json")
    need(manifest.get("bundle_version") in (3, 4) and set(manifest) <= MANIFEST, "an unknown version or field")
    signature(folder, manifest, hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest())
    files(folder, manifest)
    plan, entries = the_plan(folder, manifest), journal(folder, manifest)
    of_run = [entry for entry in entries if entry["run_id"] == manifest["run_id"]]
    started = [e["body"] for e in of_run if e["kind"] in ("run.started", "run.resumed", "job.started", "job.resumed")]
    need(started and started[0]["plan_hash"] == plan["hash"], "the run ran another plan")
    evidence = [document(path) for path in sorted((folder / "tables").iterdir())]
    need(len(evidence) == len(plan["tables"]) == manifest["tables"], "evidence for other tables")
    own = [[entry for entry in of_run if entry["table"] == planned["source"]] for planned in plan["tables"]]
    proofs = [table(*parts) for parts in zip(evidence, plan["tables"], own, strict=True)]
    need(manifest["migrated"] == sum(e["state"] == "migrated" for e in evidence), "the number of migrated tables")
    need(manifest["lowest_proof"] == min(proofs, key=["none", *LEVELS].index, default="none"), "the lowest proof")
    environment = document(folder / "environment.json")
    need(list(environment) == ENVIRONMENT and environment["settings"] == plan["settings"], "other settings")
    need(environment["product_version"] == manifest["product_version"], "another program")
    need(environment["catalogs"] == started[0].get("catalogs", environment["catalogs"]), "other catalogs")


if __name__ == "__main__":
    verify(Path(sys.argv[1]))
    print("intact")
