"""A gate before Azurite that makes it slow, and closes to signatures before they end, as when access is taken back."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.services.azure_store import AzureStore
from tests.services.process import LOOPBACK

NOT_FORWARDED = {"host", "connection", "transfer-encoding", "content-length"}
NOT_RETURNED = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Asked:
    """One request that came to the gate."""

    method: str
    signature: str
    keyed: bool
    status: int


@dataclass
class AzureGate:
    """The running gate."""

    endpoint: str
    store: AzureStore
    delay: float = 0.0
    # Every signature is refused so many seconds after its first use, whatever it says itself.
    life: float | None = None
    seen: list[Asked] = field(default_factory=list)
    _first: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def closed_to(self, signature: str) -> bool:
        """Whether access by it was taken back."""
        with self._lock:
            first = self._first.setdefault(signature, time.monotonic())
        return self.life is not None and signature != "" and time.monotonic() > first + self.life

    def signatures(self) -> set[str]:
        """Those of the requests that were let through."""
        return {asked.signature for asked in self.seen if asked.status < 400 and asked.signature}

    def refused(self) -> list[Asked]:
        """What was turned away, by the gate or by Azurite."""
        return [asked for asked in self.seen if asked.status in (401, 403)]


@contextmanager
def azure_gate(store: AzureStore) -> Iterator[AzureGate]:
    """Serve a gate."""

    class Handler(GateHandler):
        pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    gate = AzureGate(f"http://{LOOPBACK}:{server.server_address[1]}/{store.account}", store)
    Handler.gate = gate
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class GateHandler(BaseHTTPRequestHandler):
    """One connection of a client."""

    gate: AzureGate
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are remembered, not printed."""

    def handle_any(self) -> None:
        """Look at the signature, then hand the request on."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.gate.delay)
        signature = parse_qs(urlsplit(self.path).query).get("sig", [""])[0]
        if self.gate.closed_to(signature):
            status, content = 403, b"<Error><Code>AuthenticationFailed</Code></Error>"
            headers = {"x-ms-error-code": "AuthenticationFailed", "Content-Type": "application/xml"}
        else:
            status, headers, content = self._forward(body)
        self.gate.seen.append(Asked(self.command, signature, "Authorization" in self.headers, status))
        with suppress(OSError):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = urlsplit(self.gate.store.endpoint)
        connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in NOT_FORWARDED}
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
