"""The vendor's client for Go drives the sandbox as the one for Python does: tests/go_client, built and run here.

Go and the client's modules are not among what the tests install: where they cannot be had, this is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.sandbox import sandbox
from tests.leakage.leaks import heard
from tests.services.process import cache_dir

FOLDER = Path(__file__).resolve().parent / "go_client"
SOURCE = FOLDER / "sandbox_test.go"
DOWNLOAD_SECONDS = 120
SECONDS = 500


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests in Go, compiled. Modules and what was compiled before are kept with the other downloads."""
    go = shutil.which("go")
    if not go:
        pytest.skip("there is no Go")
    kept = cache_dir().resolve() / "go"
    env = {
        **os.environ,
        "GOPATH": str(kept),
        "GOCACHE": str(kept / "build"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw -mod=readonly",
    }
    try:
        fetched = subprocess.run(
            [go, "mod", "download"], cwd=FOLDER, env=env, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the client's modules do not come")
    if fetched.returncode != 0:
        pytest.skip(f"the client's modules cannot be fetched: {fetched.stderr.strip()[-300:]}")
    made = tmp_path_factory.mktemp("go") / "client"
    built = subprocess.run(
        [go, "test", "-c", "-o", made], cwd=FOLDER, env=env, capture_output=True, text=True, timeout=SECONDS
    )
    assert built.returncode == 0, built.stderr
    return made


def test_the_vendors_client_for_go_drives_the_sandbox(program: Path, tmp_path: Path) -> None:
    with sandbox("--tables", "2500", "--python", sys.executable) as box:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("DATABRICKS_")}
        told = {
            "URL": box.url,
            "TOKEN": box.token,
            "ADMIN_TOKEN": box.admin_token,
            "USER": box.user,
            "CLIENT_ID": box.client_id,
            "CLIENT_SECRET": box.client_secret,
        }
        done = subprocess.run(
            [program, "-test.v", "-test.timeout=240s"],
            cwd=tmp_path,
            env={**bare, "HOME": str(tmp_path), **{f"SANDBOX_{name}": value for name, value in told.items()}},
            capture_output=True,
            text=True,
            timeout=260,
        )
    heard(done.stdout + done.stderr, "outputs")
    assert done.returncode == 0, done.stdout + done.stderr
    written = re.findall(r"^func (Test\w+)", SOURCE.read_text(), re.MULTILINE)
    assert re.findall(r"^--- PASS: (\w+)", done.stdout, re.MULTILINE) == written, "each of them, and none left out"
