"""Make the sample lakehouse of the demo: `python -m tests.lakehouse.sample`.

It writes src-tauri/crates/core/sample/lakehouse.tar.gz and expected.json beside it. Iceberg keeps absolute paths, so
the tables are written under one fixed folder, which the product replaces when it unpacks the archive. The rows follow
from a seed; ids and times that Iceberg draws do not, so each run makes another archive of the same rows.
"""

from __future__ import annotations

import argparse
import gzip
import io
import shutil
import tarfile
from pathlib import Path

from tests.lakehouse.generate import build
from tests.lakehouse.registry import dumps
from tests.lakehouse.spark import ROOT

SOURCE = Path("/tmp/icebridge-sample-src")
TARGET = ROOT / "src-tauri" / "crates" / "core" / "sample"
LARGEST = 3 << 20


def pack(source: Path, archive: Path) -> None:
    """Pack the lakehouse so that the same files give the same bytes: sorted names, no times, no owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(source.rglob("*"), key=lambda entry: entry.relative_to(source).as_posix()):
            name = path.relative_to(source)
            if path.name.endswith(".crc") or name.parts[0] not in ("catalog.db", "warehouse", "outside"):
                continue
            entry = tarfile.TarInfo(name.as_posix())
            entry.mode = 0o755 if path.is_dir() else 0o644
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                data = path.read_bytes()
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    archive.write_bytes(gzip.compress(plain.getvalue(), compresslevel=9, mtime=0))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from tests.lakehouse.sample_shapes import SHAPES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=TARGET, help="where to put the archive")
    target: Path = parser.parse_args(arguments).to
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    expected, failed = build(SOURCE, SHAPES.shapes.values())
    if failed:
        raise SystemExit(f"no sample was made: {', '.join(failed)} failed")
    target.mkdir(parents=True, exist_ok=True)
    archive = target / "lakehouse.tar.gz"
    pack(SOURCE, archive)
    (target / "expected.json").write_text(dumps({**expected, "root": str(SOURCE)}), encoding="utf-8")
    size = archive.stat().st_size
    print(f"{len(expected['tables'])} tables, {size} bytes in {archive}")
    if size > LARGEST:
        raise SystemExit(f"the archive is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
