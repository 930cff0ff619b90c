"""Names that are one legal component of a path, and paths that stay inside their folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltext_mip.errors import UnsafeName
from saltext_mip.text import shown

NAME_BYTES = 255


def check_name(name: str) -> str:
    """``name`` if it is one legal component of a path; :class:`UnsafeName` otherwise."""
    if why := _unsafe(name):
        raise UnsafeName(why, name=f"'{shown(name)}'")
    return name


def _unsafe(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "it is not the name of a file or folder"
    if "/" in name:
        return "it has a '/'"
    if any(unicodedata.category(char) == "Cc" for char in name):
        return "it has a control character"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if size > NAME_BYTES:
        return f"it is longer than {NAME_BYTES} bytes"
    return None


def inside(folder: Path, name: str) -> Path:
    """``folder / name``, where ``name`` is legal and, if it is a link, leads to inside ``folder``.

    It need not be there. :class:`UnsafeName` otherwise.
    """
    path = folder / check_name(name)
    real_path(path, folder)
    return path


def real_path(path: Path, folder: Path) -> Path:
    """Where ``path`` leads, which must be inside ``folder``; a link's target need not be there."""
    if not path.is_symlink():
        return path
    real = Path(os.path.realpath(path))
    home = Path(os.path.realpath(folder))
    name = f"'{shown(path.name)}'"
    if real.is_symlink():
        raise UnsafeName("it is a link that leads nowhere", name=name)
    if home not in real.parents:
        raise UnsafeName("it is a link that leaves its folder", name=name)
    return real


@contextmanager
def names(path: Path) -> Iterator[None]:
    """An ``OSError`` inside the block names ``path``, if it names no file: writing names none."""
    try:
        yield
    except OSError as exc:
        if exc.filename is None:
            exc.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """What was renamed, made or removed there is on disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def private_folder(path: Path) -> None:
    """A folder of our state, with its parents: those that were not there are 0700."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
