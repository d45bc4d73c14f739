"""Vended storage credentials, added to the answers of a catalog that has none of its own."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field

from tests.leakage.canary import credential

DELEGATION_HEADER = "X-Iceberg-Access-Delegation"
VENDED = "vended-credentials"
TABLE_ANSWER = re.compile(r"^(POST .*/namespaces/[^/]+/(tables|register)|GET .*/namespaces/[^/]+/tables/[^/?]+)(\?|$)")
CREDENTIALS_CALL = re.compile(r"^GET /v1/.*namespaces/[^/]+/tables/[^/]+/credentials(\?|$)")
CREDENTIALS_ENDPOINT = "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials"


@dataclass
class Vending:
    """What a client that asks for delegation gets, and for how long it says it is good."""

    properties: dict[str, str]
    prefix: str = "s3://"
    lifetime: float = 3600.0
    # Older servers fill `config` only, newer ones `storage-credentials` too: a client has to take either.
    in_config: bool = True
    in_storage_credentials: bool = True
    given: int = field(default=0)

    def applies(self, request: str, delegation: str | None) -> bool:
        """Whether this request ("METHOD /path") asks for a table with credentials."""
        asked = {word.strip() for word in (delegation or "").split(",")}
        return VENDED in asked and TABLE_ANSWER.search(request) is not None

    def fresh(self) -> dict[str, str]:
        """New credentials; their session tokens are numbered, so that a test sees which ones a client uses."""
        self.given += 1
        expires = str(int((time.time() + self.lifetime) * 1000))
        return {
            **self.properties,
            "s3.session-token": f"{credential('vended-session-token')}-{self.given}",
            "s3.session-token-expires-at-ms": expires,
            "expires-at-ms": expires,
        }

    def add(self, body: bytes) -> bytes:
        """The answer with credentials in it."""
        answer = json.loads(body)
        extra = self.fresh()
        if self.in_config:
            answer["config"] = {**(answer.get("config") or {}), **extra}
        if self.in_storage_credentials:
            answer.setdefault("storage-credentials", []).append({"prefix": self.prefix, "config": extra})
        return json.dumps(answer).encode()

    def refreshed(self) -> dict[str, object]:
        """The answer of the credentials endpoint, by which a client renews them without loading the table again."""
        return {"storage-credentials": [{"prefix": self.prefix, "config": self.fresh()}]}
