"""One at a time: a lock on a file, that says who holds it and that the dead let go of."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saltext_mip.errors import Busy
from saltext_mip.storage.paths import private_folder
from saltext_mip.text import shown


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
    """Hold the lock file ``path``, in which ``holder`` then stands for others to read.

    Waits up to ``wait`` seconds for another, then raises :class:`Busy` that names them; ``waiting``
    is told who it is, once and when it is another. A holder that dies lets go. An empty ``holder``
    is not written down.
    """
    private_folder(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        begin = clock()
        told = ""
        while not try_lock(fd):
            waited = clock() - begin
            who = shown(os.pread(fd, 4096, 0).decode("utf-8", "replace").strip())
            if waited >= wait:
                raise Busy(
                    "Try again later, or give it more time: timeout=<seconds>.",
                    federation=federation,
                    holder=who or "another command",
                    waited=waited,
                )
            if who and who != told:
                waiting(who)
                told = who
            sleep(min(0.2, wait - waited))
        if holder:
            os.ftruncate(fd, 0)
            os.pwrite(fd, holder.encode("utf-8", "replace"), 0)
        yield
        if holder:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def try_lock(fd: int) -> bool:
    """Whether ``fd`` is ours alone. Without locks nothing is: nothing protected, nothing swept."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if isinstance(error, BlockingIOError) or error.errno in _NO_LOCKS:
            return False
        raise
    return True
