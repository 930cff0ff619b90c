"""Whether a file is open for writing, as Linux tells."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from saltext_mip.data.csvfile import open_files

KINDS = {"a local disk": None, "a network's, by processes": "nfs"}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def path(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file on a disk that is local, or (a stand-in: by its name alone) a server's.

    There the kernel refuses leases for other reasons, too.
    """
    if request.param:
        monkeypatch.setattr(open_files, "_file_system", lambda _: request.param)
    made = tmp_path / "some.csv"
    made.write_text("dataset\nx\n")
    return made


def is_written(path: Path, now: float | None = None) -> bool:
    return open_files.path_is_written(path, path.stat(), time.time() if now is None else now)


@contextmanager
def opened(path: Path, mode: str) -> Iterator[None]:
    """``path``, open in another process."""
    code = "import sys; f = open(*sys.argv[1:]); print('open', flush=True); input()"
    command = [sys.executable, "-c", code, str(path), mode]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.communicate("\n")


@pytest.mark.parametrize("mode", ["a", "r+"])
def test_a_file_that_a_process_may_write_is_being_written_until_it_is_closed(
    path: Path, mode: str
) -> None:
    assert not is_written(path)
    with opened(path, mode):
        assert is_written(path)
    assert not is_written(path)


def test_who_only_reads_it_writes_nothing(path: Path) -> None:
    with opened(path, "r"):
        assert not is_written(path)


def test_a_file_that_was_not_written_for_a_day_is_not_being_written(path: Path) -> None:
    with opened(path, "a"):
        assert not is_written(path, time.time() + open_files.DAY + 1)


@pytest.mark.parametrize("kind", ["a link that leads nowhere", "a pipe"])
def test_what_is_no_file_is_not_being_written(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd.csv"
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    assert not open_files.path_is_written(path, path.lstat(), time.time())
