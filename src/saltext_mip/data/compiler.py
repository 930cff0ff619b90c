"""Compile a pathology's folder: its CSV files and its CDE into the ``datasets.db`` of an engine.

What did not change is not read; of what changed, every value is verified on its way into a new
database, which stands beside the old one until it is whole, and then takes its place in one step.
The unit is the file: one that is bad keeps the rows that it had when it was last good, the others
compile. Whatever fails leaves the database that was there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from saltext_mip import files
from saltext_mip.data import database, tables
from saltext_mip.data.cde import Cde, CdeInvalid, rules_digest
from saltext_mip.data.database import Filling, Layout, Mark, NotWritten
from saltext_mip.data.freshness import Look, outdated
from saltext_mip.data.intake import Intake, Read
from saltext_mip.data.ledger import FORMAT, Ledger, Record, Source, State
from saltext_mip.errors import UnsafeName
from saltext_mip.problems import Finding, Problem

Status = Literal["compiled", "current", "failed"]

_WASTE = 3  # a database of which more than a third is free pages is not copied whole


@dataclass(frozen=True)
class Compiled:
    """What came of it.

    ``status`` is ``failed`` where something is wrong that a person must mend, even if the rest was
    compiled; ``changed`` tells whether there is a new database, and ``reason`` why it was stale.
    ``files`` maps a file to ``compiled``, ``kept`` (it is bad now; its last good rows are served)
    or ``out``. ``problems`` hold no values; ``findings``, of files that were looked at just now,
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
    folder: Path,
    state: Path,
    *,
    pathology: str | None = None,
    rows: bool = True,
    subjectcode: bool = False,
    force: bool = False,
    strict: bool = False,
    read: Read = tables.read_stamped,
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
    read
        gives a file's table and stamp, for whoever has read it already
    clock
        seconds, for ``seconds``

    A bad file, a bad CDE, a full disk are in what it returns. Two at once on one folder: the
    second waits, and finds the first one's database.
    """
    begin = clock()
    name = folder.name if pathology is None else pathology
    ledger = Ledger(state, name)
    try:
        with ledger.held():
            run = _Run(folder, ledger, name, rows, subjectcode, strict, read)
            try:
                done = run.compile(force=force)
            except NotWritten as error:
                done = run.failed(Problem("DatabaseUnwritten", about=error.facts["message"]))
            except UnsafeName as error:  # what stands in its place is a link or a folder
                done = run.failed(Problem("DatabaseUnwritten", about=str(error)))
            except OSError as error:
                done = run.failed(_unwritten(error))
    except OSError as error:  # not even the lock could be had
        done = Compiled("failed", problems=(_unwritten(error),))
    problems = tuple(problem.at(pathology=name, strict=strict) for problem in done.problems)
    return replace(done, problems=problems, seconds=clock() - begin)


def current(
    folder: Path,
    state: Path,
    *,
    pathology: str | None = None,
    rows: bool = True,
    subjectcode: bool = False,
) -> tuple[bool, str | None]:
    """Whether the database is what :func:`compile` would make; if it is not, why, in words.

    Nothing is written, and only what has another stamp than it had is read.
    """
    ledger = Ledger(state, folder.name if pathology is None else pathology)
    reason = Look(folder, ledger, rows=rows, subjectcode=subjectcode).reason()
    return reason is None, reason


def rowless(cde: Cde | None, target: Path, *, subjectcode: bool = False) -> None:
    """Make ``target``, which is empty or not there, a database without rows.

    Without a CDE it has the variable ``dataset`` alone: enough for an engine to start.
    """
    database.create(target, Layout.of(cde, subjectcode=subjectcode), cde)


class _Run:
    """One compilation of one folder."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        name: str,
        rows: bool,
        subjectcode: bool,
        strict: bool,
        read: Read,
    ) -> None:
        self._folder = folder
        self._name = name
        self._ledger = ledger
        self._subjectcode = subjectcode
        self._strict = strict
        self._read = read
        self._look = Look(folder, ledger, rows=rows, subjectcode=subjectcode)

    def compile(self, *, force: bool) -> Compiled:
        look = self._look
        if look.unreadable:
            return self.failed()
        files.sweep(look.target)
        reason = "asked to" if force else look.reason(strict=self._strict)
        if reason is None and look.record is not None:
            record = replace(look.record, cde_stamp=look.cde_stamp, sources=look.sources())
            if record != look.record:  # touched, but the same
                self._ledger.save(record, None)
            return self._done(record)
        cde = self._cde()
        if isinstance(cde, Problem):
            return self._without_cde(cde, reason)
        build = _Build(look, cde, self._strict, force=force)
        record, findings = build.make(self._ledger, self._read)
        done = self._done(record, findings)
        return replace(
            done,
            status="compiled" if done.status == "current" else done.status,
            changed=build.changed,
            reason=reason,
        )

    def failed(self, *problems: Problem) -> Compiled:
        """Nothing was changed: what is served is what was served."""
        record = self._look.record
        done = self._done(replace(record, notes=())) if record else Compiled("failed")
        said = done.problems if record else self._look.listing.problems
        return replace(done, status="failed", problems=(*problems, *said))

    def _cde(self) -> Cde | Problem:
        try:
            cde = self._look.cde(self._name)
        except CdeInvalid as error:
            where, message = error.facts["where"], error.facts["message"]
            return Problem("CdeInvalid", about=f"{where}: {message}")
        if cde is None:
            return Problem("CdeMissing")
        if (width := len(Layout.of(cde, subjectcode=self._subjectcode).columns)) > (
            database.MAX_COLUMNS
        ):
            about = f"{width} variables; a database can hold {database.MAX_COLUMNS}"
            return Problem("CdeInvalid", about=about)
        return cde

    def _without_cde(self, problem: Problem, reason: str | None) -> Compiled:
        """What serves goes on serving; otherwise there is a database without rows."""
        look = self._look
        if look.record is not None or database.serves(look.target):
            return replace(self.failed(problem), reason=reason)
        staged = files.Staged.plan(look.target)
        try:
            staged.create()
            layout = Layout.of(None)
            database.create(staged.temp, layout, None)
            database.finish(staged.temp, 0, bytes(8), deep=True)
            mark = _sealed(staged)
            record = Record(mark, look.recipe, "", layout, look.cde_stamp, (problem,))
            _put(staged, record, look, self._ledger)
        except BaseException:
            staged.abort()
            raise
        return replace(self._done(record), changed=True, reason=reason)

    def _done(self, record: Record, findings: tuple[Finding, ...] = ()) -> Compiled:
        sources = record.sources
        problems = [*record.notes, *self._look.listing.problems]
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
            files={name: source.state for name, source in sources.items()},
            findings=findings,
        )


