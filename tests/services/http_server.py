"""HTTP servers of tests on this machine: each in a thread, and requests handed on to a server behind."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .process import LOOPBACK

UPSTREAM_SECONDS = 60
# Of one connection alone: what is behind has others.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}


class Reply(NamedTuple):
    """What goes back to the client."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    # Headers and body go out in two writes: without this, each answer waits for the other side's delayed ACK.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are remembered, not printed: headers and addresses carry secrets."""

    def whole_body(self) -> bytes:
        """The request's body, also one that comes in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def send(self, reply: Reply) -> None:
        """The whole answer; of HEAD without its content."""
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        told = any(key.lower() == "content-length" for key in reply.headers)
        if reply.status != 204 and not told:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 204:
            self.wfile.write(reply.content)

    def hand_on(
        self, upstream: str, path: str, body: bytes, held_back: Collection[str] = (), method: str | None = None
    ) -> Reply:
        """What the server behind answers; its errors are the caller's."""
        dropped = OF_A_CONNECTION | set(held_back)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
        method = method or self.command
        if body or method in ("POST", "PUT"):
            headers["Content-Length"] = str(len(body))
        behind = urlsplit(upstream)
        connection = http.client.HTTPConnection(str(behind.hostname), behind.port, timeout=UPSTREAM_SECONDS)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        # Each server writes its own name and time.
        dropped = OF_A_CONNECTION | {"date", "server"}
        kept = {key: value for key, value in answer.getheaders() if key.lower() not in dropped}
        if method == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        return Reply(answer.status, kept, content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news to a test's output."""


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    """Its address, for as long as the block lasts."""
    server = _Server((LOOPBACK, 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
