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
from saltext_mip.storage import atomic, beneath, paths
from saltext_mip.storage.beneath import File, Folder, LinkRefused
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
            raise NoPlace("this node's role is not ui", node=place.node)
        try:
            path = beneath.file(place.pathologies_path)
        except FileNotFoundError:
            yield _file_in_new_folder(place.pathologies_path, entry)
        else:
            yield from _file(path, entry)
        return
    if place.data_path is None or entry.pathology is None:
        raise NoPlace("it has no data path", node=place.node)
    name = paths.check_name(entry.pathology)
    if name.startswith("."):
        raise UnsafeName("hidden folders are not pathologies", name=f"'{name}'")
    home = Folder.at(place.data_path)
    try:
        folder = home.folder(name)
    except LinkRefused as error:
        raise UnsafeName(error.why, name=f"'{text.shown(name)}'") from None
    except FileNotFoundError:
        if database is None:
            raise NoPlace(f"{home / name}: the folder is gone", node=place.node) from None
        make = _whole_folder if _may_move_in(home) else _folder_in_steps
        yield from make(home / name, entry, database)
        return
    except NotADirectoryError:
        raise NoPlace(f"{home / name}: it is not a folder", node=place.node) from None
    path = folder / CDE_FILE
    if entry.replaces and not any(_there(path, sha) for sha in (entry.replaces, entry.sha256)):
        raise ChangedMeanwhile(node=place.node, path=path)
    try:
        yield from _file(path, entry)
    except UnsafeName as error:  # every folder has a file of that name: name the folder
        where = f"'{text.shown(str(path))}'"
        raise UnsafeName(error.facts["message"], name=where) from None


def _file(path: File, entry: Entry) -> Iterator[Work]:
    """The file in its folder."""
    staged = atomic.Staged.plan(path, mark=atomic.STAGED)
    if atomic.holds(staged.target, entry.content):
        return

    def write() -> None:
        atomic.sweep(staged.target, mark=atomic.STAGED)
        staged.write(entry.content)
        staged.leave()

    item = _item("file", staged.target.path, staged.temp.path, entry.sha256)
    yield Work(path.path, write, (item,))


def _file_in_new_folder(path: Path, entry: Entry) -> Work:
    """The file in a folder that is made, too."""
    temp = atomic.temporary(path.name, atomic.STAGED)

    def write() -> None:
        missing = [each for each in (path.parent, *path.parents) if not each.is_dir()]
        for folder in reversed(dict.fromkeys(missing)):
            _make_folder(beneath.file(folder))
        home = Folder.at(path.parent)
        staged = atomic.Staged(home / path.name, home / temp)
        staged.write(entry.content)
        staged.leave()

    return Work(path, write, (_item("file", path, path.with_name(temp), entry.sha256),))


def _may_move_in(home: Folder) -> bool:
    """Whether a folder made beside the data path can be renamed into it.

    Tried out: a bind mount has the same device, and no rename leads into it.
    """
    above = home.parent
    if (above / ENROLLED_FILE).exists() or above.path == home.path:
        return False  # no folder of ours in another federation's data path
    for folder in (above, home):
        atomic.sweep(folder / f"{home.name}.probe")
    name = atomic.temporary(f"{home.name}.probe")
    probe, moved = above / name, home / name
    try:
        os.close(probe.descriptor(os.O_RDWR | os.O_CREAT | os.O_EXCL))
        probe.replace(moved)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise
        return False
    finally:
        probe.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return True


def _whole_folder(folder: File, entry: Entry, database: Database) -> Iterator[Work]:
    home = folder.folder
    temp = home.parent / atomic.temporary(folder.name, atomic.STAGED)

    def write() -> None:
        made = _make_folder(temp, home.status())
        staged = atomic.Staged.plan(made / DATABASE_FILE)
        _make_database(staged, entry, database)
        staged.commit()
        atomic.replace(made / CDE_FILE, entry.content)
        made.sync()
        temp.folder.sync()

    yield Work(folder.path, write, (_item("folder", folder.path, temp.path),))


