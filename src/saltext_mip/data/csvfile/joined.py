"""Rows that are none of a patient: of separators alone, a header again, a label, a footer.

Spreadsheets leave the first; the others come from files that were pasted together, and what stands
in 'dataset' in them would be taken for the code of a dataset.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator

BOM = b"\xef\xbb\xbf"

_EMPTY = re.compile(rb'^[ \t,"]*\r?$', re.MULTILINE)
_EMPTY_BYTES = b' \t,"\r\n'
_FOOTER = re.compile(
    r"(?i)\W*(?:(?:grand|sub)?\W?totals?|sums?|summe|gesamt|count|mean|average|mittelwert|median|"
    r"std|sd|min|max|minimum|maximum|n|notes?|legend|source|footnote|end of (?:file|data)|eof|"
    r"totale|totales|totali|somme|moyenne)\b(?:\W.*)?"
)


def is_empty(raw: bytes) -> bool:
    """Whether a line, as it stands, is a row of nothing: separators, blanks, empty quotes."""
    if raw.strip(_EMPTY_BYTES):
        return False
    line = raw.decode().strip("\r\n")
    return line.count('"') % 2 == 0 and all(
        not field.strip(" \t") for row in csv.reader([line]) for field in row
    )


def empty_lines(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the lines of nothing in whole rows begin and end; blank lines are such."""
    quotes = at = 0
    for found in _EMPTY.finditer(body):
        begin, end = found.span()
        if begin == len(body):
            return
        quotes += body.count(b'"', at, begin)
        at = begin
        if not quotes & 1 and is_empty(body[begin:end]):
            yield begin, end + 1


def without_empty(body: bytes) -> bytes:
    """The rows without the lines of nothing."""
    parts, at = [], 0
    for begin, end in empty_lines(body):
        parts.append(body[at:begin])
        at = end
    return b"".join((*parts, body[at:])) if at else body


def is_header(fields: Collection[bytes], names: Collection[str]) -> bool:
    """Whether a row is the header again, case and blanks aside."""
    texts = [_unquoted(field.decode()).strip().casefold() for field in fields]
    return texts == [name.strip().casefold() for name in names]


def begins_with_mark(fields: Collection[bytes]) -> bool:
    """Whether a value begins with a byte order mark."""
    return any(field.lstrip(b'"').startswith(BOM) for field in fields)


def is_odd_code(code: str, names: Collection[str]) -> bool:
    """Whether a code that one row has is rather that of a label row or a footer.

    ``names``: of columns, or labels, casefolded.
    """
    return code.strip().casefold() in names or _FOOTER.fullmatch(code) is not None


def is_odd_label(code: str, labels: Collection[str]) -> bool:
    """Whether a code is one of these labels (casefolded)."""
    return code.strip().casefold() in labels


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') and len(field) > 1 else field
