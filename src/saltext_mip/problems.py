"""Problems: what a person must fix. They never hold a cell's value.

A :class:`Rule` has a name, a severity, whether it is *hard* (its violation keeps the file out of
the federation) and a hint. A :class:`Problem` is one rule violated at one place; it is all that
leaves a node. A :class:`Finding` is a problem with the values it stands on: it lives on the node
that found it (report, ``mip.check``) and cannot be sent, since it has no wire form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from saltext_mip.errors import BadAnswer
from saltext_mip.rules import RULES, Rule, Severity

_TEXTS = frozenset({"pathology", "file", "column", "about"})


_FIELDS = _TEXTS | {"rule", "line", "count", "lines"}


_TEXT, _LINES, _LARGEST = 2_000, 100, (1 << 63) - 1


@dataclass(frozen=True)
class Problem:
    """One rule violated at one place.

    ``line`` is the 1-based line of the file where (the first) such row begins, ``lines`` the first
    few of them, ``count`` how many rows or places; ``column`` a column's name in the header or CDE.
    ``about`` may name more (a dataset's code, other nodes); it never holds a cell's value but the
    codes of datasets.
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

    def wire(self) -> dict[str, Any]:
        """The form in which a node sends it: only what is set."""
        out: dict[str, Any] = {"rule": self.rule}
        for key in ("pathology", "file", "line", "column", "about"):
            if (value := getattr(self, key)) is not None:
                # what is written is read again: no text is longer than a reader takes
                out[key] = value if len(str(value)) <= _TEXT else f"{value[: _TEXT - 1]}…"
        if self.count != 1:
            out["count"] = self.count
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
        numbers = (data.get("line", 0), data.get("count", 1), *lines)
        if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
            raise BadAnswer("a problem's numbers are none", node=node)
        return cls(node=node, **{**data, "lines": tuple(lines)})


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
