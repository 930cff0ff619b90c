"""Files of a pathology with the rows of another: each patient would be counted twice.

A file with the same bytes, or the same rows in another order or way of writing, is not taken: the
one that was there first stays, copies by name come last. Which one that is depends on nothing but
the folder, so that collecting and compiling agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saltext_mip.data.csvfile.reader import Stamp, Table
from saltext_mip.data.csvfile.row_digest import RowDigest, row_digest
from saltext_mip.data.file_names import looks_like_copy
from saltext_mip.problems import Problem
from saltext_mip.storage import state as state_files
from saltext_mip.text import shown

_KNOWN = 10_000  # digests that are kept
_SOME = 5  # columns that are compared first


@dataclass(frozen=True)
class Candidate:
    """A sound file with rows; ``datasets`` are code and rows."""

    name: str
    sha256: str
    header: tuple[str, ...]
    rows: int
    datasets: tuple[tuple[str, int], ...]
    mtime_ns: int


@dataclass
class Digests:
    """Digests of files' rows by content, remembered in our state (``None``: not remembered)."""

    state: Path | None
    _known: dict[str, Any] = field(default_factory=dict)
    _loaded: bool = False

    def of(self, folder: Path, file: Candidate, columns: Sequence[str]) -> RowDigest | None:
        """That of these columns of its rows; ``None`` where it cannot be read as a table now."""
        from polars import __version__ as version
        from polars.exceptions import PolarsError

        key = f"{file.sha256} {version} {_digest(file.header)} {_digest(columns)}"
        self._load()
        with suppress(LookupError, TypeError, ValueError):
            rows, sums = self._known[key]
            return RowDigest(int(rows), tuple(sums))
        try:
            made = row_digest(folder / file.name, file.header, columns)
        except (OSError, PolarsError):
            return None
        self._known[key] = [made.rows, made.sums]
        if self.state is not None:
            kept = dict(list(self._known.items())[-_KNOWN:])
            with suppress(OSError):
                state_files.write_state(self.state / state_files.ROW_DIGESTS, kept)
        return made

    def _load(self) -> None:
        if self._loaded or self.state is None:
            return
        self._loaded = True
        with suppress(state_files.StateBroken, OSError):
            known = state_files.read_state(self.state / state_files.ROW_DIGESTS)
            self._known = dict(known) if isinstance(known, dict) else {}


def candidates(tables: Mapping[str, tuple[Table, Stamp | None]]) -> list[Candidate]:
    """The sound files with rows."""
    return [
        Candidate(name, table.sha256, table.header, table.rows, table.datasets, stamp.mtime_ns)
        for name, (table, stamp) in tables.items()
        if table.sound and table.rows and stamp is not None
    ]


def duplicates(folder: Path, files: Sequence[Candidate], digests: Digests) -> dict[str, Problem]:
    """A problem for each file that has the rows of another, by name."""
    first: dict[str, Candidate] = {}
    alike: dict[Any, list[Candidate]] = {}
    found: dict[str, Problem] = {}
    for file in sorted(files, key=_order):
        if not file.rows:
            continue
        other = first.setdefault(file.sha256, file)
        if other is file and file.header:
            key = (tuple(sorted(file.header)), file.rows, tuple(sorted(file.datasets)))
            others = alike.setdefault(key, [])
            other = next((of for of in others if _same(folder, of, file, digests)), file)
            others += [file] if other is file else []
        if other is not file:
            about = f"it has the rows of '{shown(other.name)}'"
            found[file.name] = Problem("DuplicateFile", file=file.name, about=about)
    return found


def _same(folder: Path, one: Candidate, other: Candidate, digests: Digests) -> bool:
    columns = sorted(one.header)
    some = columns[:: max(1, len(columns) // _SOME)]  # tells most files apart, for little
    for part in (some, columns):
        first, second = digests.of(folder, one, part), digests.of(folder, other, part)
        if first is None or first != second:
            return False
    return True


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256(repr(tuple(names)).encode("utf-8", "surrogatepass")).hexdigest()


def _order(file: Candidate) -> tuple[bool, int, str]:
    return looks_like_copy(file.name) is not None, file.mtime_ns, file.name
