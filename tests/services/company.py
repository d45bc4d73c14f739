"""A company's only way out: a proxy that wants a password and opens every TLS connection with the company's authority.

It knows one host, which is not to be reached, nor even found, without it.
"""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import trustme

from tests.harness.canary import credential

from .process import LOOPBACK

NAME = "workspace.company.example"
SECONDS = 60
WANTED = b'Proxy-Authenticate: Basic realm="x"'


@dataclass
class Company:
    """The running proxy, and what it was asked for."""

    address: str
    authority: Path
    upstream: tuple[str, int]
    password: str = field(default_factory=lambda: credential("proxy"))
    opened: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The workspace's address, as people behind this proxy know it."""
        return f"https://{NAME}"

    @property
    def proxy(self) -> str:
        """The proxy's address with the password: a secret."""
        return f"http://me:{self.password}@{self.address}"

    def lets(self, headers: list[str]) -> bool:
        """Whether the password is among these lines."""
        wanted = base64.b64encode(f"me:{self.password}".encode()).decode()
        return any(line.lower() == f"proxy-authorization: basic {wanted}".lower() for line in headers)


@contextmanager
def company(upstream: tuple[str, int], folder: Path) -> Iterator[Company]:
    """The proxy in front of what listens at `upstream` without TLS."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)

    class Handler(StreamRequestHandler):
        timeout = SECONDS

        def handle(self) -> None:
            lines = [line.decode("latin-1").rstrip() for line in iter(self.rfile.readline, b"\r\n") if line]
            asked, *headers = lines or [""]
            if not running.lets(headers):
                running.refused.append(asked)
                self.wfile.write(b"HTTP/1.1 407 Who?\r\n" + WANTED + b"\r\nContent-Length: 0\r\n\r\n")
            elif asked != f"CONNECT {NAME}:443 HTTP/1.1":
                running.refused.append(asked)
                self.wfile.write(b"HTTP/1.1 403 Unknown\r\nContent-Length: 0\r\n\r\n")
            else:
                running.opened.append(asked)
                self.wfile.write(b"HTTP/1.1 200 Go on\r\n\r\n")
                # A client that does not trust the authority hangs up.
                with suppress(OSError), context.wrap_socket(self.connection, server_side=True) as inner:
                    between(inner, running)

    class Proxy(ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Proxy((LOOPBACK, 0), Handler) as server:
        path = folder / "company.pem"
        authority.cert_pem.write_to_path(str(path))
        running = Company(f"{LOOPBACK}:{server.server_address[1]}", path, upstream)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def between(inner: ssl.SSLSocket, running: Company) -> None:
    """Carry bytes both ways until either side has enough, and note the requests on the way."""
    host, port = running.upstream
    with closing(socket.create_connection(running.upstream, SECONDS)) as outer:
        while True:
            ready = [inner] if inner.pending() else select.select([inner, outer], [], [], SECONDS)[0]
            for side, other in ((inner, outer), (outer, inner)):
                if side in ready:
                    content = side.recv(1 << 16)
                    if not content:
                        return
                    if side is inner and b" HTTP/1.1\r\n" in content:
                        running.requests.append(content.split(b" HTTP/1.1\r\n")[0].decode("latin-1"))
                        # What answers there knows itself by another name.
                        content = content.replace(f"host: {NAME}".encode(), b"host: %s:%d" % (host.encode(), port), 1)
                    other.sendall(content)
            if not ready:
                return
