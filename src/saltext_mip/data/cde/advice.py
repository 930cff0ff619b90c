"""What is odd in a CDE that can be used all the same: problems of the CDE, never of a file.

They name variables and categories of the CDE, no values of patients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from saltext_mip.data.cde.model import DATASET, Cde, Variable
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Problem
from saltext_mip.text import appearance

UNNAMED = "root"  # a root code that stands for the folder's name

_IDENTIFIERS = ("subjectcode", "subjectid")  # of no use to an algorithm, whatever their type
_NAMED = 5  # variables in one problem
_ABOUT_CHARS = 300
_LOWER, _UPPER = ("min", "minValue"), ("max", "maxValue")


def problems(cde: Cde) -> tuple[Problem, ...]:
    """All of a CDE's, each of a rule once or once for a variable."""
    found = [
        *_root(cde),
        *_groups(cde.tree),
        *_alike(cde),
        *_untyped(cde),
        *(problem for variable in cde.variables for problem in _of(variable)),
    ]
    return tuple(problem.at(pathology=cde.pathology, file=CDE_FILE) for problem in found)


def _root(cde: Cde) -> Iterator[Problem]:
    if cde.code not in (cde.pathology, UNNAMED):
        yield Problem("CdeRootCode", about=_short(f"'{cde.code}'"))


def _groups(tree: Mapping[str, Any]) -> Iterator[Problem]:
    waiting = [tree]
    while waiting:
        below = waiting.pop().get("groups", [])
        waiting += below
        alike = [code for code, count in Counter(g["code"] for g in below).items() if count > 1]
        if alike:
            yield Problem("CdeGroupsAlike", count=len(alike), about=named(alike))


def _alike(cde: Cde) -> Iterator[Problem]:
    """Variables that a person cannot tell apart; a database has a column for each."""
    alike: dict[str, list[str]] = {}
    for variable in cde.variables:
        alike.setdefault(appearance(variable.code), []).append(variable.code)
    for codes in alike.values():
        if len(codes) > 1:
            # invisible characters are to be seen
            about = _short(", ".join(f"'{ascii(code)[1:-1]}'" for code in codes))
            yield Problem("CdeVariablesAlike", column=codes[0], count=len(codes), about=about)


def _untyped(cde: Cde) -> Iterator[Problem]:
    others = (variable for variable in cde.variables if variable.code not in _IDENTIFIERS)
    codes = [variable.code for variable in others if not variable.source.get("type")]
    if codes:
        yield Problem("CdeTypeMissing", count=len(codes), about=named(codes))


def _of(variable: Variable) -> Iterator[Problem]:
    counts = Counter(code for code, _ in variable.enumerations or ())
    odd = [code for code, count in counts.items() if count > 1 or "," in code]
    if odd and variable.code != DATASET:
        yield Problem(
            "CdeCategoriesAmbiguous", column=variable.code, count=len(odd), about=named(odd)
        )
    values = {"min": variable.min, "minValue": variable.min_value}
    values |= {"max": variable.max, "maxValue": variable.max_value}
    no_number = [
        key
        for key, value in values.items()
        if value is None and variable.source.get(key) not in (None, "")
    ]
    if no_number:
        about = ", ".join(no_number)
        yield Problem("CdeBoundsNoNumber", column=variable.code, count=len(no_number), about=about)
    low = [value for key in _LOWER if (value := values[key]) is not None]
    high = [value for key in _UPPER if (value := values[key]) is not None]
    if low and high and max(low) > min(high):
        about = f"{max(low)} and {min(high)}"
        yield Problem("CdeBoundsCrossed", column=variable.code, about=about)


def named(codes: Iterable[str]) -> str:
    """The first few codes, and how many more there are."""
    codes = list(codes)
    text = ", ".join(f"'{code}'" for code in codes[:_NAMED])
    rest = len(codes) - _NAMED
    return _short(text) + (f" and {rest} more" if rest > 0 else "")


def _short(text: str) -> str:
    return text if len(text) <= _ABOUT_CHARS else text[: _ABOUT_CHARS - 1] + "…"
