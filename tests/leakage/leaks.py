"""Everything the tests leave behind is looked into for the canary: `tests/test_zz_canary.py` says what came of it.

What is gone before the end is looked into before it goes: servers and desktop sessions call `look_into`, and the
outcome of every command is `heard`. What holds a credential for a reason is named with it by `planted`.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.leakage import scan
from tests.leakage.canary import Seeker


@dataclass
class Record:
    """What was looked into so far, what was found, and what may be found."""

    seeker: Seeker = field(default_factory=Seeker)
    looked: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    found: list[str] = field(default_factory=list)
    reasons: dict[Path, str] = field(default_factory=dict)

    def tell(self, what: str, where: list[str]) -> None:
        """Note a find."""
        if where:
            self.found.append(f"{what}: {', '.join(sorted(set(where)))}")


RECORD = Record()


def planted(path: Path, reason: str) -> Path:
    """A file, or a folder, that a test itself writes a credential to, as a person or a server would."""
    assert reason
    RECORD.reasons[path.resolve()] = reason
    return path


def expected(path: Path) -> bool:
    """Whether it is such a file."""
    return any(place in RECORD.reasons for place in (path, *path.parents))


def look_into(place: Path, kind: str) -> None:
    """Every file at or below a place, now: it may be gone later."""
    began = time.monotonic()
    for path in scan.files(place.resolve()):
        RECORD.looked[kind] += 1
        where = scan.file(path, RECORD.seeker)
        if not expected(path):
            RECORD.tell(f"{kind}: {path}", where)
    RECORD.seconds[kind] += time.monotonic() - began


def heard(text: str | bytes, kind: str, what: str = "") -> None:
    """Something that was said: an output, a log, the requests that a server saw."""
    RECORD.looked[kind] += 1
    content = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    RECORD.tell(f"{kind} {what}: {content[:300]!r}", RECORD.seeker.find(content))
