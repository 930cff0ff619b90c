"""Files below a folder that others may write to, reached by descriptor and following no link.

A name that is checked first and opened later may be something else by then: root would read
another file into a report, or write outside. So a folder is opened once (:class:`Folder`), and
everything in it is opened from that descriptor, following no link (:mod:`.openat2`); what was
opened is then asked what it is.

A link in the folder is taken only where it leads to inside the folder: its target is walked from
the same descriptor, and no link is followed on the way. Otherwise :class:`LinkRefused`, also where
the name was a link and is none a moment later. The folder that is opened by its path
(:meth:`Folder.at`) may be reached through links: the operator who configured it decides that.

Functions that take a :data:`Where` or :data:`AnyFolder` take a plain path, too: of a file, its
folder is opened by path.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from saltext_mip.errors import UnsafeName
from saltext_mip.storage.openat2 import open_below
from saltext_mip.text import shown

# a FIFO would wait for a writer
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR})  # Linux: ENOTDIR where a folder was wanted


class LinkRefused(OSError):
    """A link is in the place of a file or folder, and is not followed."""

    def __init__(self, why: str, path: Path) -> None:
        super().__init__(errno.ELOOP, why, str(path))
        self.why = why


class Folder:
    """An open folder; ``path`` is its path when it was opened, for messages.

    It is closed by ``with``, or when nothing refers to it any more.
    """

    __slots__ = ("_above", "_fd", "path")

    def __init__(self, fd: int, path: Path, above: Folder | None = None) -> None:
        self._fd = fd
        self._above = above
        self.path = path

    @classmethod
    def at(cls, path: Path) -> Folder:
        """The folder of that path, in which links are followed. ``OSError`` where there is none."""
        return cls(os.open(path, _FOLDER), path)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> Folder:
        """The folder from which it was opened."""
        return self._above or Folder.at(self.path.parent)

    @property
    def fd(self) -> int:
        if self._fd < 0:
            raise ValueError(f"{self.path} is closed")
        return self._fd

    def __truediv__(self, name: str) -> File:
        return File(self, name)

    def folder(self, name: str) -> Folder:
        """A folder in it; a link is taken where it leads to inside."""
        file = self / name
        try:
            return self._inner(name)
        except OSError as error:
            if error.errno not in _IS_LINK or _kind(file) not in (stat.S_IFLNK, stat.S_IFDIR):
                raise
        target = file.target()
        return Folder(target.folder._inner_or_refused(target.name), file.path, self)

    @contextmanager
    def scan(self) -> Iterator[Iterator[os.DirEntry[str]]]:
        """Its entries; they answer for themselves only within the ``with`` block."""
        fd = os.open(".", _FOLDER, dir_fd=self.fd)  # of its own: a descriptor knows how far it read
        try:
            with os.scandir(fd) as entries:
                yield entries
        finally:
            os.close(fd)

    def status(self) -> os.stat_result:
        return os.fstat(self.fd)

    def sync(self) -> None:
        """What was renamed, made or removed in it is on disk."""
        os.fsync(self.fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _inner(self, name: str) -> Folder:
        try:
            fd = open_below(self.fd, name, _FOLDER)
        except OSError as error:
            _named(error, self.path / name)
            raise
        return Folder(fd, self.path / name, self)

    def _inner_or_refused(self, name: str) -> int:
        """The descriptor of a folder below it, by a name of one or more parts, none a link."""
        try:
            return open_below(self.fd, name, _FOLDER)
        except OSError as error:
            if error.errno in _IS_LINK:
                raise LinkRefused("it is a link that changes", self.path / name) from None
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __str__(self) -> str:
        return str(self.path)


class File:
    """A name in an open folder: of a file, or of nothing yet. ``path`` is for messages.

    ``UnsafeName`` where it is not one legal component of a path.
    """

    __slots__ = ("folder", "name")

    def __init__(self, folder: Folder, name: str) -> None:
        if name in ("", ".", "..") or "/" in name:
            raise UnsafeName("it is not the name of a file or folder", name=f"'{shown(name)}'")
        self.folder = folder
        self.name = name

    @property
    def path(self) -> Path:
        return self.folder.path / self.name

    @property
    def parent(self) -> Folder:
        return self.folder

    def with_name(self, name: str) -> File:
        return File(self.folder, name)

    # -- looking

    def lstat(self) -> os.stat_result:
        """Of the name itself, link or not."""
        try:
            return os.stat(self.name, dir_fd=self.folder.fd, follow_symlinks=False)
        except OSError as error:
            _named(error, self.path)
            raise

    def stat(self) -> os.stat_result:
        """Of the file, where a link leads to inside. ``LinkRefused``."""
        found = self.lstat()
        return self.target().lstat() if stat.S_ISLNK(found.st_mode) else found

    def exists(self) -> bool:
        """Whether there is anything of that name, a link that leads nowhere included."""
        try:
            self.lstat()
        except FileNotFoundError:
            return False
        return True

    def is_file(self) -> bool:
        """Whether it is a regular file, reached by no link that leads out."""
        try:
            return stat.S_ISREG(self.stat().st_mode)
        except (FileNotFoundError, LinkRefused):
            return False

    def resolved(self) -> File:
        """The file itself, or where the link of that name leads. ``LinkRefused``.

        It need not be there.
        """
        try:
            return self.target() if stat.S_ISLNK(self.lstat().st_mode) else self
        except FileNotFoundError:
            return self

    def target(self) -> File:
        """Where the link of that name leads, inside the folder, reached without any link."""
        here = f"/proc/self/fd/{self.folder.fd}"
        home, real = Path(os.path.realpath(here)), Path(os.path.realpath(f"{here}/{self.name}"))
        if real == home / self.name:
            is_link = _kind(self) == stat.S_IFLNK
            why = "it is a link that leads nowhere" if is_link else "it was a link a moment ago"
            raise LinkRefused(why, self.path)
        if real.is_symlink():
            raise LinkRefused("it is a link that leads nowhere", self.path)
        if home not in real.parents:
            raise LinkRefused("it is a link that leaves its folder", self.path)
        # a hint only: what is not as it says now is refused
        inside = real.relative_to(home)
        if inside.parent == Path():
            return File(self.folder, inside.name)
        between = str(inside.parent)
        folder = self.folder._inner_or_refused(between)
        return File(Folder(folder, self.folder.path / between, self.folder), inside.name)

    # -- opening

    def descriptor(self, flags: int = READ, mode: int = 0o600) -> int:
        """Open whatever is there. ``OSError`` names its path."""
        try:
            return open_below(self.folder.fd, self.name, flags, mode)
        except OSError as error:
            if error.errno != errno.ELOOP:
                _named(error, self.path)
                raise
        target = self.target()
        try:
            return open_below(target.folder.fd, target.name, flags, mode)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise LinkRefused("it is a link that changes", self.path) from None
            _named(error, self.path)
            raise

    def open(self) -> BinaryIO:
        """Its content. ``OSError`` where it is not a regular file."""
        return os.fdopen(self._regular(READ), "rb")

    def open_to_write(self) -> BinaryIO:
        """A regular file that is there, to be written; it is not truncated."""
        return os.fdopen(self._regular(os.O_RDWR | os.O_NONBLOCK), "r+b")

    def _regular(self, flags: int) -> int:
        fd = self.descriptor(flags)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "it is not a file", str(self.path))
        except BaseException:
            os.close(fd)
            raise
        return fd

    # -- changing

    def replace(self, target: File) -> None:
        """Rename it, over whatever file or link is there."""
        try:
            os.rename(
                self.name, target.name, src_dir_fd=self.folder.fd, dst_dir_fd=target.folder.fd
            )
        except OSError as error:
            _named(error, target.path)
            raise

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove a file or link."""
        try:
            os.unlink(self.name, dir_fd=self.folder.fd)
        except OSError as error:
            if missing_ok and isinstance(error, FileNotFoundError):
                return
            _named(error, self.path)
            raise

    def mkdir(self, mode: int) -> Folder:
        """Make a folder of that name."""
        try:
            os.mkdir(self.name, mode, dir_fd=self.folder.fd)
        except OSError as error:
            _named(error, self.path)
            raise
        return self.folder._inner(self.name)

    def remove_tree(self) -> None:
        """Remove a folder with all that is in it; links in it are not followed."""
        shutil.rmtree(self.name, dir_fd=self.folder.fd)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __lt__(self, other: File) -> bool:
        return self.path < other.path

    def __str__(self) -> str:
        return str(self.path)


