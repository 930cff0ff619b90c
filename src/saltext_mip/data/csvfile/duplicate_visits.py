"""Subjects and visits that have more than one row, in a file of any length.

Of each row only a hash of both is kept, eight bytes, in memory and beyond some in a file without a
name; at the end they are gone through in as many passes as keep each small. Two visits of 2^32 can
be taken for one by chance; it is a warning, and the rows are named.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from saltext_mip.data.csvfile.blocks import Block
from saltext_mip.data.csvfile.findings import SHOWN, FindingCollector

if TYPE_CHECKING:
    import polars as pl

SUBJECT, VISIT = "subjectid", "visitid"
RULE = "DoubledVisit"

_PASS = 4 << 20  # hashes compared together
_BYTES = 8
_NONE = 0  # in the place of a hash


class Visits:
    """Give it the blocks of one file in order. Rows that lack the subject or the visit are none."""

    columns: ClassVar[frozenset[str]] = frozenset({SUBJECT, VISIT})

    def __init__(self, *, at_once: int = _PASS) -> None:
        self._at_once = at_once
        self._hashes = tempfile.SpooledTemporaryFile(at_once * _BYTES)  # noqa: SIM115
        self.rows = 0
        self.incomplete = 0  # rows that lack the subject or the visit

    def add(self, frame: pl.DataFrame) -> None:
        """The values of the next block."""
        import polars as pl

        there = _there(frame, SUBJECT) & _there(frame, VISIT)
        hashed = pl.struct(SUBJECT, VISIT).hash()
        hashes = frame.select(pl.when(there).then(hashed).otherwise(_NONE)).to_series()
        self._hashes.write(array("Q", hashes.to_list()).tobytes())
        self.incomplete += int((hashes == _NONE).sum())
        self.rows += frame.height

    def doubled(self) -> tuple[int, list[int]]:
        """How many rows have a subject and visit that an earlier row has; the first of them."""
        passes = -(-self.rows // self._at_once)
        count = 0
        first: list[int] = []
        for number in range(passes):
            rows = self._rows_again(number, passes)
            count += len(rows)
            first = sorted([*first, *rows[:SHOWN]])[:SHOWN]
        return count, first

    def explain(
        self, found: FindingCollector, count: int, first: list[int], blocks: Iterable[Block]
    ) -> None:
        """Put it down, with lines and values of the ``first`` from the file's blocks."""
        begin = 0
        left = list(first)
        for block in blocks:
            end = begin + block.texts(SUBJECT).height
            here = [row - begin for row in left if row < end]
            for row, line in zip(here, block.lines(here), strict=True):
                found.add(RULE, line, ", ".join(block.texts(SUBJECT, VISIT).row(row)))
            left = left[len(here) :]
            if not left:
                break
            begin = end
        if count > len(first):
            found.add(RULE, count=count - len(first))

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


def _there(frame: pl.DataFrame, column: str) -> pl.Expr:
    import polars as pl

    of = pl.col(column)
    return of != "" if frame.schema[column] == pl.String else of.is_not_null()
