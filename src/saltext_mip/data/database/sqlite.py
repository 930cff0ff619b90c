"""``datasets.db``: the tables that engines read, made, filled, checked and known again.

METADATA has a row a variable, DATA a column a variable and a row a row of the CSV files. Engines
that we do not control read them as they are: names, order, types and CHECKs are theirs.

Two builds of SQLite work on one file here, Python's and the one inside adbc, which takes whole
frames at once; each closes the file before the other opens it. A file is only ever written before
it is put in place, so neither keeps a journal.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saltext_mip.data.cde.model import DATASET, MAX_VARIABLES, Cde, Variable
from saltext_mip.data.csvfile.validator import added_variables
from saltext_mip.errors import DataError
from saltext_mip.problems import Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import File, Where

if TYPE_CHECKING:
    import polars as pl

ROW_IDS = ("rowid", "oid", "_rowid_")  # SQLite's names for a row's id; a column can hide each

_PAGE = 16384  # bytes; of the usual 4096 a row of 170 columns leaves a quarter empty
_HEADER = 100
_WRITING = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE")
# adbc returns no rows here: an overflow is an error
_FAILS_UNLESS_MARKED = """
    SELECT CASE application_id WHEN {:d} THEN 1 ELSE abs(-9223372036854775807 - 1) END
    FROM pragma_application_id
"""
_INT64 = range(-(2**63), 2**63)
CLASSES = {"text": ("text",), "int": ("integer",), "real": ("real", "integer")}
_METADATA = (
    ("code", "text primary key", ("text",)),
    ("label", "text", ("text",)),
    ("sql_type", "text", ("text",)),
    ("isCategorical", "integer", ("integer",)),
    ("enumerations", "text", ("text", "null")),
    ("min", "integer", ("integer", "null")),
    ("max", "integer", ("integer", "null")),
)
# what a folder without a CDE has: an engine refuses one that has none
_NO_CDE = (Variable(DATASET, "Dataset", "text", is_categorical=True, enumerations=None),)


class NotWritten(DataError):
    """{message}. The previous database remains in use."""


@dataclass(frozen=True)
class Layout:
    """DATA's columns as pairs of name and type, in order."""

    columns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, cde: Cde | None, *, subjectcode: bool = False) -> Layout:
        """That of a CDE, or of none; with ``subjectcode``, the columns that it adds come first."""
        variables = cde.variables if cde else _NO_CDE
        added = added_variables(cde, subjectcode=subjectcode) if cde else ()
        return cls(tuple((v.code, v.sql_type) for v in (*added, *variables)))

    @property
    def too_wide(self) -> bool:
        """Whether no database can have so many columns."""
        return len(self.columns) > MAX_VARIABLES

    @property
    def row_id(self) -> str | None:
        """The name by which rows are addressed; ``None`` where columns hide all that there are.

        Then the rows of DATA are only known by their place in it: see :func:`adopt`.
        """
        return row_id(name for name, _ in self.columns)


@dataclass(frozen=True)
class Mark:
    """By what a database that we made is known again.

    ``header`` are its first bytes in hex: a seal that we put there, and SQLite's own counter of
    changes. ``stat`` are size and mtime: what another program wrote, or put back from a copy, has
    another time, or is byte by byte what was copied. The inode number is no part of it: on CIFS and
    FUSE it may differ at each look; nor is ctime, which the renaming into place sets.
    """

    header: str
    stat: tuple[int, int]

    @classmethod
    def of(cls, path: Where) -> Mark | None:
        """``None`` where there is no database, or not even a whole header of one."""
        try:
            with beneath.opened(path) as file:
                header = file.read(_HEADER)
                status = os.fstat(file.fileno())
        except OSError:
            return None
        if len(header) < _HEADER:
            return None
        return cls(header.hex(), (status.st_size, status.st_mtime_ns))


def row_id(columns: Iterable[str]) -> str | None:
    """A name of the row id that none of these columns has, in whatever letter case."""
    hidden = {name.lower() for name in columns}
    return next((name for name in ROW_IDS if name not in hidden), None)


def sides(path: Where) -> tuple[File, ...]:
    """What SQLite may leave beside a database."""
    file = beneath.file(path)
    return tuple(file.with_name(path.name + side) for side in ("-journal", "-wal", "-shm"))


def create(path: Where, layout: Layout, cde: Cde | None) -> None:
    """Both tables in the empty file ``path``, METADATA filled, DATA without rows."""
    with opened(path) as db:
        db.execute(f"PRAGMA page_size={_PAGE}")
        db.execute("BEGIN")
        db.execute(metadata_table())
        db.execute(data_table(layout))
        fill_metadata(db, cde)
        db.execute("COMMIT")


def replace_metadata(path: Where, cde: Cde) -> None:
    """METADATA as ``cde`` has it."""
    with opened(path) as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM METADATA")
        fill_metadata(db, cde)
        db.execute("COMMIT")


def metadata_problems(cde: Cde) -> Iterator[Problem]:
    """Bounds that METADATA cannot hold."""
    for variable in cde.variables:
        if count := sum(
            variable.source.get(key) is not None and _bound(variable, key) is None
            for key in ("min", "max")
        ):
            yield Problem("BoundsNotWhole", column=variable.code, count=count)


