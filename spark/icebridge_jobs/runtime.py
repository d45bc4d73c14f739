"""The runtime's name as Databricks tells it, read by its kind.

Clusters say `17.3`, and since 18 the major alone (`18`, `18.x`). Serverless compute says `client.4.9`, which is the
version of its environment: the engine behind it is upgraded apart from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int]

# From this runtime on, deletion vectors of format version 3 are read, and the format is written.
FORMAT_3 = (18, 0)
# The environment's Databricks Connect is of release 18, and an engine is never older than the client that it serves.
FORMAT_3_ENVIRONMENT = (5, 0)

_NUMBER = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}|x))?(?:[.-].*)?")
_ENVIRONMENT = re.compile(r"client\.([0-9]{1,6})(?:\.([0-9]{1,6}|x))?(?:[.-].*)?")


@dataclass(frozen=True)
class Runtime:
    """One of both numbers, or none for a name that nobody knows, such as an image of one's own."""

    told: str
    # Of a cluster. A major alone counts as its first minor.
    cluster: Version | None = None
    # Of serverless compute.
    environment: Version | None = None

    @classmethod
    def parse(cls, told: str) -> Runtime:
        """Read what DATABRICKS_RUNTIME_VERSION holds, or the key of a runtime."""
        text = told.strip()
        if found := _ENVIRONMENT.fullmatch(text):
            return cls(told, environment=_version(found))
        if found := _NUMBER.fullmatch(text):
            return cls(told, cluster=_version(found))
        return cls(told)

    def __str__(self) -> str:
        """For messages."""
        if self.environment:
            return f"serverless environment version {self.environment[0]}"
        if self.cluster:
            return f"Databricks Runtime {self.told}"
        return f"a runtime that calls itself {self.told!r}"

    @property
    def knows_format_3(self) -> bool | None:
        """Whether deletion vectors are read; none where the name does not tell."""
        if self.cluster:
            return self.cluster >= FORMAT_3
        if self.environment and self.environment >= FORMAT_3_ENVIRONMENT:
            return True
        # An older environment says nothing of the engine, which may well be newer.
        return None

    def is_before(self, version: Version) -> bool:
        """Whether it is a cluster known to be older."""
        return self.cluster is not None and self.cluster < version


def _version(found: re.Match[str]) -> Version:
    minor = found[2]
    return int(found[1]), int(minor) if minor and minor != "x" else 0