Where = File | Path
AnyFolder = Folder | Path


def file(where: Where) -> File:
    """That file, through the descriptor of its folder."""
    if isinstance(where, File):
        return where
    return File(Folder.at(where.parent), where.name)


def folder(where: AnyFolder) -> Folder:
    """That folder, open."""
    return where if isinstance(where, Folder) else Folder.at(where)


def opened(where: Where) -> BinaryIO:
    """The content of a regular file; ``OSError`` where it is anything else."""
    return file(where).open()


def status(where: Where) -> os.stat_result:
    """Of a file, where a link leads to inside its folder."""
    return file(where).stat()


def by_descriptor(fd: int) -> str:
    """A path that leads to the open file itself, whatever its name is by now.

    For functions that open by name. SQLite is none of them: it looks up the name behind it.
    """
    return f"/proc/self/fd/{fd}"


def descriptors_of(fd: int) -> frozenset[int]:
    """The descriptors of this process with the same file open."""
    identity = _number if _number(fd) == _number(fd) else _path
    wanted = identity(fd)
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        try:
            other = identity(int(name))
        except OSError:  # the listing's own, or closed meanwhile
            continue
        if other == wanted:
            found.add(int(name))
    return frozenset(found)


def _number(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _path(fd: int) -> str:
    """Where the inode numbers of a file system differ at each look: the kernel's name of the file.

    Of one that was replaced, it is not the same any more.
    """
    return str(Path(by_descriptor(fd)).readlink())


def _kind(file: File) -> int:
    """What stands under the name itself; 0: nothing."""
    try:
        return stat.S_IFMT(file.lstat().st_mode)
    except FileNotFoundError:
        return 0


def _named(error: OSError, path: Path) -> None:
    """The error names the path, not the name below a descriptor."""
    error.filename, error.filename2 = str(path), None
