"""A sound CSV file block by block, each knowing its columns and the lines that its rows are on.

A file is cut where rows end and each piece given to polars as it stands, so that memory is bounded
by the size of a block, and a row's line is known when it is asked for. Of files that
:mod:`.reader` found sound polars reads what RFC 4180 means; blank lines, which are
not rows, and a byte order mark in the middle, which is data, are kept from it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from saltext_mip.data.cde.model import DATASET
from saltext_mip.data.csvfile.joined import empty_lines, without_empty
from saltext_mip.data.csvfile.scanner import ROW_BYTES

if TYPE_CHECKING:
    import polars as pl

BLOCK = 8 << 20  # bytes

_HEADER = 64 << 10  # bytes that most headers are within
_LONGEST = 2 * ROW_BYTES  # that a piece must be to hold a whole row
_BOM = b"\xef\xbb\xbf"
_BLANK_FIRST = re.compile(rb"(?:\r?\n)+")


class NotATable(Exception):
    """A row does not end where it could: the file is not sound."""


@dataclass(frozen=True)
class Block:
    """Some rows: ``header`` names their columns, ``raw`` are their bytes as they stand in the file.

    ``line`` is the file's line on which they begin.
    """

    header: tuple[str, ...]
    raw: bytes
    line: int

    def read(self, types: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        """Those columns, each of its type. What is not of it is null; an empty string is ''."""
        from polars.exceptions import PolarsError

        body = self.raw
        if body.startswith((b"\n", b"\r\n")):
            body = without_empty(body)
        try:
            frame = self._frame(body, types)
        except PolarsError:  # a line of nothing may have another number of separators
            body, before = without_empty(body), body
            if len(body) == len(before):
                raise
            return self._frame(body, types)
        # a line of nothing is taken for a row in which all is empty, and no row's dataset is
        first = DATASET if DATASET in types else next(iter(types))
        if _has_empty(frame[first]):
            rows = without_empty(body)
            frame = frame if len(rows) == len(body) else self._frame(rows, types)
        return frame

    def _frame(self, body: bytes, types: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        import polars as pl

        guarded = body.startswith(_BOM)
        if guarded:  # would be taken for the file's own
            body = b"," * (len(self.header) - 1) + b"\n" + body
        if not body:
            return pl.DataFrame(schema=types)
        frame = pl.read_csv(
            body,
            has_header=False,
            schema={column: types.get(column, pl.String) for column in self.header},
            columns=[at for at, column in enumerate(self.header) if column in types],
            ignore_errors=True,
            empty_string_is_null=False,
            extra_columns="raise",
            missing_columns="raise",
        )
        return (frame.slice(1) if guarded else frame)[list(types)]

    def texts(self, *columns: str) -> pl.DataFrame:
        """Those columns as they are written."""
        import polars as pl

        return self.read(dict.fromkeys(columns, pl.String))

    def lines(self, rows: Sequence[int]) -> list[int]:
        """The 1-based physical lines of the file where these rows (from 0) begin."""
        empty = [self.raw.count(b"\n", 0, begin) for begin, _ in empty_lines(self.raw)]
        if b'"' not in self.raw and not empty:
            return [self.line + row for row in rows]
        starts = _starts(self.raw, frozenset(empty))
        return [self.line + starts[row] for row in rows]


def blocks(file: BinaryIO, header: Sequence[str], *, size: int = BLOCK) -> Iterator[Block]:
    """The rows after the header, ``size`` bytes or so at once; ``file`` can seek."""
    columns = tuple(header)
    line = 1
    begun = False
    for piece in _pieces(file, size):
        raw = piece
        if not begun:
            begin = _header_end(piece)
            line += piece.count(b"\n", 0, begin or len(piece))
            if not begin:
                continue
            begun = True
            raw = piece[begin:]
        if raw:
            yield Block(columns, raw, line)
        line += raw.count(b"\n")


def first_row(file: BinaryIO) -> tuple[str, ...] | None:
    """The names in the header of the file; ``None`` where it is not easily found."""
    raw = b""
    for size in (_HEADER, ROW_BYTES):  # of most files the first is enough
        file.seek(0)
        begin = file.read(size)
        end = _header_end(begin)
        raw = begin[:end].removeprefix(_BOM)
        if 0 < end < len(begin) or len(begin) < size:
            break
    try:
        return next((tuple(row) for row in csv.reader([raw.decode().strip("\r\n")])), None)
    except (UnicodeDecodeError, csv.Error):
        return None


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The file in pieces of some ``size`` that end where a row ends."""
    begin, wanted = 0, size
    while True:
        # what follows the last whole row is read again: that is less than moving all the rest
        file.seek(begin)
        data = file.read(wanted)
        last = len(data) < wanted
        end = len(data) if last else _last_row_end(data)
        if end:
            yield data if end == len(data) else data[:end]
        if last:
            return
        begin += end
        wanted = size if end else 2 * wanted
        if wanted > max(_LONGEST, 2 * size):
            raise NotATable


def _last_row_end(body: bytes) -> int:
    """Where the last row that is whole ends: after a line end with an even number of quotes."""
    end = len(body)
    quotes = body.count(b'"')
    while True:
        cut = body.rfind(b"\n", 0, end) + 1
        quotes -= body.count(b'"', cut, end)
        if not cut or not quotes & 1:
            return cut
        end = cut - 1


def _header_end(raw: bytes) -> int:
    """Where the first row that is not blank ends; 0 if all are blank."""
    begin = len(_BOM) if raw.startswith(_BOM) else 0
    if blank := _BLANK_FIRST.match(raw, begin):
        begin = blank.end()
    if begin == len(raw):
        return 0
    end = begin
    while True:
        end = raw.find(b"\n", end) + 1 or len(raw)
        if end == len(raw) or not raw.count(b'"', begin, end) & 1:
            return end


def _starts(raw: bytes, empty: Collection[int]) -> list[int]:
    """For each row of ``raw`` how many lines are before it; ``empty`` are lines of no row."""
    starts: list[int] = []
    lines, begins = 0, True
    stretches = raw.split(b'"')
    for index, stretch in enumerate(stretches):
        if index & 1:  # within quotes
            lines += stretch.count(b"\n")
            continue
        *whole, rest = stretch.split(b"\n")
        quote_follows = index < len(stretches) - 1
        for part in whole:
            if begins and part and lines not in empty:
                starts.append(lines)
            lines += 1
            begins = True
        if begins and (rest or quote_follows) and lines not in empty:
            starts.append(lines)
            begins = False
    return starts


def _has_empty(column: pl.Series) -> bool:
    if column.null_count():
        return True
    return any(not text.strip(" \t") for text in column.unique().cast(str).to_list())
