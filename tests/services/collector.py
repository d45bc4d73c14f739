"""A collector of traces on this machine: it reads requests by OpenTelemetry's own definitions, and can refuse them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .http_server import Handler, Reply, serving

PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"


def attributes(pairs: Sequence[KeyValue]) -> dict[str, str | int | bool | float]:
    """By name; a value is what its kind says."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


@dataclass
class Collector:
    """What has come so far."""

    address: str = ""
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of each request, also of those that were refused; names in lower case."""
    paths: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    """The next requests are answered by these instead."""

    def spans(self, name: str | None = None) -> list[Span]:
        """Those of this name, or all."""
        scopes = [scope for request in self.requests for one in request.resource_spans for scope in one.scope_spans]
        return [span for scope in scopes for span in scope.spans if name in (None, span.name)]

    def resource(self) -> dict[str, str | int | bool | float]:
        """Who sent the first request."""
        return attributes(self.requests[0].resource_spans[0].resource.attributes)

    def failed(self) -> list[Span]:
        """Spans that say that what they are about failed."""
        return [span for span in self.spans() if span.status.code == Status.STATUS_CODE_ERROR]


@contextmanager
def collector() -> Iterator[Collector]:
    """Listens for as long as the block lasts."""
    seen = Collector()

    class Receives(Handler):
        def do_POST(self) -> None:
            body = self.whole_body()
            seen.headers.append({name.lower(): value for name, value in self.headers.items()})
            seen.paths.append(self.path)
            if seen.refuse:
                self.send(Reply(seen.refuse.pop(0), {}, b"not now: " + str(self.headers).encode()))
                return
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            seen.raw.append(body)
            seen.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send(Reply(200, {"Content-Type": PROTOBUF}, b""))

    with serving(Receives) as address:
        seen.address = address
        yield seen
