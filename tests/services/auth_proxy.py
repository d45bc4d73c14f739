"""A proxy that gives a real catalog what Databricks and Polaris have: expiring tokens, vended credentials, bad days.

The catalog behind it stays the judge of every request; the proxy decides only who may ask and what gets lost on
the way. Other processes steer it through /_control (no token needed), Python through the object.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.leakage.leaks import heard

from .faults import Fault, FaultPlan, error_body, fault_from_json
from .http_server import Handler, Reply, serving
from .oauth import TokenIssuer
from .vending import CREDENTIALS_CALL, CREDENTIALS_ENDPOINT, DELEGATION_HEADER, Vending

TOKEN_PATH = "/v1/oauth/tokens"
# Where Databricks has it.
OTHER_TOKEN_PATH = "/oidc/v1/token"
CONFIG_PATH = "/v1/config"
CONTROL_PREFIX = "/_control/"
LIST_CALL = re.compile(r"^GET /v1/namespaces(/[^/?]+/(tables|views))?(\?|$)")
# The proxy reads the answers, so the server must not compress them.
HELD_BACK = {"host", "authorization", "accept-encoding"}


@dataclass(frozen=True)
class Seen:
    """One request as it came in, and the status that went out (0: the connection was cut)."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class AuthProxy:
    """The running proxy, its token issuer, its faults and its memory."""

    uri: str
    upstream: str
    issuer: TokenIssuer
    vending: Vending | None = None
    prefix: str | None = None
    page_size: int | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_uri(self) -> str:
        """The token endpoint, for clients that want to be told (`oauth2-server-uri`)."""
        return self.uri + TOKEN_PATH

    def counts(self) -> Counter[str]:
        """How often each "METHOD /path" was asked for, refused ones too."""
        with self._lock:
            return Counter(f"{request.method} {request.path}" for request in self.seen)

    def statuses(self) -> Counter[int]:
        """How often each status went out."""
        with self._lock:
            return Counter(request.status for request in self.seen)

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.seen.clear()

    def remember(self, request: Seen) -> None:
        """Note a request that has been answered."""
        with self._lock:
            self.seen.append(request)

    def credential(self) -> str:
        """`client_id:client_secret`, as Iceberg's `credential` property wants it."""
        return f"{self.issuer.client_id}:{self.issuer.client_secret}"


@contextmanager
def auth_proxy(
    upstream: str,
    *,
    lifetime: float = 3600.0,
    vending: Vending | None = None,
    prefix: str | None = None,
    page_size: int | None = None,
    issuer: TokenIssuer | None = None,
) -> Iterator[AuthProxy]:
    """Serve a proxy of the catalog at `upstream`; with `prefix`, /v1/config tells it and all other paths need it.

    With `page_size`, lists come in pages of that size even to clients that ask for none, as from servers with a limit.
    """

    proxy = AuthProxy("", upstream.rstrip("/"), issuer or TokenIssuer(lifetime=lifetime), vending, prefix, page_size)

    class OfThisProxy(ProxyHandler):
        pass

    OfThisProxy.proxy = proxy
    with serving(OfThisProxy) as proxy.uri:
        yield proxy
    for request in proxy.seen:
        heard(f"{request.path}?{request.query}", "addresses that catalogs were asked for")


