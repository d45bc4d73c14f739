"""DuckDB in a process of its own, since some files end its process instead of being refused.

Run as a module it answers each JSON line, {"metadata": ..., "snapshot": ...}, by {"rows": ...} or {"why": ...}.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fuzz_tables.readings import Read, reason
from tests.lakehouse.spark import ROOT

ENDED = "DuckDB ended"


class Duck:
    """DuckDB counts rows."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def count(self, metadata: Path, snapshot: int | None) -> Read:
        """The number of rows by the metadata file."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz_tables.counting"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"metadata": str(metadata), "snapshot": snapshot}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.stop()
            return Read(why=ENDED, message="the process was gone")
        read = Read(**json.loads(answer))
        if read.why.startswith(("FatalException", "InternalException")):
            # The database says of itself that it is of no more use.
            self.stop()
        return read

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _answer(database: Any, metadata: str, snapshot: int | None) -> dict[str, Any]:
    at = f", snapshot_from_id => {snapshot}" if snapshot is not None else ""
    place = metadata.replace("'", "''")
    try:
        found = database.execute(f"SELECT count(*) FROM iceberg_scan('{place}'{at})").fetchone()
    except Exception as cause:  # DuckDB has a class for each kind of complaint
        return {"why": reason(cause), "message": str(cause)}
    return {"rows": found[0]}


def serve() -> None:
    """Answer until nobody asks any more."""
    from tests.harness.duck import connect

    database = connect()
    for line in sys.stdin:
        print(json.dumps(_answer(database, **json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
