"""Follows the logs of several nodes: one ssh connection a node, its name before each line."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO

from saltext_mip.console.cli.terminal import pause
from saltext_mip.console.ssh import Login
from saltext_mip.console.tmux.pane import remote_logs
from saltext_mip.swarm.components import COMPONENTS
from saltext_mip.text import shown

POLL = 1.0  # seconds between two checks that standard output is still read


def follow(
    logins: Mapping[str, Login],
    roles: Mapping[str, str],
    *,
    component: str | None,
    lines: int,
    since: str | None,
    write: Callable[[str], None],
) -> int:
    """Until interrupted, or until all connections have ended (1). Keys are short names."""
    received: queue.Queue[tuple[str, str | None]] = queue.Queue()
    running: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, login in logins.items():
            which = component or COMPONENTS[roles[name]]
            process = subprocess.Popen(  # noqa: S603 - a list
                login.argv(remote_logs(which, lines, since), terminal=False),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            running[name] = process
            reader = threading.Thread(
                target=_read, args=(name, process.stdout, received), daemon=True
            )
            reader.start()
        left = set(running)
        width = max(map(len, running), default=0)
        while left:
            try:
                name, line = received.get(timeout=POLL)
            except queue.Empty:
                pause(0)
                continue
            if line is None:
                left.discard(name)
                write(f"{name:{width}} connection closed (ssh exit code {running[name].wait()})")
            else:
                write(f"{name:{width}} {shown(line)}")
        return 1
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _read(name: str, stream: IO[str] | None, received: queue.Queue[tuple[str, str | None]]) -> None:
    for line in stream or ():
        received.put((name, line.rstrip("\r\n")))
    received.put((name, None))
