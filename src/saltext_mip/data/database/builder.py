"""Build a new database beside the old one, of files and of those of the old rows that are good.

Where most of it stays, the file is copied as it stands, changed rows come to its end, and those
that are not good any more are taken out; otherwise it is rebuilt, row by row.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from saltext_mip.data.cde.model import Cde, rules_digest
from saltext_mip.data.csvfile.blocks import first_row
from saltext_mip.data.csvfile.reader import Stamp, Table
from saltext_mip.data.database import rows as data_rows
from saltext_mip.data.database import sqlite as database
from saltext_mip.data.database.build_record import FORMAT, BuildRecords, Record, Source
from saltext_mip.data.database.ingest import Ingest, Read
from saltext_mip.data.database.rows import OldRows, Part
from saltext_mip.data.database.sqlite import Layout, Mark, NotWritten, RowWriter
from saltext_mip.data.database.staleness import BuildState, outdated
from saltext_mip.data.inventory import small_datasets
from saltext_mip.data.inventory.duplicates import Candidate, Digests, duplicates
from saltext_mip.data.inventory.small_datasets import SmallDatasets
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import atomic, beneath
from saltext_mip.storage.beneath import File, Where

_WASTE = 3  # a database of which more than a third is free pages is not copied whole


class Build:
    """A new database, made of the old one's rows as far as they are good, and of files."""

    def __init__(
        self, state: BuildState, cde: Cde, strict: bool, *, min_count: int, force: bool
    ) -> None:
        self._state = state
        self._cde = cde
        self._strict = strict
        codes = [code for code, _ in cde.datasets]
        self._small = SmallDatasets(state.folder, lambda: codes, min_count=min_count)
        self._layout = Layout.of(cde, subjectcode=state.recipe.subjectcode)
        self._rules = rules_digest(cde, subjectcode=state.recipe.subjectcode)
        self._old: Mapping[str, Source] = state.record.sources if state.record else {}
        self._old_spans = [span for source in self._old.values() for span in source.spans]
        self.changed = True
        names = state.listing.names
        fit = not force and self._fits()
        self._carried = {
            name: source
            for name, source in state.same.items()
            if fit and (name in state.held or _is_same(source, strict=strict))
        }
        self._repeated: dict[str, Source] = {}
        self._todo = [name for name in names if name not in self._carried.keys() | state.held]
        odd = {problem.file for problem in state.listing.problems}
        self._odd = [name for name in self._old if name in odd and name not in names]
        self._copying = fit and self._worth_copying()

    def make(self, records: BuildRecords, read: Read) -> tuple[Record, tuple[Finding, ...]]:
        """The record of the database that is there now, and what was found in files."""
        state = self._state
        staged = atomic.Staged.plan(state.target)
        try:
            staged.create()
            read = self._find_repeated(records.state, read)
            sources = self._begin(staged.temp)
            findings = self._take(staged.temp, sources, read)
            sources = dict(sorted(sources.items()))
            notes = tuple(database.metadata_problems(self._cde))
            if self._copying and state.record and self._nothing_new(state.record, sources):
                staged.abort()
                self.changed = False
                record = replace(
                    state.record, cde_stamp=state.cde_stamp, notes=notes, sources=sources
                )
                records.save(record, None)
                return record, findings
            # most of it is on its way to the disk while it is checked
            with ThreadPoolExecutor(1, thread_name_prefix="sync") as pool:
                written = pool.submit(staged.sync)
                data_rows.finish(
                    staged.temp,
                    {name: Part(of.spans, dict(of.datasets)) for name, of in sources.items()},
                    self._seal(sources),
                    by=self._layout.row_id,
                    deep=not self._copying,
                    carried=bool(self._carried)
                    or bool(state.held)
                    or any(of.state == "kept" for of in sources.values()),
                )
                written.result()
            record = Record(
                sealed(staged),
                state.recipe,
                self._rules,
                self._layout,
                state.cde_stamp,
                notes,
                sources,
            )
            put(staged, record, state, records)
        except BaseException:
            staged.abort()
            raise
        return record, findings

    # -- what there is to start from

    def _fits(self) -> bool:
        """Whether rows of the old database are what the same files would give now."""
        record = self._state.record
        return (
            record is not None
            and self._state.exact
            and record.rules == self._rules
            and record.layout == self._layout
            and record.recipe.format == FORMAT
        )

    def _worth_copying(self) -> bool:
        """Whether the file is copied as it stands, instead of row by row."""
        record = self._state.record
        carried = sum(source.rows for source in self._carried.values())
        if record is None or carried * 2 < record.rows:
            return False
        if self._layout.row_id is None:  # no row could be taken out
            return False
        header = bytes.fromhex(record.mark.header)
        pages, free = (int.from_bytes(header[at : at + 4], "big") for at in (28, 36))
        return free * _WASTE <= pages

    def _begin(self, temp: File) -> dict[str, Source]:
        """The files whose rows are in the new database from the start."""
        if self._copying:
            with self._state.target.open() as old, temp.open_to_write() as new:
                shutil.copyfile(*map(beneath.by_descriptor, (old.fileno(), new.fileno())))
            if self._state.record and self._state.record.recipe.cde != self._state.recipe.cde:
                database.replace_metadata(temp, self._cde)
            return dict(self._carried)
        database.create(temp, self._layout, self._cde)
        return {name: self._adopted(temp, name, of) for name, of in self._carried.items()}

    # -- files

    def _find_repeated(self, state: Path, read: Read) -> Read:
        """Leave out the files that have the rows of others; how to read each file from now on."""
        folder, names = self._state.folder, self._state.listing.names
        if len(names) < 2:
            return read
        tables: dict[Where, tuple[Table, Stamp | None]]
        tables = {folder / name: read(folder / name) for name in self._todo}
        files = [
            Candidate(of.name, table.sha256, table.header, table.rows, table.datasets, at.mtime_ns)
            for of, (table, at) in tables.items()
            if at is not None and table.sound
        ]
        alike = {(file.rows, frozenset(file.datasets)) for file in files}
        for name, of in self._carried.items():
            # what is held may not be there any more
            if of.state == "compiled" and of.stamp is not None and name not in self._state.held:
                # the header is asked for only where rows may have to be compared
                near = (of.rows, frozenset(of.datasets)) in alike
                header = _header(folder / name) if near else ()
                at = of.stamp.mtime_ns
                files.append(Candidate(name, of.sha256, header, of.rows, of.datasets, at))
        for name, problem in duplicates(folder, files, Digests(state)).items():
            table, stamp = tables.get(folder / name) or read(folder / name)
            self._repeated[name] = Source("out", stamp, table.sha256, problems=(problem,))
            if self._carried.pop(name, None) is not None:
                self._todo.append(name)
        return lambda path: tables.pop(path, None) or read(path)

    def _take(self, temp: File, sources: dict[str, Source], read: Read) -> tuple[Finding, ...]:
        """Take what is to be read; what is bad keeps its rows; what is not there loses them."""
        findings: list[Finding] = []
        if self._todo:
            last = data_rows.last_row(temp, by=self._layout.row_id)
            with RowWriter(temp, row_id=self._layout.row_id) as writer:
                ingest = Ingest(
                    writer,
                    last,
                    self._cde,
                    subjectcode=self._state.recipe.subjectcode,
                    strict=self._strict,
                    held=self._small.held,
                    read=read,
                )
                for name in self._todo:
                    if name in self._repeated:
                        sources[name] = self._repeated[name]
                        findings += map(Finding, sources[name].problems)
                        continue
                    sources[name], found = ingest.take(self._state.folder / name)
                    findings += found
        for name in self._todo:
            if sources[name].state == "out" and (old := self._old.get(name)) and old.spans:
                if name in self._repeated and old.good == sources[name].sha256:
                    continue  # the very rows that another file has
                sources[name] = self._kept(temp, name, sources[name], old)
        for name in self._odd:
            now = replace(self._old[name], state="out", stamp=None, sha256="", problems=())
            sources[name] = self._kept(temp, name, now, self._old[name])
        for name in self._state.held - self._carried.keys():
            sources[name] = self._adopted(temp, name, self._old[name])
        if self._copying:
            alive = {span for source in sources.values() for span in source.spans}
            dead = {span for source in self._old.values() for span in source.spans} - alive
            if dead and (by := self._layout.row_id):
                data_rows.delete(temp, sorted(dead), by=by)
        return tuple(findings)

    def _kept(self, temp: File, file: str, now: Source, old: Source) -> Source:
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

    def _adopted(self, temp: File, file: str, source: Source) -> Source:
        """The source with its rows copied out of the old database."""
        record = self._state.record
        if record is None or not source.spans:
            return source
        kinds = dict(record.layout.columns)
        same = [
            (name, kind)
            for name, kind in self._layout.columns
            if kinds.get(name) == kind or (kind == "real" and kinds.get(name) == "int")
        ]
        lost = [name for name, _ in self._layout.columns if name in kinds.keys() - dict(same)]
        rows = OldRows(source.spans, self._old_spans, record.layout.row_id)
        without = data_rows.filled(self._state.target, rows, lost)
        problems = tuple(Problem("KeptWithoutColumn", file=file, column=name) for name in without)
        first = data_rows.last_row(temp, by=self._layout.row_id) + 1
        count = data_rows.adopt(temp, self._state.target, rows, same)
        if count != source.rows:
            raise NotWritten(f"the old database has {count} rows instead of {source.rows}")
        spans = ((first, first + count - 1),)
        return replace(source, spans=spans, problems=(*source.problems, *problems))

    def _nothing_new(self, record: Record, sources: Mapping[str, Source]) -> bool:
        """Whether the rows and METADATA are those that the old database has."""
        then = {name: source.spans for name, source in self._old.items() if source.spans}
        now = {name: source.spans for name, source in sources.items() if source.spans}
        return record.recipe == self._state.recipe and then == now

    def _seal(self, sources: Mapping[str, Source]) -> bytes:
        """Eight bytes that stand for what the database was made of."""
        facts = [self._state.recipe, [(name, of.good, of.spans) for name, of in sources.items()]]
        return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).digest()[:8]


def _header(path: File) -> tuple[str, ...]:
    try:
        with path.open() as file:
            return first_row(file) or ()
    except OSError:
        return ()


def _is_same(source: Source, *, strict: bool) -> bool:
    """Whether an unchanged file has the same verdict as before."""
    return not outdated(source, strict=strict) and not _is_of_others(source)


def _is_of_others(source: Source) -> bool:
    """Whether it was left out for something beside the file, which may be another one now."""
    return any(
        problem.rule in ("DuplicateFile", small_datasets.RULE) for problem in source.problems
    )


def sealed(staged: atomic.Staged) -> Mark:
    """The mark of the staged file, which is as it will be."""
    staged.seal()
    mark = Mark.of(staged.temp)
    if mark is None:
        raise NotWritten("the new database no longer exists")
    return mark


def put(staged: atomic.Staged, record: Record, state: BuildState, records: BuildRecords) -> None:
    """The new database in the place of the old one, and the record of both before that."""
    records.save(record, state.record)
    for side in database.sides(staged.target):
        side.unlink(missing_ok=True)
    staged.commit()
