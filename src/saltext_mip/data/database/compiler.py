"""Compile a pathology's folder: its CSV files and its CDE into the ``datasets.db`` of an engine.

What did not change is not read; of what changed, every value is verified on its way into a new
database, which stands beside the old one until it is whole, and then takes its place in one step.
The unit is the file: one that is bad keeps the rows that it had when it was last good, the others
compile. Whatever fails leaves the database that was there.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saltext_mip.data.cde.model import Cde, CdeInvalid
from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.validator import too_wide
from saltext_mip.data.data_path import not_opened
from saltext_mip.data.database import sqlite as database
from saltext_mip.data.database.build_record import BuildRecords, Record, State
from saltext_mip.data.database.builder import Build, put, sealed
from saltext_mip.data.database.held_files import NOT_HELD, HeldFiles
from saltext_mip.data.database.ingest import Read
from saltext_mip.data.database.rows import finish
from saltext_mip.data.database.sqlite import Layout, NotWritten
from saltext_mip.data.database.staleness import BuildState
from saltext_mip.data.inventory.small_datasets import MIN_COUNT
from saltext_mip.errors import UnsafeName
from saltext_mip.federation import CDE_FILE, DATABASE_FILE
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import atomic, beneath
from saltext_mip.storage.beneath import AnyFolder, Folder, Where

Status = Literal["compiled", "current", "failed"]


@dataclass(frozen=True)
class Compiled:
    """What came of it.

    ``status`` is ``failed`` where something is wrong that a person must fix, even if the rest was
    compiled; ``changed`` tells whether there is a new database, and ``reason`` why it was stale.
    ``files`` maps a file to ``compiled``, ``kept`` (it is bad now; its last good rows are served)
    or ``out``. ``problems`` hold no values; ``findings``, of files that were read just now,
    do: they stay on the node.
    """

    status: Status
    rows: int = 0
    datasets: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, State] = field(default_factory=dict)
    changed: bool = False
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


def compile(  # noqa: A001 - it is what it does
    folder: AnyFolder,
    state: Path,
    *,
    pathology: str | None = None,
    rows: bool = True,
    subjectcode: bool = False,
    force: bool = False,
    strict: bool = False,
    min_count: int = MIN_COUNT,
    held: HeldFiles = NOT_HELD,
    read: Read = reader.read_stamped,
    clock: Callable[[], float] = time.monotonic,
) -> Compiled:
    """Bring ``folder``'s database up to date with its CDE and CSV files.

    state
        the folder of our state on this node; what a database was made of is remembered there
    pathology
        the folder's name unless given
    rows
        ``False`` on the master: METADATA alone
    subjectcode
        DATA has a column of that name also where the CDE lacks it
    force
        everything is read and made again
    strict
        warnings keep a file out as errors do
    min_count
        the rows of a dataset from which on it is not small
    held
        files that remain as they were compiled, and files that are not taken yet
    read
        gives a file's table and stamp, for whoever has read it already
    clock
        seconds, for ``seconds``

    A bad file, a bad CDE, a full disk are in what it returns. Two at once on one folder: the
    second waits, and finds the first one's database.
    """
    begin = clock()
    name = folder.name if pathology is None else pathology
    records = BuildRecords(state, name)
    try:
        with records.held():
            try:
                here = beneath.folder(folder)
            except OSError as error:
                problem = not_opened(error).at(pathology=name)
                return Compiled("failed", problems=(problem,), seconds=clock() - begin)
            run = _Run(here, records, name, rows, subjectcode, strict, min_count, held, read)
            try:
                done = run.compile(force=force)
            except NotWritten as error:
                problem = Problem("DatabaseUnwritten", about=error.facts["message"])
                done = run.without_rows(problem)
            except UnsafeName as error:  # what stands in its place is a link or a folder
                done = run.failed(Problem("DatabaseUnwritten", about=str(error)))
            except OSError as error:
                done = run.failed(_unwritten(error))
    except OSError as error:  # not even the lock could be had
        done = Compiled("failed", problems=(_unwritten(error),))
    problems = tuple(problem.at(pathology=name, strict=strict) for problem in done.problems)
    return replace(done, problems=problems, seconds=clock() - begin)


def current(
    folder: AnyFolder,
    state: Path,
    *,
    pathology: str | None = None,
    rows: bool = True,
    subjectcode: bool = False,
    held: HeldFiles = NOT_HELD,
) -> tuple[bool, str | None]:
    """Whether the database is what :func:`compile` would make; if it is not, why.

    Nothing is written, and only what has another stamp than it had is read.
    """
    records = BuildRecords(state, folder.name if pathology is None else pathology)
    here = beneath.folder(folder)
    how: Any = {"rows": rows, "subjectcode": subjectcode, "held": held}
    reason = BuildState(here, records, **how).reason()
    return reason is None, reason


def rowless(cde: Cde | None, target: Where, *, subjectcode: bool = False) -> None:
    """Make ``target``, which is empty or not there, a database without rows.

    Without a CDE, DATA and METADATA have the variable ``dataset`` alone: enough for an engine to
    start. So has DATA where the CDE has more variables than a table can have columns.
    """
    layout = Layout.of(cde, subjectcode=subjectcode)
    database.create(target, Layout.of(None) if layout.too_wide else layout, cde)


def serve_nothing(folder: AnyFolder) -> bool:
    """Give a folder that is no pathology's a database without rows where it has none.

    An engine reads every folder and refuses all work for one without. ``False``: it has one, or it
    cannot be written.
    """
    try:
        target = beneath.folder(folder) / DATABASE_FILE
        if target.exists():
            found = target.lstat()
            if stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_size):
                return False
        staged = atomic.Staged.plan(target)
        try:
            staged.create()
            rowless(None, staged.temp)
            staged.seal()
            staged.commit()
        except BaseException:
            staged.abort()
            raise
    except (NotWritten, UnsafeName, OSError):
        return False
    return True


class _Run:
    """One compilation of one folder."""

    def __init__(
        self,
        folder: Folder,
        records: BuildRecords,
        name: str,
        rows: bool,
        subjectcode: bool,
        strict: bool,
        min_count: int,
        held: HeldFiles,
        read: Read,
    ) -> None:
        self._folder = folder
        self._name = name
        self._records = records
        self._subjectcode = subjectcode
        self._strict = strict
        self._min_count = min_count
        self._read = read
        self._state = BuildState(folder, records, rows=rows, subjectcode=subjectcode, held=held)

    def compile(self, *, force: bool) -> Compiled:
        state = self._state
        if state.unreadable:
            return self.failed()
        atomic.sweep(state.target)
        reason = "requested (force)" if force else state.reason(strict=self._strict)
        if reason is None and state.record is not None:
            record = replace(state.record, cde_stamp=state.cde_stamp, sources=state.sources())
            if record != state.record:  # touched, but the same
                self._records.save(record, None)
            return self._done(record)
        cde = self._cde()
        if isinstance(cde, Problem):
            return self._rowless(cde, None, reason)
        build = Build(state, cde, self._strict, min_count=self._min_count, force=force)
        record, findings = build.make(self._records, self._read)
        done = self._done(record, findings)
        return replace(
            done,
            status="compiled" if done.status == "current" else done.status,
            changed=build.changed,
            reason=reason,
        )

    def failed(self, *problems: Problem) -> Compiled:
        """Nothing was changed: what is served is what was served."""
        record = self._state.record
        done = self._done(replace(record, notes=())) if record else Compiled("failed")
        known = done.problems if record else self._state.listing.problems
        return replace(done, status="failed", problems=(*problems, *known))

    def _cde(self) -> Cde | Problem:
        try:
            cde = self._state.cde(self._name)
        except CdeInvalid as error:
            return error.problems()[0].at(count=len(error.mistakes))
        except OSError as error:
            return Problem("CdeInvalid", about=os.strerror(error.errno or 0))
        except UnsafeName as error:
            return Problem("CdeInvalid", about=str(error))
        if cde is None:
            return Problem("CdeMissing")
        if mistake := too_wide(cde, subjectcode=self._subjectcode):
            return Problem("CdeInvalid", file=CDE_FILE, about=str(mistake))
        return cde

    def without_rows(self, problem: Problem) -> Compiled:
        """A build failed: what serves is kept; otherwise there is a database without rows."""
        cde = self._cde()
        try:
            return self._rowless(problem, None if isinstance(cde, Problem) else cde, None)
        except (NotWritten, OSError):
            return self.failed(problem)

    def _rowless(self, problem: Problem, cde: Cde | None, reason: str | None) -> Compiled:
        """What serves is kept; otherwise there is a database without rows."""
        state = self._state
        if state.record is not None or database.serves(state.target):
            return replace(self.failed(problem), reason=reason)
        staged = atomic.Staged.plan(state.target)
        try:
            staged.create()
            rowless(cde, staged.temp, subjectcode=self._subjectcode)
            layout = Layout.of(cde, subjectcode=self._subjectcode)
            finish(staged.temp, {}, bytes(8), by=layout.row_id, deep=True)
            mark = sealed(staged)
            # of a build that failed: the next run tries it again
            recipe = state.recipe if cde is None else replace(state.recipe, format=0)
            record = Record(mark, recipe, "", layout, state.cde_stamp, (problem,))
            put(staged, record, state, self._records)
        except BaseException:
            staged.abort()
            raise
        return replace(self._done(record), changed=True, reason=reason)

    def _done(self, record: Record, findings: tuple[Finding, ...] = ()) -> Compiled:
        sources = record.sources
        problems = [*record.notes, *self._state.listing.problems]
        datasets: Counter[str] = Counter()
        for name, source in sources.items():
            problems += source.problems
            datasets.update(dict(source.datasets))
            if source.state == "kept":
                problems.append(Problem("KeptAsItWas", file=name))
        hard = any(problem.at(strict=self._strict).hard for problem in problems)
        return Compiled(
            "failed" if hard else "current",
            rows=record.rows,
            datasets=tuple(datasets.items()),
            problems=tuple(problems),
            files={
                name: "kept" if name in self._state.held else source.state
                for name, source in sources.items()
            },
            findings=findings,
        )


def _unwritten(error: OSError) -> Problem:
    return Problem("DatabaseUnwritten", about=os.strerror(error.errno or 0))
