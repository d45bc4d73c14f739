"""A gate before Azurite that makes it slow, and closes to signatures before they end, as when access is taken back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.services.azure_store import AzureStore
from tests.services.http_server import Handler, Reply, serving


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

    gate = AzureGate("", store)

    class OfThisGate(GateHandler):
        pass

    OfThisGate.gate = gate
    with serving(OfThisGate) as address:
        gate.endpoint = f"{address}/{store.account}"
        yield gate


class GateHandler(Handler):
    """One connection of a client."""

    gate: AzureGate

    def handle_any(self) -> None:
        """Look at the signature, then hand the request on."""
        body = self.whole_body()
        time.sleep(self.gate.delay)
        signature = parse_qs(urlsplit(self.path).query).get("sig", [""])[0]
        if self.gate.closed_to(signature):
            headers = {"x-ms-error-code": "AuthenticationFailed", "Content-Type": "application/xml"}
            reply = Reply(403, headers, b"<Error><Code>AuthenticationFailed</Code></Error>")
        else:
            reply = self.hand_on(self.gate.store.endpoint, self.path, body, {"host"})
        self.gate.seen.append(Asked(self.command, signature, "Authorization" in self.headers, reply.status))
        with suppress(OSError):
            self.send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any
