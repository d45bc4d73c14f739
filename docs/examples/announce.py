"""A hook for `cutover.announce`, `cutover.release` and `cutover.finish`: one mail for each call, in a folder.

The folder is OUTBOX, or `outbox` beside this file. A mail is named by the call's key, so that a call that is made again is no
second mail.
"""

import json
import os
import sys
from pathlib import Path

SUBJECTS = {
    "cutover.announce": "Tables move now: please stop writing to them",
    "cutover.release": "Tables stay where they are: you may write again",
    "cutover.finish": "Tables have moved for good",
}

call = json.load(sys.stdin)
subject = SUBJECTS.get(call["stage"])
if subject is None:
    sys.exit(f"this hook is not for {call['stage']}")
outbox = Path(os.environ.get("OUTBOX", Path(__file__).with_name("outbox")))
outbox.mkdir(parents=True, exist_ok=True)
tables = "".join(f"{table['source']} -> {table['target']}\n" for table in call["tables"])
new = outbox / ".new"
new.write_text(f"Subject: {subject}\n\n{tables}")
os.replace(new, outbox / f"{call['stage']}-{call['key']}.eml")
