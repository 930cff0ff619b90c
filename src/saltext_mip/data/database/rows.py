"""The rows of DATA by the file that they come from: copied, removed, counted and checked.

A row is addressed by its id, under a name that no column hides (:attr:`.sqlite.Layout.row_id`). A
file's rows are spans of ids: the first and the last, both included.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from saltext_mip.data.database.sqlite import NotWritten, opened, quoted, the_file
from saltext_mip.storage.beneath import Where
from saltext_mip.text import shown

Span = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """What one file contributes to DATA: its row ids, and its datasets by rows."""

    spans: Sequence[Span]
    datasets: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.datasets.values())


@dataclass(frozen=True)
class OldRows:
    """Rows of a database that is there: the ``spans`` of one file among ``all_spans`` of DATA."""

    spans: Sequence[Span]
    all_spans: Sequence[Span]
    by: str | None

    def selections(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """A clause behind ``FROM DATA`` for each span, with its values.

        Where columns hide all names of the row id, rows are counted instead: a table without an
        index is read in the order of its ids.
        """
        for first, last in self.spans:
            if self.by is not None:
                yield f"WHERE {self.by} BETWEEN ? AND ? ORDER BY {self.by}", (first, last)
            else:
                before = sum(_size(span) for span in self.all_spans if span[0] < first)
                yield "LIMIT ? OFFSET ?", (_size((first, last)), before)


def delete(path: Where, spans: Iterable[Span], *, by: str) -> None:
    """The rows of those ids, both ends included, are gone, and what they held is overwritten.

    ``by`` is the layout's :attr:`~Layout.row_id`.
    """
    with opened(path) as db:
        db.execute("PRAGMA secure_delete=ON")
        db.execute("BEGIN")
        statement = f"DELETE FROM DATA WHERE {by} BETWEEN ? AND ?"  # noqa: S608 - one of ROW_IDS
        db.executemany(statement, spans)
        db.execute("COMMIT")


def adopt(path: Where, source: Where, rows: OldRows, columns: Sequence[tuple[str, str]]) -> int:
    """Copy those rows of ``source`` with those columns to the end; how many."""
    names = ", ".join(quoted(name) for name, _ in columns)
    with opened(path) as db:
        with the_file(source, "ro", "&immutable=1") as uri:
            db.execute("ATTACH ? AS old", (uri,))
        db.execute("BEGIN")
        count = 0
        for where, values in rows.selections():
            count += db.execute(
                f"INSERT INTO DATA ({names}) SELECT {names} FROM old.DATA {where}",  # noqa: S608
                values,
            ).rowcount
        db.execute("COMMIT")
    return count


def filled(path: Where, rows: OldRows, columns: Iterable[str]) -> list[str]:
    """Those of the columns that have a value in those rows."""
    found = []
    with opened(path, "ro") as db:
        for column in columns:
            name = quoted(column)
            query = f"SELECT 1 FROM (SELECT {name} FROM DATA {{}})"  # noqa: S608 - quoted
            query += f" WHERE {name} IS NOT NULL AND {name} != '' LIMIT 1"
            selections = rows.selections()
            if any(db.execute(query.format(where), of).fetchone() for where, of in selections):
                found.append(column)
    return found


def row_count(path: Where) -> int:
    """How many rows DATA has."""
    with opened(path) as db:
        return int(db.execute("SELECT count(*) FROM DATA").fetchone()[0])


def last_row(path: Where, *, by: str | None) -> int:
    """The highest id; 0 without rows. Without a name for the id: of a table made row by row."""
    if by is None:
        return row_count(path)
    with opened(path) as db:
        query = f"SELECT coalesce(max({by}), 0) FROM DATA"  # noqa: S608 - one of ROW_IDS
        return int(db.execute(query).fetchone()[0])


def finish(
    path: Where,
    parts: Mapping[str, Part],
    seal: bytes,
    *,
    by: str | None,
    deep: bool,
    carried: bool = True,
) -> None:
    """Check that the database is whole and holds these parts and nothing else, then seal it.

    parts
        by file: the rows that it contributed
    seal
        eight bytes by which the database is known again
    by
        the layout's :attr:`~Layout.row_id`
    deep
        whether every page is read
    carried
        whether rows of an older database are in it: then each file's are counted

    :class:`NotWritten` if not.
    """
    with opened(path) as db:
        # types are those of the frames that came in: checking each value again finds nothing
        db.execute("PRAGMA ignore_check_constraints=ON")
        if deep and (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise NotWritten(f"the new database is broken ({str(found).splitlines()[0]})")
        if deep:
            rows = sum(part.rows for part in parts.values())
            if (count := db.execute("SELECT count(*) FROM DATA").fetchone()[0]) != rows:
                raise NotWritten(f"the new database has {count} rows instead of {rows}")
        if carried:
            _check_parts(db, parts, by)
        for name, of in (("application_id", seal[:4]), ("user_version", seal[4:8])):
            db.execute(f"PRAGMA {name}={int.from_bytes(of, 'big', signed=True)}")


def _check_parts(db: sqlite3.Connection, parts: Mapping[str, Part], by: str | None) -> None:
    """That each file's rows stand where they should, as many of each dataset as it has, and that
    there are no others."""
    every = sorted(span for part in parts.values() for span in part.spans)
    total = 0
    for file, part in parts.items():
        found: Counter[str | None] = Counter()
        for where, values in OldRows(part.spans, every, by).selections():
            rows = f"(SELECT dataset FROM DATA {where.partition(' ORDER')[0]})"  # noqa: S608
            query = f"SELECT dataset, count(*) FROM {rows} GROUP BY 1"  # noqa: S608
            found.update(dict(db.execute(query, values)))
        total += found.total()
        if found != Counter(part.datasets):
            what = f"{found.total()} rows of '{shown(file)}' instead of {part.rows}"
            if found.total() == part.rows:
                what = f"rows of other datasets than '{shown(file)}' has"
            raise NotWritten(f"the new database has {what}")
    if by is None:
        others = int(db.execute("SELECT count(*) FROM DATA").fetchone()[0]) - total
    else:
        begins = [-(2**63), *(last + 1 for _, last in every)]
        ends = [*(first - 1 for first, _ in every), 2**63 - 1]
        query = f"SELECT 1 FROM DATA WHERE {by} BETWEEN ? AND ? LIMIT 1"  # noqa: S608
        others = sum(
            db.execute(query, gap).fetchone() is not None for gap in zip(begins, ends, strict=True)
        )
    if others:
        raise NotWritten("the new database has rows that no file has")


def _size(span: Span) -> int:
    return span[1] - span[0] + 1
