"""Compare a database with its sources, cell by cell, whoever made it.

The order of rows is nobody's: rows are matched by all that is in them, however often they occur.
Where what is left over on both sides is the same number of rows, they are taken for the same rows
in the same order with other values, and the columns that differ are named; otherwise, which rows of
which file are not there. A hash a row is kept meanwhile.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.data.cde.model import Cde, CdeInvalid, parse
from saltext_mip.data.csvfile import reader as tables
from saltext_mip.data.csvfile.blocks import blocks
from saltext_mip.data.csvfile.findings import FindingCollector
from saltext_mip.data.csvfile.validator import Validator, check_header
from saltext_mip.data.data_path import cde_content, csv_files
from saltext_mip.data.database import sqlite as database
from saltext_mip.data.database.build_record import BuildRecords
from saltext_mip.data.database.held_files import NOT_HELD, HeldFiles
from saltext_mip.data.database.sqlite import Layout, NotWritten, quoted
from saltext_mip.errors import UnsafeName
from saltext_mip.federation import DATABASE_FILE
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import AnyFolder, Folder

Row = tuple[Any, ...]

# what a comma or a parenthesis counts in: not in quotes of any kind, nor in comments
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[(),]""",
    re.DOTALL,
)


def verify(
    folder: AnyFolder,
    state: Path,
    *,
    pathology: str | None = None,
    rows: bool = True,
    subjectcode: bool = False,
    held: HeldFiles = NOT_HELD,
) -> tuple[Finding, ...]:
    """All that is in ``folder``'s database and not in its sources, or the other way round.

    Arguments are those of :func:`.compiler.compile`. ``TablesDiffer`` tells of
    columns, CHECKs and METADATA, ``RowsMissing`` and ``CellsDiffer`` of a file's rows,
    ``RowsForeign`` of rows that no file has. A file that is bad is named with its own problems;
    rows that were kept of it are left alone. Examples are pairs of a file's line and the value
    that the database has.
    """
    name = folder.name if pathology is None else pathology
    try:
        folder = beneath.folder(folder)
        of = parse(cde_content(folder), pathology=name)
    except FileNotFoundError:
        return (Finding(Problem("CdeMissing", pathology=name)),)
    except CdeInvalid as error:
        return tuple(Finding(problem.at(pathology=name)) for problem in error.problems())
    except (OSError, UnsafeName) as error:
        about = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        return (Finding(Problem("CdeInvalid", pathology=name, about=about)),)
    target = folder / DATABASE_FILE
    record, _ = BuildRecords(state, name).find(target)
    kept = [
        span
        for file, source in (record.sources.items() if record else ())
        if source.state == "kept" or file in held.kept
        for span in source.spans
    ]
    comparison = _Comparison(folder, of, subjectcode, kept)
    try:
        with database.opened(target, "ro") as db:
            found = comparison.tables(db)
            if comparison.columns:
                names = csv_files(folder).names if rows else ()
                free = [file for file in names if file not in held.kept | held.left_out]
                found += comparison.rows(db, free)
    except NotWritten as error:
        found = [Finding(Problem("TablesDiffer", about=error.facts["message"]))]
    return tuple(of.at(pathology=name) for of in found)


