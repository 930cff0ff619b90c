"""What in a data path is data: pathologies' folders, and the CSV files that stand in them.

Direct children only, compared letter by letter; what begins with a dot is not data. A name that is
not allowed, or a link that leads out, is a problem and is not followed; nothing but folders and
files is opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.data.file_names import CSV, is_system_folder, looks_like_copy, why_ignored
from saltext_mip.data.limits import CDE_BYTES, FILES
from saltext_mip.errors import NodeError, UnsafeName
from saltext_mip.federation import CDE_FILE, ENROLLED_FILE
from saltext_mip.problems import Problem
from saltext_mip.storage import atomic, beneath
from saltext_mip.storage import state as state_files
from saltext_mip.storage.beneath import AnyFolder, File, Folder, LinkRefused, Where
from saltext_mip.storage.paths import check_name
from saltext_mip.storage.state import ENROLMENT
from saltext_mip.text import shown

#: Beside the pathologies' folders: the datasets that the hospital allows although they are small.
ALLOWED_DATASETS = "mip-datasets.csv"

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


@dataclass(frozen=True)
class Listing:
    """Names that are fit to be opened, in the order of code points, and what is wrong with others.

    A problem of a folder that cannot be read has no file.
    """

    names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def pathologies(data_path: AnyFolder) -> Listing:
    """The folders of a data path. ``OSError`` if it cannot be read."""
    names, problems = [], []
    home = beneath.folder(data_path)
    with home.scan() as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_system_folder(entry.name):
                problems.append(Problem("SystemFolder", about=shown(entry.name)))
                continue
            if not _may_be_folder(entry) and not (entry.is_symlink() and _dangles(entry)):
                is_list = entry.name == ALLOWED_DATASETS
                if entry.name.endswith(CSV) and entry.is_file() and not is_list:
                    problems.append(Problem("NotAFolder", file=shown(entry.name)))
            elif _fit(home, entry):
                names.append(entry.name)
            else:
                problems.append(Problem("UnsafeName", pathology=shown(entry.name)))
    return _sorted(names, problems)


def _dangles(link: os.DirEntry[str]) -> bool:
    try:
        link.stat()
    except FileNotFoundError:
        return True
    except OSError as error:
        return error.errno in _MISSING
    return False


def _fit(folder: Folder, entry: os.DirEntry[str]) -> bool:
    """Whether it may be opened: a legal name, and no link that leads out."""
    try:
        check_name(entry.name)
        if entry.is_symlink():
            (folder / entry.name).resolved()
    except (UnsafeName, LinkRefused):
        return False
    except OSError:  # opening it reports that
        pass
    return True


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or its disk does not tell: then it is not passed over."""
    try:
        return entry.is_dir()
    except OSError:
        return True


def not_opened(error: OSError) -> Problem:
    """Why a pathology's folder, which was there a moment ago, cannot be opened."""
    if isinstance(error, LinkRefused):
        return Problem("UnsafeName", about=error.why)
    return Problem("Unreadable", about=os.strerror(error.errno or 0))


def opened(folder: Path) -> Folder:
    """A folder that a person named; of one in a data path no link is followed that leads out."""
    whole = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are named
    for above in whole.parents:
        if (above / ENROLLED_FILE).exists():
            found = Folder.at(above)
            for name in whole.relative_to(above).parts:
                found = found.folder(name)
            return found
    return Folder.at(folder)


def named(path: Path) -> File:
    """A file that a person named, in the folder that :func:`opened` returns."""
    return opened(path.parent) / path.name


def one_file(name: str) -> Listing:
    """That file, also one that a consolidation would not read: a problem tells why."""
    advice = why_ignored(name)
    ignored = Problem("IgnoredFile", file=shown(name), about=shown(advice)) if advice else None
    return Listing((name,), problems=(ignored,) if ignored else ())


