"""The last test of all: no credential of any test before is in anything that they left behind.

`tests/leakage/leaks.py` looked into what is gone by now, and lets no test come after this one. What is looked into here
is what is left.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.cli import Icebridge
from tests.harness.route import connect
from tests.harness.watch import Watch
from tests.harness.webdriver import EVIDENCE
from tests.leakage.canary import credential
from tests.leakage.leaks import RECORD, look_into
from tests.services.process import free_port


def test_no_credential_is_in_anything_left_behind(
    watch: Watch, temporary: Path, tmp_path_factory: pytest.TempPathFactory, icebridge: Icebridge
) -> None:
    # Alone, this test has something to look into all the same.
    connect(icebridge, "last", "rest", f"http://127.0.0.1:{free_port()}", secrets={"token": credential("last")})
    done = icebridge.outcome("catalog", "check", "last")
    assert done.code == 1, done
    look_into(tmp_path_factory.getbasetemp(), "files of tests")
    look_into(EVIDENCE, "pictures of windows")
    look_into(temporary, "temporary files")
    assert RECORD.looked["files of tests"] and RECORD.looked["outputs"], RECORD.looked
    assert watch.looks and watch.seen, "no process of the product was seen"
    found = [*RECORD.found, *watch.found]
    assert not found, "\n".join([f"{len(found)} places hold a credential:", *found])
