"""Hashes of files' rows or visits, eight bytes each, in files of our own state.

A file that did not change is not read again to be compared with one that did. Comparing takes as
many passes as keep each small, however many rows there are.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from saltext_mip.storage import atomic
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
        if path.is_file():
            return path
        try:
            private_folder(path.parent)
            staged = atomic.Staged.plan(path)
            staged.create()
            try:
                with staged.temp.open("wb") as file:
                    for hashes in make():
                        file.write(array("Q", hashes.to_list()).tobytes())
                staged.seal()
                staged.commit()
            except BaseException:
                staged.abort()
                raise
        except (OSError, PolarsError):
            return None
        return path

    def keep_only(self, pathology: str, keys: Iterable[str]) -> None:
        """Remove what else there is of that pathology."""
        kept = {self.path(pathology, key).name for key in keys}
        folder = self._root() / _name(pathology)
        with suppress(OSError):
            for path in folder.iterdir():
                if path.name not in kept and not path.name.startswith("."):  # being written
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

    passes = -(-sum(path.stat().st_size for path in paths) // (_BYTES * at_once))
    for number in range(passes):
        parts = []
        for at, path in enumerate(paths):
            row = 0
            with path.open("rb") as file:
                while data := file.read(at_once * _BYTES):
                    hashes = array("Q")
                    hashes.frombytes(data)
                    frame = pl.DataFrame({"hash": pl.Series(hashes, dtype=pl.UInt64)})
                    mine = (pl.col("hash") % passes == number) & (pl.col("hash") != 0)
                    file_ = pl.lit(at, dtype=pl.UInt32).alias("file")
                    parts.append(frame.with_row_index("row", row).filter(mine).with_columns(file_))
                    row += len(hashes)
        yield pl.concat(parts)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
