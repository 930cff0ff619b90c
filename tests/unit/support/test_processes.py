"""A test's daemons leave nothing behind, whatever they started and however the test ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.processes import Daemon

ROOT = Path(__file__).resolve().parents[3]

# as a minion's job: forked twice, in a session of its own, the parent gone
BOTH = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        (folder / "job").write_text(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
(folder / "daemon").write_text(str(os.getpid()))
time.sleep(600)
"""


def daemon(folder: Path, *more: str) -> Daemon:
    command = [sys.executable, "-c", BOTH, str(folder), *more]
    return Daemon(command, log=folder / "log", env=dict(os.environ))


def pids(folder: Path) -> list[int]:
    """Of the daemon and its job, once both run."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        written = [folder / "daemon", folder / "job"]
        if all(path.exists() and path.read_text() for path in written):
            return [int(path.read_text()) for path in written]
        time.sleep(0.01)
    raise AssertionError((folder / "log").read_text())


def alive(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def gone(found: list[int]) -> bool:
    until = time.monotonic() + 30
    while any(map(alive, found)) and time.monotonic() < until:
        time.sleep(0.01)
    return not any(map(alive, found))


def test_a_killed_daemon_takes_jobs_in_other_sessions_with_it(tmp_path: Path) -> None:
    started = daemon(tmp_path)
    started.start()
    found = pids(tmp_path)
    started.kill()
    assert not any(map(alive, found))
    assert not started.running


def test_what_does_not_heed_term_is_killed(tmp_path: Path) -> None:
    started = daemon(tmp_path, "stubborn")
    started.start()
    found = pids(tmp_path)
    processes.stop([started], seconds=0.2)
    assert not any(map(alive, found))


def test_a_hung_daemon_goes_on_when_resumed_and_can_be_killed(tmp_path: Path) -> None:
    started = daemon(tmp_path)
    started.start()
    found = pids(tmp_path)
    started.hang()
    until = time.monotonic() + 30
    while state(found[0]) != "T" and time.monotonic() < until:
        time.sleep(0.01)
    assert state(found[0]) == "T"
    started.resume()
    while state(found[0]) == "T" and time.monotonic() < until:
        time.sleep(0.01)
    assert state(found[0]) == "S"
    started.hang()
    started.kill()
    assert not any(map(alive, found))


def state(pid: int) -> str:
    return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_ends_with_the_test_that_was_killed(tmp_path: Path, number: int) -> None:
    code = (
        "import sys, time; from pathlib import Path;"
        "from tests.unit.support.test_processes import daemon;"
        "started = daemon(Path(sys.argv[1])); started.start(); time.sleep(600)"
    )
    test = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    found = pids(tmp_path)
    test.send_signal(number)
    test.wait()
    assert gone(found)


def test_a_daemon_that_ends_by_itself_is_not_running(tmp_path: Path) -> None:
    started = Daemon(["true"], log=tmp_path / "log", env=dict(os.environ))
    started.start()
    assert started.wait(30)
    assert not started.running
