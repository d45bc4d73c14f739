"""A table whose data files were moved while its position deletes name the old places: deleted rows are back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fastavro

from tests.harness.cli import Icebridge
from tests.harness.route import Route, connect

TABLE = "sales.orders"
CODE = "IB-F113"


def local(path: str) -> Path:
    return Path(path.removeprefix("file://").removeprefix("file:"))


def move_data_files(metadata: Path) -> int:
    """Every live data file goes to another folder, and the manifests with it; the delete files stay as they are."""
    document = json.loads(metadata.read_text(encoding="utf-8"))
    current = next(s for s in document["snapshots"] if s["snapshot-id"] == document["current-snapshot-id"])
    with local(current["manifest-list"]).open("rb") as listed:
        manifests = [line["manifest_path"] for line in fastavro.reader(listed) if line["content"] == 0]
    moved = 0
    for manifest in map(local, manifests):
        with manifest.open("rb") as read:
            reader = fastavro.reader(read)
            header, entries = dict(reader.metadata), list(reader)
        for entry in entries:
            file = entry["data_file"]
            old = local(file["file_path"])
            file["file_path"] = file["file_path"].replace("/data/", "/moved/")
            if old.exists():
                local(file["file_path"]).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(old, local(file["file_path"]))
                moved += 1
        schema, codec = json.loads(header.pop("avro.schema")), header.pop("avro.codec", "null")
        with manifest.open("wb") as written:
            fastavro.writer(written, schema, entries, codec=codec, metadata=header)
    return moved


def check(validation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(check for check in validation["checks"] if check["name"] == name)


def test_deletes_that_name_no_data_file_are_asked_about_before_the_run(icebridge: Icebridge, tmp_path: Path) -> None:
    icebridge.run("sample", tmp_path / "sample")
    icebridge.run("inventory", "sample", "--only", TABLE)
    facts = next(row for row in icebridge.run("tables", "sample", "--facts") if row["ident"] == TABLE)["facts"]
    deletes = facts["deletes"]
    assert deletes["positions"] == deletes["applied"] > 0 == deletes["dangling"]
    metadata = local(facts["metadata_location"])
    assert move_data_files(metadata) > 0
    connect(icebridge, "foreign", "files", metadata)
    connect(icebridge, "managed", "embedded", tmp_path / "managed", target=True)
    icebridge.run("inventory", "foreign")
    route = Route(icebridge)
    [findings] = route.findings("--mode", "clone").values()
    found = next(finding for finding in findings if finding["code"] == CODE)
    assert f"{deletes['positions']} delete records" in found["reason"] and "/moved/" in found["reason"]
    assert icebridge.refuse("plan", *route.arguments, "--mode", "clone", code="loss-not-accepted")
    icebridge.run("preflight", *route.arguments, "--mode", "clone", "--accept", CODE)
    made = icebridge.run("run", icebridge.run("plan", *route.arguments, "--mode", "clone")["path"])
    validation = made["tables"][0]["validation"]
    assert validation["passed"] and check(validation, "records")["passed"]
    assert CODE in check(validation, "deletes")["detail"]
    assert validation["source_records"]["deletes"]["unexplained"] == deletes["positions"]
