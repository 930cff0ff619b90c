"""Whether some program has a file open for writing: what is there may be half of what will be.

On a local disk the kernel tells: it refuses a read lease on such a file. On a network's file system
a refusal may have other reasons, and where there are no leases there is no answer: then the open
files of this machine's processes are looked through; those of other machines nobody can see.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

DAY = 86400.0  # seconds without a write after which a file counts as written
LONG = 600.0  # seconds without a write after which a status reports it

# a lease may be refused there because the server gave none
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3"})


def path_is_written(path: Where, status: os.stat_result, now: float) -> bool:
    """:func:`is_written` of a file that is not open here; ``False`` where it cannot be opened."""
    if now - status.st_ctime >= DAY:
        return False
    try:
        fd = beneath.file(path).descriptor()
    except BlockingIOError:  # another program has a lease on it, to write
        return True
    except OSError:
        return False
    try:
        return is_written(fd, now)
    finally:
        os.close(fd)


def is_written(fd: int, now: float) -> bool:
    """Whether another file description of the same file, open for reading here, may write it.

    ``now`` in seconds: a file that was not changed for a day is not being written.
    """
    status = os.fstat(fd)
    if now - status.st_ctime >= DAY:
        return False
    try:
        # if a program opens it to write meanwhile, the signal is one that is ignored by default
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN and _file_system(status.st_dev) not in _REMOTE:
            return True
        return _is_open_in_a_process(str(Path(f"/proc/self/fd/{fd}").readlink()))
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _file_system(device: int) -> str | None:
    """The type of the file system with that device number, where a mount has it."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split(" ")[2] == number:
            return source.split(" ")[0]
    return None


def _is_open_in_a_process(path: str) -> bool:
    return any(map(_writes, _holders(path)))


def _holders(path: str) -> Iterator[Path]:
    """What Linux tells of each open file description of the file at that path."""
    for process in filter(_is_process, Path("/proc").iterdir()):
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:  # it ended, or is another user's
            continue
        for fd in descriptors:
            try:
                if str(fd.readlink()) == path:
                    yield process / "fdinfo" / fd.name
            except OSError:
                continue


def _is_process(path: Path) -> bool:
    return path.name.isdigit()


def _writes(info: Path) -> bool:
    try:
        lines = info.read_text().splitlines()
    except OSError:
        return False
    flags = next((line.split()[1] for line in lines if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)
