"""What a rule is; the rules themselves are a table of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """A rule for data. ``text`` names the problem, ``hint`` what to do about it.

    ``hard``: its violation keeps the file out of the federation. ``about_values``: it judges cells,
    so that outside the node neither lines nor exact counts are reported.
    """

    name: str
    severity: Severity
    hard: bool
    text: str
    hint: str
    about_values: bool = False


def by_name(*rules: Rule) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules}
