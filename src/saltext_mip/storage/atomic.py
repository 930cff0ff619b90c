"""Files are replaced as a whole, whatever happens: a reader sees the old content or the new.

Everything that this project writes goes through here. :func:`replace` writes a hidden file beside
its target, syncs it, renames it over the target and syncs the folder, so that a reader, a crash or
a full disk never sees a part. :class:`Staged` is the same in two halves, for files that must change
together. Leftovers of a killed process are recognised by their name and removed by the next write
to the same target; a file that is being written is not, since its writer holds a lock on it.

``OSError`` passes through: the caller, which knows the node and the job, turns it into a message.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from saltext_mip.errors import UnsafeName
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import File, Folder, Where
from saltext_mip.storage.lock import try_lock
from saltext_mip.storage.paths import NAME_BYTES, check_name, names
from saltext_mip.text import shown

# ``.<name>.mip-<hex>`` is being written, or its writer died; ``.<name>.mip-staged-<hex>`` waits for
# its commit, and outlives the process that wrote it
WRITING = "mip"


STAGED = "mip-staged"


_HEX = 16


_SIDE_FILES = ("-journal", "-wal", "-shm")  # what SQLite may leave beside a database of that name


class Staged:
    """One file on its way: written beside its target, then put in its place, or dropped.

    ``target`` is the file itself where the path was a link. The halves of :func:`replace`::

        staged = Staged.plan(path)      # nothing is written yet; staged.temp is its name
        staged.write(content)           # or: staged.create(), and others write to staged.temp
        staged.commit()                 # or: staged.abort()

    From ``create`` to ``commit`` the file is locked, so that no other process sweeps it; ``leave``
    unlocks and keeps it, for another process to commit.
    """

    def __init__(self, target: File, temp: File, mode: int | None = None) -> None:
        self.target = target
        self.temp = temp
        self._mode = mode
        self._fd: int | None = None

    @classmethod
    def plan(cls, path: Where, *, mode: int | None = None, mark: str = WRITING) -> Staged:
        """Where ``path`` would be written. A link is followed, but not out of its folder.

        ``mode`` is that of the file replaced, or the folder's for a new one, unless given.
        :class:`UnsafeName` where no file may be written.
        """
        check_name(path.name)
        try:
            target = beneath.file(path).resolved()
        except beneath.LinkRefused as error:
            raise UnsafeName(error.why, name=f"'{shown(path.name)}'") from None
        try:
            found = target.lstat()
        except FileNotFoundError:
            found = None
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise UnsafeName("it is not a file", name=f"'{shown(path.name)}'")
        return cls(target, target.with_name(temporary(target.name, mark)), mode)

    @classmethod
    def stage(cls, path: Where, content: bytes, **plan: Any) -> Staged:
        """:meth:`plan` and :meth:`write` at once."""
        staged = cls.plan(path, **plan)
        staged.write(content)
        return staged

    def create(self) -> None:
        """Create ``temp``, empty, locked, and readable for us only, for the caller to fill."""
        while self._fd is None:
            fd = self.temp.descriptor(os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try_lock(fd)
            if os.fstat(fd).st_nlink:
                self._fd = fd
            else:  # swept between open and lock, by a process that took it for a leftover
                os.close(fd)

    def adopt(self) -> None:
        """``temp`` as another has made it, for :meth:`seal`."""
        self._fd = self.temp.descriptor(os.O_RDWR)
        try_lock(self._fd)

    def write(self, content: bytes) -> None:
        """``temp`` with that content, whole and on disk; or no ``temp`` and the error."""
        try:
            with names(self.target.path):
                self.create()
                with open(self._opened(), "wb", closefd=False) as file:
                    file.write(content)
                self.seal()
        except BaseException:
            self.abort()
            raise

    def seal(self) -> None:
        """Owner, group and mode as they will be, and everything on disk."""
        fd = self._opened()
        like = self._replaced()
        if like is not None:
            mode = stat.S_IMODE(like.st_mode) & 0o777
        else:
            like = self.target.folder.status()
            mode = like.st_mode & 0o666
        own(fd, like)
        os.fchmod(fd, mode if self._mode is None else self._mode)
        os.fsync(fd)

    def _replaced(self) -> os.stat_result | None:
        """The file that is there now; not what took its place since :meth:`plan`."""
        try:
            found = self.target.lstat()
        except FileNotFoundError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def sync(self) -> None:
        """What was written to ``temp`` so far is on disk."""
        os.fsync(self._opened())

    @property
    def fd(self) -> int:
        """The descriptor of ``temp``, from ``create`` to ``commit``."""
        return self._opened()

    def leave(self) -> None:
        """Let go of ``temp``, which stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def commit(self) -> None:
        """``temp`` in the target's place, on disk."""
        self.temp.replace(self.target)
        self.leave()
        self.target.folder.sync()

    def abort(self) -> None:
        """No ``temp``, nor what SQLite left beside it."""
        for side in ("", *_SIDE_FILES):
            file = self.temp.with_name(self.temp.name + side)
            if file.exists():  # first: a read-only disk refuses to unlink even a missing file
                file.unlink(missing_ok=True)
        self.leave()

    def _opened(self) -> int:
        if self._fd is None:
            raise ValueError(f"{self.temp} is not open")
        return self._fd