@dataclass
class _Comparison:
    folder: Folder
    cde: Cde
    subjectcode: bool
    kept: Sequence[tuple[int, int]]
    columns: tuple[str, ...] = ()

    # -- tables

    def tables(self, db: sqlite3.Connection) -> list[Finding]:
        """What differs in columns, CHECKs and METADATA; ``columns`` are those to be compared."""
        layout = Layout.of(self.cde, subjectcode=self.subjectcode).columns
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as wanted:
            wanted.execute(database.metadata_table())
            database.fill_metadata(wanted, self.cde)
            found = [
                Finding(Problem("TablesDiffer", column=column, about=about))
                for column, about in (*_layouts(db, layout), *_metadata(db, wanted))
            ]
        there = {row[1] for row in db.execute("PRAGMA table_info(DATA)")}
        self.columns = tuple(column for column, _ in layout if column in there)
        return found

    # -- rows

    def rows(self, db: sqlite3.Connection, names: Sequence[str]) -> list[Finding]:
        """What differs in the rows of these files."""
        found: list[Finding] = []
        good = []
        for name in names:
            wrong = self._wrong(name)
            found += wrong
            if not wrong:
                good.append(name)
        left: Counter[int] = Counter()
        for name in good:
            left.update(hash(row) for _, row in self._file(name))
        foreign: Counter[int] = Counter()
        for _, row in self._database(db):
            key = hash(row)
            if left[key] > 0:
                left[key] -= 1
            else:
                foreign[key] += 1
        # duplicates: which of the same rows is missing nobody can tell; the last ones are named
        spare = Counter({key: count for key, count in left.items() if count > 0})
        del left
        if spare.total() == foreign.total():
            return found + self._cells(db, good, spare, foreign)
        for name in good:
            missing = FindingCollector()
            for line, row in self._file(name):
                if spare[hash(row)] > 0:
                    spare[hash(row)] -= 1
                    missing.add("RowsMissing", line)
            found += _of_file(name, missing)
        if count := foreign.total():
            found.append(Finding(Problem("RowsForeign", count=count)))
        return found

    def _cells(
        self,
        db: sqlite3.Connection,
        names: Sequence[str],
        spare: Counter[int],
        foreign: Counter[int],
    ) -> list[Finding]:
        """The columns that differ, row by row of what is left over, in order."""
        found: list[Finding] = []
        others = _take(self._database(db), foreign)
        for name in names:
            cells = FindingCollector()
            for line, row in _take(self._file(name), spare):
                _, other = next(others)
                for column, one, two in zip(self.columns, row, other, strict=True):
                    if one != two:
                        cells.add("CellsDiffer", line, repr(two), column=column)
            found += _of_file(name, cells)
        return found

    def _database(self, db: sqlite3.Connection) -> Iterator[tuple[int, Row]]:
        names = ", ".join(quoted(column) for column in self.columns)
        query = f"SELECT {names} FROM DATA"  # noqa: S608 - quoted
        by = database.row_id(row[1] for row in db.execute("PRAGMA table_info(DATA)"))
        if not self.kept:
            yield from enumerate(db.execute(query))
        elif by is None:  # made row by row: a row's id is its place
            for place, row in enumerate(db.execute(query), 1):
                if not any(first <= place <= last for first, last in self.kept):
                    yield place, row
        else:
            begin = -(2**63)
            for first, last in (*sorted(self.kept), (2**63 - 1, 0)):
                between = f"{query} WHERE {by} >= ? AND {by} < ? ORDER BY {by}"
                yield from enumerate(db.execute(between, (begin, first)))
                begin = last + 1

    def _file(self, name: str) -> Iterator[tuple[int, Row]]:
        """Line and values of each row."""
        path = self.folder / name
        header = tables.read(path).header
        validator = Validator(header, self.cde, subjectcode=self.subjectcode)
        with path.open() as file:
            for block in blocks(file, header):
                frame = validator.values(block)
                at = [
                    frame.columns.index(column) if column in frame.columns else None
                    for column in self.columns
                ]
                lines = block.lines(range(frame.height))
                for line, row in zip(lines, frame.iter_rows(), strict=True):
                    yield line, tuple(None if place is None else row[place] for place in at)

    def _wrong(self, name: str) -> list[Finding]:
        """What keeps a file from being compared."""
        path = self.folder / name
        table = tables.read(path)
        found = [*table.findings]
        if table.header:
            found += check_header(table.header, self.cde, subjectcode=self.subjectcode)
        if not any(finding.problem.hard for finding in found):
            validator = Validator(table.header, self.cde, subjectcode=self.subjectcode)
            with path.open() as file:
                for block in blocks(file, table.header):
                    validator.values(block)
                found = list(validator.findings(file))
        hard = [finding for finding in found if finding.problem.hard]
        return [of.at(file=name) for of in hard]


