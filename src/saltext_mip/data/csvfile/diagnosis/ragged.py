"""Rows that do not have as many fields as the header: each line's own advice, or one for all.

Padding a short row at its end moves every later value by a column, and the file is accepted: so
that is never what to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from saltext_mip.problems import Finding

_SHOWN = 10
RULES = frozenset({"TooFewFields", "TooManyFields"})


@dataclass
class Widths:
    """How many fields the rows had that did not fit. ``columns`` are the header's."""

    columns: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    first: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    # where the file's last row begins that does not end with a line end
    open_line: int = 0

    def add(self, rule: str, line: int, fields: int) -> None:
        self.rows[fields] += 1
        first = self.first.setdefault(rule, [])
        if len(first) < _SHOWN:
            first.append((line, fields))

    def all_alike(self, rows: int) -> bool:
        """Whether each of the file's ``rows`` is off by the same number."""
        return len(self.rows) == 1 and self.rows.total() == rows > 1


def explain(
    findings: tuple[Finding, ...], widths: Widths, rows: int, sample: Sequence[Sequence[str]]
) -> tuple[Finding, ...]:
    """The same findings with advice; one for all rows where all are off by the same number.

    ``sample`` are the fields of the first rows.
    """
    if widths.all_alike(rows):
        (fields,) = widths.rows
        found = next(each for each in findings if each.problem.rule in RULES)
        rest = tuple(each for each in findings if each.problem.rule not in RULES)
        about, advice = _all_off(fields, widths.columns, sample)
        problem = replace(found.problem, rule="RowsUnlikeHeader", about=about)
        return (Finding(problem, found.examples, advice), *rest)
    return tuple(
        replace(each, advice=_advice(each.problem.rule, widths))
        if each.problem.rule in RULES
        else each
        for each in findings
    )


def number_rows(cells: Sequence[str]) -> bool:
    """Whether these cells of a column number the rows, from 0 or 1, as R and pandas do."""
    if len(cells) < 2 or not cells[0].isdecimal() or cells[0] not in ("0", "1"):
        return False
    first = int(cells[0])
    return all(cell == str(first + at) for at, cell in enumerate(cells))


def _all_off(fields: int, columns: int, sample: Sequence[Sequence[str]]) -> tuple[str, str]:
    about = f"every row has {fields} fields, the header {columns}"
    if fields == columns + 1 and sample and all(not row[-1].strip() for row in sample):
        what = "each row ends with a comma. Delete the last comma of each row, if it is the last."
    elif fields == columns + 1 and number_rows([row[0] for row in sample]):
        what = (
            "the first field of each row numbers the rows. Export again without row names "
            "(R: row.names=FALSE; pandas: index=False), or delete the first field of each row."
        )
    elif fields > columns:
        what = (
            "a column name is missing in the header, or every row has a comma inside a value. "
            "A decimal comma (2,9)? Write a point. Another comma? Put the value in quotes. Else "
            "find the column that has no name and insert its name in its place; at the end only "
            "if it is the last column."
        )
    elif fields == 1 and sample and any(separator in sample[0][0] for separator in ";\t|"):
        what = (
            "the rows are separated by another character than the header. Export the file again "
            "with commas between fields and points in decimal numbers."
        )
    else:
        what = (
            "the header has a name too many, or the rows lack a column. Export the file again; do "
            "not pad the end of the rows."
        )
    return about, f"{about[0].upper()}{about[1:]}: {what}"


def _advice(rule: str, widths: Widths) -> str:
    first = widths.first.get(rule, [])
    sentences = []
    for line, fields in first:
        cut = line == widths.open_line and fields < widths.columns
        if cut:
            sentences.append(
                f"Line {line} is the last and has {fields} of {widths.columns} fields: "
                "the file may be cut off; export it again."
            )
        else:
            sentences.append(f"Line {line} has {fields} of {widths.columns} fields.")
    if rule == "TooFewFields":
        what = (
            "Find the missing field and insert it in its place; do not pad the end. "
            "A note or a total? Delete the line."
        )
    else:
        what = (
            "Look for a comma inside a value and put that value in quotes, or a decimal comma and "
            "write a point; a note? Delete the line."
        )
    return " ".join([*sentences, what])
