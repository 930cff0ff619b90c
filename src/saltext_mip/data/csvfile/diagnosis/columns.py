"""Columns that the CDE does not have: which variable each of them is meant to be."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from saltext_mip.data.cde.model import Cde, Variable
from saltext_mip.data.csvfile.diagnosis.header import spelling
from saltext_mip.data.csvfile.diagnosis.layout import same_name
from saltext_mip.problems import Finding, Problem
from saltext_mip.text import appearance, distinct, first_of, shown

SHOWN = 10  # columns that are advised on
_NAMED = 5  # that leave the node beside the first
_NEAR = 0.75
_ROW_NUMBERS = re.compile(r"Unnamed: \d+(?:_level_\d+)?|\.\.\.\d+|X(?:\.\d+)?|rownames|_n_", re.I)
_ABOUT_CHARS = 300
ADD = "ask the operator of the federation whether it can be added to the CDE"


def unknown_columns(unknown: Sequence[str], header: Iterable[str], cde: Cde) -> tuple[Finding, ...]:
    """One finding for all columns of a file that the CDE does not have; () where there is none."""
    if not unknown:
        return ()
    others = [f"'{shown(name)}'" for name in unknown[1:]]
    also = f"also {first_of(others, _NAMED)}"[:_ABOUT_CHARS]
    problem = Problem(
        "UnknownColumn",
        line=1,
        column=unknown[0],
        count=len(unknown),
        about=also if others else None,
    )
    return (Finding(problem, advice=_advice(unknown, set(header), cde)),)


def _advice(unknown: Sequence[str], header: set[str], cde: Cde) -> str:
    resemblance = Resemblance(cde)
    sentences = [resemblance.advice(name, header) for name in unknown[:SHOWN]]
    if rest := len(unknown) - SHOWN:
        sentences += [f"And {rest} more columns that the CDE does not have."] if rest > 0 else []
    return " ".join(sentences)


class Resemblance:
    """Which variable of a CDE a name is like."""

    def __init__(self, cde: Cde) -> None:
        self._names = _by(cde.variables, lambda variable: variable.code)
        self._labels = _by(cde.variables, lambda variable: variable.label)

    def same(self, name: str) -> Variable | None:
        """The one variable whose name is that, but for capitals, blanks, signs and alphabets."""
        return _only(self._names, _same(name))

    def advice(self, name: str, header: set[str]) -> str:
        """What to do about the column ``name`` of a file with that ``header``."""
        column = f"'{shown(name)}'"
        if (same := self.same(name)) is not None:
            column, right = distinct(name, same.code)
            if same.code in header:
                return (
                    f"The columns {column} and {right} are the same variable: keep the one that "
                    "is right, delete the other."
                )
            return f"Rename the column {column} to {right}{spelling(name, same.code)}."
        labelled = _only(self._labels, _same(name))
        if labelled is not None and labelled.code not in header:
            code = shown(labelled.code)
            return (
                f"The column {column} has the label of the variable '{code}': rename it to "
                f"'{code}'."
            )
        if _ROW_NUMBERS.fullmatch(name):
            return (
                f"The column {column} looks like row numbers: if it numbers the rows, delete it "
                "(R: row.names=FALSE; pandas: index=False)."
            )
        near = self._near(name, header)
        if near is not None:
            return (
                f"Is {column} the variable '{shown(near.code)}' ({shown(near.label)})? Then rename "
                f"it to '{shown(near.code)}'. If not, {ADD}, or leave the column out."
            )
        return f"The CDE has no variable like {column}: {ADD}, or leave the column out of the file."

    def _near(self, name: str, header: set[str]) -> Variable | None:
        wanted = _same(name)
        for names in (self._names, self._labels):
            for found in difflib.get_close_matches(wanted, names, n=3, cutoff=_NEAR):
                variable = _only(names, found)
                if variable is not None and variable.code not in header:
                    return variable
        return None


def _by(
    variables: Iterable[Variable], of: Callable[[Variable], str]
) -> Mapping[str, list[Variable]]:
    found: dict[str, list[Variable]] = defaultdict(list)
    for variable in variables:
        if key := _same(of(variable)):
            found[key].append(variable)
    return dict(found)


def _same(name: str) -> str:
    """What a person takes for the same name, also in letters of another alphabet."""
    return same_name(appearance(name))


def _only(names: Mapping[str, list[Variable]], key: str) -> Variable | None:
    found = names.get(key, [])
    return found[0] if len(found) == 1 else None