class ProxyHandler(Handler):
    """One connection of a client."""

    proxy: AuthProxy

    def handle_any(self) -> None:
        """Answer a request of whatever method."""
        url = urlsplit(self.path)
        body = self.whole_body()
        if url.path.startswith(CONTROL_PREFIX):
            self.send(self._control(url.path.removeprefix(CONTROL_PREFIX), body))
            return
        fault = self.proxy.faults.pick(f"{self.command} {self.path}")
        reply = self._faulty(fault, url.path, body) if fault else self._honest(url.path, body)
        headers = {key.lower(): value for key, value in self.headers.items()}
        # Before sending: a test that has its answer must find the request counted.
        self.proxy.remember(Seen(self.command, url.path, url.query, headers, body, reply.status if reply else 0))
        if reply:
            self.send(reply)
        else:
            self._hang_up()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = handle_any

    def _honest(self, path: str, body: bytes) -> Reply:
        if self.command == "POST" and path in (TOKEN_PATH, OTHER_TOKEN_PATH):
            form = dict(parse_qsl(body.decode()))
            return json_reply(*self.proxy.issuer.token(form, self.headers.get("Authorization")))
        refused = self.proxy.issuer.problem(self.headers.get("Authorization"))
        if refused is not None:
            return json_reply(401, error_body(401, "NotAuthorizedException", f"Not authorized: {refused}"))
        return self._forward(body)

    def _faulty(self, fault: Fault, path: str, body: bytes) -> Reply | None:
        time.sleep(fault.delay)
        if fault.passes:
            return self._honest(path, body)
        if fault.forward:
            self._honest(path, body)
        if fault.cut:
            return None
        if isinstance(fault.body, str):
            return Reply(fault.status, fault.headers, fault.body.encode())
        return json_reply(fault.status, fault.body, fault.headers)

    def _forward(self, body: bytes) -> Reply:
        target = self._upstream_path()
        if target is None:
            message = f"No route for request: {self.command} {self.path}"
            return json_reply(404, error_body(404, "NotFoundException", message))
        if self.proxy.vending and CREDENTIALS_CALL.search(f"{self.command} {self.path}"):
            return json_reply(200, self.proxy.vending.refreshed())
        upstream = self.proxy.upstream
        try:
            reply = self.hand_on(upstream, urlsplit(upstream).path + target, body, HELD_BACK)
        except (OSError, http.client.HTTPException) as error:
            message = f"the catalog behind the proxy is gone: {error!r}"
            return json_reply(502, error_body(502, "BadGatewayException", message))
        return reply._replace(content=self._dress(reply.status, reply.content))

    def _upstream_path(self) -> str | None:
        path = self._without_prefix()
        size = self.proxy.page_size
        if path is None or size is None or not LIST_CALL.search(f"{self.command} {path}") or "pageSize=" in path:
            return path
        return f"{path}{'&' if '?' in path else '?'}pageSize={size}"

    def _without_prefix(self) -> str | None:
        prefix = self.proxy.prefix
        if prefix is None or urlsplit(self.path).path == CONFIG_PATH:
            return self.path
        head = f"/v1/{prefix}/"
        return "/v1/" + self.path.removeprefix(head) if self.path.startswith(head) else None

    def _dress(self, status: int, content: bytes) -> bytes:
        if status != 200 or not content:
            return content
        vending = self.proxy.vending
        if vending and vending.applies(f"{self.command} {self.path}", self.headers.get(DELEGATION_HEADER)):
            return vending.add(content)
        if urlsplit(self.path).path == CONFIG_PATH:
            config = json.loads(content)
            if self.proxy.prefix:
                config.setdefault("overrides", {})["prefix"] = self.proxy.prefix
            if vending:
                config["endpoints"].append(CREDENTIALS_ENDPOINT)
            return json.dumps(config).encode()
        return content

    def _control(self, command: str, body: bytes) -> Reply:
        proxy = self.proxy
        try:
            order = json.loads(body or b"null")
            if command == "faults":
                proxy.faults.add(*(fault_from_json(entry) for entry in order))
            elif command == "clear":
                proxy.faults.clear()
                proxy.forget()
            elif command == "expire":
                proxy.issuer.expire_all()
            elif command != "counts":
                return json_reply(404, {"error": f"no such order: {command}"})
        except (KeyError, TypeError, ValueError) as error:
            return json_reply(400, {"error": repr(error)})
        statuses = {str(status): count for status, count in proxy.statuses().items()}
        return json_reply(
            200, {"requests": dict(proxy.counts()), "statuses": statuses, "grants": list(proxy.issuer.grants)}
        )

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def json_reply(status: int, answer: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Reply:
    """A reply of the proxy's own."""
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(answer).encode())
