"""Open a name below a folder's descriptor and follow no link, wherever in the name it stands.

Linux has ``openat2`` for that (since 5.6), of which Python has no call: here it is, by its number.
An older kernel does not know it, and a container's seccomp profile may forbid it. Then each part
of the name is opened from the one before, with ``O_NOFOLLOW``: as safe, with a call for each part.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any

_NUMBER = 437  # of the system call, on all architectures for which Salt is built
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_HERE = -100  # AT_FDCWD


class _How(ctypes.Structure):
    """``struct open_how`` of the kernel."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_below(dir_fd: int, name: str, flags: int, mode: int = 0o600) -> int:
    """The descriptor of ``name``, whose parts are separated by ``/``.

    ``OSError``: of a link ``ELOOP``, or ``ENOTDIR`` where a folder is wanted; of a name that leads
    out of the folder ``EXDEV``.
    """
    if is_available():
        return openat2(dir_fd, name, flags | _SAFE, mode)
    return _part_by_part(dir_fd, name, flags | _SAFE, mode)


@cache
def is_available() -> bool:
    """Whether the kernel has ``openat2`` and lets this process call it."""
    try:
        fd = openat2(_HERE, ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EINVAL):
            return False
        raise
    os.close(fd)
    return True


def openat2(dir_fd: int, name: str, flags: int, mode: int = 0) -> int:
    """The system call: neither links are followed, nor does the name leave the folder."""
    path = os.fsencode(name)
    if b"\0" in path:  # C would take what is before it
        raise ValueError("embedded null byte")
    mode = mode if flags & os.O_CREAT else 0  # it refuses what has no meaning
    how = _How(flags, mode, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    call = _syscall()
    while (fd := call(_NUMBER, dir_fd, path, ctypes.byref(how), ctypes.sizeof(how))) < 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), name)
    return int(fd)


@cache
def _syscall() -> Any:
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    call.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.POINTER(_How),
        ctypes.c_size_t,
    )
    return call


def _part_by_part(dir_fd: int, name: str, flags: int, mode: int) -> int:
    *between, last = name.split("/")
    if not {"", ".."}.isdisjoint((*between, last)):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)
    folder = dir_fd
    try:
        for part in between:
            inner = os.open(part, _FOLDER | _SAFE, dir_fd=folder)
            if folder != dir_fd:
                os.close(folder)
            folder = inner
        return os.open(last, flags, mode, dir_fd=folder)
    finally:
        if folder != dir_fd:
            os.close(folder)
