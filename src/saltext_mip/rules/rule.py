"""What a rule is; the rules themselves are a table of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """A rule for data. ``text`` names the problem, ``hint`` what to do about it.

    ``hard``: its violation keeps the file out of the federation.
    """

    name: str
    severity: Severity
    hard: bool
    text: str
    hint: str


def by_name(*rules: Rule) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules}
