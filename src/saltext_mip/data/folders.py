"""What in a data path is data: pathologies' folders, and the CSV files that stand in them.

Direct children only, compared letter by letter; what begins with a dot is not data. A name that is
not allowed, or a link that leads out, is a problem and is not followed; nothing but folders and
files is opened.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from saltext_mip.errors import UnsafeName
from saltext_mip.federation import CDE_FILE
from saltext_mip.files import inside, shown
from saltext_mip.problems import Problem

CSV = ".csv"
_CDE_BYTES = 64 << 20


@dataclass(frozen=True)
class Listing:
    """Names that are fit to be opened, in the order of code points, and what is wrong with others.

    A problem of a folder that cannot be read has no file.
    """

    names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def pathologies(data_path: Path) -> Listing:
    """The folders of a data path. ``OSError`` if it cannot be read."""
    names, problems = [], []
    with os.scandir(data_path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            dangling = entry.is_symlink() and not Path(entry.path).exists()
            if not entry.is_dir() and not dangling:
                if entry.name.endswith(CSV) and entry.is_file():
                    problems.append(Problem("NotAFolder", file=shown(entry.name)))
                continue
            try:
                inside(data_path, entry.name)
            except UnsafeName:
                problems.append(Problem("UnsafeName", pathology=shown(entry.name)))
            else:
                names.append(entry.name)
    return _sorted(names, problems)


def csv_files(folder: Path) -> Listing:
    """The CSV files of a pathology's folder."""
    names, problems = [], []
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries]
    except OSError as error:
        return Listing(problems=(Problem("Unreadable", about=os.strerror(error.errno or 0)),))
    for name in found:
        if name.startswith(".") or not name.endswith(CSV):
            continue
        try:
            inside(folder, name)
        except UnsafeName:
            problems.append(Problem("UnsafeName", file=shown(name)))
        else:
            names.append(name)
    return _sorted(names, problems)


def cde_content(folder: Path) -> bytes:
    """The bytes of a folder's CDE.

    ``FileNotFoundError`` where there is none, :class:`UnsafeName` where it is a link that leads
    out, another ``OSError`` where it cannot be read, is no file, or is larger than a CDE can be.
    """
    return content(inside(folder, CDE_FILE))


def content(path: Path) -> bytes:
    """The bytes of a CDE's file. ``OSError`` as of :func:`cde_content`."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait for a writer
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        if status.st_size > _CDE_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {_CDE_BYTES >> 20} MB")
        return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
    finally:
        os.close(fd)


def _sorted(names: list[str], problems: list[Problem]) -> Listing:
    problems.sort(key=lambda problem: (problem.pathology or "", problem.file or ""))
    return Listing(tuple(sorted(names)), tuple(problems))
