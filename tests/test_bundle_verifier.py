"""Two verifiers of bundles, the program's and one written from the format's page, agree on good and changed ones.

`ICEBRIDGE_BUNDLE_CHANGES=10000 pytest tests/test_bundle_verifier.py` tries as many changes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.harness.bundle_verifier import Broken, pretty, verify
from tests.harness.cli import Icebridge, fresh

CHANGES = int(os.environ.get("ICEBRIDGE_BUNDLE_CHANGES", "150"))


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Icebridge:
    """With a key of its own for signatures, from the environment."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    made = fresh(tmp_path_factory.mktemp("verifier") / "state")
    made.environment["ICEBRIDGE_SECRET_AUDIT_SIGNING_KEY"] = base64.b64encode(key).decode()
    return made


@pytest.fixture(scope="module")
def bundle(cli: Icebridge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the sample's journey."""
    folder = tmp_path_factory.mktemp("bundle")
    cli.run("journey", "--sample", folder / "sample", "--out", folder / "good")
    return folder / "good"


def theirs(cli: Icebridge, folder: Path) -> bool:
    """What the program says."""
    return bool(cli.outcome("audit", "verify", folder).json.get("intact", False))


def ours(folder: Path) -> bool:
    """What the second verifier says. Anything that it cannot read is not intact."""
    try:
        verify(folder)
    except (Broken, KeyError, TypeError, AttributeError, ValueError, OSError, IndexError):
        return False
    return True


def flip(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << chance.randrange(8))]) + text[at + 1 :]


def cut(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + text[at + chance.randrange(1, 40) :]


def twice(text: bytes, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join([*lines[: at + 1], *lines[at:]])


def swapped(text: bytes, chance: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def digit(text: bytes, chance: random.Random) -> bytes:
    places = [at for at, byte in enumerate(text) if chr(byte).isdigit()]
    at = chance.choice(places or [0])
    return text[:at] + str(chance.randrange(10)).encode() + text[at + 1 :]


def word(text: bytes, chance: random.Random) -> bytes:
    old, new = chance.choice(
        [(b"true", b"false"), (b"false", b"true"), (b"null", b"0"), (b"migrated", b"failed"), (b'": ', b'":  ')]
    )
    return text.replace(old, new, 1)


def remark(text: bytes, chance: random.Random) -> bytes:
    places = [at for at, byte in enumerate(text) if byte == ord("{")]
    at = chance.choice(places or [0])
    return text[: at + 1] + b'"remark":"seen",' + text[at + 1 :]


def json_of(text: bytes) -> object:
    """What a document says; none where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return object()


KINDS: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, twice, swapped, digit, word, remark]


def resealed(folder: Path) -> None:
    """As a forger does who knows the format and has no key."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for file in manifest["files"]:
        text = (folder / file["path"]).read_bytes()
        file.update(bytes=len(text), sha256=hashlib.sha256(text).hexdigest())
    manifest.pop("public_key", None)
    (folder / "signature.json").unlink(missing_ok=True)
    (folder / "manifest.json").write_bytes(pretty(manifest))


def test_both_verifiers_agree_on_good_and_on_changed_bundles(cli: Icebridge, bundle: Path, tmp_path: Path) -> None:
    assert theirs(cli, bundle) and ours(bundle)
    assert cli.run("audit", "verify", bundle, "--key", cli.run("audit", "key")["public_key"])["intact"]
    seed = int(os.environ.get("ICEBRIDGE_SEED", "1"))
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    disagreed, noticed = [], 0
    for number in range(CHANGES):
        chance = random.Random(f"{seed}-{number}")
        folder = tmp_path / "changed"
        shutil.copytree(bundle, folder)
        name, kind = chance.choice(names), chance.choice(KINDS)
        path = folder / name
        text = path.read_bytes()
        changed = kind(text, chance)
        path.write_bytes(changed)
        # The page does not say how the summaries are made, so that only their checksums are compared.
        seal = not name.startswith(("manifest", "signature", "summary")) and chance.random() < 0.7
        if seal:
            resealed(folder)
        one, other = theirs(cli, folder), ours(folder)
        noticed += not one
        # Nor in which order the fields inside of a document's parts stand.
        reordered = not one and kind is swapped and json_of(changed) == json_of(text)
        if one != other and not reordered:
            disagreed.append((number, name, kind.__name__, seal, one))
        shutil.rmtree(folder)
    assert not disagreed, f"(number, file, change, resealed, the program says intact): {disagreed[:10]}"
    assert noticed > CHANGES * 0.8
