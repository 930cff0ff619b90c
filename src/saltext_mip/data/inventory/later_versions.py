"""What the loader of MIP 8 and 9 (``mipdb``) refuses and this version takes: notes, to prepare.

They are of a CDE and of files that are accepted here; none of them changes what is compiled. A file
is read once more for them, so they are made by a data manager's check alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from saltext_mip.data.cde.advice import named
from saltext_mip.data.cde.model import DATASET, Cde, Variable
from saltext_mip.data.csvfile.blocks import blocks
from saltext_mip.data.csvfile.duplicate_visits import DOUBLED, SUBJECT, VISIT
from saltext_mip.data.csvfile.reader import Table
from saltext_mip.data.inventory.cache import Findings
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

if TYPE_CHECKING:
    import polars as pl

RULE = "RefusedByMip9"

_TYPES = ("nominal", "real", "integer", "text")
_WHOLE = r"^\s*[+-]?[0-9]+\s*$"
# what its reader takes for an empty cell, besides one
_EMPTY = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)


def of_cde(cde: Cde) -> tuple[Problem, ...]:
    """Notes on the CDE."""
    return tuple(
        Problem(RULE, pathology=cde.pathology, file=CDE_FILE, about=about) for about in _cde(cde)
    )


def of_file(path: Where, table: Table, cde: Cde, found: Findings) -> tuple[Problem, ...]:
    """Notes on a file that is accepted here; ``found`` is what its check found."""
    return (*_form(table, cde, found), *_values(path, table, cde))


def _cde(cde: Cde) -> Iterator[str]:
    if "version" not in cde.tree:
        yield "the root has no 'version'"
    of = {variable.code: variable for variable in cde.variables}
    if not of[DATASET].is_categorical:
        yield f"'{DATASET}' is not categorical"
    visit = of.get(VISIT)
    if cde.longitudinal and visit is not None:
        listed = visit.is_categorical and visit.enumerations is not None
        if not (listed and visit.sql_type == "text"):
            yield f"'{VISIT}' of a longitudinal CDE is not categorical text with enumerations"
    odd: dict[str, Callable[[Variable], bool]] = {
        "codes of variables that are no identifiers": lambda of: not of.code.isidentifier(),
        "variables whose 'type' is none of nominal, real, integer and text": _odd_type,
        "variables whose sql_type is not in small letters": _capital_type,
        "categorical variables that are not text": _numeric_categories,
        "bounds that are no JSON numbers": _odd_bounds,
        "variables whose minimum is not below their maximum": _closed,
    }
    for what, is_odd in odd.items():
        if codes := [variable.code for variable in cde.variables if is_odd(variable)]:
            yield f"{what}: {named(codes)}"


def _form(table: Table, cde: Cde, found: Findings) -> Iterator[Problem]:
    known = {variable.code for variable in cde.variables}
    for column in table.header:
        if column not in known:
            yield _note("a column that the CDE does not have", column)
    for column in (SUBJECT, VISIT):
        if cde.longitudinal and column not in table.header:
            yield _note("a longitudinal file without this column", column)
    for problem in (finding.problem for finding in found):
        if problem.rule == DOUBLED and cde.longitudinal:
            yield _note("more than one row for a subject and visit", None, problem.count)
        if problem.rule == "EmptyRows":
            yield _note("rows of separators or blanks alone", None, problem.count)
    rows = sum(rows for code, rows in table.datasets if code in _EMPTY)
    if rows:
        yield _note("a dataset code that it takes for an empty cell", DATASET, rows)


def _values(path: Where, table: Table, cde: Cde) -> Iterator[Problem]:
    import polars as pl

    asked: dict[tuple[str, str], pl.Expr] = {}
    names = {column: f"c{at}" for at, column in enumerate(table.header)}  # no pattern of names
    for variable in cde.variables:
        if variable.code in names and variable.code != DATASET:
            text = pl.col(names[variable.code])
            for about, refused in _refused(variable, text, longitudinal=cde.longitudinal):
                asked[variable.code, about] = refused
    if not asked:
        return
    counts = dict.fromkeys(asked, 0)
    columns = sorted({names[code] for code, _ in asked})
    sums = [refused.sum().alias(str(at)) for at, refused in enumerate(asked.values())]
    with beneath.opened(path) as file:
        for block in blocks(file, tuple(names.values())):
            here = block.texts(*columns).select(sums).row(0)
            counts = {key: counts[key] + more for key, more in zip(asked, here, strict=True)}
    for (column, about), count in counts.items():
        if count:
            yield _note(about, column, count)


def _refused(
    variable: Variable, text: pl.Expr, *, longitudinal: bool
) -> Iterator[tuple[str, pl.Expr]]:
    """Expressions over the column's texts, each with what is refused where it is true."""
    if longitudinal and variable.code in (SUBJECT, VISIT):
        yield "rows without a subject or a visit", text.is_in(["", *_EMPTY])
    filled = ~text.is_in(["", *_EMPTY])
    if variable.is_categorical:
        codes = [code for code, _ in variable.enumerations or ()]
        if variable.sql_type == "text":
            about = "values that a categorical variable does not list"
            yield about, filled & ~text.is_in(codes)
        else:
            yield "values of a categorical variable that is not text", filled
    if variable.sql_type == "int":
        about = "whole numbers written with a point or an exponent"
        yield about, filled & ~text.str.contains(_WHOLE)
    if variable.sql_type != "text":
        # it does not apply a bound of 0
        low, high = (of if of and not _is_text(of) else None for of in _bounds(variable))
        number = text.str.strip_chars().cast(float, strict=False)
        outside = [number < low] if low is not None else []
        outside += [number > high] if high is not None else []
        for of in outside[:1]:
            yield "values out of bounds", outside[-1] | of


def _note(about: str, column: str | None, count: int = 1) -> Problem:
    return Problem(RULE, column=column, count=count, about=about)


def _bounds(variable: Variable) -> tuple[Any, Any]:
    """Minimum and maximum as that loader reads them: ``minValue`` goes before ``min``."""
    of = variable.source
    return of.get("minValue", of.get("min")), of.get("maxValue", of.get("max"))


def _is_text(bound: Any) -> bool:
    return bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float))


def _odd_bounds(variable: Variable) -> bool:
    bounds = _bounds(variable)
    keys = ({"min", "minValue"}, {"max", "maxValue"})
    both = all(of & variable.source.keys() for of in keys)
    return any(map(_is_text, bounds)) or (both and None in bounds)


def _closed(variable: Variable) -> bool:
    low, high = _bounds(variable)
    if low is None or high is None or _is_text(low) or _is_text(high):
        return False
    return bool(low >= high)


def _odd_type(variable: Variable) -> bool:
    return variable.source.get("type") not in _TYPES


def _capital_type(variable: Variable) -> bool:
    return str(variable.source["sql_type"]) != variable.sql_type


def _numeric_categories(variable: Variable) -> bool:
    return variable.is_categorical and variable.sql_type != "text"
