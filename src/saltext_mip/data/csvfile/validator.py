"""What a file's header and values must be for its CDE: the same rules for consolidate and compile.

A file is listed by ``consolidate`` and compiled by ``compile`` under one and the same verdict, so
both ask here, and so does ``mip.check`` for a hospital's data manager. :class:`Validator` turns
blocks of a file into frames of values on the way, deciding whole columns at once; only columns in
which something fails are checked again, text by text, to report what and where. The form of a file
(quotes, fields per row, encoding) is judged by :mod:`.reader`.

When the outcome of a rule here changes, ``RULES_VERSION`` in :mod:`.cde.model` grows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from saltext_mip.data.cde.model import MAX_VARIABLES, Cde, CdeInvalid, Variable, parse
from saltext_mip.data.cde.structure import Mistake
from saltext_mip.data.csvfile.blocks import Block, blocks
from saltext_mip.data.csvfile.column_checks import Check, named, plain
from saltext_mip.data.csvfile.diagnosis import garbled
from saltext_mip.data.csvfile.diagnosis.columns import unknown_columns
from saltext_mip.data.csvfile.diagnosis.odd_rows import second_header
from saltext_mip.data.csvfile.diagnosis.sample import sample
from saltext_mip.data.csvfile.diagnosis.values import ADVISED, Marks, advise
from saltext_mip.data.csvfile.duplicate_visits import (
    SUBJECT,
    SUBJECTCODE,
    VISIT,
    Key,
    RepeatedRows,
)
from saltext_mip.data.csvfile.findings import SHOWN, FindingCollector
from saltext_mip.data.csvfile.joined import is_odd_label
from saltext_mip.data.csvfile.reader import Table
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

if TYPE_CHECKING:
    import polars as pl

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
READABLE = frozenset({"DatasetEmpty", "DatasetUnsafe", "DatasetCodeTooLong"})


def added_variables(cde: Cde, *, subjectcode: bool) -> tuple[Variable, ...]:
    """The columns that a database has besides those of its CDE: with the setting ``subjectcode``
    that column, and of a longitudinal pathology all that its algorithms read."""
    if not subjectcode:
        return ()
    known = {variable.code for variable in cde.variables}
    wanted = LONGITUDINAL if cde.longitudinal else LONGITUDINAL[:1]
    return tuple(variable for variable in wanted if variable.code not in known)


def too_wide(cde: Cde, *, subjectcode: bool) -> Mistake | None:
    """Why a table cannot hold the CDE's variables, if it cannot."""
    count = len(cde.variables) + len(added_variables(cde, subjectcode=subjectcode))
    if count <= MAX_VARIABLES:
        return None
    added = " with those that 'compile: subjectcode' adds" if count > len(cde.variables) else ""
    message = f"it has {count} variables{added}; a database can hold {MAX_VARIABLES}"
    return Mistake("at the root", message, f"Remove {count - MAX_VARIABLES} variables.")


def parsed_cde(content: bytes, pathology: str, *, subjectcode: bool) -> Cde:
    """The CDE; :class:`CdeInvalid` also where a database cannot hold its variables."""
    cde = parse(content, pathology=pathology)
    if mistake := too_wide(cde, subjectcode=subjectcode):
        facts = {"pathology": pathology, "node": "this node", "file": f"{pathology}/{CDE_FILE}"}
        raise CdeInvalid.of([mistake], **facts)
    return cde


def check_header(header: Sequence[str], cde: Cde, *, subjectcode: bool) -> tuple[Finding, ...]:
    """What is wrong with these column names for this CDE; a file may have fewer than the CDE.

    ``subjectcode``: as :func:`added_variables` has it.
    """
    added = added_variables(cde, subjectcode=subjectcode)
    known = {variable.code for variable in (*cde.variables, *added)}
    unknown = [name for name in dict.fromkeys(header) if name not in known and name.strip()]
    found = unknown_columns([name for name in unknown if name != SUBJECTCODE], header, cde)
    lacking = [name for name in (SUBJECT, VISIT) if cde.longitudinal and name not in header]
    found += tuple(Finding(Problem("VisitColumnMissing", line=1, column=name)) for name in lacking)
    if SUBJECTCODE in unknown:
        found += (Finding(Problem("SubjectcodeLeftOut", line=1, column=SUBJECTCODE)),)
    return found


