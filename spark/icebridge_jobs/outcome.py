"""The frame round every job: read the input, work, write the result, leave with the right code.

The result is a file, because what a run prints is cut and forgotten by the workspace. It is written again at every step
of progress, whole each time, so that whoever reads it sees a state that was true.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from icebridge_jobs import job_input
from icebridge_jobs.errors import DONE, OURS, YOURS, JobError, explain, invalid

RESULT_VERSION = 1


class Outcome:
    """The result file."""

    def __init__(self, job: str, path: str | None) -> None:
        self.path = Path(path) if path else None
        self.content: dict[str, Any] = {
            "result_version": RESULT_VERSION,
            "job": job,
            "complete": False,
            "exit_code": None,
            "started_at": now(),
            "finished_at": None,
            "error": None,
        }

    def put(self, **fields: Any) -> None:
        """Set fields and write the file."""
        self.content.update(fields)
        self.write()

    def write(self) -> None:
        """Write a neighbour and rename it. Where a mounted volume cannot rename, write in place."""
        if self.path is None:
            return
        text = json.dumps(self.content, indent=2, ensure_ascii=False, default=str) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self.path)
        except OSError:
            beside.unlink(missing_ok=True)
            self.path.write_text(text, encoding="utf-8")

    def close(self, code: int, error: JobError | None = None) -> int:
        """The last write: only now is the result complete."""
        self.content.update(complete=True, exit_code=code, finished_at=now())
        if error:
            self.content["error"] = error.as_dict()
        try:
            self.write()
        except OSError as cause:
            print(f"the result cannot be written to {self.path}: {cause}", file=sys.stderr)
            return max(code, YOURS)
        return code


def now() -> str:
    """RFC 3339 in UTC."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(job: str, arguments: list[str], work: Callable[[dict[str, Any], Outcome], int]) -> int:
    """Run `work` on the input file that the only argument names, and return the exit code."""
    outcome = Outcome(job, None)
    try:
        if len(arguments) != 1:
            raise invalid(f"{job} takes one argument, the path of its input file; {len(arguments)} were given")
        value = job_input.load(arguments[0])
        path = value.get("result_path")
        if not isinstance(path, str) or not os.path.isabs(path):
            raise invalid("result_path must be an absolute path, on a cluster one under /Volumes", about="result_path")
        outcome = Outcome(job, path)
        code = outcome.close(work(value, outcome))
    except JobError as error:
        code = outcome.close(error.exit_code, _told(error))
    except BaseException as cause:  # a result must be there whatever happened
        traceback.print_exc(file=sys.stderr)
        unforeseen = explain(cause)
        if isinstance(cause, KeyboardInterrupt | SystemExit):
            unforeseen = JobError("cancelled", "the job was ended from outside", hint="Run the same job again.")
        code = outcome.close(unforeseen.exit_code, _told(unforeseen))
    if code not in (DONE, YOURS, OURS):
        code = OURS
    return code


def leave(code: int) -> None:
    """End the script. A run that went well must not call sys.exit: the workspace takes any SystemExit for a failure."""
    if code != DONE:
        sys.exit(code)


def _told(error: JobError) -> JobError:
    print(json.dumps(error.as_dict(), ensure_ascii=False), file=sys.stderr)
    return error
