"""Starts the server of the page, and sends it what it shows: it may not read our state itself.

A feed belongs to the engine of the Salt master, with its rights. It looks at the files below
``watch`` and sends each change; a server that ended is started again.
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from saltext_mip.watch.page import source
from saltext_mip.watch.page.server import Begin, frame
from saltext_mip.watch.page.settings import ServerPlan

RESTART = 10.0  # seconds between two starts of a server
PATIENCE = 20.0  # seconds for which a server may take nothing; then it is ended
QUEUE = 128  # connections that wait to be accepted
#: The server's process: it gets the paths of this one after the numbers of its sockets.
_CODE = (
    "import sys; sys.path[:] = sys.argv[3:];"
    "from saltext_mip.watch.page.server import main; main(*map(int, sys.argv[1:3]))"
)


class Feed:
    """One server. ``states`` are the folders of its federations' state by name."""

    def __init__(
        self, plan: ServerPlan, states: Mapping[str, Path], report: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self._states = states
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._sent: dict[str, source.Signature] = {}
        self._begun = ""
        self._due = 0.0

    def tick(self, now: float) -> None:
        """One step; ``now`` is any clock that only grows, in seconds.

        ``OSError`` where the address cannot be had, a file cannot be read or the server takes
        nothing: the next steps try again.
        """
        if self._process is not None and self._process.poll() is not None:
            self._hear()
            self._report(f"the server of the page ended with exit code {self._process.returncode}")
            self.close()
        if self._process is None:
            if now < self._due:
                return
            self._due = now + RESTART
            self._start()
        self._hear()
        for name, state in self._states.items():
            found = source.signature(state)
            if self._sent.get(name) != found:
                self._send(frame(source.read(name, state)))
                self._sent[name] = found

    def close(self) -> None:
        """End the server, if there is one."""
        process, self._process = self._process, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._sent.clear()
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> None:
        settings = self.plan.settings
        family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
        with socket.create_server(
            (settings.address, settings.port), family=family, backlog=QUEUE
        ) as door:
            ours, theirs = socket.socketpair()
            with theirs:
                numbers = (theirs.fileno(), door.fileno())
                arguments = [*map(str, numbers), *filter(None, sys.path)]
                self._process = subprocess.Popen(  # noqa: S603 - a list; our own code
                    [sys.executable, "-I", "-S", "-c", _CODE, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=numbers,
                    cwd="/",
                    env={},
                    start_new_session=True,
                )
        ours.settimeout(PATIENCE)
        self._socket = ours
        self._send(frame(Begin(settings, self.plan.federations)))

    def _send(self, content: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendall(content)
        except TimeoutError:
            self.close()
            raise
        except ConnectionError:  # it ended, which the next step finds
            self._hear()

    def _hear(self) -> None:
        """Report what the server reported."""
        if self._socket is None:
            return
        poll = select.poll()  # a socket with a timeout waits although there is nothing
        poll.register(self._socket, select.POLLIN)
        if poll.poll(0):
            with suppress(ConnectionError):
                self._begun += self._socket.recv(1 << 16).decode(errors="replace")
        *lines, self._begun = self._begun.split("\n")
        for line in lines:
            self._report(line)
