"""Places where writing fails: a disk that fills up, a disk that is read-only even for root, a limit on file size.

Checking a full disk with a pretended error proves little: partial writes, failing fsync and failing rename come from
the kernel, in the middle of whatever was being written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .process import ServiceUnavailable

DEFAULT_BYTES = 2 * 1024 * 1024
MOUNT_SECONDS = 20


@contextmanager
def full_disk(size: int = DEFAULT_BYTES) -> Iterator[Path]:
    """A file system of `size` bytes (rounded up to pages): writing more than that gives ENOSPC."""
    with _tmpfs(size) as path:
        yield path


@contextmanager
def read_only(*, seed: dict[str, bytes] | None = None) -> Iterator[Path]:
    """A folder holding `seed`'s files in which nobody can write, not even root, for whom modes don't count: EROFS."""
    with _tmpfs(DEFAULT_BYTES) as path:
        for name, content in (seed or {}).items():
            (path / name).write_bytes(content)
        _mount_tool("mount", "-o", "remount,ro", str(path))
        yield path


def fill(path: Path, *, leave: int = 0) -> int:
    """Fill the file system of `path` except for about `leave` bytes; returns the ballast's size."""
    ballast = path / ".ballast"
    free = os.statvfs(path)
    size = max(0, free.f_bavail * free.f_frsize - leave)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
    return size


def release(path: Path) -> None:
    """Make room again, as a user would who deletes something and presses Retry."""
    (path / ".ballast").unlink(missing_ok=True)


def with_full_disk(command: Sequence[str], mount_point: Path, size: int = DEFAULT_BYTES) -> list[str]:
    """The command in a namespace of its own where `mount_point` is such a file system, for users who may not mount.

    A user namespace lets them, but only the command and its children see the mount.
    """
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *as_root, "sh", "-c", script, "sh", str(size), str(mount_point), *command]


def with_file_limit(command: Sequence[str], size: int) -> list[str]:
    """The command with a limit on the size of any file it writes (EFBIG), which needs no rights at all."""
    return ["prlimit", f"--fsize={size}", "--", "env", "--ignore-signal=XFSZ", *command]


@contextmanager
def _tmpfs(size: int) -> Iterator[Path]:
    if os.geteuid() != 0:
        raise ServiceUnavailable("mounting a small file system needs root")
    path = Path(tempfile.mkdtemp(prefix="icebridge-disk-"))
    try:
        _mount_tool("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path))
        try:
            yield path
        finally:
            # Lazy: a process which the test left behind must not keep the mount for ever.
            _mount_tool("umount", "--lazy", str(path))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _mount_tool(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOUNT_SECONDS, check=False)
    if done.returncode != 0:
        raise ServiceUnavailable(f"{' '.join(command[:2])} is not allowed here: {done.stderr.strip()}")
