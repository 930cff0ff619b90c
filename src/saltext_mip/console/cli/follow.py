"""The logs of several nodes as they come, on one screen: one ssh a node, a prefix a line."""

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

MOMENT = 1.0  # seconds until it is looked whether anybody reads it


def follow(
    logins: Mapping[str, Login],
    roles: Mapping[str, str],
    *,
    component: str | None,
    lines: int,
    since: str | None,
    say: Callable[[str], None],
) -> int:
    """Until interrupted, or until all connections are gone; then 1. Keys are short names."""
    came: queue.Queue[tuple[str, str | None]] = queue.Queue()
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
            reader = threading.Thread(target=_read, args=(name, process.stdout, came), daemon=True)
            reader.start()
        left = set(running)
        width = max(map(len, running), default=0)
        while left:
            try:
                name, line = came.get(timeout=MOMENT)
            except queue.Empty:
                pause(0)
                continue
            if line is None:
                left.discard(name)
                say(f"{name:{width}} the connection has ended ({running[name].wait()})")
            else:
                say(f"{name:{width}} {shown(line)}")
        return 1
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _read(name: str, stream: IO[str] | None, came: queue.Queue[tuple[str, str | None]]) -> None:
    for line in stream or ():
        came.put((name, line.rstrip("\r\n")))
    came.put((name, None))
