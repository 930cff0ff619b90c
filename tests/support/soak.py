"""How long tests run that gain by it: short and always the same, or long in ``make soak``."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("MIP_SOAK"))


def examples(count: int) -> int:
    """For hypothesis' ``max_examples``: so many, in a soak a hundred times as many."""
    return 100 * count if SOAK else count
