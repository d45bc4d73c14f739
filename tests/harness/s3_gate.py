"""A gate before S3 that does what moto does not: it refuses keys it did not give out, and session tokens that are over.

Everything let through is answered by moto; the gate only looks at who asks, and counts.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.leakage.leaks import heard
from tests.services.http_server import Handler, Reply, serving
from tests.services.object_store import ObjectStore
from tests.services.vending import Vending

KEY = re.compile(r"Credential=([^/]+)/")
REFUSAL = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'


@dataclass(frozen=True)
class Asked:
    """One request that came to the gate."""

    method: str
    path: str
    token: str
    copies: bool
    status: int


@dataclass
class S3Gate:
    """The running gate."""

    endpoint: str
    store: ObjectStore
    # None: session tokens are not looked at.
    vending: LentTokens | None = None
    delay: float = 0.0
    seen: list[Asked] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, request: Asked) -> None:
        """Note an answered request."""
        with self._lock:
            self.seen.append(request)

    def tokens(self) -> set[str]:
        """The session tokens of the requests that were let through."""
        return {request.token for request in self.seen if request.status < 400}

    def refused(self) -> list[Asked]:
        """What the gate turned away."""
        return [request for request in self.seen if request.status in (400, 403)]

    def properties(self, **changed: str) -> dict[str, str]:
        """Iceberg's properties by which clients come through the gate."""
        return {**self.store.iceberg_properties(), "s3.endpoint": self.endpoint, **changed}

    def problem(self, authorization: str, token: str) -> str | None:
        """Why S3 would refuse, as its error code."""
        found = KEY.search(authorization)
        if found is None:
            return "AccessDenied"
        if found.group(1) != self.store.access_key:
            return "InvalidAccessKeyId"
        return self.vending.problem(token) if self.vending else None


@dataclass
class LentTokens(Vending):
    """Vended credentials that really end, a little after the time they are said to."""

    grace: float = 0.5
    _ends: dict[str, float] = field(default_factory=dict)

    def fresh(self) -> dict[str, str]:
        """New credentials, good for `lifetime` seconds from now."""
        config = super().fresh()
        self._ends[config["s3.session-token"]] = time.monotonic() + self.lifetime + self.grace
        return config

    def problem(self, token: str) -> str | None:
        """Why S3 would refuse this session token."""
        if token not in self._ends:
            return "InvalidToken"
        return "ExpiredToken" if time.monotonic() > self._ends[token] else None


@contextmanager
def s3_gate(store: ObjectStore, lifetime: float | None = None, delay: float = 0.0) -> Iterator[S3Gate]:
    """Serve a gate; with a lifetime only lent credentials open it, and `gate.vending` is what lends them."""

    gate = S3Gate("", store, delay=delay)

    class OfThisGate(GateHandler):
        pass

    OfThisGate.gate = gate
    with serving(OfThisGate) as gate.endpoint:
        if lifetime is not None:
            gate.vending = LentTokens(gate.properties(), lifetime=lifetime)
        yield gate
    for request in gate.seen:
        heard(request.path, "addresses that S3 was asked for")


class GateHandler(Handler):
    """One connection of a client."""

    gate: S3Gate

    def handle_any(self) -> None:
        """Look at the keys, then hand the request on."""
        body = self.whole_body()
        time.sleep(self.gate.delay)
        token = self.headers.get("x-amz-security-token", "")
        problem = self.gate.problem(self.headers.get("Authorization", ""), token)
        if problem:
            content = REFUSAL.format(code=problem, message="the gate is closed").encode()
            reply = Reply(400 if problem == "ExpiredToken" else 403, {"Content-Type": "application/xml"}, content)
        else:
            reply = self.hand_on(self.gate.store.endpoint, self.path, body, {"host"})
        copies = "x-amz-copy-source" in self.headers
        self.gate.remember(Asked(self.command, self.path, token, copies, reply.status))
        with suppress(OSError):
            self.send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any
