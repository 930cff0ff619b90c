"""Problems: what a person must fix. They never hold a cell's value.

A :class:`Rule` has a name, a severity, whether it is *hard* (its violation keeps the file out of
the federation) and a hint. A :class:`Problem` is one rule violated at one place; it is all that
leaves a node. A :class:`Finding` is a problem with the values it stands on: it lives on the node
that found it (report, ``mip.check``) and cannot be sent, since it has no wire form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from saltext_mip.errors import BadAnswer
from saltext_mip.rules import RULES, Rule, Severity

_TEXTS = frozenset({"pathology", "file", "column", "about"})


_FIELDS = _TEXTS | {"rule", "line", "count", "lines"}


#: A count that may not leave its node: less, or more, than that.
MASKED = re.compile(r"[<>](0|[1-9][0-9]{0,18})")

_TEXT, _LINES, _LARGEST = 2_000, 100, (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule violated at one place.

    ``line`` is the 1-based line of the file where (the first) such row begins, ``lines`` the first
    few of them, ``count`` how many rows or places; ``column`` a column's name in the header or CDE.
    ``about`` may name more (a dataset's code, other nodes); it never holds a cell's value but the
    codes of datasets. ``masked`` is what stands outside the node for a count that stays there.
    """

    rule: str
    node: str | None = None
    pathology: str | None = None
    file: str | None = None
    line: int | None = None
    column: str | None = None
    count: int = 1
    lines: tuple[int, ...] = ()
    about: str | None = None
    strict: bool = field(default=False, compare=False)
    masked: str | None = None

    @property
    def definition(self) -> Rule:
        return RULES[self.rule]

    @property
    def severity(self) -> Severity:
        severity = self.definition.severity
        return "error" if self.strict and severity == "warning" else severity

    @property
    def hard(self) -> bool:
        """Whether it keeps the file out."""
        return self.definition.hard or (self.strict and self.definition.severity == "warning")

    def at(self, **where: Any) -> Problem:
        """The same problem, its place filled in: ``at(node=..., pathology=..., file=...)``."""
        return replace(self, **where)

    @property
    def reported_count(self) -> int | str:
        """The count, or what is reported of it outside the node: ``<10``, ``>50``."""
        return self.count if self.masked is None else self.masked

    def outside(self, min_count: int, rows: int | None = None) -> Problem:
        """As it may leave its node. Of a rule about values neither lines nor exact counts do.

        A small count is ``<10``; another is reported roughly, so that no two answers differ by one
        row. ``rows`` are those of the file: how many rows are *not* concerned is no small count
        either.
        """
        if not self.definition.about_values or self.masked is not None:
            return self
        return replace(self, line=None, lines=(), masked=_roughly(self.count, min_count, rows))

    def wire(self) -> dict[str, Any]:
        """The form in which a node sends it: only what is set."""
        out: dict[str, Any] = {"rule": self.rule}
        for key in ("pathology", "file", "line", "column", "about"):
            if (value := getattr(self, key)) is not None:
                # what is written is read again: no text is longer than a reader takes
                out[key] = value if len(str(value)) <= _TEXT else f"{value[: _TEXT - 1]}…"
        if self.reported_count != 1:
            out["count"] = self.reported_count
        if self.lines:
            out["lines"] = list(self.lines)
        return out

    @classmethod
    def from_wire(cls, node: str, data: Mapping[str, Any]) -> Problem:
        """What ``node`` sent, if it is of the form of :meth:`wire`; else :class:`BadAnswer`.

        By hand: there may be a hundred thousand, and a schema takes a millisecond for each.
        """
        if not isinstance(data, Mapping) or not _FIELDS.issuperset(data):
            raise BadAnswer("unexpected format of a problem", node=node)
        rule, lines = data.get("rule"), data.get("lines", [])
        if not isinstance(rule, str) or rule not in RULES:
            raise BadAnswer("it names a rule that does not exist", node=node)
        texts = all(
            type(data[key]) is str and len(data[key]) <= _TEXT for key in _TEXTS & data.keys()
        )
        if not texts or type(lines) is not list or len(lines) > _LINES:
            raise BadAnswer("unexpected format of a problem", node=node)
        count = data.get("count", 1)
        if masked := count if type(count) is str and MASKED.fullmatch(count) else None:
            count = 1
        numbers = (data.get("line", 0), count, *lines)
        if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
            raise BadAnswer("a problem's numbers are none", node=node)
        facts = {**data, "lines": tuple(lines), "count": count}
        return cls(node=node, masked=masked, **facts)


def _roughly(count: int, min_count: int, rows: int | None) -> str:
    """``<10``; or ``>9``, ``>20``, ``>50``, ``>100``… if so many rows are left besides."""
    if count < min_count:
        return f"<{min_count}"
    most = count - 1 if rows is None else min(count - 1, rows - min_count)
    steps = (each * 10**power for power in range(1, 18) for each in (1, 2, 5))
    floor = max([min_count - 1, 0, *(step for step in steps if min_count <= step <= most)])
    return f">{floor}"


@dataclass(frozen=True)
class Finding:
    """A problem with the values it stands on, for the node's own eyes.

    ``examples`` are pairs of line and value. ``advice`` is what to do about this one, where more is
    known than the rule's hint; it may hold values.
    """

    problem: Problem
    examples: tuple[tuple[int, str], ...] = ()
    advice: str = ""

    def at(self, **where: Any) -> Finding:
        """The same finding, its problem's place filled in."""
        return replace(self, problem=self.problem.at(**where))

    @property
    def what_to_do(self) -> str:
        """The advice for this one, or the rule's hint."""
        return self.advice or self.problem.definition.hint
