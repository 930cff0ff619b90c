"""How a refused file is laid out: what separates its fields, where its header is, its decimals.

``csv.Sniffer`` is of no use for this: it takes a letter for the separator of short files, and knows
neither decimal commas nor lines above the header. What a person sees at once is counted here: the
separator is what gives the same number of fields in (nearly) every line.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
DATASET = "dataset"
_ROWS = 200  # that are looked at
_TOP = 30  # lines in which a header can be
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?\s*")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_GROUPS_ONLY = re.compile(r"\s*[+-]?\d{1,3}(?:,\d{3})+\s*")
_ONE_FIELD = re.compile(r'"(?:[^"]|"")*"\s*')
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)

Row = tuple[int, list[str]]  # the line on which it begins, from 1; its fields


@dataclass(frozen=True)
class Layout:
    """``rows`` are the first ones, blank lines left out.

    ``header`` is the place of the header in them, -1 where none names a column 'dataset' or
    something like it. ``wrapped``: each line is one quoted field that holds the row.
    ``decimal_comma`` is ``None`` where its numbers leave it open.
    """

    separator: str
    rows: tuple[Row, ...]
    header: int = -1
    wrapped: bool = False
    decimal_comma: bool | None = False

    @property
    def names(self) -> list[str]:
        return self.rows[self.header][1] if self.header >= 0 else []


def layout_of(text: str) -> Layout:
    """The layout of a file of which this is the beginning."""
    lines = text.split("\n", 1)[0].rstrip("\r")
    if found := _SEP_LINE.match(lines):
        return _with_header(found[1], rows_of(text, found[1]))
    if (inner := unwrapped(text)) is not None:
        layout = layout_of(inner)
        return Layout(layout.separator, layout.rows, layout.header, wrapped=True)
    best = max((_scored(text, separator) for separator in SEPARATORS), key=lambda pair: pair[0])
    return best[1]


def rows_of(text: str, separator: str, *, limit: int = _ROWS) -> tuple[Row, ...]:
    """The first rows; blank lines are none."""
    return tuple(row for row, _ in zip(all_rows(text, separator), range(limit), strict=False))


def all_rows(text: str, separator: str) -> Iterator[Row]:
    """All rows, with the line on which each begins."""
    if separator == " ":
        for number, words in enumerate(text.splitlines(), 1):
            if words.strip():
                yield number, words.split()
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:  # a field of more than 128 kB: nothing to go by
            return
        if fields is None:
            return
        if fields:
            yield line, fields
        line = reader.line_num + 1


def unwrapped(text: str) -> str | None:
    """The rows that stand in quotes line by line (``"a,""b"",c"``); ``None`` where they do not."""
    rows = rows_of(text, ",", limit=20)
    if len(rows) < 2 or not all(len(fields) == 1 for _, fields in rows):
        return None
    lines = text.splitlines()
    whole = [line for line in lines if line.strip()]
    # the last may be cut
    if not all(_ONE_FIELD.fullmatch(line) for line in whole[:-1]):
        return None
    if not any(separator in fields[0] for separator in ",;\t|" for _, fields in rows[:1]):
        return None
    return "\n".join(line.rstrip()[1:-1].replace('""', '"') for line in lines)


def same_name(name: str) -> str:
    """What a person takes for the same name: letters and digits, in small letters."""
    text = unicodedata.normalize("NFKC", name)
    return "".join(char for char in text if char.isalnum()).casefold()


def is_number(text: str) -> bool:
    """Whether a person would read it as a number, with whatever decimal sign."""
    return _NUMBER.fullmatch(text) is not None


def looks_like_header(fields: Sequence[str]) -> bool:
    """Whether these can be the names of columns: no numbers, hardly one empty, none twice."""
    filled = [field.strip() for field in fields if field.strip()]
    unlike = any(is_number(field) for field in filled)
    return bool(filled) and not unlike and len(filled) == len(set(filled))


def _scored(text: str, separator: str) -> tuple[tuple[float, ...], Layout]:
    rows = rows_of(text, separator)
    layout = _with_header(separator, rows)
    body = rows[max(layout.header, 0) :]
    widths = Counter(len(fields) for _, fields in body)
    if not widths:
        return (0.0, 0.0, 0.0, 0.0), layout
    width, often = widths.most_common(1)[0]
    alike = often / len(body) if width > 1 else 0.0
    named = layout.header >= 0 and len(layout.names) > 1
    # blanks separate words of any text: they count only where all else fails
    trust = 0.0 if separator == " " and (alike < 1 or len(body) < 2) else 1.0
    return (trust * named, trust * round(alike, 1), -(separator == " "), width), layout


def _with_header(separator: str, rows: tuple[Row, ...]) -> Layout:
    header = -1
    for at, (_, fields) in enumerate(rows[:_TOP]):
        if any(same_name(field) in (DATASET, DATASET + "s") for field in fields):
            header = at
            break
    return Layout(separator, rows, header, decimal_comma=_decimal_comma(separator, rows))


def _decimal_comma(separator: str, rows: tuple[Row, ...]) -> bool | None:
    """Whether numbers have a decimal comma; ``None``: they can be thousands as well."""
    if separator == ",":
        return False
    cells = [field for _, fields in rows for field in fields if "," in field]
    commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    if any(not _GROUPS_ONLY.fullmatch(cell) for cell in commas):
        return True
    return None if commas else False
