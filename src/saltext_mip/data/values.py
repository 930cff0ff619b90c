"""What a file's header and values must be for its CDE: the same rules for consolidate and compile.

A file is listed by ``consolidate`` and compiled by ``compile`` under one and the same verdict, so
both ask here, and so does ``mip.check`` for a hospital's data manager. :class:`Verifier` turns
blocks of strings into blocks of values on the way, deciding whole columns at once; only columns in
which something fails are looked at again, text by text, to say what and where. The form of a file
(quotes, fields per row, encoding) is :mod:`saltext_mip.data.tables`' to judge.

When the outcome of a rule here changes, ``RULES_VERSION`` in :mod:`saltext_mip.data.cde` grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from saltext_mip.data import numerals
from saltext_mip.data.cde import DATASET, Cde, Number, Variable
from saltext_mip.data.grouped import SHOWN, Grouped
from saltext_mip.data.rows import Block, blocks
from saltext_mip.data.tables import Table
from saltext_mip.data.visits import Visits
from saltext_mip.problems import Finding, Problem

if TYPE_CHECKING:
    import polars as pl

SUBJECTCODE = "subjectcode"
# a file with these can be read row by row all the same; with any other hard one it cannot
READABLE = frozenset({"DatasetEmpty", "DatasetUnsafe"})


def check_header(header: Sequence[str], cde: Cde, *, subjectcode: bool) -> tuple[Finding, ...]:
    """What is wrong with these column names for this CDE; a file may have fewer than the CDE.

    ``subjectcode``: whether the database has a column of that name where the CDE lacks it.
    """
    known = {variable.code for variable in cde.variables}
    found = []
    for column in header:
        if column in known:
            continue
        if column != SUBJECTCODE:
            found.append(Finding(Problem("UnknownColumn", line=1, column=column)))
        elif not subjectcode:
            found.append(Finding(Problem("SubjectcodeLeftOut", line=1, column=column)))
    return tuple(found)


def check_file(
    path: Path, table: Table, cde: Cde, *, subjectcode: bool, strict: bool = False
) -> tuple[Finding, ...]:
    """All that is wrong with the file's header and values, grouped by rule and column.

    ``table`` is what :func:`saltext_mip.data.tables.read` said of it; where the file has no rows
    to be read for what is wrong with its form, only the header is checked. Memory is bounded.
    """
    found = check_header(table.header, cde, subjectcode=subjectcode)
    if not readable(table):
        return strictly(found, strict=strict)
    verifier = Verifier(table.header, cde, subjectcode=subjectcode)
    with path.open("rb") as file:
        for block in blocks(file, table.header):
            verifier.values(block)
        return strictly(found + verifier.findings(file), strict=strict)


def readable(table: Table) -> bool:
    """Whether the file's rows can be read, even if it is not sound."""
    rules = {finding.problem.rule for finding in table.findings if finding.problem.hard}
    return bool(table.header) and rules <= READABLE


def strictly(found: tuple[Finding, ...], *, strict: bool) -> tuple[Finding, ...]:
    """The same, with every warning an error if so wanted."""
    if not strict:
        return found
    return tuple(Finding(finding.problem.at(strict=True), finding.examples) for finding in found)


class Verifier:
    """Give it the blocks of one file, in order: it gives their values, and keeps what is wrong.

    A value that breaks its type's rule comes out as None: whoever stores values looks at
    :attr:`refused` first.
    """

    def __init__(self, header: Sequence[str], cde: Cde, *, subjectcode: bool) -> None:
        variables = {variable.code: variable for variable in cde.variables}
        self.columns = tuple(
            column
            for column in header
            if column in variables or (subjectcode and column == SUBJECTCODE)
        )
        self._header = tuple(header)
        self._checks = tuple(
            _Check(variables[column]) for column in self.columns if column in variables
        )
        self._found = Grouped()
        self._lines_left: dict[tuple[str, str], int] = {}
        self._visits = Visits() if cde.longitudinal and Visits.columns <= set(header) else None
        self.refused = False

    def values(self, block: Block) -> pl.DataFrame:
        """The block's values, for each of :attr:`columns` one of its variable's type."""
        frame = block.frame
        out = frame.select(self.columns).with_columns(
            check.expression for check in self._checks if check.number
        )
        for check in self._checks:
            if check.number and not check.clean(out, frame):
                out = self._explained(check, out, block)
        if self._checks:
            sums = [check.outside for check in self._checks if check.outside is not None]
            for column, count in (out.select(sums).row(0, named=True) if sums else {}).items():
                if count:
                    self._outside(column, out, block)
        if self._visits is not None:
            self._visits.add(frame)
        return out

    def findings(self, file: BinaryIO) -> tuple[Finding, ...]:
        """All that was found. ``file`` is the file itself, read again where visits are doubled."""
        if self._visits is not None:
            count, first = self._visits.doubled()
            if count:
                file.seek(0)
                self._visits.explain(self._found, count, first, blocks(file, self._header))
        return self._found.findings()

    def _explained(self, check: _Check, out: pl.DataFrame, block: Block) -> pl.DataFrame:
        column = check.column
        values, wrong = check.exactly(out[column], block.frame[column])
        for rule, rows in wrong.items():
            self.refused = True
            self._add(rule, column, rows, block)
        return out.with_columns(values)

    def _outside(self, column: str, out: pl.DataFrame, block: Block) -> None:
        check = next(check for check in self._checks if check.column == column)
        for rule, mask in check.masks.items():
            rows = out.select(mask.arg_true()).to_series().to_list()
            if rows:
                self._add(rule, column, rows, block)

    def _add(self, rule: str, column: str, rows: list[int], block: Block) -> None:
        left = self._lines_left.get((rule, column), SHOWN)
        shown = rows[:left]
        texts = block.frame[column]
        for row, line in zip(shown, block.lines(shown) if shown else (), strict=True):
            self._found.add(rule, line, texts[row], column=column)
        if rest := len(rows) - len(shown):
            self._found.add(rule, column=column, count=rest)
        self._lines_left[rule, column] = left - len(shown)


