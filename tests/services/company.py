"""A company's only way out: a proxy that wants a password and opens every TLS connection with the company's authority.

It knows a few hosts, which are not to be reached, nor even found, without it.
"""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import trustme

from tests.leakage.canary import credential

from .process import LOOPBACK

NAME = "workspace.company.example"
STORE = "lake.company.example"
SECONDS = 60
WANTED = b'Proxy-Authenticate: Basic realm="x"'


@dataclass
class Company:
    """The running proxy, and what it was asked for."""

    address: str
    authority: Path
    upstreams: Mapping[str, str]
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

    def upstream(self, name: str, path: str) -> tuple[str, str]:
        """Who answers, and the beginning of the path that it does not know."""
        way = max((way for way in self.upstreams if f"{name}{path}".startswith(way)), key=len)
        return self.upstreams[way], way.removeprefix(name)

    def lets(self, headers: list[str]) -> bool:
        """Whether the password is among these lines."""
        wanted = base64.b64encode(f"me:{self.password}".encode()).decode()
        return any(line.lower() == f"proxy-authorization: basic {wanted}".lower() for line in headers)


@contextmanager
def company(folder: Path, upstreams: Mapping[str, str]) -> Iterator[Company]:
    """The proxy in front of what listens without TLS, by name: a name may have the beginning of a path at its end."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, STORE).configure_cert(context)
    asking = {f"CONNECT {way.split('/')[0]}:443 HTTP/1.1": way.split("/")[0] for way in upstreams}

    class Handler(StreamRequestHandler):
        timeout = SECONDS

        def handle(self) -> None:
            lines = [line.decode("latin-1").rstrip() for line in iter(self.rfile.readline, b"\r\n") if line]
            asked, *headers = lines or [""]
            if not running.lets(headers):
                running.refused.append(asked)
                self.wfile.write(b"HTTP/1.1 407 Who?\r\n" + WANTED + b"\r\nContent-Length: 0\r\n\r\n")
            elif asked not in asking:
                running.refused.append(asked)
                self.wfile.write(b"HTTP/1.1 403 Unknown\r\nContent-Length: 0\r\n\r\n")
            else:
                running.opened.append(asked)
                self.wfile.write(b"HTTP/1.1 200 Go on\r\n\r\n")
                # A client that does not trust the authority hangs up.
                with suppress(OSError), context.wrap_socket(self.connection, server_side=True) as inner:
                    between(inner, running, asking[asked])

    class Proxy(ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Proxy((LOOPBACK, 0), Handler) as server:
        path = folder / "company.pem"
        authority.cert_pem.write_to_path(str(path))
        running = Company(f"{LOOPBACK}:{server.server_address[1]}", path, upstreams)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def between(inner: ssl.SSLSocket, running: Company, name: str) -> None:
    """Carry bytes both ways until either side has enough, and note the requests on the way.

    The first request decides who answers them all: no client here shares its connections between two of them.
    """
    content = inner.recv(1 << 16)
    if not content:
        return
    address, unknown = running.upstream(name, content.split(b" ")[1].decode("latin-1"))
    to = urlsplit(address).netloc
    host, port = to.split(":")

    def known(content: bytes) -> bytes:
        """What answers there knows itself by another name, and its paths without their beginning."""
        if b" HTTP/1.1\r\n" not in content:
            return content
        running.requests.append(content.split(b" HTTP/1.1\r\n")[0].decode("latin-1"))
        content = content.replace(f" {unknown}/".encode(), b" /", 1) if unknown else content
        return content.replace(f"host: {name}".encode(), f"host: {to}".encode(), 1)

    with closing(socket.create_connection((host, int(port)), SECONDS)) as outer:
        outer.sendall(known(content))
        while True:
            ready = [inner] if inner.pending() else select.select([inner, outer], [], [], SECONDS)[0]
            for side, other in ((inner, outer), (outer, inner)):
                if side in ready:
                    content = side.recv(1 << 16)
                    if not content:
                        return
                    other.sendall(known(content) if side is inner else content)
            if not ready:
                return
