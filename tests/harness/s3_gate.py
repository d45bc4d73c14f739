"""A gate before S3 that does what moto does not: it refuses keys it did not give out, and session tokens that are over.

Everything let through is answered by moto; the gate only looks at who asks, and counts.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.leakage.leaks import heard
from tests.services.object_store import ObjectStore
from tests.services.process import LOOPBACK
from tests.services.vending import Vending

KEY = re.compile(r"Credential=([^/]+)/")
NOT_FORWARDED = {"host", "connection"}
NOT_RETURNED = {"connection", "transfer-encoding", "content-length", "date", "server"}
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

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no news to a test's output."""

    class Handler(GateHandler):
        pass

    server = Server((LOOPBACK, 0), Handler)
    gate = S3Gate(f"http://{LOOPBACK}:{server.server_address[1]}", store, delay=delay)
    if lifetime is not None:
        gate.vending = LentTokens(gate.properties(), lifetime=lifetime)
    Handler.gate = gate
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
        for request in gate.seen:
            heard(request.path, "addresses that S3 was asked for")


class GateHandler(BaseHTTPRequestHandler):
    """One connection of a client."""

    gate: S3Gate
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are remembered, not printed."""

    def handle_any(self) -> None:
        """Look at the keys, then hand the request on."""
        body = self._body()
        time.sleep(self.gate.delay)
        token = self.headers.get("x-amz-security-token", "")
        problem = self.gate.problem(self.headers.get("Authorization", ""), token)
        if problem:
            content = REFUSAL.format(code=problem, message="the gate is closed").encode()
            status, headers = (400 if problem == "ExpiredToken" else 403), {"Content-Type": "application/xml"}
        else:
            status, headers, content = self._forward(body)
        copies = "x-amz-copy-source" in self.headers
        self.gate.remember(Asked(self.command, self.path, token, copies, status))
        with suppress(OSError):
            self._send(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = urlsplit(self.gate.store.endpoint)
        connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port, timeout=60)
        dropped = NOT_FORWARDED | {"transfer-encoding", "content-length"}
        headers = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
        headers["Content-Length"] = str(len(body))
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kept = {key: value for key, value in answer.getheaders() if key.lower() not in NOT_RETURNED}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        return answer.status, kept, content

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
