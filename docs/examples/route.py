"""A hook for `cutover.move` and `cutover.move_back`: readers look in routes.json for where a table is.

The file stands beside this one, or where ROUTES says. It is replaced as a whole, so that a reader sees one state or the other,
and a call that is made again changes nothing. Several tables are moved at the same time: one call after the other changes it
(fcntl is of Linux and macOS).
"""

import fcntl
import json
import os
import sys
from pathlib import Path

call = json.load(sys.stdin)
path = Path(os.environ.get("ROUTES", Path(__file__).with_name("routes.json")))
lock = path.with_suffix(".lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)
routes = json.loads(path.read_text()) if path.exists() else {}
forward = call["stage"] == "cutover.move"
for table in call["tables"]:
    routes[table["source"]] = {
        "catalog": call["target"] if forward else call["source"],
        "table": table["target"] if forward else table["source"],
    }
new = path.with_suffix(".new")
new.write_text(json.dumps(routes, indent=2, sort_keys=True))
os.replace(new, path)
print(json.dumps({"routes": len(routes)}))
