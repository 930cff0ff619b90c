"""Correct one CSV file by what its diagnosis finds certain: into a new file, never in place.

What has one meaning only is corrected: encoding, separator, decimal comma, line ends, blanks, the
writing of column names, unnamed empty columns, rows of separators, the label of one code. Whatever
a person has to decide is left as it is and named by the check of the result.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from saltext_mip.data import data_path
from saltext_mip.data.cde.model import DATASET, Cde, Variable
from saltext_mip.data.csvfile import decimals
from saltext_mip.data.csvfile.diagnosis import encodings, garbled, layout
from saltext_mip.data.csvfile.diagnosis.columns import Resemblance
from saltext_mip.data.csvfile.diagnosis.kinds import kind_of
from saltext_mip.data.csvfile.diagnosis.values import Reader
from saltext_mip.errors import DataError, Misuse
from saltext_mip.federation import CDE_FILE, ENROLLED_FILE
from saltext_mip.storage import beneath
from saltext_mip.text import shown

LARGEST = 512 << 20  # bytes: it is held in memory
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")

Rows = list[list[str]]


@dataclass
class Fixed:
    """``changes`` are what was (or would be) changed, with the number of cells or rows of each;
    ``left`` what was seen and left, since it can mean more than one thing."""

    content: bytes = b""
    changes: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


def fix(path: Path, cde: Cde, *, encoding: str | None = None) -> Fixed:
    """The corrected content of a file, and what differs from it.

    ``encoding`` is the file's, where it is known and cannot be recognised. :class:`DataError` for a
    file that is no CSV file, or too large.
    """
    try:
        with data_path.named(path).open() as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{shown(str(path))} not found") from None
    if len(data) > LARGEST:
        raise DataError(f"{shown(path.name)} is larger than {LARGEST >> 20} MB: export it again")
    if (kind := kind_of(data, name=path.name)) is not None:
        raise DataError(f"{shown(path.name)} is not a CSV file but: {kind.name}. {kind.advice}")
    fixed = Fixed()
    text = _decoded(data, encoding, fixed)
    if text is None:
        fixed.content = data
        return fixed
    found = layout.layout_of(text)
    if found.decimal_comma is None:
        fixed.left.append(
            "Numbers such as 1,234 can have a decimal comma or thousands: nothing was changed."
        )
        fixed.content = data
        return fixed
    rows = _rows(text, found, fixed)
    if found.decimal_comma:
        _points(rows, fixed)
    _names(rows, cde, fixed)
    _unnamed(rows, fixed)
    _values(rows, cde, fixed)
    _garbled(rows, fixed)
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    fixed.content = made.getvalue().encode()
    return fixed


def write(fixed: Fixed, target: Path) -> None:
    """Write the corrected content into a new file; never over one, nor where data are taken from.

    :class:`Misuse` where it is not a new file outside the data path.
    """
    folder = target.resolve().parent
    data = any((above / ENROLLED_FILE).exists() for above in (folder, *folder.parents))
    if data or (folder / CDE_FILE).exists():
        raise Misuse(
            f"{shown(str(target))} would be in the data path, beside the original: name a file "
            "elsewhere with out=."
        )
    try:
        fd = beneath.file(target).descriptor(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)  # patients' data
            file.write(fixed.content)
    except FileExistsError:
        raise Misuse(f"{shown(str(target))} exists: name a new file with out=.") from None


def _decoded(data: bytes, encoding: str | None, fixed: Fixed) -> str | None:
    if encoding is not None:
        try:
            text = data.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            raise Misuse(f"The file cannot be read as {shown(encoding)}.") from None
        fixed.changes[f"encoding {encoding} to UTF-8 (characters)"] += sum(c > "\x7f" for c in text)
        return text.removeprefix("\ufeff")
    decoded = encodings.decode(data)
    if not decoded.encoding:
        names = ", ".join(decoded.fits)
        fixed.left.append(f"The encoding can be {names}: name it with encoding=.")
        return None
    if decoded.encoding != "utf-8":
        count = sum(char > "\x7f" for char in decoded.text)
        fixed.changes[f"encoding {decoded.name} to UTF-8 (characters)"] += count
    elif decoded.marked:
        fixed.changes["byte order mark removed"] += 1
    return decoded.text


def _rows(text: str, found: layout.Layout, fixed: Fixed) -> Rows:
    """All rows from the header on, those of separators left out."""
    if found.wrapped and (inner := layout.unwrapped(text)) is not None:
        fixed.changes["quotes around whole lines removed"] += len(inner.splitlines())
        text = inner
    rows = [(line, fields) for line, fields in layout.all_rows(text, found.separator)]
    if found.separator != ",":
        name = layout.SEPARATORS.get(found.separator, shown(found.separator))
        fixed.changes[f"{name} between fields to commas (rows)"] += len(rows)
    if "\r" in text:
        fixed.changes["line ends"] += text.count("\r")
    above = rows[: max(found.header, 0)]
    if above and all(sum(bool(cell.strip()) for cell in fields) <= 1 for _, fields in above):
        fixed.changes["lines above the header removed"] += len(above)
        rows = rows[len(above) :]
    kept = [fields for _, fields in rows if any(cell.strip() for cell in fields)]
    if len(kept) < len(rows):
        fixed.changes["rows of separators removed"] += len(rows) - len(kept)
    return kept


def _points(rows: Rows, fixed: Fixed) -> None:
    for row in rows[1:]:
        for at, cell in enumerate(row):
            if _DECIMAL_COMMA.fullmatch(cell):
                row[at] = cell.strip().replace(",", ".")
                fixed.changes["decimal comma to point (cells)"] += 1


def _names(rows: Rows, cde: Cde, fixed: Fixed) -> None:
    """Names that are one variable's but for capitals, blanks and signs."""
    if not rows:
        return
    resemblance = Resemblance(cde)
    known = {variable.code for variable in cde.variables}
    taken = set(rows[0])
    for at, name in enumerate(rows[0]):
        if name in known or not name.strip():
            continue
        same = resemblance.same(name)
        if same is not None and same.code not in taken:
            fixed.changes[f"column '{shown(name)}' to '{shown(same.code)}'"] += 1
            taken.add(same.code)
            rows[0][at] = same.code


