"""Rows that are no patients: a second header below the first, recognised by what its cells are not.

A row of labels, units or types fails in many columns that are good in all other rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from saltext_mip.problems import Finding, Problem

_VALUE_RULES = frozenset({"NotANumber", "NotEnumerated", "NotWhole", "OutOfBounds"})
_LEAST = 2  # columns


def second_header(
    findings: Sequence[Finding], *, line: int | None, checked: int
) -> tuple[Finding, ...]:
    """The findings, with one in place of those of the first row where that is a second header.

    ``line`` is the first row's, ``checked`` how many columns of it are checked for values.
    """
    alone = [
        each
        for each in findings
        if each.problem.rule in _VALUE_RULES
        and each.problem.count == 1
        and each.problem.line == line
    ]
    if line is None or len(alone) < _LEAST or 2 * len(alone) < checked:
        return tuple(findings)
    problem = Problem("SecondHeader", line=line, lines=(line,))
    examples = tuple((at, value) for each in alone for at, value in each.examples)[:10]
    advice = f"Line {line} is a second header (labels, units or types): delete line {line}."
    found = Finding(problem, examples, advice)
    left = {id(each) for each in alone}
    return (found, *(each for each in findings if id(each) not in left))
