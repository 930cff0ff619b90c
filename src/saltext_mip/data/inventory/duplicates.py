"""Files of a pathology with the rows of another: each patient would be counted twice.

A file with the same bytes, or the same rows in another order or way of writing, is not taken: the
one that was there first stays, copies by name come last. Which one that is depends on nothing but
the folder, so that collecting and compiling agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saltext_mip.data.csvfile.reader import Stamp, Table
from saltext_mip.data.csvfile.row_digest import RowDigest, row_digest
from saltext_mip.data.file_names import looks_like_copy
from saltext_mip.problems import Problem
from saltext_mip.storage import state as state_files
from saltext_mip.storage.beneath import AnyFolder
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
    _changed: bool = False

    def of(self, folder: AnyFolder, file: Candidate, columns: Sequence[str]) -> RowDigest | None:
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
        self._changed = True
        return made

    def save(self) -> None:
        """Remember them."""
        if self.state is not None and self._changed:
            self._changed = False
            kept = dict(list(self._known.items())[-_KNOWN:])
            with suppress(OSError):
                state_files.write_state(self.state / state_files.ROW_DIGESTS, kept)

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


def duplicates(
    folder: AnyFolder, files: Sequence[Candidate], digests: Digests
) -> dict[str, Problem]:
    """A problem for each file that has the rows of another, by name."""
    first: dict[str, Candidate] = {}
    alike: dict[Any, list[Candidate]] = {}
    same: list[tuple[Candidate, Candidate]] = []
    for file in sorted(files, key=_order):
        if not file.rows:
            continue
        other = first.setdefault(file.sha256, file)
        if other is not file:
            same.append((file, other))
        elif file.header:
            key = (tuple(sorted(file.header)), file.rows, tuple(sorted(file.datasets)))
            alike.setdefault(key, []).append(file)
    for group in alike.values():
        same += [(file, of[0]) for of in _same_rows(folder, group, digests) for file in of[1:]]
    digests.save()
    return {
        file.name: Problem(
            "DuplicateFile", file=file.name, about=f"it has the rows of '{shown(other.name)}'"
        )
        for file, other in same
    }


def _same_rows(
    folder: AnyFolder, files: Sequence[Candidate], digests: Digests
) -> Iterator[list[Candidate]]:
    """Those of these files that have the same rows, in their order."""
    columns = sorted(files[0].header)
    some = columns[:: max(1, len(columns) // _SOME)]  # tells most files apart, for little
    by_some = _by_digest(folder, files, some, digests) if len(files) > 1 else []
    for group in by_some:
        yield from _by_digest(folder, group, columns, digests)


def _by_digest(
    folder: AnyFolder, files: Sequence[Candidate], columns: Sequence[str], digests: Digests
) -> list[list[Candidate]]:
    """Groups of two or more; what cannot be read now is in none."""
    groups: dict[RowDigest | None, list[Candidate]] = {}
    for file in files:
        groups.setdefault(digests.of(folder, file, columns), []).append(file)
    return [of for digest, of in groups.items() if digest is not None and len(of) > 1]


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256(repr(tuple(names)).encode("utf-8", "surrogatepass")).hexdigest()


def _order(file: Candidate) -> tuple[bool, int, str]:
    return looks_like_copy(file.name) is not None, file.mtime_ns, file.name