def system_folders(data_path: AnyFolder) -> tuple[str, ...]:
    """Folders that are no pathology's, and that an engine reads as if they were."""
    with beneath.folder(data_path).scan() as entries:
        found = [entry.name for entry in entries if is_system_folder(entry.name) and entry.is_dir()]
    return tuple(sorted(found))


def csv_files(folder: AnyFolder) -> Listing:
    """The CSV files of a pathology's folder."""
    names, problems = [], []
    try:
        home = beneath.folder(folder)
        with home.scan() as entries:
            found = {entry.name: not _is_data(entry.name) or _fit(home, entry) for entry in entries}
    except OSError as error:
        return Listing(problems=(Problem("Unreadable", about=os.strerror(error.errno or 0)),))
    if (count := sum(_is_data(name) for name in found)) > FILES:
        return Listing(problems=(Problem("TooManyFiles", count=count),))
    for name, fit in found.items():
        if advice := why_ignored(name):
            problems.append(Problem("IgnoredFile", file=shown(name), about=shown(advice)))
        if not _is_data(name):
            continue
        if not fit:
            problems.append(Problem("UnsafeName", file=shown(name)))
            continue
        names.append(name)
        if what := looks_like_copy(name):
            problems.append(Problem("CopyName", file=shown(name), about=what))
    return _sorted(names, problems)


def _is_data(name: str) -> bool:
    return name.endswith(CSV) and not name.startswith(".")


def cde_content(folder: AnyFolder) -> bytes:
    """The bytes of a folder's CDE.

    ``FileNotFoundError`` where there is none, :class:`UnsafeName` where it is a link that leads
    out, another ``OSError`` where it cannot be read, is no file, or is larger than a CDE can be.
    """
    try:
        return content(beneath.folder(folder) / CDE_FILE)
    except LinkRefused as error:
        raise UnsafeName(error.why, name=f"'{CDE_FILE}'") from None


def content(path: Where) -> bytes:
    """The bytes of a CDE's file. ``OSError`` as of :func:`cde_content`."""
    with beneath.opened(path) as file:
        if os.fstat(file.fileno()).st_size > CDE_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {CDE_BYTES >> 20} MB")
        found = bytearray()
        while chunk := file.read(1 << 20):
            found += chunk
            if len(found) > CDE_BYTES:  # it grows
                raise OSError(errno.EFBIG, f"it is larger than {CDE_BYTES >> 20} MB")
        return bytes(found)


def _sorted(names: list[str], problems: list[Problem]) -> Listing:
    problems.sort(key=lambda problem: (problem.pathology or "", problem.file or ""))
    return Listing(tuple(sorted(names)), tuple(problems))


_TEXT = (
    "This file tells that the disk with the data of federation '{federation}' is mounted.\n"
    "Leave it here: without it the node counts as missing.\n"
)


class MountGone(NodeError):
    """{node}: .mip-data is missing from {path}: the data disk is probably not mounted. Mount it; if
    the folder is new on purpose, enable the node: that enrols it again."""


class NoDataPath(NodeError):
    """{node}: folder {path} not found. Create it, or set data_path in the pillar."""


class DataPathUnreadable(NodeError):
    """{node}: {path} cannot be read: {reason}. Check its owner and mode, and its disk or server."""


def is_enrolled(data_path: Path, state: Path) -> bool:
    """Whether the data path is the enrolled one, mounted or not."""
    return _remembered(state) == str(data_path)


def enrolled_path(state: Path) -> Path | None:
    """The data path that is enrolled."""
    path = _remembered(state)
    return None if path is None else Path(path)


def enrolled_pathologies(state: Path) -> tuple[str, ...]:
    """The pathologies of the data path that is enrolled; none where it cannot be read."""
    path = enrolled_path(state)
    try:
        return pathologies(path).names if path else ()
    except OSError:
        return ()


def is_gone(data_path: Path, state: Path) -> bool:
    """Whether it is enrolled and its marker is missing: its disk is probably not mounted.

    ``OSError`` where the disk does not tell: that is not a marker that is missing.
    """
    if not is_enrolled(data_path, state):
        return False
    try:
        return not stat.S_ISREG((Folder.at(data_path) / ENROLLED_FILE).stat().st_mode)
    except OSError as error:
        if error.errno in _MISSING:
            return True
        raise