class _Check:
    """What is asked of one variable, as expressions over its column."""

    def __init__(self, variable: Variable) -> None:
        import polars as pl

        self.column = variable.code
        self.number = variable.sql_type != "text"
        self._int = variable.sql_type == "int"
        self._type = pl.Int64 if self._int else pl.Float64
        column = pl.col(self.column)
        # refuses, as null, some texts that the rule takes; takes none that it refuses but names
        # of what is not finite
        self.expression = column.cast(self._type, strict=False)
        self.masks = _masks(variable, column)
        whole = pl.any_horizontal(*self.masks.values()) if self.masks else None
        self.outside = None if whole is None else whole.sum().alias(self.column)

    def clean(self, out: pl.DataFrame, frame: pl.DataFrame) -> bool:
        """Whether every text was taken, or was empty."""
        values = out[self.column]
        if values.null_count() and values.null_count() != (frame[self.column] == "").sum():
            return False
        return self._int or bool(values.is_finite().all())

    def exactly(
        self, values: pl.Series, texts: pl.Series
    ) -> tuple[pl.Series, dict[str, list[int]]]:
        """The column with each text that was not taken at once looked at, and the rows it fails."""
        import polars as pl

        taken = values.is_not_null() if self._int else values.is_finite().fill_null(value=False)
        rows = (~taken & (texts != "")).arg_true()
        stripped = texts.gather(rows).str.strip_chars(numerals.BLANKS)
        again = stripped.str.replace(r"^([+-]?[0-9]+)\.0*$", "$1") if self._int else stripped
        new = again.cast(self._type, strict=False)
        if not self._int:
            new = new.set(~new.is_finite(), None)
        hard = (new.is_null() & (stripped != "")).arg_true()
        distinct = stripped.gather(hard).unique().to_list()
        exact = {text: (numerals.whole if self._int else numerals.real)(text) for text in distinct}
        answers = [exact[text] for text in stripped.gather(hard).to_list()]
        good = [None if isinstance(answer, str) else answer for answer in answers]
        new = new.scatter(hard, pl.Series(good, dtype=self._type))
        wrong: dict[str, list[int]] = {}
        for row, answer in zip(rows.gather(hard).to_list(), answers, strict=True):
            if isinstance(answer, str):
                wrong.setdefault(answer, []).append(row)
        return values.scatter(rows, new), wrong


def _masks(variable: Variable, column: pl.Expr) -> dict[str, pl.Expr]:
    """Rule to expression: which values break it. Empty ones break none."""
    masks = {}
    codes = [code for code, _ in variable.enumerations or ()]
    if codes and variable.code != DATASET:
        if variable.sql_type == "text":
            masks["NotEnumerated"] = ~column.is_in([*codes, ""])
        else:
            read = numerals.whole if variable.sql_type == "int" else numerals.real
            numbers = [value for value in map(read, codes) if not isinstance(value, str)]
            masks["NotEnumerated"] = ~column.is_in(numbers)
    if variable.sql_type != "text" and (bounds := _bounds(variable, column)) is not None:
        masks["OutOfBounds"] = bounds
    return masks


def _bounds(variable: Variable, column: pl.Expr) -> pl.Expr | None:
    low = [bound for bound in (variable.min, variable.min_value) if bound is not None]
    high = [bound for bound in (variable.max, variable.max_value) if bound is not None]
    below = column < _bound(max(low), variable, math.ceil) if low else None
    above = column > _bound(min(high), variable, math.floor) if high else None
    if below is None or above is None:
        return above if below is None else below
    return below | above


def _bound(bound: Number, variable: Variable, rounded: Any) -> Number:
    """In the column's own type, so that nothing is compared by way of another."""
    if variable.sql_type == "real":
        return float(bound)
    return max(numerals.INT_MIN, min(numerals.INT_MAX, int(rounded(bound))))
