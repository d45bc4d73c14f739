"""What looks for the canary finds it wherever it is put, or a suite that finds nothing would prove nothing."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.parse
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import fastavro
import pytest

from tests.harness.sandbox import until
from tests.harness.watch import Watch, variables
from tests.leakage import scan
from tests.leakage.canary import MARK, Seeker, credential

# Not the canary of this run, which must be found nowhere.
OTHER = "canary" + MARK[:5:-1] + "x"
SECRET = f"pw/{OTHER}?+"
SEEKER = Seeker(OTHER)


def database(path: Path, value: str | bytes) -> None:
    """A value over many pages, in which the word lies over the end of one, wherever that is."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA page_size = 512")
        made.execute("CREATE TABLE t (a TEXT, b)")
        made.execute("INSERT INTO t VALUES (?, ?)", ("x", value))
        made.commit()


def avro(secret: str) -> bytes:
    """A file of one record, compressed as manifests are."""
    file = io.BytesIO()
    schema = {"type": "record", "name": "r", "fields": [{"name": "path", "type": "string"}]}
    fastavro.writer(file, fastavro.parse_schema(schema), [{"path": secret * 20}], codec="deflate")
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    """A ZIP with one compressed file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner/log.txt", content)
    return file.getvalue()


PLACES: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda secret: f"before {secret} after".encode(),
    "JSON": lambda secret: json.dumps({"token": secret}).encode(),
    "an address": lambda secret: urllib.parse.quote(secret, safe="").encode(),
    "base64": lambda secret: base64.b64encode(f"{secret} after".encode()),
    "base64, one further": lambda secret: base64.b64encode(f"1{secret} after".encode()),
    "base64, two further": lambda secret: base64.urlsafe_b64encode(f"12{secret} after".encode()),
    "hex": lambda secret: secret.encode().hex().encode(),
    "hex in capitals": lambda secret: secret.encode().hex().upper().encode(),
    "every byte escaped": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()).encode(),
    "UTF-16": lambda secret: secret.encode("utf-16"),
    "capitals": lambda secret: secret.upper().encode(),
    "gzip": lambda secret: gzip.compress(secret.encode()),
    "half of gzip": lambda secret: gzip.compress(secret.encode() + bytes(1000))[:-9],
    "gzip in gzip": lambda secret: gzip.compress(gzip.compress(secret.encode())),
    "ZIP": lambda secret: zipped(f"{secret} {secret}".encode()),
    "base64 in ZIP": lambda secret: zipped(base64.b64encode(secret.encode())),
    "Avro": avro,
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_in_a_file(place: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(PLACES[place](SECRET))
    assert scan.file(path, SEEKER)
    path.write_bytes(PLACES[place](SECRET.replace(OTHER, "nothing-of-it")))
    assert scan.file(path, SEEKER) == []
    assert list(scan.files(tmp_path)) == [path]


def test_it_is_found_in_a_database_across_its_pages(tmp_path: Path) -> None:
    apart = 0
    for before in range(1000, 1512, 8):
        path = tmp_path / str(before)
        database(path, "x" * before + SECRET + "x" * 1000)
        assert scan.file(path, SEEKER)
        apart += OTHER.encode() not in path.read_bytes()
    assert apart, "no page ended within the word: nothing was proved"


def test_it_is_found_in_what_a_database_has_not_put_away_yet(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE t (a BLOB)")
        made.execute("INSERT INTO t VALUES (?)", (SECRET.encode(),))
        made.commit()
        assert OTHER.encode() not in (tmp_path / "db").read_bytes()
        assert scan.file(tmp_path / "db", SEEKER) and scan.file(tmp_path / "db-wal", SEEKER)


@pytest.mark.parametrize(
    "token", ["eyJsandbox." + "0a" * 32, "dor" + "1b" * 32, "dapi" + "2c" * 16, "dose" + "3d" * 16]
)
def test_tokens_of_the_sandbox_are_found_by_their_form(token: str) -> None:
    assert SEEKER.find(f"dor dapi {token}".encode())
    assert not SEEKER.find(token[:-1].encode())


def test_it_is_found_in_the_memory_of_a_process() -> None:
    program = "import sys; kept = sys.stdin.readline(); print('kept', flush=True); sys.stdin.readline()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write(f"{SECRET}\n")
        process.stdin.flush()
        process.stdout.readline()
        read, found = scan.memory(process.pid, SEEKER)
        assert read > 1_000_000 and found
        assert scan.memory(process.pid, Seeker("canary-of-nobody"))[1] == []
        process.stdin.close()


def test_it_is_found_in_the_arguments_of_the_product_and_of_what_it_starts(tmp_path: Path) -> None:
    shell = tmp_path / "icebridge"
    shutil.copy(str(shutil.which("sh")), shell)
    watch = Watch(SEEKER)
    watch.start()
    try:
        with subprocess.Popen([shell, "-c", "sleep 60; true", SECRET]) as own:
            until(lambda: any("icebridge, the product: its arguments" in what for what in watch.found))
            own.kill()
        watch.found.clear()
        # Its own arguments are clean, those of its child are not.
        command = f"{sys.executable} -c 'import time; time.sleep(60)' $(cat)"
        with subprocess.Popen([shell, "-c", f"{command}; true"], stdin=-1, text=True) as own:
            assert own.stdin
            own.stdin.write(SECRET)
            own.stdin.close()
            until(lambda: any(f"started by {own.pid}" in what for what in watch.found))
            children = Path(f"/proc/{own.pid}/task/{own.pid}/children").read_text().split()
            own.kill()
            subprocess.run(["kill", *children], check=False)
        assert not [what for what in watch.found if "started by" not in what]
    finally:
        watch.stop()
    assert {"icebridge"} <= {program for _, program in watch.seen}


def test_secrets_in_the_environment_have_names_that_are_documented() -> None:
    names = ("ICEBRIDGE_SECRET_LAKE_TOKEN", "DATABRICKS_TOKEN", "ICEBRIDGE_LOG", "MY_DATABRICKS_TOKEN")
    assert variables([f"{name}={SECRET}".encode() for name in names], SEEKER) == list(names[2:])


def test_credentials_carry_the_canary_and_differ() -> None:
    assert MARK in credential("a") and credential("a") != credential("b")
    assert Seeker().find(credential("a").encode())
