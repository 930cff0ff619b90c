"""The node's side of a commit: write everything beside its place, then rename, or drop it.

What a transaction will do is written in the node's state before anything else is, so that it can
be committed by another process, committed again after a crash between any two renames, or dropped
without a trace. One transaction is known at a time; the next one's ``stage`` drops what an older
one left. A pathology's new folder appears with its database and its CDE in it or not at all where
the file system can do that, for an engine refuses a folder without ``datasets.db``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saltext_mip import files
from saltext_mip.errors import BadAnswer, NodeError, UnsafeName
from saltext_mip.federation import CDE_FILE, DATABASE_FILE, ENROLLED_FILE
from saltext_mip.generations import enrolment

Kind = Literal["cde", "pathologies"]
#: Makes the rowless ``datasets.db`` of (pathology, its CDE) at a path.
Database = Callable[[str, bytes, Path], None]
RECORD = "staged.json"


class StagingFailed(NodeError):
    """{node}: cannot write {path}: {reason}. Nothing was changed."""


class CommitFailed(NodeError):
    """{node}: cannot put {path} in its place: {reason}. The next run goes on with it."""


class NotStaged(NodeError):
    """{node}: this commit was not staged here, or dropped since: nothing was changed."""


@dataclass(frozen=True)
class Place:
    """A node as staging sees it. A ui has no ``data_path``, any other no ``pathologies_path``."""

    federation: str
    node: str
    state: Path
    data_path: Path | None = None
    pathologies_path: Path | None = None


@dataclass(frozen=True)
class Entry:
    """One file as it shall be: a pathology's CDE, or the ui's ``pathologies.json``."""

    kind: Kind
    pathology: str | None
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def wire(self) -> dict[str, Any]:
        """As JSON; any bytes pass."""
        return {
            "kind": self.kind,
            "pathology": self.pathology,
            "sha256": self.sha256,
            "content": self.content.decode("utf-8", "surrogateescape"),
        }

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Entry:
        """What :meth:`wire` gave; :class:`BadAnswer` if it did not arrive whole."""
        content = value["content"].encode("utf-8", "surrogateescape")
        entry = cls(value["kind"], value["pathology"], content)
        if entry.sha256 != value["sha256"]:
            raise BadAnswer("a file did not arrive whole", node="the pusher")
        return entry


def stage(
    place: Place, txn: str, entries: Sequence[Entry], *, database: Database | None = None
) -> tuple[Path, ...]:
    """Write all ``entries`` beside their places; the targets of those that differ.

    ``database`` is given where a pathology's folder may be new: on the master. Any error
    (:class:`StagingFailed`, ``MountGone``, ``UnsafeName``…) leaves nothing of this transaction.
    """
    with _alone(place):
        if place.data_path is not None:
            enrolment.check(place.data_path, place.state, node=place.node)
        _drop_older(place)
        works = [work for entry in entries for work in _works(place, entry, database)]
        record: dict[str, Any] = {
            "txn": txn,
            "phase": "staging",
            "items": [item for work in works for item in work.items],
        }
        path = place.state / RECORD
        try:
            _write(place, record)
            for work in works:
                path = work.target
                work.write()
            path = place.state / RECORD
            _write(place, {**record, "phase": "staged"})
        except BaseException as error:
            # What a disk that broke meanwhile will not let go of, the next staging drops.
            with suppress(OSError):
                _forget(place, record)
            if isinstance(error, OSError | sqlite3.Error):
                reason = _reason(error)
                raise StagingFailed(node=place.node, path=path, reason=reason) from error
            raise
    return tuple(work.target for work in works)


def commit(place: Place, txn: str) -> tuple[Path, ...]:
    """Put everything staged in its place and enrol the data path; what was put there.

    Again, after a crash or when it is through, it does what is left. :class:`NotStaged` if it is
    not this transaction that is staged, :class:`CommitFailed` if a rename fails: what was renamed
    stays, the rest can be committed again.
    """
    with _alone(place):
        record = _read(place)
        if record is None or record["txn"] != txn or record["phase"] == "staging":
            raise NotStaged(node=place.node)
        if place.data_path is not None:
            enrolment.check(place.data_path, place.state, node=place.node)
        for item in record["items"]:
            try:
                _DO[item["do"]](item)
            except OSError as error:
                reason = _reason(error)
                raise CommitFailed(node=place.node, path=item["target"], reason=reason) from error
        try:
            if place.data_path is not None:
                enrolment.enrol(place.data_path, place.state, federation=place.federation)
            if record["phase"] != "committed":
                _write(place, {"txn": txn, "phase": "committed", "items": []})
        except OSError as error:
            path, reason = error.filename or place.state, _reason(error)
            raise CommitFailed(node=place.node, path=path, reason=reason) from error
    return tuple(Path(item["target"]) for item in record["items"] if item["do"] != "mkdir")


def abort(place: Place, txn: str) -> bool:
    """Drop what is staged for ``txn``; False if there is nothing of it, or it is committed."""
    with _alone(place):
        record = _read(place)
        if record is None or record["txn"] != txn or record["phase"] == "committed":
            return False
        _forget(place, record)
        return True


# -- what a transaction does to one file or folder ------------------------------------------------


@dataclass(frozen=True)
class _Work:
    """A target, how its temporary file is written, and the items of the record that commit it."""

    target: Path
    write: Callable[[], None]
    items: tuple[dict[str, str], ...]


def _works(place: Place, entry: Entry, database: Database | None) -> Iterator[_Work]:
    if entry.kind == "pathologies":
        if place.pathologies_path is None:
            raise NodeError(f"{place.node} is not the ui: it has no place for pathologies.json")
        yield from _file(place.pathologies_path, entry)
        return
    if place.data_path is None or entry.pathology is None:
        raise NodeError(f"{place.node} has no data path, and no place for a CDE")
    folder = files.inside(place.data_path, entry.pathology)
    if entry.pathology.startswith("."):
        raise UnsafeName("hidden folders are not pathologies", name=f"'{entry.pathology}'")
    if folder.is_dir():
        yield from _file(folder / CDE_FILE, entry)
    elif folder.exists() or database is None:
        reason = "it is not a folder" if folder.exists() else "the folder is gone"
        raise StagingFailed(node=place.node, path=folder, reason=reason)
    elif _may_move_in(place.data_path):
        yield _whole_folder(folder, entry, database)
    else:
        yield from _folder_in_steps(folder, entry, database)


def _file(path: Path, entry: Entry) -> Iterator[_Work]:
    staged = files.Staged.plan(path, mark=files.STAGED)
    if files.holds(staged.target, entry.content):
        return

    def write() -> None:
        files.sweep(staged.target, mark=files.STAGED)
        staged.write(entry.content)
        staged.leave()

    yield _Work(path, write, (_item("file", staged.target, staged.temp, entry.sha256),))


def _may_move_in(data_path: Path) -> bool:
    """Whether a folder made beside the data path can be renamed into it.

    Tried out: a bind mount has the same device, and no rename leads into it.
    """
    parent = data_path.parent
    if (parent / ENROLLED_FILE).exists() or parent == data_path:
        return False  # no folder of ours in another federation's data path
    name = files.temporary("probe")
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


def _whole_folder(folder: Path, entry: Entry, database: Database) -> _Work:
    data_path = folder.parent
    temp = data_path.parent / files.temporary(folder.name, files.STAGED)

    def write() -> None:
        _make_folder(temp, data_path)
        made = files.Staged.plan(temp / DATABASE_FILE)
        _make_database(made, entry, database)
        made.commit()
        files.replace(temp / CDE_FILE, entry.content)
        files.sync_folder(temp)
        files.sync_folder(temp.parent)

    return _Work(folder, write, (_item("folder", folder, temp),))


def _folder_in_steps(folder: Path, entry: Entry, database: Database) -> Iterator[_Work]:
    """Where a folder cannot be moved in: its files wait in the data path, hidden; never a folder.

    The commit makes the folder and renames at once, database first.
    """
    data_path = folder.parent
    db, cde = (
        files.Staged(data_path / name, data_path / files.temporary(name, files.STAGED))
        for name in (DATABASE_FILE, CDE_FILE)
    )

    def write_database() -> None:
        _make_database(db, entry, database)

    def write_cde() -> None:
        cde.write(entry.content)
        cde.leave()
        files.sync_folder(data_path)

    yield _Work(
        folder / DATABASE_FILE,
        write_database,
        (
            {"do": "mkdir", "target": str(folder)},
            _item("file", folder / DATABASE_FILE, db.temp),
        ),
    )
    path = folder / CDE_FILE
    yield _Work(path, write_cde, (_item("file", path, cde.temp, entry.sha256),))


def _make_folder(path: Path, like: Path) -> None:
    """A folder with owner, group and mode of ``like``."""
    path.mkdir(mode=0o700)
    found = like.stat()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        files.own(fd, found)
        os.fchmod(fd, stat.S_IMODE(found.st_mode))
    finally:
        os.close(fd)


def _make_database(staged: files.Staged, entry: Entry, database: Database) -> None:
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
    files.sync_folder(target.parent)


def _commit_folder(item: Mapping[str, str]) -> None:
    target, temp = Path(item["target"]), Path(item["temp"])
    try:
        temp.rename(target)
    except FileNotFoundError:
        if not target.is_dir():
            raise
    files.sync_folder(target.parent)


def _commit_mkdir(item: Mapping[str, str]) -> None:
    target = Path(item["target"])
    if not target.is_dir():
        _make_folder(target, target.parent)


_DO: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "file": _commit_file,
    "folder": _commit_folder,
    "mkdir": _commit_mkdir,
}


def _there(target: Path, sha256: str) -> bool:
    """Whether a commit that was interrupted has put it there already."""
    if not target.is_file():
        return False
    return not sha256 or hashlib.sha256(target.read_bytes()).hexdigest() == sha256


# -- the record in the node's state ----------------------------------------------------------------


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """One at a time on a node: a job that comes late must not mix with the next run's."""
    with ExitStack() as stack:
        try:
            stack.enter_context(
                files.lock(
                    place.state / "staging.lock", federation=place.federation, holder="", wait=30
                )
            )
        except OSError as error:
            reason = _reason(error)
            raise StagingFailed(node=place.node, path=place.state, reason=reason) from error
        yield


def _read(place: Place) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] | None = files.read_state(place.state / RECORD)
    except files.StateBroken:
        # Nothing to commit or to drop is known of; what may lie about is swept by the next write.
        return None
    return record


def _drop_older(place: Place) -> None:
    try:
        _drop(_read(place))
    except OSError as error:
        path, reason = error.filename or place.state, _reason(error)
        raise StagingFailed(node=place.node, path=path, reason=reason) from error


def _write(place: Place, record: Mapping[str, Any]) -> None:
    files.write_state(place.state / RECORD, record)


def _forget(place: Place, record: Mapping[str, Any]) -> None:
    _drop(record)
    files.remove_state(place.state / RECORD)


def _drop(record: Mapping[str, Any] | None) -> None:
    for item in record["items"] if record else ():
        if item["do"] == "folder":
            if (temp := Path(item["temp"])).is_dir():
                shutil.rmtree(temp)
        elif item["do"] == "file" and os.path.lexists(item["temp"]):
            Path(item["temp"]).unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error)
