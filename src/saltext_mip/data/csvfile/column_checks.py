"""What is asked of one variable's values, as expressions over whole columns.

A column goes by polars' own reading of numbers as far as that agrees with the rule of
:mod:`.decimals`: it takes only texts that the rule takes, with the same value, but
for names of what is not finite. What it does not take is decided by the rule itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from saltext_mip.data.cde.model import DATASET, Number, Variable
from saltext_mip.data.csvfile import decimals
from saltext_mip.data.csvfile.diagnosis.values import DATE, MARKS, MISSING_TEXTS, is_date

if TYPE_CHECKING:
    import polars as pl

_NO_PATTERN = "\0"
_MARKS_BELOW, _MARKS_ABOVE = max(of for of in MARKS if of < 0), min(of for of in MARKS if of > 0)


def plain(name: str) -> str:
    """A column's name in a frame: polars takes ``*`` and ``^…$`` for patterns of names.

    The sign at the end is one that no name has.
    """
    is_pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
    return f"{name}{_NO_PATTERN}" if is_pattern else name


def named(column: str) -> str:
    """The name that :func:`plain` was given."""
    return column.removesuffix(_NO_PATTERN)


class Check:
    """The checks of one variable.

    ``column`` is its column's name in a frame, see :func:`plain`, and ``type`` that column's type;
    ``expression`` makes one of it from texts. ``masks`` are expressions of the values that break a
    rule which is not the type's, by the rule's name; ``outside`` counts them, ``None`` where there
    is no such rule.
    """

    def __init__(self, variable: Variable) -> None:
        import polars as pl

        self.column = plain(variable.code)
        self.variable = variable
        self.number = variable.sql_type != "text"
        self._real = variable.sql_type == "real"
        types = {"text": pl.String, "int": pl.Int64, "real": pl.Float64}
        self.type: type[pl.DataType] = types[variable.sql_type]
        column = pl.col(self.column)
        self.expression = column.cast(self.type, strict=False)
        self.masks = _masks(variable, column)
        self.marks = self.number and "MissingMark" in self.masks
        broken = pl.any_horizontal(*self.masks.values()) if self.masks else None
        self.outside = None if broken is None else broken.sum().alias(self.column)
        self._limits = _limits(variable) if self.number else (None, None)

    @functools.cached_property
    def extremes(self) -> tuple[pl.Expr, ...]:
        """The least and the greatest value, and, where one may not be finite, the sum: it is not
        finite then either."""
        import polars as pl

        column = pl.col(self.column)
        least, greatest = (
            column.min().alias(f"{self.column}<"),
            column.max().alias(f"{self.column}>"),
        )
        total = (column.sum().alias(f"{self.column}+"),) if self._real else ()
        return (least, greatest, *total)

    def within(self, low: Number | None, high: Number | None) -> bool:
        """Whether no value from ``low`` to ``high`` can break one of :attr:`masks`.

        That is known of bounds and of marks for 'missing', at a fraction of what looking at each
        value costs. ``None``: there are no values.
        """
        if low is None or high is None:
            return True
        least, greatest = self._limits
        if self.marks:
            return low > _MARKS_BELOW and high < _MARKS_ABOVE
        if self.masks.keys() - {"OutOfBounds"}:
            return False
        return (least is None or least <= low) and (greatest is None or high <= greatest)

    def clean(self, out: pl.DataFrame, texts: pl.DataFrame) -> bool:
        """Whether every text was taken, or was empty."""
        empty = (texts[self.column] == "").sum()
        return out[self.column].null_count() == empty and self._finite(out)

    def exactly(
        self, values: pl.Series, texts: pl.Series
    ) -> tuple[pl.Series, dict[str, list[int]]]:
        """The column with each text that was not taken decided, and the rows it fails, by rule.

        Most are numbers with blanks around them, or whole ones written ``3.0``.
        """
        import polars as pl

        taken = values.is_finite().fill_null(value=False) if self._real else values.is_not_null()
        rows = (~taken & (texts != "")).arg_true()
        stripped = texts.gather(rows).str.strip_chars(decimals.BLANKS)
        again = stripped if self._real else stripped.str.replace(r"^([+-]?[0-9]+)\.0*$", "$1")
        new = again.cast(self.type, strict=False)
        if self._real:
            new = new.set(~new.is_finite(), None)
        hard = (new.is_null() & (stripped != "")).arg_true()
        left = stripped.gather(hard)
        read: Callable[[str], int | float | str] = decimals.real if self._real else decimals.whole
        exact = {text: read(text) for text in left.unique().to_list()}
        answers = [exact[text] for text in left.to_list()]
        good = [None if isinstance(answer, str) else answer for answer in answers]
        new = new.scatter(hard, pl.Series(good, dtype=self.type))
        wrong: dict[str, list[int]] = {}
        for row, answer in zip(rows.gather(hard).to_list(), answers, strict=True):
            if isinstance(answer, str):
                wrong.setdefault(answer, []).append(row)
        return values.scatter(rows, new), wrong

    def _finite(self, out: pl.DataFrame) -> bool:
        return not self._real or bool(out[self.column].is_finite().all())


def _masks(variable: Variable, column: pl.Expr) -> dict[str, pl.Expr]:
    """Rule to expression: which values break it. Empty ones break none."""
    masks = {}
    codes = [code for code, _ in variable.enumerations or ()]
    if codes and variable.code != DATASET:
        if variable.sql_type == "text":
            masks["NotEnumerated"] = ~column.is_in([*codes, ""])
        else:
            read = decimals.whole if variable.sql_type == "int" else decimals.real
            numbers = [value for value in map(read, codes) if not isinstance(value, str)]
            masks["NotEnumerated"] = ~column.is_in(numbers)
    if variable.sql_type != "text" and (bounds := _bounds(variable, column)) is not None:
        masks["OutOfBounds"] = bounds
    if not masks and variable.code != DATASET:
        if variable.sql_type == "text":
            masks["MissingMark"] = column.is_in(MISSING_TEXTS)
        else:
            cast = float if variable.sql_type == "real" else int
            masks["MissingMark"] = column.is_in([cast(mark) for mark in MARKS])
    if is_date(variable):
        masks["NotADate"] = ~column.str.contains(DATE) & (column.str.strip_chars() != "")
    return masks


def _bounds(variable: Variable, column: pl.Expr) -> pl.Expr | None:
    low, high = _limits(variable)
    below = column < low if low is not None else None
    above = column > high if high is not None else None
    if below is None or above is None:
        return above if below is None else below
    return below | above


def _limits(variable: Variable) -> tuple[Number | None, Number | None]:
    """The least and the greatest value that its bounds allow."""
    low, high = variable.limits
    return (
        None if low is None else _bound(low, variable, math.ceil),
        None if high is None else _bound(high, variable, math.floor),
    )


def _bound(bound: Number, variable: Variable, rounded: Callable[[Any], int]) -> Number:
    """In the column's own type, so that nothing is compared by way of another."""
    if variable.sql_type == "real":
        return float(bound)
    return max(decimals.INT_MIN, min(decimals.INT_MAX, int(rounded(bound))))
