"""What a transaction does to one file or folder of a node: how it is written, how it is committed.

A pathology's new folder appears with its database and its CDE in it or not at all where the file
system can do that, for an engine refuses a folder without ``datasets.db``; and no folder of ours is
ever in a data path, for an engine takes each for a pathology.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from saltext_mip import text
from saltext_mip.errors import NodeError, UnsafeName
from saltext_mip.federation import CDE_FILE, DATABASE_FILE, ENROLLED_FILE
from saltext_mip.storage import atomic, paths
from saltext_mip.storage import paths as atomic_paths
from saltext_mip.transaction.payload import Database, Entry, Place


class NoPlace(NodeError):
    """{node} cannot store what was sent: {message}. Nothing was changed."""


class ChangedMeanwhile(NodeError):
    """{node}: {path} was changed after the plan was made, and is kept: run the command again."""

    permanent = False


@dataclass(frozen=True)
class Work:
    """A target, how its temporary file is written, and the items of the record that commit it."""

    target: Path
    write: Callable[[], None]
    items: tuple[dict[str, str], ...]


def works(place: Place, entry: Entry, database: Database | None) -> Iterator[Work]:
    """The work for ``entry``: none where the file has that content.

    :class:`NoPlace`, or ``UnsafeName``, where it cannot be stored; ``OSError`` passes.
    """
    if entry.kind == "pathologies":
        if place.pathologies_path is None:
            raise NoPlace("it is not the ui", node=place.node)
        yield from _file(place.pathologies_path, entry, make_folder=True)
        return
    if place.data_path is None or entry.pathology is None:
        raise NoPlace("it has no data path", node=place.node)
    folder = paths.inside(place.data_path, entry.pathology)
    if entry.pathology.startswith("."):
        raise UnsafeName("hidden folders are not pathologies", name=f"'{entry.pathology}'")
    if folder.is_dir():
        path = folder / CDE_FILE
        if entry.replaces and not any(_there(path, sha) for sha in (entry.replaces, entry.sha256)):
            raise ChangedMeanwhile(node=place.node, path=path)
        try:
            yield from _file(path, entry)
        except UnsafeName as error:  # every folder has a file of that name: name the folder
            where = f"'{text.shown(str(path))}'"
            raise UnsafeName(error.facts["message"], name=where) from None
    elif folder.exists() or database is None:
        reason = "it is not a folder" if folder.exists() else "the folder is gone"
        raise NoPlace(f"{folder}: {reason}", node=place.node)
    elif _may_move_in(place.data_path):
        yield _whole_folder(folder, entry, database)
    else:
        yield from _folder_in_steps(folder, entry, database)


def _file(path: Path, entry: Entry, *, make_folder: bool = False) -> Iterator[Work]:
    """The file in its folder; with ``make_folder`` the folder may be new."""
    staged = atomic.Staged.plan(path, mark=atomic.STAGED)
    if atomic.holds(staged.target, entry.content):
        return

    def write() -> None:
        if make_folder:
            missing = [each for each in (path.parent, *path.parents) if not each.is_dir()]
            for folder in reversed(dict.fromkeys(missing)):
                _make_folder(folder, folder.parent)
        atomic.sweep(staged.target, mark=atomic.STAGED)
        staged.write(entry.content)
        staged.leave()

    yield Work(path, write, (_item("file", staged.target, staged.temp, entry.sha256),))


def _may_move_in(data_path: Path) -> bool:
    """Whether a folder made beside the data path can be renamed into it.

    Tried out: a bind mount has the same device, and no rename leads into it.
    """
    parent = data_path.parent
    if (parent / ENROLLED_FILE).exists() or parent == data_path:
        return False  # no folder of ours in another federation's data path
    for folder in (parent, data_path):
        atomic.sweep(folder / f"{data_path.name}.probe")
    name = atomic.temporary(f"{data_path.name}.probe")
    probe, moved = parent / name, data_path / name
    try:
        probe.touch(exist_ok=False)
        probe.rename(moved)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise
        return False
    finally:
        probe.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return True


def _whole_folder(folder: Path, entry: Entry, database: Database) -> Work:
    data_path = folder.parent
    temp = data_path.parent / atomic.temporary(folder.name, atomic.STAGED)

    def write() -> None:
        _make_folder(temp, data_path)
        made = atomic.Staged.plan(temp / DATABASE_FILE)
        _make_database(made, entry, database)
        made.commit()
        atomic.replace(temp / CDE_FILE, entry.content)
        atomic_paths.sync_folder(temp)
        atomic_paths.sync_folder(temp.parent)

    return Work(folder, write, (_item("folder", folder, temp),))


def _folder_in_steps(folder: Path, entry: Entry, database: Database) -> Iterator[Work]:
    """Where a folder cannot be moved in: its files wait in the data path, hidden; never a folder.

    The commit makes the folder and renames at once, database first.
    """
    data_path = folder.parent
    db, cde = (
        atomic.Staged(data_path / name, data_path / atomic.temporary(name, atomic.STAGED))
        for name in (DATABASE_FILE, CDE_FILE)
    )

    def write_database() -> None:
        _make_database(db, entry, database)

    def write_cde() -> None:
        cde.write(entry.content)
        cde.leave()
        atomic_paths.sync_folder(data_path)

    yield Work(
        folder / DATABASE_FILE,
        write_database,
        (
            {"do": "mkdir", "target": str(folder)},
            _item("file", folder / DATABASE_FILE, db.temp),
        ),
    )
    path = folder / CDE_FILE
    yield Work(path, write_cde, (_item("file", path, cde.temp, entry.sha256),))


def _make_folder(path: Path, like: Path) -> None:
    """A folder with owner, group and mode of ``like``."""
    path.mkdir(mode=0o700)
    found = like.stat()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        atomic.own(fd, found)
        os.fchmod(fd, stat.S_IMODE(found.st_mode))
    finally:
        os.close(fd)


def _make_database(staged: atomic.Staged, entry: Entry, database: Database) -> None:
    database(entry.pathology or "", entry.content, staged.temp)
    staged.adopt()
    try:
        staged.seal()
    finally:
        staged.leave()


def _item(do: str, target: Path, temp: Path, sha256: str = "") -> dict[str, str]:
    return {"do": do, "target": str(target), "temp": str(temp), "sha256": sha256}


def _commit_file(item: Mapping[str, str]) -> None:
    target, temp = Path(item["target"]), Path(item["temp"])
    try:
        temp.replace(target)
    except FileNotFoundError:
        if not _there(target, item["sha256"]):
            raise
    atomic_paths.sync_folder(target.parent)


def _commit_folder(item: Mapping[str, str]) -> None:
    target, temp = Path(item["target"]), Path(item["temp"])
    try:
        temp.rename(target)
    except FileNotFoundError:
        if not target.is_dir():
            raise
    atomic_paths.sync_folder(target.parent)


def _commit_mkdir(item: Mapping[str, str]) -> None:
    target = Path(item["target"])
    if not target.is_dir():
        _make_folder(target, target.parent)


DO: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "file": _commit_file,
    "folder": _commit_folder,
    "mkdir": _commit_mkdir,
}


def _there(target: Path, sha256: str) -> bool:
    """Whether a commit that was interrupted has put it there already."""
    if not target.is_file():
        return False
    return not sha256 or hashlib.sha256(target.read_bytes()).hexdigest() == sha256
