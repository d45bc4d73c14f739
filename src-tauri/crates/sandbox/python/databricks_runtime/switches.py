"""How this runtime behaves where the vendor does not say it. The sandbox sets these variables for each task."""

import json
import os

# A script that stands for an engine outside of Databricks, which writes the foreign tables, sets it to this.
OUTSIDE = "outside"
_START = "ICEBRIDGE_SANDBOX_"
_KNOWN = {
    # Whether reading a foreign table as it is makes its snapshot one that was read.
    "PRIME_COUNTS_AS_READ": ("yes", "no"),
    "DEEP_CLONE_OF_FOREIGN": ("refused", "supported"),
    "TIME_TRAVEL_OF_FOREIGN": ("after_read", "never", "any"),
    # Iceberg's own `snapshots`, `refs` and the like.
    "METADATA_TABLES": ("refused", "shown"),
}


def choice(name):
    """The value of a switch; the first is the usual one. A value that is none would prove nothing."""
    allowed = _KNOWN[name]
    value = os.environ.get(_START + name, allowed[0])
    if value not in allowed:
        raise ValueError(f"{_START}{name} is {value!r}, and may be {' or '.join(allowed)}")
    return value


def catalogs():
    """Whether each catalog is foreign."""
    told = json.loads(os.environ.get(_START + "CATALOGS") or "{}")
    return {name: kind == "foreign" for name, kind in told.items()}


def is_on():
    """A task of a cluster with a runtime, and no script that stands for another engine."""
    told = os.environ.get("DATABRICKS_RUNTIME_VERSION") is not None
    return told and os.environ.get(_START + "ENGINE") != OUTSIDE


def is_serverless():
    return os.environ.get("DATABRICKS_RUNTIME_VERSION", "").startswith("client.")


def writes_format_3():
    """Clusters from 18 on; serverless compute is always new enough."""
    major = os.environ.get("DATABRICKS_RUNTIME_VERSION", "").split(".")[0]
    return is_serverless() or (major.isdigit() and int(major) >= 18)


def folder():
    return os.environ.get("ICEBRIDGE_SANDBOX_FOLDER", "")
