"""The generated lakehouse in the cache, for it takes minutes to make: `python -m tests.lakehouse.kept` makes it now."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lakehouse.spark import ROOT, cache_dir


def fingerprint() -> str:
    """Changes with everything that decides what is generated."""
    sources = sorted([*(ROOT / "tests" / "lakehouse").glob("*.*"), ROOT / "spark" / "judges" / "digest_reference.py"])
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources if path.is_file())).hexdigest()[:16]


def lakehouse() -> Path:
    """Every table shape and expected.json, which is there when all of it is."""
    folder = cache_dir().resolve() / f"lakehouse-{fingerprint()}"
    if not (folder / "expected.json").is_file():
        for stale in folder.parent.glob("lakehouse-*"):
            shutil.rmtree(stale, ignore_errors=True)
        command = [sys.executable, "-m", "tests.lakehouse.generate", "--out", str(folder)]
        made = subprocess.run(command, cwd=ROOT, timeout=1800, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        if made.returncode:
            # What was made of it says where it failed; without this file it is not taken for whole.
            (folder / "expected.json").unlink(missing_ok=True)
            told = " ".join(command)
            raise RuntimeError(f"the foreign lakehouse was not made: `{told}` ended with {made.returncode}")
    return folder


if __name__ == "__main__":
    print(lakehouse())
