"""Folders of tests that outlive no one: each says whose it is, the next test removes orphans."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "mip-"
OWNER = "owner"


def make() -> Path:
    """A new root. Its path is short: those of unix sockets below it end at 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    mark(root)
    return root


def mark(root: Path) -> None:
    """Say whose folder this is: the process, and when it began (its id may be used again)."""
    root.mkdir(parents=True, exist_ok=True)
    (root / OWNER).write_text(f"{os.getpid()} {_began(os.getpid())}", encoding="utf-8")


def sweep() -> None:
    """Remove the roots of tests that were killed; their processes went with them."""
    for folder in Path("/tmp").glob(f"{PREFIX}*"):
        try:
            pid, began = (folder / OWNER).read_text(encoding="utf-8").split()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # not ours, or not yet marked
        if _began(int(pid)) != began:
            shutil.rmtree(folder, ignore_errors=True)


def _began(pid: int) -> str:
    """When that process started, in the kernel's ticks; empty if there is none."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return stat.rpartition(")")[2].split()[19]
