"""What runs in a pane that belongs to a node: ssh, with a title before it and a hint after it.

    python -m saltext_mip.console.tmux.pane '{"title": …, "login": […], …}'

It knows all it needs from its one argument and imports little, since a session starts many at once.
A log is followed for ever: it reconnects where the connection is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltext_mip.console.ssh import Login, in_folder
from saltext_mip.swarm.components import COMPONENTS

LOST = 255  # ssh's own exit code
NOT_FOUND = 127
AGAIN = 5.0  # seconds between two connections for a log
UNNOTICED = 45  # seconds that ssh may take to see that a connection is gone
BLUE, YELLOW, PLAIN = "\x1b[34;1m", "\x1b[33m", "\x1b[0m"


def remote_logs(component: str | None, lines: int, since: str | None = None) -> tuple[str, ...]:
    """The command on a node that follows a component's log."""
    start = ("--since", since) if since else ()
    which = ("--component", component) if component else ()
    return ("mip", "logs", "--follow", *which, "--limit", str(lines), *start)


def run(
    facts: Mapping[str, Any],
    *,
    call: Callable[[Sequence[str]], int] = subprocess.call,
    write: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show who this is, connect, and show what to do when it ends; the exit code."""
    write(f"{BLUE}{facts['title']}{PLAIN}")
    if facts["note"]:
        write(f"{YELLOW}{facts['note']}{PLAIN}")
    login = Login(*facts["login"])
    role = facts.get("logs")
    if role is None:
        code = call(login.argv(in_folder(facts["folder"])))
        write(_ended(code, facts))
        return code
    ended = None
    while True:
        since = None if ended is None else f"{int(clock() - ended) + UNNOTICED}s"
        code = call(login.argv(remote_logs(COMPONENTS[role], 10_000, since)))
        if code != LOST:
            write(_ended(code, facts))
            return code
        if ended is None:
            write(_ended(code, facts))
        write(f"{YELLOW}reconnecting every {AGAIN:.0f} s{PLAIN}")
        ended = ended or clock()
        sleep(AGAIN)


def _ended(code: int, facts: Mapping[str, Any]) -> str:
    again = "C-j r reconnects"
    if code == LOST:
        check = f"mip --federation {facts['federation']} node check"
        text = f"No connection. If the host's key is not known: {check}. {again}."
    elif code == NOT_FOUND:
        text = "The command `mip` is not in the path there; see the manual, Installation."
    else:
        text = f"Ended ({code}). {again}."
    return f"{YELLOW}{text}{PLAIN}"


def main() -> int:
    def write(text: str) -> None:
        sys.stdout.write(f"{text}\r\n")
        sys.stdout.flush()

    try:
        return run(json.loads(sys.argv[1]), write=write)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
