"""An OAuth2 token endpoint with short-lived tokens, by RFC 6749 (client credentials) and RFC 8693 (token exchange)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from tests.leakage.canary import credential

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"

Answer = tuple[int, dict[str, object]]


@dataclass
class TokenIssuer:
    """Gives tokens to one client and knows which of them are still good."""

    client_id: str = "icebridge"
    client_secret: str = credential("oauth-client")
    lifetime: float = 3600.0
    grants: list[str] = field(default_factory=list)
    _expiry: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self, form: Mapping[str, str], authorization: str | None) -> Answer:
        """Answer a request to the token endpoint."""
        grant = form.get("grant_type", "")
        if grant == CLIENT_CREDENTIALS:
            if not self._client_known(form, authorization):
                return 401, oauth_error("invalid_client", "unknown client or wrong secret")
        elif grant == TOKEN_EXCHANGE:
            # The Java and Python clients authenticate a refresh by the old token, or by Basic once it has expired.
            subject_good = self.problem(f"Bearer {form.get('subject_token', '')}") is None
            if not subject_good and not self._client_known(form, authorization):
                return 401, oauth_error("invalid_client", "the subject token has expired and no client is named")
        else:
            return 400, oauth_error("unsupported_grant_type", grant)
        return 200, self._issue(grant)

    def problem(self, authorization: str | None) -> str | None:
        """Why a call's Authorization header is refused, or None if it is good."""
        if not authorization:
            return "no bearer token"
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return "not a bearer token"
        with self._lock:
            until = self._expiry.get(token)
        if until is None:
            return "unknown token"
        return "expired token" if time.monotonic() >= until else None

    def mint(self) -> str:
        """A good token without a request, for clients that are handed one."""
        return str(self._issue("mint")["access_token"])

    def accept(self, token: str) -> None:
        """Take a token that somebody else gave."""
        with self._lock:
            self._expiry[token] = time.monotonic() + self.lifetime

    def expire_all(self) -> None:
        """Make every token given so far stale at once, instead of sleeping until it is."""
        with self._lock:
            self._expiry = dict.fromkeys(self._expiry, 0.0)

    def _issue(self, grant: str) -> dict[str, object]:
        token = f"{credential('oauth')}-{secrets.token_urlsafe(24)}"
        with self._lock:
            self._expiry[token] = time.monotonic() + self.lifetime
            self.grants.append(grant)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self.lifetime),
            "issued_token_type": ACCESS_TOKEN_TYPE,
        }

    def _client_known(self, form: Mapping[str, str], authorization: str | None) -> bool:
        if "client_id" in form or "client_secret" in form:
            given = (form.get("client_id", ""), form.get("client_secret", ""))
        else:
            given = basic_credentials(authorization)
        return hmac.compare_digest("\0".join(given), f"{self.client_id}\0{self.client_secret}")


def basic_credentials(authorization: str | None) -> tuple[str, str]:
    """User and password of a Basic header (form-encoded before base64, says RFC 6749), or two empty strings."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(user), unquote_plus(password)


def oauth_error(code: str, description: str) -> dict[str, object]:
    """The token endpoint has an error shape of its own, unlike the catalog's."""
    return {"error": code, "error_description": description}
