"""Take one CSV file into a database: read, verified and stored in one pass.

While one block is stored, the next is read and verified: both are done outside the interpreter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from saltext_mip.data.cde import Cde
from saltext_mip.data.database import Filling, NotWritten
from saltext_mip.data.ledger import Source
from saltext_mip.data.rows import blocks
from saltext_mip.data.tables import Stamp, Table, read_stamped
from saltext_mip.data.values import Verifier, check_header, readable
from saltext_mip.problems import Finding, Problem

if TYPE_CHECKING:
    import polars as pl

_SECOND = 1_000_000_000
_TICK = 20_000_000  # ns: more than a kernel's, by which it stamps files
_COARSE = 2 * _SECOND  # of some file systems

Read = Callable[[Path], tuple[Table, Stamp | None]]


class Intake:
    """Takes files, one by one, to the end of DATA: a file is taken whole or not at all."""

    def __init__(
        self,
        filling: Filling,
        last: int,
        cde: Cde,
        *,
        subjectcode: bool,
        strict: bool,
        read: Read = read_stamped,
        now: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._filling = filling
        self._last = last
        self._cde = cde
        self._subjectcode = subjectcode
        self._strict = strict
        self._read = read
        self._now = now
        self._sleep = sleep

    def take(self, path: Path) -> tuple[Source, tuple[Finding, ...]]:
        """What became of it (``compiled``, or ``out``), and all that is wrong with it."""
        self._settle(path)
        table, stamp = self._read(path)
        found = table.findings
        count = 0
        if table.header:
            found += check_header(table.header, self._cde, subjectcode=self._subjectcode)
        if stamp is not None and readable(table):
            more, count = self._values(path, table, stamp, storing=not self._hard(found))
            found += more
        problems = tuple(finding.problem.at(file=path.name) for finding in found)
        findings = tuple(
            Finding(problem, finding.examples)
            for problem, finding in zip(problems, found, strict=True)
        )
        if self._hard(found):
            if count:
                self._filling.cut(self._last)
            return Source("out", stamp, table.sha256, problems=problems), findings
        if count != table.rows:
            raise NotWritten(f"of {path.name} {count} rows were read in the place of {table.rows}")
        first, self._last = self._last + 1, self._last + count
        source = Source(
            "compiled",
            stamp,
            table.sha256,
            good=table.sha256,
            rows=count,
            datasets=table.datasets,
            spans=((first, self._last),) if count else (),
            problems=problems,
        )
        return source, findings

    def _values(
        self, path: Path, table: Table, stamp: Stamp, *, storing: bool
    ) -> tuple[tuple[Finding, ...], int]:
        """What is wrong with values, and how many rows were stored: none after the first error."""
        from polars.exceptions import PolarsError

        verifier = Verifier(table.header, self._cde, subjectcode=self._subjectcode)
        count = 0
        try:
            with path.open("rb") as file:
                frames = (verifier.values(block) for block in blocks(file, table.header))
                try:
                    for frame in _ahead(frames):
                        if storing and not verifier.refused:
                            self._filling.add(frame)
                            count += frame.height
                    found = verifier.findings(file)
                except PolarsError as error:  # it was a table when it was looked at
                    if _held_still(file, path, stamp):
                        what = f"of {path.name} not all could be read ({type(error).__name__})"
                        raise NotWritten(what) from None
                if not _held_still(file, path, stamp):
                    found = (Finding(Problem("FileChanging")),)
        except OSError as error:
            found = (Finding(Problem("Unreadable", about=os.strerror(error.errno or 0))),)
        return found, count

    def _settle(self, path: Path) -> None:
        """Wait until a write after this cannot have the stamp of now: the clock of files ticks."""
        try:
            modified = path.stat().st_mtime_ns
        except OSError:  # reading it tells
            return
        tick = _COARSE if modified % _SECOND == 0 else _TICK
        age = self._now() - modified
        if 0 <= age < tick:
            self._sleep((tick - age) / _SECOND)

    def _hard(self, found: tuple[Finding, ...]) -> bool:
        return any(finding.problem.at(strict=self._strict).hard for finding in found)


def _ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same, each made by another thread while its forerunner is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="verify") as pool:
        coming = pool.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = pool.submit(next, frames, None)
            yield frame


def _held_still(file: BinaryIO, path: Path, stamp: Stamp) -> bool:
    return Stamp.of(os.fstat(file.fileno())) == stamp == Stamp.of(path.stat())
