"""The one way in which tests wait: for an event, with a limit that only a defect reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

SLOW = 3
"""How many times slower than a quiet one a machine may be on which the tests have to pass."""


class NotSeen(AssertionError):
    """What was waited for did not come; the message has what was there instead."""


def until(
    question: Callable[[], Answer],
    *,
    what: str = "",
    seconds: float = 60,
    every: float = 0.1,
    instead: Callable[[], object] | None = None,
) -> Answer:
    """The first true answer to ``question``, asked ``every`` so many seconds.

    ``seconds`` is what a quiet machine may need at most; it is waited three times as long. The
    message has the last answer, or what ``instead`` returns.
    """
    deadline = time.monotonic() + SLOW * seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            name = what or getattr(question, "__qualname__", "what was waited for")
            there = repr(answer) if instead is None else str(instead())
            raise NotSeen(f"{name}: not within {SLOW * seconds:.0f} s; instead: {there[:3000]}")
        time.sleep(every)
    return answer
