"""Which processes are a bed's: the ones that carry its root in their environment.

The mark is inherited and outlives whoever started them, so that a new bed finds what a
killed one left without any file of pids.
"""

from __future__ import annotations

import contextlib
import os
import select
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


def runs(pid: int, argument: str) -> bool:
    """Whether `pid` is a process that was started with `argument`.

    The kernel gives a number that became free to the next process or thread that comes round, which
    takes two minutes on a busy machine: a number that was written down says nothing by itself.
    """
    try:
        return argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_and_wait(pids: list[int], seconds: float = 20) -> None:
    """SIGKILL, and back only when all have ended; TimeoutError names those that have not."""
    deadline = time.monotonic() + seconds
    with contextlib.ExitStack() as opened:
        running = {}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                opened.callback(os.close, handle)
                running[handle] = pid
        for handle in running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        while running:
            ended, _, _ = select.select(list(running), [], [], max(deadline - time.monotonic(), 0))
            if not ended:
                left = sorted(running.values())
                raise TimeoutError(f"processes {left} survived SIGKILL for {seconds} s")
            for handle in ended:
                # one that we started ourselves stays until we ask for its exit code
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(running.pop(handle), os.WNOHANG)
