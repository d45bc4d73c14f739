"""A second verifier of audit bundles, by docs/audit-bundle.md alone: `python -m tests.harness.bundle_verifier PATH`."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOT_LISTED = {"manifest.json", "signature.json"}
FILES = {"plan.json", "journal.jsonl", "approvals.json", "environment.json", "summary.md", "summary.html"}
LEVELS = ["schema", "count", "aggregates", "digest", "bytes", "target_read_back", "read_back"]
ENTRY = {"sequence", "at", "run_id", "table", "kind", "body", "previous_hash", "hash"}
MANIFEST = {
    *("bundle_version", "product_version", "run_id", "plan_hash", "exported_at", "journal_entries", "journal_head"),
    *("tables", "migrated", "lowest_proof", "public_key", "files"),
}
ENVIRONMENT = ["product", "product_version", "operating_system", "architecture", "settings", "catalogs"]
TABLE = {"planned", "state", "error", "outcome", "validation", "after"}
Files = dict[str, bytes]  # what the bundle holds, by path


class Broken(Exception):
    """The bundle is not intact."""


def need(holds: object, why: str) -> None:
    """Raise unless it holds."""
    if not holds:
        raise Broken(why)


def pretty(value: Any) -> bytes:
    """The layout of the page."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def compact(value: Any, *, sort: bool) -> str:
    """JSON without spaces."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False)


def of_folder(folder: Path) -> Files:
    """Regular files, and no folder but that of the tables."""
    there = list(folder.rglob("*"))
    need(not any(path.is_symlink() for path in there), "a link")
    need({path for path in there if path.is_dir()} <= {folder / "tables"}, "a folder of which the page does not speak")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in there if not path.is_dir()}


def of_archive(text: bytes) -> Files:
    """A ZIP archive written in the one way of the page."""
    count, length, at = struct.unpack("<HII", text[-12:-2])
    end = b"PK\5\6" + struct.pack("<4xHHIIH", count, count, length, at, 0)
    need(text.endswith(end) and at + length + 22 == len(text), "the end of the archive")
    found, place, data = Files(), at, 0
    for _ in range(count):
        crc, packed, size, letters = struct.unpack("<IIIH", text[place + 16 : place + 30])
        name = text[place + 46 : place + 46 + letters]
        shared = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, packed, size, letters, 0)
        local, central = b"PK\3\4" + shared + name, b"PK\1\2\x14\0" + shared + struct.pack("<10xI", data) + name
        need(text.startswith(central, place) and text.startswith(local, data), "a header of the archive")
        place, start, data = place + len(central), data + len(local), data + len(local) + packed
        inflate = zlib.decompressobj(-15)
        content = found.setdefault(name.decode(), inflate.decompress(text[start:data]))
        need(inflate.eof and not inflate.unused_data and (len(content), zlib.crc32(content)) == (size, crc), "the data")
    need((len(found), data, place) == (count, at, at + length), "a name twice, or something between the files")
    return found


def document(held: Files, name: str) -> Any:
    """A file in the page's layout, in which no key stands twice."""
    value = json.loads(held[name].decode())
    need(pretty(value) == held[name], f"{name} has another layout")
    return value


def signature(held: Files, manifest: dict[str, Any], sha256: str) -> None:
    """Where the manifest names a key, the signature fits."""
    if "public_key" not in manifest:
        return need("signature.json" not in held, "a signature of which the manifest does not speak")
    signed = document(held, "signature.json")
    named = {"algorithm": "Ed25519", "public_key": manifest["public_key"], "manifest_sha256": sha256}
    need(list({**named, "signature": signed["signature"]}.items()) == list(signed.items()), "another key or manifest")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(manifest["public_key"], validate=True))
    try:
        key.verify(base64.b64decode(signed["signature"], validate=True), f"IceBridge audit bundle\n{sha256}\n".encode())
    except InvalidSignature as error:
        raise Broken("the signature does not fit") from error


def files(held: Files, manifest: dict[str, Any]) -> None:
    """Every listed file is there and nothing else."""
    listed = {file["path"]: file for file in manifest["files"]}
    need(len(listed) == len(manifest["files"]) and set(held) - NOT_LISTED == set(listed), "other files than listed")
    need(all(name in FILES or name.startswith("tables/") for name in listed), "a file that no bundle has")
    for name, file in listed.items():
        found = {"path": name, "bytes": len(held[name]), "sha256": hashlib.sha256(held[name]).hexdigest()}
        need(file == found, f"{name} was changed")


