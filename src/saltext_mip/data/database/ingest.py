"""Take one CSV file into a database: read, verified and stored in one pass.

While one block is stored, the next is read and verified: both are done outside the interpreter. A
large file's form is checked meanwhile, too; where that finds it wrong, what was stored is taken
out again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saltext_mip.data.cde.model import DATASET, Cde
from saltext_mip.data.csvfile.blocks import NotATable, blocks, first_row
from saltext_mip.data.csvfile.reader import Stamp, Table, read_stamped
from saltext_mip.data.csvfile.validator import Validator, check_header, readable
from saltext_mip.data.database.build_record import Source
from saltext_mip.data.database.sqlite import NotWritten, RowWriter
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

if TYPE_CHECKING:
    import polars as pl

LARGE = 16 << 20  # bytes from which on a file's form is checked while it is taken
_SECOND = 1_000_000_000
_TICK = 20_000_000  # ns: more than a kernel's, by which it stamps files
_COARSE = 2 * _SECOND  # of some file systems

Read = Callable[[Where], tuple[Table, Stamp | None]]
Held = Callable[[Iterable[tuple[str, int]]], Finding | None]


@dataclass(frozen=True)
class _Taken:
    """What came of a file's values: ``rows`` were stored; ``broken`` names what ended it."""

    header: tuple[str, ...]
    stamp: Stamp
    rows: int
    findings: tuple[Finding, ...]
    broken: str | None


class Ingest:
    """Takes files, one by one, to the end of DATA: a file is taken whole or not at all."""

    def __init__(
        self,
        writer: RowWriter,
        last: int,
        cde: Cde,
        *,
        subjectcode: bool,
        strict: bool,
        held: Held = lambda _: None,
        read: Read = read_stamped,
        large: int = LARGE,
        now: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._writer = writer
        # else nothing is stored before the whole file has been checked
        self._removable = writer.row_id is not None
        self._last = last
        self._cde = cde
        self._subjectcode = subjectcode
        self._strict = strict
        self._held = held
        self._read = read
        self._large = large
        self._now = now
        self._sleep = sleep

    def take(self, path: Where) -> tuple[Source, tuple[Finding, ...]]:
        """What became of it (``compiled``, or ``out``), and all that is wrong with it."""
        self._settle(path)
        table, stamp, taken = self._read_table(path)
        found = table.findings
        if table.sound and (held := self._held(table.datasets)):
            found += (held,)
        if table.header:
            found += check_header(table.header, self._cde, subjectcode=self._subjectcode)
        if stamp is not None and readable(table):
            if taken is None or (taken.header, taken.stamp) != (table.header, stamp):
                self._drop(taken)
                taken = self._checked(path, table.header, stamp, storing=not self._hard(found))
            if taken.broken:
                raise NotWritten(f"of {path.name} not all could be read ({taken.broken})")
            found += taken.findings
        problems = tuple(finding.problem.at(file=path.name) for finding in found)
        findings = tuple(finding.at(file=path.name) for finding in found)
        if taken is None or self._hard(found):
            self._drop(taken)
            return Source("out", stamp, table.sha256, problems=problems), findings
        if taken.rows != table.rows:
            what = f"of {path.name} {taken.rows} rows were read instead of {table.rows}"
            raise NotWritten(what)
        first, self._last = self._last + 1, self._last + taken.rows
        source = Source(
            "compiled",
            stamp,
            table.sha256,
            good=table.sha256,
            rows=taken.rows,
            datasets=table.datasets,
            spans=((first, self._last),) if taken.rows else (),
            problems=problems,
        )
        return source, findings

    def _read_table(self, path: Where) -> tuple[Table, Stamp | None, _Taken | None]:
        """The file's table; of a large file its values were taken meanwhile, on trust."""
        guess = self._guess(path)
        if guess is None:
            return (*self._read(path), None)
        with ThreadPoolExecutor(1, thread_name_prefix="table") as pool:
            reading = pool.submit(self._read, path)
            taken = self._values(path, *guess, storing=True)
            return (*reading.result(), taken)

    def _guess(self, path: Where) -> tuple[tuple[str, ...], Stamp] | None:
        """Header and stamp of a file that is worth to be taken on trust."""
        if not self._removable:
            return None
        try:
            with beneath.opened(path) as file:
                stamp = Stamp.of(os.fstat(file.fileno()))
                header = first_row(file) if stamp.size >= self._large else None
        except OSError:  # reading it tells
            return None
        if header is None or DATASET not in header or len(set(header)) < len(header):
            return None
        wrong = check_header(header, self._cde, subjectcode=self._subjectcode)
        return None if self._hard(wrong) else (header, stamp)

    def _checked(
        self, path: Where, header: tuple[str, ...], stamp: Stamp, *, storing: bool
    ) -> _Taken:
        """:meth:`_values`; checked as a whole first where rows cannot be removed again."""
        if storing and not self._removable:
            taken = self._values(path, header, stamp, storing=False)
            if taken.broken or self._hard(taken.findings):
                return taken
        return self._values(path, header, stamp, storing=storing)

    def _values(
        self, path: Where, header: tuple[str, ...], stamp: Stamp, *, storing: bool
    ) -> _Taken:
        """Store the file's rows, as long as nothing keeps it out; all that is wrong with values."""
        from polars.exceptions import PolarsError

        validator = Validator(header, self._cde, subjectcode=self._subjectcode)
        found: tuple[Finding, ...] = ()
        broken = None
        rows = 0
        try:
            with beneath.opened(path) as file:
                frames = (validator.values(block) for block in blocks(file, header))
                try:
                    for frame in _ahead(frames):
                        if storing and not validator.refused:
                            self._writer.add(frame)
                            rows += frame.height
                    found = validator.findings(file)
                except (PolarsError, NotATable) as error:
                    broken = type(error).__name__  # its text could hold values
                if (
                    Stamp.of(os.fstat(file.fileno())) != stamp
                    or Stamp.of(beneath.status(path)) != stamp
                ):
                    found, broken = (Finding(Problem("FileChanging")),), None
        except OSError as error:
            found = (Finding(Problem("Unreadable", about=os.strerror(error.errno or 0))),)
        return _Taken(header, stamp, rows, found, broken)

    def _drop(self, taken: _Taken | None) -> None:
        if taken is None or not taken.rows:
            return
        if not self._removable:
            raise NotWritten("a file changed while it was stored")
        self._writer.cut(self._last)

    def _settle(self, path: Where) -> None:
        """Wait until a write after this cannot have the stamp of now: the clock of files ticks."""
        try:
            modified = beneath.status(path).st_mtime_ns
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