def gone_mounts(data_path: Path, state: Path) -> tuple[str, ...]:
    """The pathologies whose folder was a mount of its own when last seen, and is none now."""
    if not is_enrolled(data_path, state):
        return ()
    return tuple(sorted(_remembered_mounts(state) - _mounts(data_path)))


def remember_mounts(data_path: Path, state: Path) -> bool:
    """Remember which pathologies' folders are mounts of their own, besides those known already."""
    return is_enrolled(data_path, state) and _write(data_path, state, _remembered_mounts(state))


def _mounts(data_path: Path) -> frozenset[str]:
    """The names of the pathologies' folders that are mounts of their own, bind mounts too."""
    home = Path(os.path.realpath(data_path))
    text = Path("/proc/self/mountinfo").read_bytes().decode("utf-8", "surrogateescape")
    points = (Path(_unescaped(line.split(" ")[4])) for line in text.splitlines())
    mounted = {point.name for point in points if point.parent == home}
    return frozenset(mounted.intersection(pathologies(data_path).names))


def _unescaped(text: str) -> str:
    """A path as Linux writes it in its tables: blanks, line ends and backslashes as octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def check(data_path: Path, state: Path, *, node: str) -> bool:
    """Whether it is enrolled.

    :class:`MountGone`, :class:`NoDataPath` or :class:`DataPathUnreadable` if nobody may touch it.
    """
    enrolled = is_enrolled(data_path, state)
    try:
        if is_gone(data_path, state):
            raise MountGone(node=node, path=data_path)
        Folder.at(data_path).close()
    except OSError as error:
        if error.errno in _MISSING:
            raise NoDataPath(node=node, path=data_path) from None
        reason = os.strerror(error.errno or 0)
        raise DataPathUnreadable(node=node, path=data_path, reason=reason) from error
    return enrolled


def enrol(data_path: Path, state: Path, *, federation: str) -> bool:
    """Enrol it if a pathology's folder stands there; whether that changed anything."""
    if is_bare(data_path):
        return False
    return _enrol(data_path, state, federation, known=_remembered_mounts(state))


def enrol_again(data_path: Path, state: Path, *, federation: str) -> bool:
    """A person says that the data path is as it should be: enrol it as it is now, bare or not.

    Where there is no such folder, what was remembered of it is forgotten.
    """
    if data_path.is_dir():
        return _enrol(data_path, state, federation, known=frozenset())
    if _remembered(state) is None:
        return False
    state_files.remove_state(state / ENROLMENT)
    return True


def is_bare(data_path: Path) -> bool:
    """Whether there is no pathology's folder: so it is of a new disk, and of none."""
    return not pathologies(data_path).names


def _enrol(data_path: Path, state: Path, federation: str, *, known: frozenset[str]) -> bool:
    # The file first: a crash in between must not look like a disk that is gone.
    with Folder.at(data_path) as home:
        marker = home / ENROLLED_FILE
        text = _TEXT.format(federation=federation).encode()
        changed = not marker.is_file() and atomic.replace(marker, text)
    return _write(data_path, state, known) or changed


def _write(data_path: Path, state: Path, known: frozenset[str]) -> bool:
    value: dict[str, Any] = {"data_path": str(data_path)}
    if mounts := known | _mounts(data_path):
        value["mounts"] = sorted(mounts)
    return state_files.write_state(state / ENROLMENT, value)


def _remembered_mounts(state: Path) -> frozenset[str]:
    value = state_files.read_state(state / ENROLMENT)
    names = value.get("mounts", []) if isinstance(value, dict) else []
    return frozenset(name for name in names if isinstance(name, str))


def _remembered(state: Path) -> str | None:
    value = state_files.read_state(state / ENROLMENT)
    path = value.get("data_path") if isinstance(value, dict) else None
    return path if isinstance(path, str) else None
