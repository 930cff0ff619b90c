"""What a file's header and values must be for its CDE: the same rules for consolidate and compile.

A file is listed by ``consolidate`` and compiled by ``compile`` under one and the same verdict, so
both ask here, and so does ``mip.check`` for a hospital's data manager. :class:`Validator` turns
blocks of a file into frames of values on the way, deciding whole columns at once; only columns in
which something fails are checked again, text by text, to report what and where. The form of a file
(quotes, fields per row, encoding) is judged by :mod:`.reader`.

When the outcome of a rule here changes, ``RULES_VERSION`` in :mod:`.cde.model` grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from saltext_mip.data.cde.model import Cde, Variable
from saltext_mip.data.csvfile.blocks import Block, blocks
from saltext_mip.data.csvfile.column_checks import Check
from saltext_mip.data.csvfile.duplicate_visits import Visits
from saltext_mip.data.csvfile.findings import SHOWN, FindingCollector
from saltext_mip.data.csvfile.reader import Table
from saltext_mip.problems import Finding, Problem

if TYPE_CHECKING:
    import polars as pl

SUBJECTCODE = "subjectcode"
# what longitudinal algorithms read, in the order in which DATA has them
LONGITUDINAL = (
    Variable(SUBJECTCODE, SUBJECTCODE, "text", is_categorical=False, enumerations=None),
    Variable("subjectvisitid", "subjectvisitid", "text", is_categorical=False, enumerations=None),
    Variable(
        "subjectvisitdate", "subjectvisitdate", "text", is_categorical=False, enumerations=None
    ),
    Variable("subjectage", "subjectage", "real", is_categorical=False, enumerations=None),
)
# a file with these can be read row by row all the same; with any other hard one it cannot
READABLE = frozenset({"DatasetEmpty", "DatasetUnsafe"})


def added_variables(cde: Cde, *, subjectcode: bool) -> tuple[Variable, ...]:
    """The columns that a database has besides those of its CDE: with the setting ``subjectcode``
    that column, and of a longitudinal pathology all that its algorithms read."""
    if not subjectcode:
        return ()
    known = {variable.code for variable in cde.variables}
    wanted = LONGITUDINAL if cde.longitudinal else LONGITUDINAL[:1]
    return tuple(variable for variable in wanted if variable.code not in known)


def check_header(header: Sequence[str], cde: Cde, *, subjectcode: bool) -> tuple[Finding, ...]:
    """What is wrong with these column names for this CDE; a file may have fewer than the CDE.

    ``subjectcode``: as :func:`added_variables` has it.
    """
    added = added_variables(cde, subjectcode=subjectcode)
    known = {variable.code for variable in (*cde.variables, *added)}
    found = []
    for column in header:
        if column in known:
            continue
        if column != SUBJECTCODE:
            found.append(Finding(Problem("UnknownColumn", line=1, column=column)))
        else:
            found.append(Finding(Problem("SubjectcodeLeftOut", line=1, column=column)))
    return tuple(found)


def check_file(
    path: Path, table: Table, cde: Cde, *, subjectcode: bool, strict: bool = False
) -> tuple[Finding, ...]:
    """All that is wrong with the file's header and values, grouped by rule and column.

    ``table`` is what :func:`.reader.read` returned; where the file has no rows
    to be read for what is wrong with its form, only the header is checked. Memory is bounded.
    """
    found = check_header(table.header, cde, subjectcode=subjectcode)
    if not readable(table):
        return strictly(found, strict=strict)
    validator = Validator(table.header, cde, subjectcode=subjectcode)
    with path.open("rb") as file:
        for block in blocks(file, table.header):
            validator.values(block)
        return strictly(found + validator.findings(file), strict=strict)


def readable(table: Table) -> bool:
    """Whether the file's rows can be read, even if it is not sound."""
    rules = {finding.problem.rule for finding in table.findings if finding.problem.hard}
    return bool(table.header) and rules <= READABLE


