"""One random word, in every credential that the tests make: wherever it turns up, a credential was written down.

Tests and their servers take credentials from here and write none of their own, right ones and wrong ones alike. It
knows nothing of the rest of the harness, so that servers may use it too.
"""

from __future__ import annotations

import base64
import re
import secrets

# Sixteen letters and digits: no encoding for URLs or JSON changes them, and with "AKIA" they make a key id of S3.
MARK = "canary" + secrets.token_hex(5)

# What the sandbox makes up itself, recognised by its form: access and refresh tokens, personal tokens, OAuth secrets.
_ISSUED = {
    b"eyJsandbox.": re.compile(rb"eyJsandbox\.[0-9a-f]{64}"),
    b"dor": re.compile(rb"dor[0-9a-f]{64}"),
    b"dapi": re.compile(rb"dapi[0-9a-f]{32}"),
    b"dose": re.compile(rb"dose[0-9a-f]{32}"),
}


def credential(name: str) -> str:
    """A credential of that name for this run of the tests; the same name gives the same one."""
    return f"{name}-{MARK}"


def forms(mark: str = MARK) -> dict[str, bytes]:
    """The word in each form in which it could have got somewhere."""
    raw = mark.encode()
    made = {
        "plain": raw,
        "capitals": raw.upper(),
        "UTF-16": mark.encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "hex in capitals": raw.hex().upper().encode(),
        "percent": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "backwards": raw[::-1],
    }
    for before in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
            made[f"{name}, {before} before"] = _inner(encode(bytes(before) + raw), before, len(raw))
    # Where two alphabets do not differ, one look is enough.
    return {name: made[name] for name in made if name == next(first for first in made if made[first] == made[name])}


def _inner(encoded: bytes, before: int, length: int) -> bytes:
    """The characters of a base64 text that hold bits of the word alone, whatever stands before it and after."""
    first = (before * 8 + 5) // 6
    return encoded[first : (before + length) * 8 // 6]


class Seeker:
    """Finds a word in all its forms, and with it the tokens that the sandbox made up."""

    def __init__(self, mark: str = MARK, *, issued: bool = True) -> None:
        self.forms = forms(mark)
        self._issued = _ISSUED if issued else {}

    def find(self, content: bytes) -> list[str]:
        """The forms that are in it."""
        return [*(name for name, form in self.forms.items() if form in content), *self._tokens(content)]

    def _tokens(self, content: bytes) -> list[str]:
        found = []
        for start, whole in self._issued.items():
            at = content.find(start)
            while at >= 0:
                if whole.match(content, at):
                    found.append(f"a token of the sandbox, {start.decode()}…")
                    break
                at = content.find(start, at + 1)
        return found
