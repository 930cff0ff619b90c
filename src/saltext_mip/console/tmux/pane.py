"""What runs in a pane that belongs to a node: ssh, with a title before it and a hint after it.

    python -m saltext_mip.console.tmux.pane '{"title": …, "login": […], …}'

It knows all it needs from its one argument and imports little, since a session starts many at once.
A log is followed for ever: it reconnects where the connection is lost.
"""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from saltext_mip.console.ssh import Login, in_folder
from saltext_mip.swarm.components import COMPONENTS
from saltext_mip.text import shown

LOST = 255  # ssh's own exit code
NOT_FOUND = 127
AGAIN = 5.0  # seconds between two connections for a log
UNNOTICED = 45  # seconds that ssh may take to see that a connection is gone
CHUNK = 65_536  # bytes
BLUE, YELLOW, PLAIN = "\x1b[34;1m", "\x1b[33m", "\x1b[0m"


def remote_logs(component: str | None, lines: int, since: str | None = None) -> tuple[str, ...]:
    """The command on a node that follows a component's log."""
    start = ("--since", since) if since else ()
    which = ("--component", component) if component else ()
    return ("mip", "logs", "--follow", *which, "--limit", str(lines), *start)


@dataclass(frozen=True)
class NodePane:
    """A node's pane: ``title`` and ``note`` are shown first; then ssh, a shell in ``folder``.

    With ``logs``, the role of the node, its log is followed instead. ``hint`` is what to do where
    ssh does not connect.
    """

    title: str
    federation: str
    login: Login
    note: str = ""
    folder: str | None = None
    logs: str | None = None
    hint: str = ""

    def to_argument(self) -> str:
        """The one argument of the program: tmux keeps it, also over an upgrade of this package."""
        login = self.login
        value = {
            "title": self.title,
            "note": self.note,
            "login": [login.alias, login.user, login.address, login.port, login.known_hosts],
            "folder": self.folder,
            "federation": self.federation,
        }
        more = {"logs": self.logs, "hint": self.hint}
        return json.dumps(value | {key: text for key, text in more.items() if text})

    @classmethod
    def from_argument(cls, argument: str) -> NodePane:
        value = json.loads(argument)
        return cls(**{**value, "login": Login(*value["login"])})


class Escaping:
    """Lines of another host for the terminal here: all but their ends is escaped.

    The node escapes what services log; what runs there may be another program than ours.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # the begin of a line's end

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """What is to be written; ``data`` may end within a character or a line's end."""
        text = self._held + self._decoder.decode(data, final)
        self._held = "\r" if text.endswith("\r") and not final else ""
        text = text.removesuffix(self._held)
        # ssh has set the terminal to raw: it returns the cursor by itself no more
        return "\r\n".join(map(shown, text.replace("\r\n", "\n").split("\n")))


def call_escaped(argv: Sequence[str], write: Callable[[str], None]) -> int:
    """Run ``argv``, write what it writes, escaped; its exit code."""
    escaping = Escaping()
    with subprocess.Popen(  # noqa: S603 - a list
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        if process.stdout is not None:
            while chunk := os.read(process.stdout.fileno(), CHUNK):
                write(escaping.feed(chunk))
        write(escaping.feed(b"", final=True))
    return process.returncode


def run(
    pane: NodePane,
    *,
    call: Callable[[Sequence[str]], int] = subprocess.call,
    call_log: Callable[[Sequence[str]], int],
    write: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show who this is, connect, and show what to do when it ends; the exit code."""
    write(f"{BLUE}{pane.title}{PLAIN}")
    if pane.note:
        write(f"{YELLOW}{pane.note}{PLAIN}")
    login, role = pane.login, pane.logs
    if role is None:
        code = call(login.argv(in_folder(pane.folder)))
        write(_ended(code, pane))
        return code
    ended = None
    while True:
        since = None if ended is None else f"{int(clock() - ended) + UNNOTICED}s"
        code = call_log(login.argv(remote_logs(COMPONENTS[role], 10_000, since)))
        if code != LOST:
            write(_ended(code, pane))
            return code
        if ended is None:
            write(_ended(code, pane))
        write(f"{YELLOW}reconnecting every {AGAIN:.0f} s{PLAIN}")
        ended = ended or clock()
        sleep(AGAIN)


def _ended(code: int, pane: NodePane) -> str:
    again = "C-j r reconnects"
    if code == LOST:
        check = f"mip --federation {pane.federation} node check"
        text = (
            f"No connection. If the host's key is not known: {check}. {again}. {pane.hint}".rstrip()
        )
    elif code == NOT_FOUND:
        text = "The command `mip` is not in the path there; see the manual, Installation."
    else:
        text = f"Ended ({code}). {again}."
    return f"{YELLOW}{text}{PLAIN}"


def main() -> int:
    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        return run(
            NodePane.from_argument(sys.argv[1]),
            call_log=partial(call_escaped, write=write),
            write=lambda text: write(f"{text}\r\n"),
        )
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