def serves(path: Where) -> bool:
    """Whether an engine can read it: a database with both tables, whole, and with rows in DATA."""
    try:
        with opened(path, "ro") as db:
            db.execute("SELECT code, label, sql_type, isCategorical FROM METADATA").fetchall()
            whole = db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            return whole and db.execute("SELECT dataset FROM DATA LIMIT 1").fetchone() is not None
    except NotWritten:
        return False


@contextmanager
def opened(path: Where, mode: str = "rwc") -> Iterator[sqlite3.Connection]:
    """The database, by Python's SQLite, without a journal; statements commit by themselves.

    :class:`NotWritten` in the place of SQLite's errors.
    """
    try:
        with ExitStack() as stack:
            with the_file(path, mode) as uri:
                db = sqlite3.connect(uri, uri=True, isolation_level=None)
                stack.enter_context(closing(db))
            if mode != "ro":
                for pragma in _WRITING:
                    db.execute(f"PRAGMA {pragma}")
            yield db
    except sqlite3.Error as error:
        raise NotWritten(str(error)) from error


@contextmanager
def the_file(path: Where, mode: str, options: str = "") -> Iterator[str]:
    """The URI by which SQLite opens that very file within the block, and not what took its place.

    SQLite opens by name and follows links. So the file is opened here first, without following any,
    and afterwards SQLite must have the same one open; nothing has been read or written by then.
    :class:`NotWritten` if not, or where there is no such file.
    """
    flags = beneath.READ if mode == "ro" else os.O_RDWR | os.O_NONBLOCK
    try:
        file = beneath.file(path).resolved()
        fd = file.descriptor(flags | (os.O_CREAT if mode == "rwc" else 0), 0o644)
    except OSError as error:
        raise NotWritten(os.strerror(error.errno or 0)) from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotWritten("it is not a file")
        before = beneath.descriptors_of(fd)
        yield f"{file.path.absolute().as_uri()}?mode={'ro' if mode == 'ro' else 'rw'}{options}"
        if not beneath.descriptors_of(fd) - before:
            raise NotWritten("it was replaced while it was opened")
    finally:
        os.close(fd)


class RowWriter:
    """DATA taking whole frames, by adbc's SQLite. Nobody else has the file open meanwhile.

    :class:`NotWritten` in the place of its errors.
    """

    def __init__(self, path: Where, *, row_id: str | None) -> None:
        from adbc_driver_sqlite import dbapi

        self.row_id = row_id
        self._error: type[Exception] = dbapi.Error
        # adbc opens the name more than once: what it writes to must have what only we could write
        mark = secrets.randbits(31)
        with opened(path, "rw") as db:
            db.execute(f"PRAGMA application_id={mark}")
        try:
            with the_file(path, "rw") as uri:
                self._db = dbapi.connect(uri, autocommit=True)
        except self._error as error:  # its text has no reason that would help
            raise NotWritten("the new database cannot be opened") from error
        self._cursor = self._db.cursor()
        try:
            self._run(_FAILS_UNLESS_MARKED.format(mark))
        except NotWritten:
            self.__exit__()
            raise NotWritten("it was replaced while it was opened") from None
        # each value was checked already, and a frame's column has one type
        for pragma in (*_WRITING, "ignore_check_constraints=ON"):
            self._run(f"PRAGMA {pragma}")

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()
        self._db.close()

    def add(self, frame: pl.DataFrame) -> None:
        """The frame's rows to the end; columns that it lacks are NULL."""
        try:
            self._cursor.adbc_ingest("DATA", frame, mode="append")
        except self._error as error:
            raise NotWritten(str(error)) from error

    def cut(self, last: int) -> None:
        """Remove whatever came after the row ``last``; only where :attr:`row_id` is known."""
        self._run(f"DELETE FROM DATA WHERE {self.row_id} > {last:d}")  # noqa: S608 - a number

    def _run(self, statement: str) -> None:
        try:
            self._cursor.executescript(statement)
        except self._error as error:
            raise NotWritten(str(error)) from error


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _column(name: str, declared: str, classes: Sequence[str]) -> str:
    # alternatives by OR: an IN costs ten times as much in a CHECK
    of = quoted(name)
    check = " OR ".join(f"typeof({of}) = '{storage}'" for storage in classes)
    return f"{of} {declared} CHECK ({check})"


def data_table(layout: Layout) -> str:
    """The statement that makes DATA."""
    columns = (_column(name, kind, (*CLASSES[kind], "null")) for name, kind in layout.columns)
    return f"CREATE TABLE DATA({', '.join(columns)})"


def metadata_table() -> str:
    """The statement that makes METADATA."""
    return f"CREATE TABLE METADATA({', '.join(_column(*of) for of in _METADATA)})"


def fill_metadata(db: sqlite3.Connection, cde: Cde | None) -> None:
    """A row a variable."""
    db.executemany(
        "INSERT INTO METADATA VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                variable.code,
                variable.label,
                variable.sql_type,
                int(variable.is_categorical),
                ",".join(code for code, _ in variable.enumerations or ()) or None,
                _bound(variable, "min"),
                _bound(variable, "max"),
            )
            for variable in (cde.variables if cde else _NO_CDE)
        ),
    )


def _bound(variable: Variable, key: str) -> int | None:
    """What stands under that very key, if it is an integer that SQLite can hold."""
    value: Any = getattr(variable, key)
    if value is None or variable.source.get(key) is None or value != value // 1:
        return None
    return int(value) if int(value) in _INT64 else None