def _layouts(
    db: sqlite3.Connection, layout: Sequence[tuple[str, str]]
) -> Iterator[tuple[str | None, str]]:
    """Columns of DATA that are not as they should be."""
    info = db.execute("PRAGMA table_info(DATA)").fetchall()
    there = [(name, str(kind).lower()) for _, name, kind, *_ in info]
    if not there:
        yield None, "table DATA not found"
        return
    for name, kind in layout:
        if dict(there).get(name) is None:
            yield name, "it is not in DATA"
        elif dict(there)[name] != kind:
            yield name, f"is not of type {kind}"
    for name, _ in there:
        if name not in dict(layout):
            yield name, "it is not in the CDE"
    if sorted(there) == sorted(layout) and there != list(layout):
        yield None, "the columns of DATA have a different order"
    yield from ((name, "has no CHECK of its type") for name in _unchecked(db, there))


def _unchecked(db: sqlite3.Connection, there: Sequence[tuple[str, str]]) -> list[str]:
    """Columns of DATA that take what is of no class of theirs, tried on empty copies.

    One that :mod:`.sqlite` wrote is known by its text. Of another each column is tried in a table
    of its own: in one of 2,000 columns each attempt would evaluate 2,000 CHECKs.
    """
    [(statement,)] = db.execute("SELECT sql FROM sqlite_master WHERE lower(name) = 'data'")
    known = all(kind in database.CLASSES for _, kind in there)
    if known and statement == database.data_table(Layout(tuple(there))):
        return []
    definitions = _definitions(statement)
    alone = len(definitions) == len(there)
    found = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        copy.execute(statement)
        for index, (name, _) in enumerate(there):
            insert = f"({quoted(name)}) VALUES (x'00')"
            try:
                _try(copy, definitions[index] if alone else None, insert)
            except sqlite3.IntegrityError:
                continue
            found.append(name)
    return found


def _try(copy: sqlite3.Connection, definition: str | None, insert: str) -> None:
    """Insert into a table of that column, or into the whole where it has no meaning alone."""
    table = "DATA"
    if definition is not None:
        copy.execute("DROP TABLE IF EXISTS one")
        with suppress(sqlite3.Error):  # it may name another column
            copy.execute(f"CREATE TABLE one({definition})")
            table = "one"
    copy.execute(f"INSERT INTO {table} {insert}")


def _definitions(statement: str) -> list[str]:
    """What stands between the commas of the outermost parentheses of a CREATE TABLE."""
    parts: list[str] = []
    depth = begin = 0
    for token in _TOKEN.finditer(statement):
        match token[0]:
            case "(":
                depth += 1
                begin = token.end() if depth == 1 else begin
            case ")":
                depth -= 1
                if not depth:
                    return [*parts, statement[begin : token.start()]]
            case "," if depth == 1:
                parts.append(statement[begin : token.start()])
                begin = token.end()
    return []


def _metadata(
    db: sqlite3.Connection, wanted: sqlite3.Connection
) -> Iterator[tuple[str | None, str]]:
    """Variables of which METADATA differs from the CDE."""
    try:
        there = db.execute("SELECT * FROM METADATA").fetchall()
    except sqlite3.Error:
        yield None, "table METADATA not found"
        return
    rows = {row[0]: row for row in there}
    expected = wanted.execute("SELECT * FROM METADATA").fetchall()
    for row in expected:
        if rows.get(row[0]) != row:
            yield row[0], "METADATA differs from the CDE"
    for code in rows.keys() - {row[0] for row in expected}:
        yield str(code), "it is in METADATA, but not in the CDE"


def _take(rows: Iterator[tuple[int, Row]], wanted: Counter[int]) -> Iterator[tuple[int, Row]]:
    for at, row in rows:
        key = hash(row)
        if wanted[key] > 0:
            wanted[key] -= 1
            yield at, row


def _of_file(name: str, grouped: FindingCollector) -> list[Finding]:
    return [of.at(file=name) for of in grouped.findings()]