def _folder_in_steps(folder: File, entry: Entry, database: Database) -> Iterator[Work]:
    """Where a folder cannot be moved in: its files wait in the data path, hidden; never a folder.

    The commit makes the folder and renames at once, database first.
    """
    home = folder.folder
    db, cde = (
        atomic.Staged(home / name, home / atomic.temporary(name, atomic.STAGED))
        for name in (DATABASE_FILE, CDE_FILE)
    )

    def write_database() -> None:
        _make_database(db, entry, database)

    def write_cde() -> None:
        cde.write(entry.content)
        cde.leave()
        home.sync()

    path = folder.path / DATABASE_FILE
    mkdir = {"do": "mkdir", "target": str(folder)}
    yield Work(path, write_database, (mkdir, _item("file", path, db.temp.path)))
    path = folder.path / CDE_FILE
    yield Work(path, write_cde, (_item("file", path, cde.temp.path, entry.sha256),))


def _make_folder(path: File, like: os.stat_result | None = None) -> Folder:
    """A folder with owner, group and mode ``like`` that, or like the folder that it is in."""
    found = like or path.folder.status()
    made = path.mkdir(0o700)
    atomic.own(made.fd, found)
    os.fchmod(made.fd, stat.S_IMODE(found.st_mode))
    return made


def _make_database(staged: atomic.Staged, entry: Entry, database: Database) -> None:
    database(entry.pathology or "", entry.content, staged.temp)
    staged.adopt()
    try:
        staged.seal()
    finally:
        staged.leave()


def _item(do: str, target: Path, temp: Path, sha256: str = "") -> dict[str, str]:
    return {"do": do, "target": str(target), "temp": str(temp), "sha256": sha256}


def located(place: Place, path: str) -> File:
    """A file of the record, through descriptors from the node's own folders."""
    where = Path(path)
    for root in (place.data_path, place.pathologies_path and place.pathologies_path.parent):
        if root is not None and root in where.parents:
            folder = Folder.at(root)
            for part in where.relative_to(root).parts[:-1]:
                folder = folder.folder(part)
            return folder / where.name
    return beneath.file(where)  # beside the data path


def _commit_file(place: Place, item: Mapping[str, str]) -> None:
    target, temp = (located(place, item[key]) for key in ("target", "temp"))
    try:
        temp.replace(target)
    except FileNotFoundError:
        if not _there(target, item["sha256"]):
            raise
    target.folder.sync()


def _commit_folder(place: Place, item: Mapping[str, str]) -> None:
    target, temp = (located(place, item[key]) for key in ("target", "temp"))
    try:
        temp.replace(target)
    except FileNotFoundError:
        target.folder.folder(target.name).close()  # raises where it is not there either
    target.folder.sync()


def _commit_mkdir(place: Place, item: Mapping[str, str]) -> None:
    target = located(place, item["target"])
    try:
        target.folder.folder(target.name).close()
    except FileNotFoundError:
        _make_folder(target)


DO: Mapping[str, Callable[[Place, Mapping[str, str]], None]] = {
    "file": _commit_file,
    "folder": _commit_folder,
    "mkdir": _commit_mkdir,
}


def drop(place: Place, item: Mapping[str, str]) -> None:
    """Remove what was staged for an item, as far as it is there."""
    if item["do"] == "mkdir":
        return
    try:
        temp = located(place, item["temp"])
        found = temp.lstat()
    except (FileNotFoundError, NotADirectoryError, LinkRefused):
        return
    if stat.S_ISDIR(found.st_mode):
        if item["do"] == "folder":
            temp.remove_tree()
    elif item["do"] == "file":
        temp.unlink(missing_ok=True)


def _there(target: File, sha256: str) -> bool:
    """Whether a commit that was interrupted has put it there already."""
    if not target.is_file():
        return False
    if not sha256:
        return True
    with target.open() as file:
        return hashlib.sha256(file.read()).hexdigest() == sha256
