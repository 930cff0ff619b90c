"""The rules that data, services and nodes are checked against."""

from __future__ import annotations

import re

from saltext_mip.rules.nodes import NODE_RULES
from saltext_mip.rules.rule import Rule, Severity
from saltext_mip.rules.table import RULES as _OTHERS

RULES: dict[str, Rule] = {**NODE_RULES, **_OTHERS}

__all__ = ["NODE_RULES", "RULES", "Rule", "Severity", "hint"]


def hint(rule: str, node: str | None) -> str:
    """What to do about a rule on that node: its commands name it instead of ``NODE``."""
    text = RULES[rule].hint
    return text if node is None else re.sub(r"\bNODE\b", lambda _: node, text)
