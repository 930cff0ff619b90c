"""The recorded outcome of the last refresh: by whom, why, since when, and at which revision.

Every refresh, an operator's or the controller's, writes it under the federation's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saltext_mip.storage import state as storage_state

#: ``died``: the run ended without an outcome.
Kind = Literal["done", "held", "temporary", "permanent", "died"]


@dataclass(frozen=True)
class Outcome:
    """``revision``: of its inputs; ``since``: when it first ended like this; ``run``: its name.

    ``changed``: it changed something; ``news``: its revision differs from the one before. ``goes``:
    the datasets that a held refresh would remove (``"dementia: edsd"``). Times are ISO 8601, UTC.
    """

    kind: Kind
    run: str = ""
    actor: str = ""
    when: str = ""
    since: str = ""
    revision: str = ""
    reason: str = ""
    message: str = ""
    changed: bool = False
    news: bool = False
    goes: tuple[str, ...] = field(default=())

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Outcome:
        return storage_state.decode_state(cls, value)

    def like(self, other: Outcome | None) -> bool:
        """Whether another outcome was the same."""
        facts = (self.kind, self.reason, self.goes)
        return other is not None and facts == (other.kind, other.reason, other.goes)


def load(state: Path) -> Outcome | None:
    """The last outcome; ``None`` if there is none, or it cannot be read."""
    try:
        value = storage_state.read_state(state / storage_state.LAST_REFRESH)
        return None if value is None else Outcome.from_value(value)
    except (storage_state.StateBroken, ValueError):
        return None


def save(state: Path, outcome: Outcome) -> Outcome:
    """Record it, with the ``since`` of the one before if that was the same."""
    before = load(state)
    if before is not None and outcome.like(before):
        outcome = replace(outcome, since=before.since)
    storage_state.write_state(state / storage_state.LAST_REFRESH, asdict(outcome))
    return outcome