def the_plan(held: Files, manifest: dict[str, Any]) -> dict[str, Any]:
    """The plan's hash holds and every loss was accepted."""
    plan: dict[str, Any] = document(held, "plan.json")
    found = hashlib.sha256(compact({**plan, "hash": ""}, sort=False).encode()).hexdigest()
    need(found == plan["hash"] == manifest["plan_hash"], "the plan's hash")
    need(all(f["accepted"] for t in plan["tables"] for f in t["findings"] if f["verdict"] == "loses"), "a loss")
    return plan


def journal(held: Files, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The chain holds from its first entry to the one that the manifest names."""
    entries, previous = [], "0" * 64
    lines = held["journal.jsonl"].split(b"\n")
    need(lines.pop() == b"", "the last line has no end")
    for number, line in enumerate(lines, 1):
        entry = json.loads(line.decode())
        need(set(entry) == ENTRY and compact(entry, sort=True).encode() == line, f"line {number} has another layout")
        body = compact(entry["body"], sort=True)
        digest = hashlib.sha256()
        named = [entry[name] for name in ("at", "run_id", "table", "kind")]
        for part in (previous, str(entry["sequence"]), *named, body):
            digest.update(struct.pack(">Q", len(part.encode())) + part.encode())
        chained = (number, previous, digest.hexdigest())
        need((entry["sequence"], entry["previous_hash"], entry["hash"]) == chained, f"the chain breaks at {number}")
        previous = entry["hash"]
        entries.append(entry)
    need(len(entries) == manifest["journal_entries"] and previous == manifest["journal_head"], "the journal's end")
    return entries


def level(checks: list[dict[str, Any]]) -> str:
    """The highest proof level without a gap."""
    kinds = [(check["name"].split(":")[0], check["passed"]) for check in checks]
    held = {kind for kind, _ in kinds} - {kind for kind, passed in kinds if not passed}
    reached = next((at for at, name in enumerate(LEVELS) if name not in held), 0)
    others = [name for name in ("read-back", "target-read-back") if name in held]
    if others and reached > LEVELS.index("digest"):
        return others[0].replace("-", "_")
    return LEVELS[reached - 1] if reached else "none"


def table(evidence: dict[str, Any], planned: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """One table's evidence follows from the plan and the journal; its proof level."""
    need(set(evidence) <= TABLE and evidence["planned"] == planned, "evidence about something else")
    states = [{"state": "queued"}, *(entry["body"] for entry in entries if entry["kind"] == "table.state")]
    need((evidence["state"], evidence["error"]) == (states[-1]["state"], states[-1].get("error")), "another state")
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
    need(proof in LEVELS[3:] and validation["passed"] and all(c["passed"] for c in validation["checks"]), "not proved")
    need(validation.get("conversions") == planned.get("conversions"), "a proof under other conversions than the plan's")
    for name, value in (("digest", validation["digest"]), ("count", str(validation["rows"]))):
        need([(c["source"], c["target"]) for c in validation["checks"] if c["name"] == name] == [(value, value)], name)
    return str(proof)


def verify(path: Path) -> None:
    """Raise `Broken` unless the bundle is intact."""
    held = of_folder(path) if path.is_dir() else of_archive(path.read_bytes())
    manifest = document(held, "manifest.json")
    need(manifest.get("bundle_version") in (3, 4, 5) and set(manifest) <= MANIFEST, "an unknown version or field")
    signature(held, manifest, hashlib.sha256(held["manifest.json"]).hexdigest())
    files(held, manifest)
    plan, entries = the_plan(held, manifest), journal(held, manifest)
    of_run = [entry for entry in entries if entry["run_id"] == manifest["run_id"]]
    started = [e["body"] for e in of_run if e["kind"] in ("run.started", "run.resumed", "job.started", "job.resumed")]
    need(started and started[0]["plan_hash"] == plan["hash"], "the run ran another plan")
    evidence = [document(held, name) for name in sorted(held) if name.startswith("tables/")]
    need(len(evidence) == len(plan["tables"]) == manifest["tables"], "evidence for other tables")
    own = [[entry for entry in of_run if entry["table"] == planned["source"]] for planned in plan["tables"]]
    proofs = [table(*parts) for parts in zip(evidence, plan["tables"], own, strict=True)]
    need(manifest["migrated"] == sum(e["state"] == "migrated" for e in evidence), "the number of migrated tables")
    need(manifest["lowest_proof"] == min(proofs, key=["none", *LEVELS].index, default="none"), "the lowest proof")
    environment = document(held, "environment.json")
    need(list(environment) == ENVIRONMENT and environment["settings"] == plan["settings"], "other settings")
    need(environment["product_version"] == manifest["product_version"], "another program")
    need(environment["catalogs"] == started[0].get("catalogs", environment["catalogs"]), "other catalogs")


if __name__ == "__main__":
    verify(Path(sys.argv[1]))
    print("intact")