def check_file(
    path: Where, table: Table, cde: Cde, *, subjectcode: bool, strict: bool = False
) -> tuple[Finding, ...]:
    """All that is wrong with the file's header and values, grouped by rule and column.

    ``table`` is what :func:`.reader.read` returned; where the file has no rows
    to be read for what is wrong with its form, only the header is checked. Memory is bounded.
    """
    found = check_header(table.header, cde, subjectcode=subjectcode) + _labels(table, cde)
    if not readable(table):
        return strictly(found + _as_far_as_possible(path, table, cde), strict=strict)
    validator = Validator(table.header, cde, subjectcode=subjectcode)
    with beneath.opened(path) as file:
        for block in blocks(file, table.header):
            validator.values(block)
        return strictly(found + validator.findings(file), strict=strict)


def _labels(table: Table, cde: Cde) -> tuple[Finding, ...]:
    """Datasets of one row that are called like the label of a column: of a row of labels."""
    if not any(rows == 1 for _, rows in table.datasets) or len(table.datasets) == 1:
        return ()
    header = set(table.header)
    names = {name.strip().casefold() for name in header}
    labels = {v.label.strip().casefold() for v in cde.variables if v.code in header}
    return tuple(
        Finding(Problem("DatasetOdd", column="dataset"), ((1, code),))
        for code, rows in table.datasets
        if rows == 1 and is_odd_label(code, labels - names)
    )


def _as_far_as_possible(path: Where, table: Table, cde: Cde) -> tuple[Finding, ...]:
    """What is wrong with the values of a file that is refused for its form: of its first rows."""
    rows = sample(path) if table.header else None
    if rows is None:
        return ()
    validator = Validator(rows.header, cde, subjectcode=False)
    validator.values(rows)
    return validator.findings(None)


def readable(table: Table) -> bool:
    """Whether the file's rows can be read, even if it is not sound."""
    rules = {finding.problem.rule for finding in table.findings if finding.problem.hard}
    return bool(table.header) and rules <= READABLE


def strictly(found: tuple[Finding, ...], *, strict: bool) -> tuple[Finding, ...]:
    """The same, with every warning an error if so wanted."""
    if not strict:
        return found
    return tuple(finding.at(strict=True) for finding in found)


class KnownColumns(dict[str, Check]):
    """The checks of a CDE's columns by their names in a frame, each made when it is first used."""

    def __init__(self, cde: Cde, *, subjectcode: bool) -> None:
        added = added_variables(cde, subjectcode=subjectcode)
        self.variables = {plain(variable.code): variable for variable in (*cde.variables, *added)}

    def __missing__(self, column: str) -> Check:
        check = self[column] = Check(self.variables[column])
        return check


@functools.lru_cache(maxsize=2)
def known_columns(cde: Cde, subjectcode: bool) -> KnownColumns:
    """The same for each file of a CDE: of small files, making the checks is most of the work."""
    return KnownColumns(cde, subjectcode=subjectcode)