class _Build:
    """A new database, made of the old one's rows as far as they are good, and of files."""

    def __init__(self, look: Look, cde: Cde, strict: bool, *, force: bool) -> None:
        self._look = look
        self._cde = cde
        self._strict = strict
        self._layout = Layout.of(cde, subjectcode=look.recipe.subjectcode)
        self._rules = rules_digest(cde, subjectcode=look.recipe.subjectcode)
        self._old: Mapping[str, Source] = look.record.sources if look.record else {}
        self.changed = True
        names = look.listing.names
        fit = not force and self._fits()
        self._carried = {
            name: source
            for name, source in look.same.items()
            if fit and not outdated(source, strict=strict)
        }
        self._todo = [name for name in names if name not in self._carried]
        odd = {problem.file for problem in look.listing.problems}
        self._odd = [name for name in self._old if name in odd and name not in names]
        self._copying = fit and self._worth_copying()

    def make(self, ledger: Ledger, read: Read) -> tuple[Record, tuple[Finding, ...]]:
        """The record of the database that is there now, and what was found in files."""
        look = self._look
        staged = files.Staged.plan(look.target)
        try:
            staged.create()
            sources = self._begin(staged.temp)
            findings = self._take(staged.temp, sources, read)
            sources = dict(sorted(sources.items()))
            notes = tuple(database.metadata_problems(self._cde))
            if self._copying and look.record and self._nothing_new(look.record, sources):
                staged.abort()
                self.changed = False
                record = replace(
                    look.record, cde_stamp=look.cde_stamp, notes=notes, sources=sources
                )
                ledger.save(record, None)
                return record, findings
            rows = sum(source.rows for source in sources.values())
            # most of it is on its way to the disk while it is looked at
            with ThreadPoolExecutor(1, thread_name_prefix="sync") as pool:
                written = pool.submit(_sync, staged.temp)
                database.finish(staged.temp, rows, self._seal(sources), deep=not self._copying)
                written.result()
            record = Record(
                _sealed(staged),
                look.recipe,
                self._rules,
                self._layout,
                look.cde_stamp,
                notes,
                sources,
            )
            _put(staged, record, look, ledger)
        except BaseException:
            staged.abort()
            raise
        return record, findings

    # -- what there is to start from

    def _fits(self) -> bool:
        """Whether rows of the old database are what the same files would give now."""
        record = self._look.record
        return (
            record is not None
            and self._look.exact
            and record.rules == self._rules
            and record.layout == self._layout
            and record.recipe.format == FORMAT
        )

    def _worth_copying(self) -> bool:
        """Whether the file is copied as it stands, instead of row by row."""
        record = self._look.record
        carried = sum(source.rows for source in self._carried.values())
        if record is None or carried * 2 < record.rows:
            return False
        header = bytes.fromhex(record.mark.header)
        pages, free = (int.from_bytes(header[at : at + 4], "big") for at in (28, 36))
        return free * _WASTE <= pages

    def _begin(self, temp: Path) -> dict[str, Source]:
        """The files whose rows are in the new database from the start."""
        if self._copying:
            shutil.copyfile(self._look.target, temp)
            if self._look.record and self._look.record.recipe.cde != self._look.recipe.cde:
                database.replace_metadata(temp, self._cde)
            return dict(self._carried)
        database.create(temp, self._layout, self._cde)
        return {name: self._adopted(temp, name, of) for name, of in self._carried.items()}

    # -- files

    def _take(self, temp: Path, sources: dict[str, Source], read: Read) -> tuple[Finding, ...]:
        """Take what is to be read; what is bad keeps its rows; what is not there loses them."""
        findings: list[Finding] = []
        if self._todo:
            last = database.last_row(temp)
            with Filling(temp) as filling:
                intake = Intake(
                    filling,
                    last,
                    self._cde,
                    subjectcode=self._look.recipe.subjectcode,
                    strict=self._strict,
                    read=read,
                )
                for name in self._todo:
                    sources[name], found = intake.take(self._look.folder / name)
                    findings += found
        for name in self._todo:
            if sources[name].state == "out" and (old := self._old.get(name)) and old.spans:
                sources[name] = self._kept(temp, name, sources[name], old)
        for name in self._odd:
            now = replace(self._old[name], state="out", stamp=None, sha256="", problems=())
            sources[name] = self._kept(temp, name, now, self._old[name])
        if self._copying:
            alive = {span for source in sources.values() for span in source.spans}
            dead = {span for source in self._old.values() for span in source.spans} - alive
            if dead:
                database.delete(temp, sorted(dead))
        return tuple(findings)

    def _kept(self, temp: Path, file: str, now: Source, old: Source) -> Source:
        """``now``, which is bad, with the rows of when it was good."""
        kept = replace(
            now,
            state="kept",
            good=old.good,
            rows=old.rows,
            datasets=old.datasets,
            spans=old.spans,
        )
        return kept if self._copying else self._adopted(temp, file, kept)

    def _adopted(self, temp: Path, file: str, source: Source) -> Source:
        """The source with its rows copied out of the old database."""
        record = self._look.record
        if record is None or not source.spans:
            return source
        kinds = dict(record.layout.columns)
        same = [
            (name, kind)
            for name, kind in self._layout.columns
            if kinds.get(name) == kind or (kind == "real" and kinds.get(name) == "int")
        ]
        lost = [name for name, _ in self._layout.columns if name in kinds.keys() - dict(same)]
        without = database.filled(self._look.target, source.spans, lost)
        problems = tuple(Problem("KeptWithoutColumn", file=file, column=name) for name in without)
        first = database.last_row(temp) + 1
        count = database.adopt(temp, self._look.target, source.spans, same)
        if count != source.rows:
            raise NotWritten(f"the old database has {count} rows in the place of {source.rows}")
        spans = ((first, first + count - 1),)
        return replace(source, spans=spans, problems=(*source.problems, *problems))

    def _nothing_new(self, record: Record, sources: Mapping[str, Source]) -> bool:
        """Whether the rows and METADATA are those that the old database has."""
        then = {name: source.spans for name, source in self._old.items() if source.spans}
        now = {name: source.spans for name, source in sources.items() if source.spans}
        return record.recipe == self._look.recipe and then == now

    def _seal(self, sources: Mapping[str, Source]) -> bytes:
        """Eight bytes that stand for what the database was made of."""
        facts = [self._look.recipe, [(name, of.good, of.spans) for name, of in sources.items()]]
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).digest()[:8]


def _unwritten(error: OSError) -> Problem:
    return Problem("DatabaseUnwritten", about=os.strerror(error.errno or 0))


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sealed(staged: files.Staged) -> Mark:
    """The mark of the staged file, which is as it will be."""
    staged.seal()
    mark = Mark.of(staged.temp)
    if mark is None:
        raise NotWritten("the new database is not there any more")
    return mark


def _put(staged: files.Staged, record: Record, look: Look, ledger: Ledger) -> None:
    """The new database in the place of the old one, and the record of both before that."""
    ledger.save(record, look.record)
    for side in database.sides(staged.target):
        side.unlink(missing_ok=True)
    staged.commit()
