"""Take every table of a batch from the foreign catalog into a managed one, in one copy mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz_tables.bench import NAMESPACE
from tests.fuzz_tables.history import History
from tests.harness.cli import Icebridge, Outcome, fresh

MODES = ("clone", "rewrite")
ROUTE = ("--source", "foreign", "--target", "managed")


@dataclass(frozen=True)
class End:
    """How it ended for one table: `migrated`, `refused` with codes, or `broken` where neither can be said."""

    state: str
    codes: tuple[str, ...] = ()
    message: str = ""


@dataclass
class Journey:
    """One whole run of one mode."""

    cli: Icebridge
    target: Path
    ends: dict[int, End] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def connected(folder: Path, name: str) -> Icebridge:
    """A command line that knows the foreign catalog of a batch."""
    cli = fresh(folder / f"state-{name}")
    cli.connect_sql("foreign", folder / "catalog.db")
    return cli


def travel(folder: Path, mode: str, histories: Sequence[History]) -> Journey:
    """Inventory, pre-flight, plan, run and validation of all tables at once."""
    cli = connected(folder, mode)
    journey = Journey(cli, folder / f"managed-{mode}")
    cli.connect_embedded("managed", journey.target)
    cli.run("map", "rule", *ROUTE, "*", "{namespace}", "{table}", "--case", "keep", "--first")
    _step(journey, "inventory", "foreign")
    for history in histories:
        if history.create["suffix"]:
            _step(journey, "map", "set", *ROUTE, source(history), f"{NAMESPACE}.{history.target}")
    _step(journey, "preflight", *ROUTE, "--mode", mode, "--accept-all-losses", may_fail=True)
    planned = _step(journey, "plan", *ROUTE, "--mode", mode, "--max-commits-per-min", "100000", may_fail=True)
    answer = _json(planned)
    if planned.code or "path" not in answer:
        end = End("refused", (str(answer.get("code", "no code")),), str(answer.get("message", planned.stderr[-300:])))
        left = _left_out(cli) if answer.get("code") else {}
        journey.ends = {history.index: left.get(source(history), end) for history in histories}
        return journey
    _ends(journey, answer["plan"], _json(_step(journey, "run", answer["path"], may_fail=True)), histories)
    if any(end.state == "migrated" for end in journey.ends.values()):
        # Tables that did not arrive make its exit code 1; those that did must still be proved.
        validated = _json(_step(journey, "validate", may_fail=True))
        for table in validated.get("tables", ()) if "tables" in validated else ({},):
            if table.get("state", "migrated") == "migrated" and not (table.get("validation") or {}).get("passed"):
                journey.complaints.append(f"validate after {mode}: {str(table or validated)[:1500]}")
    return journey


def source(history: History) -> str:
    """The table's name as the command line writes and takes it."""
    name = f"`{history.name}`" if "." in history.name or "`" in history.name else history.name
    return f"{NAMESPACE}.{name}"


def _ends(journey: Journey, plan: dict[str, Any], run: dict[str, Any], histories: Sequence[History]) -> None:
    by_target = {f"{NAMESPACE}.{history.target}": history.index for history in histories}
    by_source = {source(history): history.index for history in histories}
    for entry in plan.get("left_out", ()):
        codes = tuple(entry["codes"]) or ("no code",)
        journey.ends[by_source[entry["source"]]] = End("refused", codes, str(entry.get("reasons", ""))[:600])
    for table in run.get("tables", ()):
        error = table.get("error") or {}
        if table["state"] == "migrated":
            end = End("migrated", message=str((table.get("validation") or {}).get("proof")))
        else:
            codes = (error["code"],) if error.get("code") else ()
            end = End("refused" if codes else "broken", codes, f"{table['state']}: {error}")
        journey.ends[by_target[table["target"].replace("`", "")]] = end
    for history in histories:
        journey.ends.setdefault(history.index, End("broken", message="neither planned nor left out"))


def _left_out(cli: Icebridge) -> dict[str, End]:
    """The findings that block each table, where there is no plan to say so."""
    judged = _json(cli.outcome("preflight", *ROUTE))
    return {
        table["source"]: End("refused", codes, str(table["findings"])[:600])
        for table in judged.get("tables", ())
        if (codes := tuple(one["code"] for one in table["findings"] if one.get("verdict") == "blocks"))
    }


def _step(journey: Journey, *arguments: str | Path, may_fail: bool = False) -> Outcome:
    done = journey.cli.outcome(*arguments)
    # 2 is for wrong usage, and whatever is no exit code of ours is a crash.
    if done.code not in (0, 1) or (done.code and not may_fail) or "panicked" in done.stderr:
        told = " ".join(map(str, arguments))
        journey.complaints.append(f"`{told}` ended with {done.code}: {done.stdout[-800:]} {done.stderr[-800:]}")
    return done


def _json(done: Outcome) -> dict[str, Any]:
    try:
        return done.json
    except ValueError:
        return {}
