"""A hooks file whose hooks write down what they were given, and do what a test wants besides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STAGES = ("announce", "quiesce", "release", "move", "move_back", "finish")
# What the hook is given is one line of `calls`; what it finds in `todo/<stage>` is done afterwards, as shell.
PROGRAM = """import json, os, pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
call = json.load(sys.stdin)
secrets = [name for name in os.environ if name.upper().startswith("ICEBRIDGE_SECRET_")]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps({**call, "secrets": secrets}) + "\\n")
table = call["tables"][0]["source"]
todo = here / "todo" / call["stage"].removeprefix("cutover.")
if todo.exists():
    done = subprocess.run(["sh", "-c", todo.read_text()], env={**os.environ, "TABLE": str(table)})
    sys.exit(done.returncode)
print(json.dumps({"seen": call["stage"]}))
"""


class Hooks:
    """The file, and what its hooks have seen."""

    def __init__(self, folder: Path, stages: Iterable[str] = STAGES) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "todo").mkdir()
        (folder / "hook.py").write_text(PROGRAM)
        self.path = folder / "hooks.json"
        hooks = [{"on": f"cutover.{stage}", "run": [sys.executable, "./hook.py"], "seconds": 30} for stage in stages]
        self.path.write_text(json.dumps({"hooks": hooks}))

    def do(self, stage: str, script: str) -> None:
        """From now on, at this stage. `$PPID` is the hook; `$ICEBRIDGE` is who called it."""
        (self.folder / "todo" / stage).write_text(f"ICEBRIDGE=$(ps -o ppid= -p $PPID)\ncd '{self.folder}'\n{script}\n")

    def forget(self) -> None:
        """Nothing is done besides any more, and nothing was seen."""
        for todo in (self.folder / "todo").iterdir():
            todo.unlink()
        (self.folder / "calls").unlink(missing_ok=True)

    def calls(self, stage: str = "") -> list[dict[str, Any]]:
        """All calls, or those of a stage, in their order."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [json.loads(line) for line in lines]
        assert all(call["secrets"] == [] and call["version"] == 1 for call in calls)
        return [call for call in calls if stage in ("", call["stage"].removeprefix("cutover."))]

    def keys(self) -> dict[tuple[str, str], set[str]]:
        """The keys of each call that was made, by stage and tables. No key is of two of them."""
        keys: dict[tuple[str, str], set[str]] = {}
        for call in self.calls():
            what = (call["stage"].removeprefix("cutover."), json.dumps(call["tables"]))
            keys.setdefault(what, set()).add(call["key"])
        every = [key for one in keys.values() for key in one]
        assert len(set(every)) == len(every), "two calls have one key"
        return keys

    def stages(self) -> list[str]:
        """The stages that were called, in their order."""
        return [call["stage"].removeprefix("cutover.") for call in self.calls()]

    def tables(self, stage: str) -> list[list[str]]:
        """The source tables of each call of a stage."""
        return [[name(table["source"]) for table in call["tables"]] for call in self.calls(stage)]


def name(ident: Any) -> str:
    """As it is typed."""
    return ident if isinstance(ident, str) else ".".join([*ident["namespace"], ident["name"]])
