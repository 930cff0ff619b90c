"""One holds it, the others are told who."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from saltext_mip.errors import Busy
from saltext_mip.storage.lock import exclusive, is_locked, lock


def test_one_holds_the_lock_and_the_other_is_told_who(tmp_path):
    path = tmp_path / "state" / "lock"
    slept: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    with lock(path, federation="fed1", holder="consolidate by root\x1b", wait=0):
        with (
            pytest.raises(Busy, match=r"consolidate by root\\x1b") as caught,
            lock(path, federation="fed1", holder="b", wait=1, clock=lambda: now[0], sleep=sleep),
        ):
            pass
        assert sum(slept) == pytest.approx(1)
        assert not caught.value.permanent
    with lock(path, federation="fed1", holder="b", wait=0):
        assert path.read_text() == "b"


def test_who_waits_is_told_at_once_for_whom_and_only_once(tmp_path):
    path, told, slept = tmp_path / "lock", [], []
    with lock(path, federation="fed1", holder="first", wait=0):

        def sleep(_: float) -> None:
            slept.append(list(told))
            if len(slept) == 3:
                path.write_text("second")

        now = iter(range(100))
        waiting = {"clock": lambda: float(next(now)), "sleep": sleep, "waiting": told.append}
        with (
            pytest.raises(Busy),
            lock(path, federation="fed1", holder="third", wait=6, **waiting),
        ):
            pass
    assert slept[0] == ["first"]
    assert told == ["first", "second"]


HOLD_AND_DIE = """
import os, sys
from pathlib import Path
from saltext_mip.storage.lock import exclusive, is_locked, lock
with lock(Path(sys.argv[1]), federation="fed1", holder="who died", wait=0):
    os.kill(os.getpid(), 9)
"""


def test_a_holder_that_dies_lets_go(tmp_path):
    path = tmp_path / "lock"
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE, str(path)], check=False, timeout=60)
    assert path.read_text() == "who died"
    with lock(path, federation="fed1", holder="b", wait=0):
        assert path.read_text() == "b"


def test_whether_it_is_locked_is_seen_without_taking_it(tmp_path):
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists()
    with lock(path, federation="fed1", holder="a"):
        assert is_locked(path)
        assert is_locked(path)
    assert not is_locked(path)


def test_an_exclusive_file_is_private_and_locked_for_others(tmp_path):
    path = tmp_path / "state" / "file"
    with exclusive(path, os.O_APPEND) as fd:
        os.write(fd, b"one\n")
        assert is_locked(path)
    with exclusive(path, os.O_APPEND) as fd:
        os.write(fd, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_was_replaced_while_waiting_is_opened_again(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    real = fcntl.flock

    def replaced(fd: int, kind: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        other = tmp_path / "other"
        other.write_bytes(b"new")
        other.replace(path)
        real(fd, kind)

    monkeypatch.setattr(fcntl, "flock", replaced)
    with exclusive(path) as fd:
        assert os.pread(fd, 10, 0) == b"new"


def test_a_holder_that_wrote_no_name_is_another_command(tmp_path):
    path, told, clock = tmp_path / "lock", [], iter(range(100))
    waiting = {"clock": lambda: next(clock) / 2, "sleep": lambda _: None, "waiting": told.append}
    with (
        lock(path, federation="fed1", holder="", wait=0),
        pytest.raises(Busy),
        lock(path, federation="fed1", holder="b", wait=6, **waiting),
    ):
        pass
    assert told == ["another command"]