def _unnamed(rows: Rows, fixed: Fixed) -> None:
    """Columns that have neither a name nor a value; also the comma at the end of each row."""
    if not rows:
        return
    width = len(rows[0])
    if all(len(row) == width + 1 and not row[-1].strip() for row in rows[1:]) and len(rows) > 1:
        rows[0].append("")
        width += 1
    if any(len(row) != width for row in rows):
        return
    empty = [
        at
        for at, name in enumerate(rows[0])
        if not name.strip() and not any(row[at].strip() for row in rows[1:])
    ]
    for at in reversed(empty):
        fixed.changes["unnamed empty columns removed"] += 1
        for row in rows:
            del row[at]


def _values(rows: Rows, cde: Cde, fixed: Fixed) -> None:
    if not rows:
        return
    variables = {variable.code: variable for variable in cde.variables}
    width = len(rows[0])
    for at, name in enumerate(rows[0]):
        variable = variables.get(name)
        cells = [row[at] for row in rows[1:] if len(row) == width]
        if variable is not None and rows[0].count(name) == 1:
            _column(rows, at, variable, Reader(variable, cells), fixed)


def _garbled(rows: Rows, fixed: Fixed) -> None:
    """Text whose characters were lost before: what it was is probable, and not more."""
    if not rows:
        return
    pattern = re.compile(garbled.PATTERN)
    for at, name in enumerate(rows[0]):
        count = sum(at < len(row) and pattern.search(row[at]) is not None for row in rows[1:])
        if count:
            fixed.left.append(
                f"Column '{shown(name)}': {count} cells were read in the wrong encoding before. "
                "Open the source as UTF-8 and export the file again."
            )


def _column(rows: Rows, at: int, variable: Variable, reader: Reader, fixed: Fixed) -> None:
    codes = {code for code, _ in variable.enumerations or ()}
    for row in rows[1:]:
        if len(row) != len(rows[0]) or not row[at]:
            continue
        cell = row[at]
        written = _written(cell, variable, codes, reader)
        if written is not None and written != cell:
            what = "blanks removed" if written == cell.strip() else "values rewritten"
            fixed.changes[f"column '{shown(variable.code)}': {what} (cells)"] += 1
            row[at] = written


def _written(cell: str, variable: Variable, codes: set[str], reader: Reader) -> str | None:
    """What to write for a cell; ``None``: it is good, or a person has to decide."""
    if variable.code == DATASET:
        return cell.strip()
    if codes:
        if cell in codes:
            return None
        reading = reader.read(cell)
        return reading.write if reading.kind == "code" else None
    if variable.sql_type == "text":
        return None  # blanks can be part of a text
    if not isinstance(decimals.real(cell), str):
        return cell.strip() if cell.strip() != cell else None
    reading = reader.read(cell)
    return reading.write if reading.kind in ("number", "decimal comma") else None
