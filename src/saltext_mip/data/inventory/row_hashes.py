"""Hashes of files' rows or visits, eight bytes each, in files of our own state.

A file that did not change is not read again to be compared with one that did. Comparing takes as
many passes as keep each small, however many rows there are.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from saltext_mip.storage import state as state_files
from saltext_mip.storage.paths import private_folder

if TYPE_CHECKING:
    import polars as pl

_PASS = 4 << 20  # hashes compared together
_BYTES = 8


@dataclass
class HashStore:
    """Those of all pathologies; without a ``state`` they are gone at the end of a ``with``."""

    state: Path | None
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, init=False)

    def path(self, pathology: str, key: str) -> Path:
        """Where the file of that key is, or would be."""
        from polars import __version__ as version  # another one may hash otherwise

        return self._root() / _name(pathology) / _name(f"{version} {key}")

    def made(
        self, pathology: str, key: str, make: Callable[[], Iterator[pl.Series]]
    ) -> Path | None:
        """The file of that key, made where there is none; ``None`` where it cannot be made now."""
        from polars.exceptions import PolarsError

        path = self.path(pathology, key)
        if _is_whole(path):
            return path
        temp = path.with_name(f".{path.name}")
        try:
            private_folder(path.parent)
            # not synced, as a file of thousands that can be made again: the checksum tells
            with open(temp, "wb", opener=_private) as file:
                checksum = 0
                for hashes in make():
                    data = array("Q", hashes.to_list()).tobytes()
                    checksum = zlib.crc32(data, checksum)
                    file.write(data)
                file.write(array("Q", [checksum]).tobytes())
            temp.replace(path)
        except (OSError, PolarsError):
            return None
        return path

    def keep_only(self, pathology: str, keys: Iterable[str]) -> None:
        """Remove what else there is of that pathology."""
        kept = {self.path(pathology, key).name for key in keys}
        folder = self._root() / _name(pathology)
        with suppress(OSError):
            for path in folder.iterdir():
                if path.name.removeprefix(".") not in kept:
                    path.unlink()

    def keep_pathologies(self, names: Collection[str]) -> None:
        """Remove what there is of others."""
        kept = {_name(name) for name in names}
        with suppress(OSError):
            for folder in self._root().iterdir():
                if folder.name not in kept:
                    shutil.rmtree(folder)

    def __enter__(self) -> HashStore:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def _root(self) -> Path:
        if self.state is not None:
            return self.state / state_files.ROW_HASHES
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mip-check-")
        return Path(self._folder.name)


def in_passes(paths: Sequence[Path], *, at_once: int = _PASS) -> Iterator[pl.DataFrame]:
    """``file`` (its place in ``paths``), ``row`` and ``hash`` of all rows, equal hashes together.

    A hash of 0 stands for a row that is not compared.
    """
    import polars as pl

    rows = [path.stat().st_size // _BYTES - 1 for path in paths]  # without the checksum
    passes = -(-sum(rows) // at_once)
    for number in range(passes):
        mine = (pl.col("hash") % passes == number) & (pl.col("hash") != 0)
        yield pl.concat([piece.filter(mine) for piece in _pieces(paths, rows, at_once)])


def _pieces(paths: Sequence[Path], rows: Sequence[int], at_once: int) -> Iterator[pl.DataFrame]:
    """All of these files, ``at_once`` rows at a time; many small ones together."""
    hashes, parts = array("Q"), []
    for at, path in enumerate(paths):
        begin = 0
        with path.open("rb") as file:
            while begin < rows[at]:
                count = min(at_once - len(hashes), rows[at] - begin)
                hashes.fromfile(file, count)
                parts.append((at, begin, begin + count))
                begin += count
                if len(hashes) == at_once:
                    yield _frame(hashes, parts)
                    hashes, parts = array("Q"), []
    if parts:
        yield _frame(hashes, parts)


def _frame(hashes: array[int], parts: Sequence[tuple[int, int, int]]) -> pl.DataFrame:
    """Those hashes, of which each part is the file's number and its rows from one to before one."""
    import polars as pl

    spans = pl.DataFrame(parts, schema=["file", "begin", "end"], orient="row")
    places = spans.select(
        pl.col("file").cast(pl.UInt32), row=pl.int_ranges("begin", "end", dtype=pl.UInt32)
    ).explode("row")
    return places.with_columns(hash=pl.Series(hashes, dtype=pl.UInt64))


def _is_whole(path: Path) -> bool:
    """Whether the file is there, and as it was written."""
    checksum = 0
    try:
        with path.open("rb") as file:
            left = path.stat().st_size - _BYTES
            while left > 0 and (data := file.read(min(left, _PASS))):
                checksum = zlib.crc32(data, checksum)
                left -= len(data)
            return left == 0 and file.read() == array("Q", [checksum]).tobytes()
    except OSError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
