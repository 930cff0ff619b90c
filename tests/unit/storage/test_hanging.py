"""What counts as evidence that work on a disk hangs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from saltext_mip.storage.hanging import Attempt, Step

PATIENCE = 0.2


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe to read from without end."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def test_work_returns_its_value_or_raises_its_error(tmp_path: Path) -> None:
    attempt = Attempt(lambda _: tmp_path.name)
    assert attempt.finishes()
    assert attempt.result() == tmp_path.name
    failed = Attempt(lambda _: (tmp_path / "none").stat())
    assert failed.finishes()
    with pytest.raises(FileNotFoundError):
        failed.result()


def test_work_that_waits_in_the_kernel_hangs_until_it_ends(pipe: tuple[int, int]) -> None:
    attempt = Attempt(lambda _: os.read(pipe[0], 1))
    assert not attempt.finishes(PATIENCE)
    assert not attempt.done
    os.write(pipe[1], b"x")
    assert attempt.finishes()
    assert attempt.result() == b"x"


def test_work_that_needs_the_processor_does_not_hang() -> None:
    ready = threading.Event()

    def work(_: Step) -> int:
        numbers = 0
        while not ready.is_set():
            numbers += sum(range(1000))
        return numbers

    threading.Timer(5 * PATIENCE, ready.set).start()
    assert Attempt(work).finishes(PATIENCE)


def test_work_that_makes_steps_does_not_hang(pipe: tuple[int, int]) -> None:
    def work(step: Step) -> int:
        for _ in range(10):
            threading.Timer(PATIENCE / 4, os.write, (pipe[1], b"x")).start()
            os.read(pipe[0], 1)
            step()
        return 10

    assert Attempt(work).finishes(PATIENCE * 2)
