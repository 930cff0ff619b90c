"""Which processes are a bed's: the ones that carry its root in their environment.

The mark is inherited and outlives whoever started them, so that a new bed finds what a
killed one left without any file of pids.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "MIP_BED"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def marked_environment(root: Path) -> dict[str, str]:
    """A small environment that marks a process as the bed's."""
    return {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", MARK: str(root)}


def marked_processes(root: Path) -> list[int]:
    """Pids of the bed's processes that are no host's own, outermost first."""
    mark = f"{MARK}={root}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended while we looked
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether `pid` runs; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def kill_and_wait(pids: list[int], seconds: float = 20) -> None:
    """SIGKILL, and back only when all are gone; TimeoutError names those that are not."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_alive(pid)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} survived SIGKILL for {seconds} s")
        time.sleep(0.01)
        for pid in left:
            # one that we started ourselves stays until we ask for its exit code
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
