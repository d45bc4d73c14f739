"""Validates copied tables with a Great Expectations checkpoint made from the plan. See docs/spark-jobs.md.

gx_runner.py INPUT.json
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# The workspace may run this file without __file__ and without its folder on the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(inspect.getfile(inspect.currentframe()))))  # type: ignore[arg-type]
# Read when the library is imported: nothing is to be sent anywhere.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

from icebridge_jobs import comparison, job_input, outcome
from icebridge_jobs.errors import DONE, JobError, explain
from icebridge_jobs.session import Engine, session
from icebridge_jobs.validation_input import GxRunnerInput, TableValidation

JOB = "gx_runner"


def work(value: dict[str, Any], result: outcome.Outcome) -> int:
    """Validate every table; one that cannot be validated stops itself alone. The documents come last, whatever
    happened.
    """
    wanted = job_input.parse(GxRunnerInput, value, JOB)
    # Only now: the library takes seconds to import, and a wrong input should be told before.
    from icebridge_jobs import expectations

    code = DONE
    tables: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="icebridge-docs-") as local, session(JOB) as (spark, engine):
        result.put(plan_hash=wanted.plan_hash, engine=engine.as_dict(), tables=tables)
        docs = expectations.context(local)
        for table in wanted.tables:
            began = time.monotonic()
            shown, error = validate(spark, engine, docs, table)
            shown["milliseconds"] = round((time.monotonic() - began) * 1000)
            shown["error"] = error.as_dict() if error else None
            tables.append(shown)
            code = max(code, error.exit_code if error else DONE)
            result.put(tables=tables)
        index = publish(Path(local), Path(wanted.docs_path))
        result.put(docs_index=str(index))
    return code


def validate(spark: Any, engine: Engine, docs: Any, table: TableValidation) -> tuple[dict[str, Any], JobError | None]:
    """Compare one table; the error names the columns that differ."""
    from icebridge_jobs import expectations

    shown: dict[str, Any] = {
        "target": str(table.name),
        "target_snapshot_id": table.target_snapshot_id,
        "source": table.source.table if table.source else None,
        "source_read": None,
        "passed": False,
    }
    try:
        both = comparison.compare(spark, engine, table)
        facts = comparison.facts(table, both)
        checks = expectations.check(spark, docs, table, both, facts)
    except Exception as cause:
        return {**shown, "checks": [], "failed_columns": []}, explain(cause, str(table.name))
    failed = [check for check in checks if not check.passed]
    columns = list(dict.fromkeys(check.column for check in failed if check.column))
    shown |= {
        "passed": not failed,
        "source_read": both.source_read,
        "rows": both.target.rows,
        "digest": both.target.digest,
        "expected_rows": both.source.rows,
        "expected_digest": both.source.digest,
        "failed_columns": columns,
        "checks": expectations.as_dicts(checks),
    }
    if not failed:
        return shown, None
    names = ", ".join(dict.fromkeys(check.name for check in failed[:20]))
    where = f"; columns: {', '.join(columns[:20])}" if columns else ""
    message = f"{len(failed)} of {len(checks)} checks failed ({names}){where}"
    hint = "Open the Data Docs, or the checks in the result. A copy that differs is dropped and copied again."
    return shown, JobError("validation-failed", message, about=str(table.name), hint=hint)


def publish(local: Path, target: Path) -> Path:
    """Copy the site file by file: a volume takes whole files, and neither renames nor file attributes for certain."""
    for path in sorted(local.rglob("*")):
        if path.is_file():
            there = target / path.relative_to(local)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)
    index = target / "index.html"
    if not index.is_file():
        raise JobError("internal", "Great Expectations made no index of the Data Docs", about=str(target))
    return index


if __name__ == "__main__":
    outcome.leave(outcome.run(JOB, sys.argv[1:], work))
