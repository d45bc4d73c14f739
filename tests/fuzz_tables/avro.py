"""Avro container files with every codec that Iceberg's Java library writes, and values as they are stored."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

MAGIC = b"Obj\x01"
SYNC = bytes(range(16))
_META = {"type": "map", "values": "bytes"}


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _snapped(data: bytes) -> bytes:
    return pa.compress(data, codec="snappy", asbytes=True) + zlib.crc32(data).to_bytes(4, "big")


def _unsnapped(data: bytes) -> bytes:
    # The length before packing is the first varint of what snappy writes.
    size, shift = 0, 0
    for byte in data:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return pa.decompress(data[:-4], decompressed_size=size, codec="snappy", asbytes=True)


def _unzstd(data: bytes) -> bytes:
    return pa.CompressedInputStream(io.BytesIO(data), "zstd").read()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _deflated,
    "snappy": _snapped,
    "zstandard": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda data: zlib.decompress(data, wbits=-15),
    "snappy": _unsnapped,
    "zstandard": _unzstd,
}


@contextmanager
def raw() -> Iterator[None]:
    """Values as they are stored: a date as Python has it could not be written back in every year."""
    import fastavro.read
    import fastavro.write

    registries: tuple[dict[str, Any], ...] = (fastavro.read.LOGICAL_READERS, fastavro.write.LOGICAL_WRITERS)
    kept = [dict(registry) for registry in registries]
    try:
        for registry in registries:
            registry.clear()
        yield
    finally:
        for registry, known in zip(registries, kept, strict=True):
            registry.update(known)


@dataclass
class Avro:
    """One manifest or manifest list in memory."""

    path: Path
    header: dict[str, bytes]
    schema: dict[str, Any]
    codec: str
    records: list[Any]

    @classmethod
    def read(cls, path: Path) -> Avro:
        """Read all of it."""
        import fastavro

        # Typed for any Avro value, which is less than what is known of these.
        read: Any = fastavro.schemaless_reader
        file = io.BytesIO(path.read_bytes())
        if file.read(4) != MAGIC:
            raise ValueError("not an Avro file")
        header = read(file, _META, None)
        file.read(16)
        schema = json.loads(header.pop("avro.schema"))
        codec = header.pop("avro.codec", b"null").decode()
        parsed, records = fastavro.parse_schema(schema), []
        while file.tell() < len(file.getbuffer()):
            count = read(file, "long", None)
            block = io.BytesIO(UNPACK[codec](read(file, "bytes", None)))
            records += [read(block, parsed, None) for _ in range(count)]
            file.read(16)
        return cls(path, header, schema, codec, records)

    def bytes(self) -> bytes:
        """The file as it is to be written."""
        from fastavro import parse_schema, schemaless_writer

        parsed, block, file = parse_schema(self.schema), io.BytesIO(), io.BytesIO()
        for record in self.records:
            schemaless_writer(block, parsed, record)
        file.write(MAGIC)
        meta = {**self.header, "avro.schema": json.dumps(self.schema).encode(), "avro.codec": self.codec.encode()}
        schemaless_writer(file, _META, meta)
        file.write(SYNC)
        if self.records:
            schemaless_writer(file, "long", len(self.records))
            schemaless_writer(file, "bytes", PACK[self.codec](block.getvalue()))
            file.write(SYNC)
        return file.getvalue()
