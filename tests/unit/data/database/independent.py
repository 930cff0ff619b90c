"""A folder's rows by Python's ``csv`` alone, and a database's by ``sqlite3`` alone."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]
READ = {"text": str, "int": int, "real": float}


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file's text."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return out.getvalue()


def csv_rows(path: Path, columns: Mapping[str, str]) -> Counter[Row]:
    """The file's rows as DATA should have them; ``columns`` maps each in order to its type."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return Counter(_row(dict(zip(header, row, strict=True)), columns) for row in rows)


def _row(cells: Mapping[str, str], columns: Mapping[str, str]) -> Row:
    values = []
    for name, kind in columns.items():
        text = cells.get(name)
        empty = text is None or (text == "" and kind != "text")
        values.append(None if empty else READ[kind](text))
    return tuple(values)


def database_rows(path: Path) -> Counter[Row]:
    """All rows of DATA."""
    with closing(sqlite3.connect(path)) as db:
        return Counter(db.execute("SELECT * FROM DATA"))
