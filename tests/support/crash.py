"""Kill a process, or fail it, at its N-th system call of a kind; thousands of times a minute.

``Victims`` is a server that has imported everything and forks a process for each run; that process
stops itself, ``strace`` attaches with what it is to inject, and only then the run begins. So the
system calls that are counted are those of the run and no others.

As a program (``python -m tests.support.crash MODULE:FUNCTION``) it is that server: it reads
folders, one a line, calls the function on each in a process of its own and tells how it ended.
"""

from __future__ import annotations

import collections
import ctypes
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

#: The system calls that change what is on disk, or keep it there: between two of them, all is as it
#: was, so killing at each of them is killing everywhere.
CHANGING = (
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "write",
    "pwrite64",
    "ftruncate",
    "fchmod",
    "fchown",
    "fsync",
    "fdatasync",
    "flock",
)
ROOT = Path(__file__).resolve().parent.parent.parent
_PR_SET_PTRACER = 0x59616D61
_CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """``signal`` that ended it, or the exit code: 0 done, 3 an error of ours, 4 any other."""

    signal: int | None
    code: int | None
    message: str


class CannotTrace(Exception):
    """There is no strace, or it may not attach here."""


@contextmanager
def or_skipped() -> Iterator[None]:
    """A test that needs strace is left out where there is none."""
    try:
        yield
    except CannotTrace as error:
        pytest.skip(str(error))


@contextmanager
def scene() -> Iterator[Path]:
    """A folder to make; in memory where that can be had: a kill loses nothing a disk would keep."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="mip-crash-", dir=memory if memory.is_dir() else None
    ) as folder:
        yield Path(folder) / "run"


class Victims:
    """Runs ``MODULE:FUNCTION`` on folders, and lets strace spoil it."""

    def __init__(self, function: str) -> None:
        if shutil.which("strace") is None:
            raise CannotTrace("strace is not installed")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crash", function],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Victims:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def calls(self, folder: Path) -> dict[str, int]:
        """Let it run through: how many system calls of each changing kind it makes."""
        log = folder.with_name(folder.name + ".strace")
        outcome = self._run(folder, ["-o", str(log), "-e", f"trace={_known(CHANGING)}"])
        assert outcome == Outcome(None, 0, ""), outcome
        counted = collections.Counter(_CALL.findall(log.read_text()))
        log.unlink()
        return dict(counted)

    def kill(self, folder: Path, call: str, number: int) -> Outcome:
        """Kill it when it enters its ``number``-th ``call``."""
        return self._inject(folder, call, f"signal=KILL:when={number}")

    def fail(self, folder: Path, call: str, number: int, error: str) -> Outcome:
        """Let its ``number``-th ``call`` fail with that error (``ENOSPC``…), undone."""
        return self._inject(folder, call, f"error={error}:when={number}")

    def _inject(self, folder: Path, call: str, what: str) -> Outcome:
        options = ["-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}"]
        return self._run(folder, options)

    def _run(self, folder: Path, options: list[str]) -> Outcome:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{folder}\n")
        self._server.stdin.flush()
        pid = self._answer()
        _until(lambda: _status(pid, "State").startswith("T"), "the victim to stop")
        with subprocess.Popen(
            ["strace", "-f", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True
        ) as strace:
            assert strace.stderr is not None
            first = strace.stderr.readline()
            os.kill(pid, signal.SIGCONT)
            if "attached" not in first:
                self._answer()
                raise CannotTrace(first.strip())
            strace.stderr.read()
        return Outcome(**self._answer())

    def _answer(self) -> Any:
        assert self._server.stdout is not None
        return json.loads(self._server.stdout.readline())


def _known(calls: tuple[str, ...]) -> str:
    """For strace, with those marked that this machine's kernel may not have."""
    return ",".join(f"?{call}" for call in calls)


def _status(pid: int, key: str) -> str:
    text = Path(f"/proc/{pid}/status").read_text()
    return next(line for line in text.splitlines() if line.startswith(f"{key}:")).split()[1]


def _until(what: Any, words: str) -> None:
    deadline = time.monotonic() + 30
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited for {words}")
        time.sleep(0.001)


def _serve(function: Any) -> None:
    for line in sys.stdin:
        ours, theirs = socket.socketpair()  # what is sent is not among the calls that are counted
        pid = os.fork()
        if pid == 0:
            ours.close()
            _victim(function, Path(line.rstrip("\n")), theirs)
        theirs.close()
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        message = ours.recv(65536).decode()
        ours.close()
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = None if ended else os.WEXITSTATUS(status)
        print(json.dumps({"signal": ended, "code": code, "message": message}), flush=True)


def _victim(function: Any, folder: Path, tell: socket.socket) -> None:
    from saltext_mip.errors import MipError

    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    code, message = 0, ""
    try:
        function(folder)
    except MipError as error:
        code, message = 3, str(error)
    except BaseException as error:  # noqa: BLE001 - told to the test, which judges
        code, message = 4, repr(error)
    tell.sendall(message.encode())
    os._exit(code)


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    _serve(getattr(importlib.import_module(module), name))