def strictly(found: tuple[Finding, ...], *, strict: bool) -> tuple[Finding, ...]:
    """The same, with every warning an error if so wanted."""
    if not strict:
        return found
    return tuple(finding.at(strict=True) for finding in found)


class Validator:
    """Give it the blocks of one file, in order: it gives their values, and keeps what is wrong.

    A value that breaks its type's rule comes out as None: whoever stores values checks
    :attr:`refused` first.
    """

    def __init__(self, header: Sequence[str], cde: Cde, *, subjectcode: bool) -> None:
        import polars as pl  # it starts threads: in jobs only

        added = added_variables(cde, subjectcode=subjectcode)
        known = {variable.code: variable for variable in (*cde.variables, *added)}
        self._checks = {column: Check(known[column]) for column in header if column in known}
        self._header = tuple(header)
        self._text = pl.String
        # what is read as a number at once; what does not go that way is read as text from then on
        self._types: dict[str, type[pl.DataType]] = {
            column: check.type for column, check in self._checks.items()
        }
        self._outside = [
            check.outside for check in self._checks.values() if check.outside is not None
        ]
        self._numbers = [column for column, check in self._checks.items() if check.number]
        self._reals = [c for c in self._numbers if self._checks[c].type == pl.Float64]
        self._finite = [pl.col(column).is_finite().all() for column in self._reals]
        self._found = FindingCollector()
        self._lines_left: dict[tuple[str, str], int] = {}
        self._visits = Visits() if cde.longitudinal and Visits.columns <= set(header) else None
        self.refused = False

    def values(self, block: Block) -> pl.DataFrame:
        """The block's values, of each column that is stored one of its variable's type."""
        frame = block.read(self._types)
        out = frame.with_columns(
            check.expression
            for column, check in self._checks.items()
            if check.number and self._types[column] == self._text
        )
        if odd := self._odd(out):
            texts = block.texts(*odd)
            self._types.update(dict.fromkeys(odd, self._text))
            for column in odd:
                if not self._checks[column].clean(out, texts):
                    out = self._explained(column, out, texts[column], block)
        if self._outside:
            for column, count in out.select(self._outside).row(0, named=True).items():
                if count:
                    self._note_outside(column, out, block)
        if self._visits is not None:
            self._visits.add(out)
        return out

    def _odd(self, out: pl.DataFrame) -> list[str]:
        """The columns of numbers in which not every text was taken."""
        odd = {column for column in self._numbers if out[column].null_count()}
        if self._finite:
            taken = out.select(self._finite).row(0)
            odd |= {column for column, all_ in zip(self._reals, taken, strict=True) if not all_}
        return [column for column in self._numbers if column in odd]

    def findings(self, file: BinaryIO) -> tuple[Finding, ...]:
        """All that was found. ``file`` is the file itself, read again where visits are doubled."""
        if self._visits is not None:
            count, first = self._visits.doubled()
            if count:
                self._visits.explain(self._found, count, first, blocks(file, self._header))
        return self._found.findings()

    def _explained(
        self, column: str, out: pl.DataFrame, texts: pl.Series, block: Block
    ) -> pl.DataFrame:
        values, wrong = self._checks[column].exactly(out[column], texts)
        for rule, rows in wrong.items():
            self.refused = True
            self._add(rule, column, rows, texts, block)
        return out.with_columns(values)

    def _note_outside(self, column: str, out: pl.DataFrame, block: Block) -> None:
        texts = block.texts(column)[column]
        for rule, mask in self._checks[column].masks.items():
            rows = out.select(mask.arg_true()).to_series().to_list()
            if rows:
                self._add(rule, column, rows, texts, block)

    def _add(self, rule: str, column: str, rows: list[int], texts: pl.Series, block: Block) -> None:
        left = self._lines_left.get((rule, column), SHOWN)
        shown = rows[:left]
        for row, line in zip(shown, block.lines(shown) if shown else (), strict=True):
            self._found.add(rule, line, texts[row], column=column)
        if rest := len(rows) - len(shown):
            self._found.add(rule, column=column, count=rest)
        self._lines_left[rule, column] = left - len(shown)
