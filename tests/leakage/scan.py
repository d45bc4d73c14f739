"""Look for the canary in files of every kind that the product writes, and in the memory of processes."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path

import fastavro

from tests.leakage.canary import Seeker

GZIP, ZIP, SQLITE, AVRO = b"\x1f\x8b", b"PK\x03\x04", b"SQLite format 3\0", b"Obj\x01"
# No test makes a larger file; what claims to be more when unpacked is not what it says.
LARGEST = 1 << 30
DEEPEST = 4
# Memory is read in pieces that overlap.
PAGE, PIECE, OVERLAP = os.sysconf("SC_PAGESIZE"), 8 << 20, 4096


def files(place: Path) -> Iterator[Path]:
    """Every regular file at or below a place; links lead to places that are looked into by themselves, or nowhere."""
    if place.is_file() and not place.is_symlink():
        yield place
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            with suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path


def file(path: Path, seeker: Seeker) -> list[str]:
    """What a file has of it: as it lies there, unpacked, and as the rows of a database."""
    with suppress(FileNotFoundError):
        content = path.read_bytes()
        found = contents(content, seeker)
        # A long value is cut into pages that lie anywhere, so rows are read as rows.
        if content.startswith(SQLITE):
            found += [f"{where} in its rows" for where in seeker.find(rows(path))]
        return found
    return []


def contents(content: bytes, seeker: Seeker, depth: int = 0) -> list[str]:
    """What bytes have of it, packed or not."""
    found = seeker.find(content)
    if depth < DEEPEST:
        for inner in unpacked(content):
            found += [f"{where}, packed" for where in contents(inner, seeker, depth + 1)]
    return found


def unpacked(content: bytes) -> Iterator[bytes]:
    """The contents of gzip, ZIP and Avro; of half a file the half that is there."""
    if content.startswith(GZIP):
        with suppress(zlib.error):
            yield from members(content)
    elif content.startswith(ZIP):
        with suppress(zipfile.BadZipFile, zlib.error, RuntimeError), zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                with packed.open(name) as member:
                    yield member.read(LARGEST)
    elif content.startswith(AVRO):
        # Broken tables have broken manifests, and fastavro has many ways to say so.
        with suppress(Exception):
            for block in fastavro.block_reader(io.BytesIO(content)):
                yield block.bytes_.getvalue()


def members(content: bytes) -> Iterator[bytes]:
    """The parts of a gzip file, the last one as far as it goes."""
    while content.startswith(GZIP):
        part = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        yield part.decompress(content, LARGEST)
        content = part.unused_data


def rows(path: Path) -> bytes:
    """Every value of every table of a SQLite database, its log included."""
    # Reading a database with a log makes files beside it; where that is impossible, its raw bytes have to do.
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as database:
        database.text_factory = bytes
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = []
        for name in names:
            quoted = name.decode().replace('"', '""')
            for row in database.execute(f'SELECT * FROM "{quoted}"'):
                values += [value for value in row if isinstance(value, bytes)]
        return b"\n".join(values)
    return b""


def memory(pid: int, seeker: Seeker) -> tuple[int, list[str]]:
    """How many bytes of a process's memory were read, and where in them it is."""
    read, found = 0, []
    with open(f"/proc/{pid}/mem", "rb", 0) as mapped, open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for start, end, name in regions(pid):
            for first, last in present(pages.fileno(), start, end):
                with suppress(OSError):
                    piece = os.pread(mapped.fileno(), last - first, first)
                    read += len(piece)
                    found += [f"{where} at {first:x}, {name or 'no file'}" for where in seeker.find(piece)]
    return read, found


def regions(pid: int) -> Iterator[tuple[int, int, str]]:
    """The regions of memory that have something in them and may be read; programs and fonts have nothing of ours."""
    for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8")):
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)", part)
        used = sum(int(size) for size in re.findall(r"(?m)^(?:Rss|Swap): +([0-9]+) kB", part))
        if match and used and not match[3].startswith(("[v", "/usr/", "/lib")):
            yield int(match[1], 16), int(match[2], 16), match[3]


def present(pages: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a region that are there. A web view reserves gigabytes, and whoever reads them makes them real."""
    for at in range(start, end, PIECE):
        last = min(at + PIECE, end)
        entries = os.pread(pages, (last - at) // PAGE * 8, at // PAGE * 8)
        # The highest bits of an entry: in memory, or swapped out. A piece goes beyond its end, for a word on the edge.
        there = [number for number, high in enumerate(entries[7::8]) if high & 0xC0]
        for _, run in groupby(enumerate(there), lambda pair: pair[1] - pair[0]):
            numbers = [number for _, number in run]
            stop = at + (numbers[-1] + 1) * PAGE
            yield at + numbers[0] * PAGE, stop + (OVERLAP if stop == last < end else 0)
