"""Small disks: full, read-only, or a mount of their own."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def broken_disk(path: Path, fault: str) -> Iterator[None]:
    """At ``path``, with what is there already, a disk that is ``full`` or ``read-only``."""
    there = subprocess.run(["tar", "-C", str(path), "-c", "."], capture_output=True, check=True)
    options = "size=1m,mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "mip-test", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        subprocess.run(["tar", "-C", str(path), "-x"], input=there.stdout, check=True)
        if fault == "full":
            fill(path / "filler")
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def own_disk(path: Path) -> Iterator[None]:
    """At ``path``, which must be a folder, an empty disk of its own."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "mip-test", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(path: Path) -> None:
    """Write to a file until its disk is full."""
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return
