"""Whether a node's data path is the disk that it was: absence is suspicious.

The first commit to a node in whose data path a pathology's folder stands leaves the file
``.mip-data`` there and a word in the node's state. From then on a data path without the file is a
mount point without its disk, and nothing may be read from it or written to it.
"""

from __future__ import annotations

from pathlib import Path

from saltext_mip import files
from saltext_mip.data import folders
from saltext_mip.errors import NodeError
from saltext_mip.federation import ENROLLED_FILE

STATE_FILE = "enrolled.json"
_TEXT = (
    "This file tells that the disk with the data of federation '{federation}' is mounted.\n"
    "Leave it here: without it the node counts as missing.\n"
)


class MountGone(NodeError):
    """{node}: {path} lacks the file .mip-data that it had: its disk is not mounted. Mount it; if
    the folder is new on purpose, enable the node: that enrols it again."""


class NoDataPath(NodeError):
    """{node}: there is no folder {path}. Make it, or set data_path in the pillar."""


def check(data_path: Path, state: Path, *, node: str) -> bool:
    """Whether it is enrolled; :class:`MountGone` or :class:`NoDataPath` if nobody may touch it."""
    enrolled = _remembered(state) == str(data_path)
    if enrolled and not (data_path / ENROLLED_FILE).is_file():
        raise MountGone(node=node, path=data_path)
    if not data_path.is_dir():
        raise NoDataPath(node=node, path=data_path)
    return enrolled


def enrol(data_path: Path, state: Path, *, federation: str) -> bool:
    """Enrol it if a pathology's folder stands there; whether that changed anything."""
    if is_bare(data_path):
        return False
    return _enrol(data_path, state, federation)


def again(data_path: Path, state: Path, *, federation: str) -> bool:
    """A person says that the data path is as it should be: enrol it as it is now, bare or not.

    Where there is no such folder, what was remembered of it is forgotten.
    """
    if data_path.is_dir():
        return _enrol(data_path, state, federation)
    if _remembered(state) is None:
        return False
    files.remove_state(state / STATE_FILE)
    return True


def is_bare(data_path: Path) -> bool:
    """Whether there is no pathology's folder: so it is of a new disk, and of none."""
    return not folders.pathologies(data_path).names


def _enrol(data_path: Path, state: Path, federation: str) -> bool:
    # The file first: a crash in between must not look like a disk that is gone.
    marker = data_path / ENROLLED_FILE
    text = _TEXT.format(federation=federation).encode()
    changed = not marker.is_file() and files.replace(marker, text)
    return files.write_state(state / STATE_FILE, {"data_path": str(data_path)}) or changed


def _remembered(state: Path) -> str | None:
    value = files.read_state(state / STATE_FILE)
    path = value.get("data_path") if isinstance(value, dict) else None
    return path if isinstance(path, str) else None
