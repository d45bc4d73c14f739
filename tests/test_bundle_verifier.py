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
import struct
import zipfile
import zlib
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
    cli.run("audit", "export", "--out", folder / "good.zip")
    return folder / "good"


def theirs(cli: Icebridge, folder: Path) -> bool:
    """What the program says."""
    return bool(cli.outcome("audit", "verify", folder).json.get("intact", False))


def ours(folder: Path) -> bool:
    """What the second verifier says. Anything that it cannot read is not intact."""
    try:
        verify(folder)
    except (Broken, KeyError, TypeError, AttributeError, ValueError, OSError, IndexError, struct.error, zlib.error):
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


def test_one_file_holds_what_a_folder_holds(cli: Icebridge, bundle: Path, tmp_path: Path) -> None:
    archive = bundle.parent / "good.zip"
    assert theirs(cli, archive) and ours(archive)
    # Whoever unpacks it has the folder, and what is exported twice differs in the time of the export alone.
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        packed.extractall(tmp_path / "unpacked")
    assert theirs(cli, tmp_path / "unpacked") and ours(tmp_path / "unpacked")
    same = {path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()}
    assert same == {path.relative_to(tmp_path / "unpacked") for path in (tmp_path / "unpacked").rglob("*.*")}
    assert (tmp_path / "unpacked" / "plan.json").read_bytes() == (bundle / "plan.json").read_bytes()
    # What another program packs anew may hold more than it shows.
    with zipfile.ZipFile(tmp_path / "anew.zip", "w", zipfile.ZIP_DEFLATED) as anew:
        for path in sorted((tmp_path / "unpacked").rglob("*.*")):
            anew.write(path, path.relative_to(tmp_path / "unpacked"))
    assert not theirs(cli, tmp_path / "anew.zip") and not ours(tmp_path / "anew.zip")
    cli.refuse("audit", "verify", tmp_path / "anew.zip", code="bundle-broken")


def test_both_verifiers_agree_on_good_and_on_changed_bundles(cli: Icebridge, bundle: Path, tmp_path: Path) -> None:
    assert theirs(cli, bundle) and ours(bundle)
    packed = (bundle.parent / "good.zip").read_bytes()
    assert cli.run("audit", "verify", bundle, "--key", cli.run("audit", "key")["public_key"])["intact"]
    seed = int(os.environ.get("ICEBRIDGE_SEED", "1"))
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    disagreed, noticed = [], 0
    for number in range(CHANGES):
        chance = random.Random(f"{seed}-{number}")
        if number % 3 == 0:
            kind = chance.choice(KINDS)
            archive = tmp_path / "changed.zip"
            archive.write_bytes(kind(packed, chance))
            one, other = theirs(cli, archive), ours(archive)
            noticed += not one
            if one != other:
                disagreed.append((number, archive.name, kind.__name__, False, one))
            continue
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
