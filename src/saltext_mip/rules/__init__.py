"""The rules that data and services are checked against."""

from saltext_mip.rules.rule import Rule, Severity
from saltext_mip.rules.table import RULES

__all__ = ["RULES", "Rule", "Severity"]
