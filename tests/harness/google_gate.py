"""A gate before fake-gcs-server: it takes only tokens that say themselves when they end, and writes as Google's XML
interface does, which the emulator has for reading alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from tests.services.google_store import GoogleStore
from tests.services.http_server import Handler, Reply, serving

ENDS = "-ends-"


@dataclass(frozen=True)
class Asked:
    """One request that came to the gate."""

    method: str
    token: str
    status: int


@dataclass
class GoogleGate:
    """The running gate."""

    endpoint: str
    store: GoogleStore
    delay: float = 0.0
    # Every token is refused so many seconds before the end that it says itself.
    early: float = 0.0
    seen: list[Asked] = field(default_factory=list)
    # Looking whether an object is there and writing it are two requests to the emulator.
    writing: threading.Lock = field(default_factory=threading.Lock)

    def opens(self, token: str) -> bool:
        """Whether a token was lent and is not over."""
        start, _, ends = token.partition(ENDS)
        return start == self.store.token and ends.isdigit() and time.time() + self.early < int(ends) / 1000

    def tokens(self) -> set[str]:
        """Those of the requests that were let through."""
        return {asked.token for asked in self.seen if asked.status < 400}

    def refused(self) -> list[Asked]:
        """What was turned away."""
        return [asked for asked in self.seen if asked.status == 401]


@contextmanager
def google_gate(store: GoogleStore) -> Iterator[GoogleGate]:
    """Serve a gate."""
    gate = GoogleGate("", store)

    class OfThisGate(GateHandler):
        pass

    OfThisGate.gate = gate
    with serving(OfThisGate) as gate.endpoint:
        yield gate


class GateHandler(Handler):
    """One connection of a client."""

    gate: GoogleGate

    def handle_any(self) -> None:
        """Look at the token, then hand the request on."""
        body = self.whole_body()
        time.sleep(self.gate.delay)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.gate.opens(token):
            content = b"<?xml version='1.0'?><Error><Code>AuthenticationRequired</Code></Error>"
            reply = Reply(401, {"Content-Type": "application/xml"}, content)
        elif self.command == "PUT":
            reply = self._put(body)
        else:
            reply = self.hand_on(self.gate.store.endpoint, self.path, body, {"host"})
        self.gate.seen.append(Asked(self.command, token, reply.status))
        with suppress(OSError):
            self.send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def _put(self, body: bytes) -> Reply:
        """One whole object. Uploads in parts and copies are not in the emulator either."""
        url = urlsplit(self.path)
        if url.query or "x-goog-copy-source" in self.headers:
            return Reply(501, {}, b"the gate writes whole objects alone")
        bucket, key = url.path.lstrip("/").split("/", 1)
        endpoint, seldom = self.gate.store.endpoint, {"host", "x-goog-if-generation-match"}
        with self.gate.writing:
            if self.headers.get("x-goog-if-generation-match") == "0":
                there = self.hand_on(endpoint, url.path, b"", seldom, method="HEAD")
                if there.status != 404:
                    return Reply(412, {}, b"")
            upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(unquote(key), safe='')}"
            made = self.hand_on(endpoint, upload, body, seldom, method="POST")
            if made.status != 200:
                return made
            # The tag and the generation, which the JSON interface tells in other places.
            there = self.hand_on(endpoint, url.path, b"", seldom, method="HEAD")
        told = {key: value for key, value in there.headers.items() if key.lower() in ("etag", "x-goog-generation")}
        return Reply(200, told, b"")
