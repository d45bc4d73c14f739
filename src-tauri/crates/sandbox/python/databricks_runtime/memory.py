"""What outlives a task: which snapshots of foreign tables were read, and which tables are clones.

Lines of JSON that are only ever appended, in the sandbox's folder: every task and the warehouse share them.
"""

import json
import os

from databricks_runtime import switches

# {"table": "catalog.schema.name", "snapshot": 42}
READS = "foreign-reads.jsonl"
# {"table": "catalog.schema.name", "source": "catalog.schema.name"}
CLONES = "clones.jsonl"


def was_read(name, snapshot):
    return {"table": _text(name), "snapshot": snapshot} in _lines(READS)


def note_read(name, snapshot):
    if not was_read(name, snapshot):
        _append(READS, {"table": _text(name), "snapshot": snapshot})


def source_of_clone(name):
    """The last clone of this name."""
    found = [line["source"] for line in _lines(CLONES) if line["table"] == _text(name)]
    return found[-1] if found else None


def note_clone(name, source):
    _append(CLONES, {"table": _text(name), "source": _text(source)})


def _text(name):
    return ".".join(name).lower()


def _lines(file):
    try:
        with open(os.path.join(switches.folder(), file), encoding="utf-8") as opened:
            return [json.loads(line) for line in opened if line.endswith("\n")]
    except FileNotFoundError:
        return []


def _append(file, line):
    # One short write at the end of the file, which no other process's write cuts.
    text = json.dumps(line) + "\n"
    with open(os.path.join(switches.folder(), file), "a", encoding="utf-8") as opened:
        opened.write(text)