def replace(path: Where, content: bytes, *, mode: int | None = None) -> bool:
    """Put ``content`` in ``path``'s place; False if it is there already, and nothing is written.

    Owner, group and mode as of :meth:`Staged.plan`. On ``OSError`` the file is unchanged.
    """
    if isinstance(path, Path):
        with Folder.at(path.parent) as home:  # closed at once, also where an error is kept
            return replace(home / path.name, content, mode=mode)
    staged = Staged.plan(path, mode=mode)
    if holds(staged.target, content):
        return False
    sweep(staged.target)
    staged.write(content)
    try:
        staged.commit()
    except BaseException:
        staged.abort()
        raise
    return True


def holds(path: Where, content: bytes) -> bool:
    """Whether ``path`` is a file with that content."""
    try:
        with beneath.opened(path) as file:
            return os.fstat(file.fileno()).st_size == len(content) and file.read() == content
    except FileNotFoundError:
        return False


def sweep(path: Where, *, mark: str = WRITING, keep: Collection[File] = ()) -> tuple[File, ...]:
    """Remove leftovers of killed processes beside ``path``; returns them.

    A file that is being written is locked, and kept; so are those of ``keep``.
    """
    target = beneath.file(path)
    wanted = re.compile(
        re.escape(_stem(target.name, mark)) + f"([0-9a-f]{{{_HEX}}})(-journal|-wal|-shm)?"
    )
    with target.folder.scan() as entries:
        found = {
            target.with_name(entry.name)
            for entry in entries
            if wanted.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        }
    sides = {file for file in found if file.name.endswith(_SIDE_FILES)}
    gone = [file for file in sorted(found - sides - set(keep)) if _unlink_dead(file)]
    left = {file.name for file in found - sides} - {file.name for file in gone}
    for side in sorted(sides):
        if side.name.rpartition("-")[0] not in left:
            side.unlink(missing_ok=True)
            gone.append(side)
    return tuple(gone)


def is_ours(name: str) -> bool:
    """Whether that is the name of a hidden file of ours, of any target."""
    return bool(_OURS.fullmatch(name))


_OURS = re.compile(rf"\..*\.mip(-staged)?-[0-9a-f]{{{_HEX}}}(-journal|-wal|-shm)?", re.DOTALL)


def temporary(name: str, mark: str = WRITING) -> str:
    """A random temporary name for ``name``: not predictable, and no two writers share it."""
    return f"{_stem(name, mark)}{secrets.randbits(4 * _HEX):0{_HEX}x}"


def _stem(name: str, mark: str) -> str:
    """A temporary file's name up to its random part, short enough also for the longest name."""
    stem = f".{name}.{mark}-"
    if len(os.fsencode(stem)) + _HEX + len(_SIDE_FILES[0]) <= NAME_BYTES:
        return stem
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()}.{mark}-"


def _unlink_dead(file: File) -> bool:
    try:
        fd = file.descriptor(os.O_RDWR)
    except (FileNotFoundError, PermissionError, beneath.LinkRefused):
        return False  # renamed meanwhile, another user's, or not ours
    try:
        if not try_lock(fd):
            return False
        file.unlink(missing_ok=True)
    finally:
        os.close(fd)
    return True


def own(fd: int, like: os.stat_result) -> None:
    """Owner and group of ``like``. Only root may give a file away: another's stay their own."""
    have = os.fstat(fd)
    for uid, gid in ((-1, like.st_gid), (like.st_uid, -1)):
        if uid in (-1, have.st_uid) and gid in (-1, have.st_gid):
            continue
        try:
            os.fchown(fd, uid, gid)
        except PermissionError:
            if os.geteuid() == 0:
                raise
