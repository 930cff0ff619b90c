"""Rows of a file of any length that repeat an earlier one: its subject and visit, or all of it.

Of each row only a hash is kept, eight bytes, in memory and beyond some in a file without a name; at
the end they are gone through in as many passes as keep each small. Two rows of 2^32 can be taken
for one by chance; it is a warning, and the rows are named.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from saltext_mip.data.cde.model import DATASET, Cde, Variable
from saltext_mip.data.csvfile.blocks import Block, blocks
from saltext_mip.data.csvfile.findings import SHOWN, FindingCollector

if TYPE_CHECKING:
    import polars as pl

SUBJECT, VISIT = "subjectid", "visitid"
SUBJECTCODE = "subjectcode"
_VISITS = ("subjectvisitid", "subjectvisitdate")  # of which either goes with SUBJECTCODE
DOUBLED, SAME = "DoubledVisit", "SameRow"

_PASS = 4 << 20  # hashes compared together
_BYTES = 8
_NONE = 0  # in the place of a hash
_MEASURED = 8  # columns of numbers by which rows without a subject are compared first
_FILLED = 4  # of these, that a row needs: rows of fewer are equal by chance


@dataclass(frozen=True)
class Key:
    """The columns by which rows of a file are the same; a row counts where ``needed`` are filled,
    the ``least`` of them at least.

    ``rule`` is of a row that repeats an earlier one; for ``SameRow`` the other columns must be the
    same, too.
    """

    rule: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    least: int

    @classmethod
    def of(cls, header: Collection[str], cde: Cde, known: Mapping[str, Variable]) -> Key | None:
        """That of a file with this header; ``None`` where nothing tells patients apart.

        ``known`` are the columns that are read, by name.
        """
        if cde.longitudinal:
            whole = {SUBJECT, VISIT} <= set(header)
            return VISIT_KEY if whole else None
        # a subject of one dataset is another one in another dataset
        dataset = (DATASET,) if DATASET in known else ()
        if SUBJECTCODE in known:
            visits = tuple(name for name in _VISITS if name in known)
            rule, needed = (DOUBLED, visits[:1]) if visits else (SAME, ())
            needed = (SUBJECTCODE, *needed)
            return cls(rule, (*dataset, SUBJECTCODE, *visits), needed, len(needed))
        measured = [
            name
            for name, variable in known.items()
            if variable.sql_type != "text" and not variable.enumerations
        ][:_MEASURED]
        if len(measured) < _FILLED:
            return None
        return cls(SAME, (*dataset, *measured), tuple(measured), _FILLED)

    def hashes(self, frame: pl.DataFrame) -> pl.Series:
        """A hash of each row of these columns; 0 where the row does not count."""
        import polars as pl

        hashes = frame.select(self.columns).hash_rows()
        if not any(_lacks(frame[name]) for name in self.needed):  # as nearly always
            return hashes
        filled = pl.sum_horizontal(_filled(frame, name) for name in self.needed)
        counts = frame.select(filled >= self.least).to_series()
        return pl.select(pl.when(counts).then(hashes).otherwise(_NONE)).to_series()


VISIT_KEY = Key(DOUBLED, (SUBJECT, VISIT), (SUBJECT, VISIT), 2)


class RowHashes:
    """A hash a row, in the order of the file; 0 where the row does not count."""

    def __init__(self, *, at_once: int = _PASS) -> None:
        self._at_once = at_once
        self._hashes = tempfile.SpooledTemporaryFile(at_once * _BYTES)  # noqa: SIM115
        self._last: list[pl.Series] = []  # not in that file yet
        self._rows = 0

    def add(self, hashes: pl.Series) -> None:
        self._last.append(hashes)
        self._rows += hashes.len()
        if sum(each.len() for each in self._last) > self._at_once:
            self._flush()

    def repeated(self) -> tuple[int, list[int]]:
        """How many rows have the hash of an earlier row; the first of them."""
        import polars as pl

        if self._last and self._rows <= self._at_once:
            hashes = pl.concat(self._last)
            counted = hashes.filter(hashes != _NONE)
            if counted.n_unique() == counted.len():  # as nearly always
                return 0, []
        self._flush()
        passes = -(-self._rows // self._at_once)
        count = 0
        first: list[int] = []
        for number in range(passes):
            rows = self._rows_again(number, passes)
            count += len(rows)
            first = sorted([*first, *rows[:SHOWN]])[:SHOWN]
        return count, first

    def _flush(self) -> None:
        self._hashes.seek(0, os.SEEK_END)
        for hashes in self._last:
            self._hashes.write(array("Q", hashes.to_list()).tobytes())
        self._last.clear()

    def _rows_again(self, number: int, passes: int) -> list[int]:
        """The rows whose hash is of this pass and came before, in order."""
        import polars as pl

        parts = []
        self._hashes.seek(0)
        begin = 0
        while data := self._hashes.read(self._at_once * _BYTES):
            hashes = array("Q")
            hashes.frombytes(data)
            frame = pl.DataFrame({"hash": pl.Series(hashes, dtype=pl.UInt64)})
            mine = (pl.col("hash") % passes == number) & (pl.col("hash") != _NONE)
            parts.append(frame.with_row_index("row", begin).filter(mine))
            begin += len(hashes)
        again = pl.concat(parts).filter(~pl.col("hash").is_first_distinct())
        return again["row"].to_list()


class RepeatedRows:
    """Give it the values of one file's blocks in order; it reports the rows that repeat others."""

    def __init__(self, key: Key, *, at_once: int = _PASS) -> None:
        self._key = key
        self._at_once = at_once
        self._hashes = RowHashes(at_once=at_once)
        self.incomplete = 0  # rows that do not count, since they lack the subject or the visit

    def add(self, frame: pl.DataFrame) -> None:
        """The values of the next block."""
        hashes = self._key.hashes(frame)
        self._hashes.add(hashes)
        self.incomplete += int((hashes == _NONE).sum())

    def report(self, found: FindingCollector, file: BinaryIO, header: Sequence[str]) -> None:
        """Put down what repeats, with lines and values, for which the file is read again."""
        count, first = self._hashes.repeated()
        if count and self._key.rule == SAME:
            whole = RowHashes(at_once=self._at_once)
            for block in blocks(file, header):
                whole.add(block.texts(*header).hash_rows())
            count, first = whole.repeated()
        named = [name for name in self._key.columns if name != DATASET]
        put_down(found, self._key.rule, (count, first), blocks(file, header), named)


