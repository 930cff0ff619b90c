"""Answers in nodes' names that were not theirs: a record on the pusher, shown as a condition.

They were ignored; but a minion with an accepted key sent them, and an operator must find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct, structs, to_builtins

from saltext_mip.conditions import Condition
from saltext_mip.storage.state import FORGERIES, StateBroken, decode_state, read_state, write_state

SHOWN = timedelta(hours=24)  # since the last one


class Forged(Struct, frozen=True):
    """The forged answers in the name of one node; ``steps`` are what they pretended to answer."""

    count: int
    steps: list[str]
    first: str
    last: str


def remember(state: Path, step: str, counts: Mapping[str, int], now: datetime) -> list[str]:
    """Record them; returns the nodes of which none was recorded lately."""
    known = _load(state, now)
    when = now.isoformat(timespec="seconds")
    new = [node for node in sorted(counts) if node not in known]
    for node, count in counts.items():
        before = known.get(node, Forged(0, [], when, when))
        steps = sorted({*before.steps, step})
        known[node] = structs.replace(before, count=before.count + count, steps=steps, last=when)
    write_state(state / FORGERIES, to_builtins(known))
    return new


def conditions(state: Path, now: datetime) -> list[Condition]:
    """``ForgedAnswer``, if there were any lately."""
    known = _load(state, now)
    if not known:
        return []
    message = "; ".join(
        f"{of.count} in the name of {node} ({', '.join(of.steps)}), the last at {of.last}"
        for node, of in sorted(known.items())
    )
    since = min(of.first for of in known.values())
    ignored = f"ignored: {message}. Any minion with an accepted key may have sent them"
    return [Condition("ForgedAnswer", "True", "AnswersForged", ignored, since)]


def _load(state: Path, now: datetime) -> dict[str, Forged]:
    try:
        known = decode_state(dict[str, Forged], read_state(state / FORGERIES) or {})
    except (StateBroken, ValueError):  # nothing is decided by it: begin again
        return {}
    return {node: of for node, of in known.items() if now - datetime.fromisoformat(of.last) < SHOWN}
