"""A person's terminal: a program in it, keys that are typed, what came on the screen, how it ended.

It is a pseudo-terminal of a size of its own, with nobody's tmux around it. What the program did to
the terminal's settings is seen at its end.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

CTRL_C = "\x03"
PATIENCE = 90.0  # seconds; a machine may be slow
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]")


class Terminal:
    """``argv`` in a terminal of ``columns`` and ``lines``; ``came`` is all that it wrote."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        columns: int = 80,
        lines: int = 24,
        term: str = "xterm-256color",
    ) -> None:
        self._master, self._slave = os.openpty()
        termios.tcsetwinsize(self._slave, (lines, columns))
        self._before = termios.tcgetattr(self._slave)
        names = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        # in a session of its own, whose terminal this is: Ctrl-C comes from there
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *argv],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**names, "TERM": term},
        )
        self.came = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._slave)
        os.close(self._master)

    @property
    def text(self) -> str:
        """What came, without sequences that colour or move."""
        return SEQUENCE.sub("", self.came).replace("\r", "")

    @property
    def running(self) -> bool:
        self._read(0)
        return self._process.poll() is None

    @property
    def interruptible(self) -> bool:
        """Whether the program has begun to handle signals: Python itself does not catch SIGTERM."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def until(self, wanted: str, *, after: int = 0, seconds: float = PATIENCE) -> int:
        """Until that text has come, in what came ``after`` so many characters; where it ends."""
        until = time.monotonic() + seconds
        while (found := self.text.find(wanted, after)) < 0:
            if time.monotonic() > until or (self._process.poll() is not None and not self._read(0)):
                raise AssertionError(f"{wanted!r} did not come:\n{self.text[after:]}")
            self._read(0.2)
        return found + len(wanted)

    @property
    def screen(self) -> str:
        """What stands there since it was last cleared."""
        return SEQUENCE.sub("", self.came.rpartition("\x1b[2J")[2]).replace("\r", "")

    def shows(self, seen: Callable[[str], bool], *, seconds: float = PATIENCE) -> None:
        """Until the screen is so."""
        until = time.monotonic() + seconds
        while not seen(self.screen):
            if time.monotonic() > until or not self.running:
                raise AssertionError(f"it does not show it:\n{self.screen}")
            self._read(0.2)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def ends(self, *, seconds: float = PATIENCE) -> int:
        """Until it ends; its exit code."""
        until = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > until:
                raise AssertionError(f"it did not end:\n{self.text[-2000:]}")
            self._read(0.2)
        while self._read(0):
            pass
        return self._process.returncode

    def interrupted(self) -> int:
        """Ctrl-C, and its exit code."""
        self.type(CTRL_C)
        return self.ends()

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: its settings, its cursor, its first screen."""
        same = termios.tcgetattr(self._slave) == self._before
        cursor = self.came.rfind("\x1b[?25l") <= self.came.rfind("\x1b[?25h")
        screen = self.came.rfind("\x1b[?1049h") <= self.came.rfind("\x1b[?1049l")
        return same and cursor and screen

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # nobody has the other side any more
            return False
        self.came += chunk.decode("utf-8", "replace")
        return bool(chunk)
