"""A CDE for people with spreadsheets: its variables as a table, and an empty file to fill in.

Both are CSV in UTF-8 with a byte order mark, by which Excel knows the encoding.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from saltext_mip.data.cde.model import DATASET, Cde, Variable
from saltext_mip.errors import Misuse
from saltext_mip.text import shown

COLUMNS = ("column", "label", "type", "allowed codes", "minimum", "maximum", "unit", "description")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_TYPES = {"text": "text", "int": "whole number", "real": "number"}
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for one


def codebook(cde: Cde, *, separator: str = "comma") -> str:
    """One row a variable, in the order of the CDE, ``dataset`` first.

    ``separator`` is one of SEPARATORS: Excel opens a file by double click with the list separator
    of its country. :class:`Misuse` for another one.
    """
    if separator not in SEPARATORS:
        raise Misuse(f"separator must be one of {', '.join(SEPARATORS)}.")
    rows = [COLUMNS, *(_row(variable) for variable in _ordered(cde))]
    return _text(rows, SEPARATORS[separator])


def template(cde: Cde) -> str:
    """A file with the header alone: every variable's column, ``dataset`` first."""
    return _text([[variable.code for variable in _ordered(cde)]], ",")


def _ordered(cde: Cde) -> Iterable[Variable]:
    return sorted(cde.variables, key=lambda variable: variable.code != DATASET)


def _row(variable: Variable) -> list[str]:
    codes = variable.enumerations or ()
    kind = _TYPES[variable.sql_type]
    if variable.code == DATASET:
        kind = "text: the code of the dataset, in every row"
    elif codes:
        kind = f"one of the codes ({kind})"
    elif str(variable.source.get("type", "")).lower() in ("date", "timestamp", "datetime"):
        kind = "date: year-month-day"
    return [
        variable.code,
        _plain(variable.label),
        kind,
        _plain("; ".join(code if code == label else f"{code} = {label}" for code, label in codes)),
        *("" if bound is None else str(bound) for bound in variable.limits),
        _plain(str(variable.source.get("units") or "")),
        _plain(str(variable.source.get("description") or "")),
    ]


def _plain(text: str) -> str:
    """On one line, and no formula for a spreadsheet."""
    text = shown(" ".join(text.split()))
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(rows: Sequence[Sequence[str]], separator: str) -> str:
    made = io.StringIO()
    csv.writer(made, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return "\ufeff" + made.getvalue()