class Validator:
    """Give it the blocks of one file, in order: it gives their values, and keeps what is wrong.

    A value that breaks its type's rule comes out as None: the caller that stores values checks
    :attr:`refused` first.
    """

    def __init__(self, header: Sequence[str], cde: Cde, *, subjectcode: bool) -> None:
        import polars as pl  # it starts threads: in jobs only

        known = known_columns(cde, subjectcode)
        self._names = tuple(header)
        self._header = header = tuple(map(plain, header))
        self._renamed = self._header != self._names
        self._checks = {column: known[column] for column in header if column in known.variables}
        self._text = pl.String
        # what is read as a number at once; what does not go that way is read as text from then on
        self._types: dict[str, type[pl.DataType]] = {
            column: check.type for column, check in self._checks.items()
        }
        self._numbers = [column for column, check in self._checks.items() if check.number]
        self._extremes = [of for name in self._numbers for of in self._checks[name].extremes]
        self._found = FindingCollector()
        self._checked = sum(check.number or bool(check.masks) for check in self._checks.values())
        self._texts = [name for name, check in self._checks.items() if not check.number]
        self._marks = {name: Marks() for name, check in self._checks.items() if check.marks}
        self._blocks = 0
        self._first_line: int | None = None  # of the first row, where something is wrong with it
        self._lines_left: dict[tuple[str, str], int] = {}
        key = Key.of(header, cde, {name: check.variable for name, check in self._checks.items()})
        self._repeated = RepeatedRows(key) if key is not None else None
        self._longitudinal = cde.longitudinal
        self.refused = False

    def values(self, block: Block) -> pl.DataFrame:
        """The block's values, of each column that is stored one of its variable's type."""
        self._blocks += 1
        if self._renamed:
            block = replace(block, header=self._header)
        frame = block.read(self._types)
        out = frame.with_columns(
            check.expression
            for column, check in self._checks.items()
            if check.number and self._types[column] == self._text
        )
        odd, within = self._odd(out)
        if odd:
            texts = block.texts(*odd)
            self._types.update(dict.fromkeys(odd, self._text))
            for column in odd:
                if not self._checks[column].clean(out, texts):
                    out = self._explained(column, out, texts[column], block)
                    within.discard(column)
        outside = [check.outside for name, check in self._checks.items() if name not in within]
        if asked := [of for of in outside if of is not None]:
            for column, count in out.select(asked).row(0, named=True).items():
                if count:
                    self._note_outside(column, out, block)
                elif column in self._marks:
                    self._marks[column].add(out[column], [])
        if b'"' in block.raw and block.raw.count(b"\n") > out.height:
            self._note_swallowed(out, block)
        if garbled.may_have(block.raw):
            self._note_garbled(out, block)
        if self._repeated is not None:
            self._repeated.add(out)
        if self._renamed:
            out.columns = [named(column) for column in out.columns]
        return out

    def _odd(self, out: pl.DataFrame) -> tuple[list[str], set[str]]:
        """The columns of numbers in which not every text was taken, and those whose extremes are
        within their rules: of most columns nothing else has to be asked."""
        found = iter(out.select(self._extremes).row(0) if self._extremes else ())
        odd, within = [], set()
        for name in self._numbers:
            check = self._checks[name]
            low, high = next(found), next(found)
            total = next(found) if self._is_real(name) else 0
            finite = math.isfinite(total or 0) or bool(out[name].is_finite().all())
            if out[name].null_count() or not finite:
                odd.append(name)
            if check.within(low, high):
                within.add(name)
                if name in self._marks and low is not None:
                    self._marks[name].add_others(low, high)
        return odd, within

    def _is_real(self, column: str) -> bool:
        return self._checks[column].variable.sql_type == "real"

    def findings(self, file: BinaryIO | None) -> tuple[Finding, ...]:
        """All that was found. ``file`` is the file itself, read again where rows repeat others."""
        if self._repeated is not None and self._repeated.incomplete and self._longitudinal:
            self._found.add("VisitIncomplete", count=self._repeated.incomplete)
        if self._repeated is not None and file is not None:
            self._repeated.report(self._found, file, self._header)
        found = [each for each in self._found.findings() if self._counts(each)]
        found = [replace(each, advice=self._advice(each)) for each in found]
        return second_header(found, line=self._first_line, checked=self._checked)

    def _counts(self, finding: Finding) -> bool:
        """Whether it is to be reported: one value like a mark for 'missing' can be one."""
        problem = finding.problem
        if problem.rule != "MissingMark" or problem.column is None:
            return True
        marks = self._marks.get(plain(problem.column))
        return problem.count > 1 and (marks is None or marks.unlike_others)

    def _advice(self, finding: Finding) -> str:
        problem = finding.problem
        if problem.rule == garbled.RULE:
            return garbled.advice(finding.examples)
        check = self._checks.get(plain(problem.column or ""))
        if check is None or problem.rule not in ADVISED:
            return finding.advice
        variable = check.variable
        return advise(variable, problem.rule, finding.examples, problem.count)

    def _note_swallowed(self, out: pl.DataFrame, block: Block) -> None:
        """Cells that hold whole rows: two quotes that do not belong together are around them."""
        import polars as pl

        texts = [name for name in self._texts if out.schema.get(name) == pl.String]
        for name in texts:
            cells = out[name]
            rows = cells.str.contains("\n", literal=True).arg_true().to_list()
            full = [row for row in rows if cells[row].count(",") >= max(1, len(self._header) - 1)]
            if full:
                self._add("RowsInQuotes", name, full, cells, block)

    def _note_garbled(self, out: pl.DataFrame, block: Block) -> None:
        for name in self._texts:
            rows = out[name].str.contains(garbled.PATTERN).arg_true().to_list()
            if rows:
                self._add(garbled.RULE, name, rows, out[name], block)

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
                if rule == "MissingMark" and column in self._marks:
                    self._marks[column].add(out[column], rows)
                self._add(rule, column, rows, texts, block)

    def _add(self, rule: str, column: str, rows: list[int], texts: pl.Series, block: Block) -> None:
        left = self._lines_left.get((rule, column), SHOWN)
        shown = rows[:left]
        if self._blocks == 1 and shown and shown[0] == 0 and self._first_line is None:
            (self._first_line,) = block.lines([0])
        for row, line in zip(shown, block.lines(shown) if shown else (), strict=True):
            self._found.add(rule, line, texts[row], column=named(column))
        if rest := len(rows) - len(shown):
            self._found.add(rule, column=named(column), count=rest)
        self._lines_left[rule, column] = left - len(shown)
