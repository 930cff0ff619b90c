"""A small init for one daemon: whatever it starts ends with it, and with the test that began it.

Salt's minion runs each job in a session of its own whose parent is init, so neither a process group
nor a list of children finds them again. This program adopts all orphans below it (a *child
subreaper*), takes orders by line on standard input (``TERM``, ``KILL``, ``STOP``, ``CONT``) and
ends when nothing below it is left. The end of standard input means ``KILL``: that is what it reads
when the test that holds the other end was killed itself.

It is run as a file, by ``python -I -S``, and imports the standard library only: it starts in
milliseconds and knows nothing of the project.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ORDERS = {"TERM", "KILL", "STOP", "CONT"}


def below(root: int) -> list[int]:
    """All processes whose line of parents leads to ``root``."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended since the listing
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found: set[int] = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {root})


def tell(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it ended since the look


def reap() -> bool:
    """Collect the dead; whether anything is left below us."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def kill_all() -> None:
    """Kill until nothing is left: what is killed may have started another just before."""
    while reap():
        tell(below(os.getpid()), signal.SIGKILL)
        time.sleep(0.01)


def main(command: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    # the terminal's Ctrl-C is for the test; it says what becomes of us
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    start(command)
    orders = b""
    while reap():
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if 0 not in ready:
            continue
        chunk = os.read(0, 4096)
        if not chunk:
            kill_all()
            break
        *lines, orders = (orders + chunk).split(b"\n")
        for order in (line.decode() for line in lines):
            if order not in ORDERS:
                raise ValueError(order)
            if order == "KILL":
                kill_all()
            else:
                tell(below(os.getpid()), getattr(signal, f"SIG{order}"))
    return 0


def start(command: list[str]) -> None:
    if os.fork():
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        os.execvp(command[0], command)
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
