"""Locks on files, released when their holder ends, however it ends. The only ``flock`` is here."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saltext_mip.errors import Busy
from saltext_mip.storage.paths import names, private_folder
from saltext_mip.text import shown

UNNAMED = "another command"  # a holder that did not write who it is
# what hold() locked in this process
_held: set[int] = set()


@contextmanager
def lock(
    path: Path,
    *,
    federation: str,
    holder: str,
    wait: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    waiting: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold the lock file ``path``, in which others read ``holder`` meanwhile.

    Waits up to ``wait`` seconds for another holder, then raises :class:`Busy`, which names it;
    ``waiting`` is called with the holder's name at first and whenever it changes; a holder that
    wrote none within a second is "another command". The lock of a process that died is free. An
    empty ``holder`` is not written.
    """
    private_folder(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        begin = clock()
        reported = ""
        while not try_lock(fd):
            waited = clock() - begin
            who = shown(os.pread(fd, 4096, 0).decode("utf-8", "replace").strip())
            if waited >= wait:
                raise Busy(
                    "Try again later, or wait longer: timeout=<seconds>.",
                    federation=federation,
                    holder=who or UNNAMED,
                    waited=waited,
                )
            if not who and waited > 1:
                who = UNNAMED
            if who and who != reported:
                waiting(who)
                reported = who
            sleep(min(0.2, wait - waited))
        if holder:
            with names(path):
                os.ftruncate(fd, 0)
                os.pwrite(fd, holder.encode("utf-8", "replace"), 0)
        yield
        if holder:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


@contextmanager
def exclusive(path: Path, flags: int = 0) -> Iterator[int]:
    """The open file ``path``, created if it does not exist, locked for as long as that takes.

    ``flags`` of ``os.open`` are added. A file that another process replaced meanwhile is opened
    again.
    """
    private_folder(path.parent)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_file(fd, path):
                yield fd
                return
        finally:
            os.close(fd)


def _is_file(fd: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (mine.st_dev, mine.st_ino) == (found.st_dev, found.st_ino)


def hold(path: Path) -> int | None:
    """Lock the file ``path`` until this process ends, or closes the descriptor that is returned.

    ``None`` if another process holds it. A file that is there can be locked on a read-only disk.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        private_folder(path.parent)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if try_lock(fd):
        _held.add(fd)
        return fd
    os.close(fd)
    return None


def release(fd: int) -> None:
    """Release what :func:`hold` locked."""
    _held.discard(fd)
    os.close(fd)


def release_in_fork() -> None:
    """In a forked process: its parent alone holds what :func:`hold` locked, until it ends."""
    for fd in tuple(_held):
        release(fd)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file ``path``."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def try_lock(fd: int) -> bool:
    """Lock ``fd``; False where another has it, or the file system has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if isinstance(error, BlockingIOError) or error.errno in _NO_LOCKS:
            return False
        raise
    return True