def put_down(
    found: FindingCollector,
    rule: str,
    rows: tuple[int, Sequence[int]],
    of: Iterable[Block],
    columns: Sequence[str],
) -> None:
    """``rows`` (how many, and the first of them) break the rule; the first ones with their lines
    and values in these columns, from the file's blocks."""
    count, first = rows
    if not count:  # no block is read
        return
    for line, values in _rows(of, first, columns):
        found.add(rule, line, ", ".join(values))
    if count > len(first):
        found.add(rule, count=count - len(first))


def _rows(
    of: Iterable[Block], wanted: Sequence[int], columns: Sequence[str]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and values of those rows."""
    begin = 0
    left = list(wanted)
    for block in of:
        if not left:
            return
        texts = block.texts(*columns)
        end = begin + texts.height
        here = [row - begin for row in left if row < end]
        for row, line in zip(here, block.lines(here) if here else (), strict=True):
            yield line, texts.row(row)
        left = left[len(here) :]
        begin = end


def _lacks(column: pl.Series) -> bool:
    """Whether a cell of it is empty."""
    import polars as pl

    empty = column.dtype == pl.String and column.str.len_bytes().min() == 0
    return bool(empty) or column.null_count() > 0


def _filled(frame: pl.DataFrame, column: str) -> pl.Expr:
    import polars as pl

    of = pl.col(column)
    there = of != "" if frame.schema[column] == pl.String else of.is_not_null()
    return there.fill_null(value=False).cast(pl.UInt32)
