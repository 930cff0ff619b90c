"""Daemons of a test as processes that are surely gone afterwards.

Each runs below a small init of its own (``supervisor.py``): :meth:`Daemon.kill` leaves nothing of
it, jobs in other sessions included, and when the test itself is killed, the daemon goes with it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LETS_FINISH = 20.0
"""Seconds that a daemon has after TERM. A minion needs two to ten, sometimes more."""


class Daemon:
    """One program that runs until told otherwise; its output goes to the end of ``log``."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str]) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self.env = dict(env)
        self._init: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The init that it runs below, once it was started."""
        assert self._init is not None
        return self._init

    @property
    def running(self) -> bool:
        return self._init is not None and self._init.poll() is None

    def start(self) -> None:
        if self.running:
            raise RuntimeError(f"it runs already: {self.command}")
        with self.log.open("ab") as out:
            self._init = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), *self.command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=self.env,
                start_new_session=True,
            )

    def terminate(self) -> None:
        self.order("TERM")

    def hang(self) -> None:
        """It is there and answers nothing (SIGSTOP)."""
        self.order("STOP")

    def resume(self) -> None:
        self.order("CONT")

    def kill(self) -> None:
        """At once, all of it (SIGKILL); returns when it is gone."""
        kill([self])

    def wait(self, seconds: float) -> bool:
        """Whether all of it is gone within that time."""
        if self._init is None:
            return True
        try:
            self._init.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            return False
        if self._init.stdin is not None:
            with suppress(BrokenPipeError):
                self._init.stdin.close()
        return True

    def order(self, order: str) -> None:
        """One of the supervisor's orders; none to what does not run."""
        if not self.running:
            return
        assert self._init is not None
        assert self._init.stdin is not None
        with suppress(BrokenPipeError):  # it ended by itself just now
            self._init.stdin.write(f"{order}\n".encode())
            self._init.stdin.flush()


def stop(daemons: Sequence[Daemon], *, seconds: float = LETS_FINISH) -> None:
    """Ask all to finish, give them time together, kill the rest; returns when all are gone."""
    for daemon in daemons:
        daemon.terminate()
    until = time.monotonic() + seconds
    for daemon in daemons:
        if not daemon.wait(until - time.monotonic()):
            daemon.kill()


def kill(daemons: Sequence[Daemon]) -> None:
    """Kill all, all at the same time; returns when all are gone."""
    for daemon in daemons:
        daemon.order("KILL")
    for daemon in daemons:
        if not daemon.wait(LETS_FINISH):
            raise RuntimeError(f"it cannot be killed: {daemon.command}")
