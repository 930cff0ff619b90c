"""How a refresh ended, as it is remembered: by whom, why, since when, and at which revision.

Whoever refreshes, a person or the controller, writes it under the federation's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saltext_mip.storage import state as files_state_state

FILE = "refreshed.json"
APPROVED = "approved.json"

#: ``died`` is what the controller takes for the end of one that left no word.
Kind = Literal["done", "held", "temporary", "permanent", "died"]


@dataclass(frozen=True)
class Outcome:
    """``revision`` is what it stood on; ``since`` when it first ended so; ``run`` tells runs apart.

    ``changed`` tells whether anything was done, ``news`` whether it found another revision than the
    one before left. ``goes`` is what would go, where it is held: ``"dementia: edsd"``… Times are
    ISO 8601, UTC.
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
        return cls(**{**value, "goes": tuple(value["goes"])})

    def like(self, other: Outcome | None) -> bool:
        """Whether it says the same as another did."""
        facts = (self.kind, self.reason, self.goes)
        return other is not None and facts == (other.kind, other.reason, other.goes)


def load(state: Path) -> Outcome | None:
    """How the last one ended; ``None`` where there was none, or nobody can read it any more."""
    try:
        value = files_state_state.read_state(state / FILE)
        return None if value is None else Outcome.from_value(value)
    except (files_state_state.StateBroken, KeyError, TypeError):
        return None


def save(state: Path, outcome: Outcome) -> Outcome:
    """Remember it, with the ``since`` of the one before where that ended in the same way."""
    before = load(state)
    if before is not None and outcome.like(before):
        outcome = replace(outcome, since=before.since)
    files_state_state.write_state(state / FILE, asdict(outcome))
    return outcome


def approve(state: Path, revision: str) -> None:
    """A person lets what is held at that revision go."""
    files_state_state.write_state(state / APPROVED, {"revision": revision})


def approved(state: Path) -> str | None:
    """The revision that a person let go, if any."""
    value = files_state_state.read_state(state / APPROVED)
    return None if value is None else str(value["revision"])


def forget_approval(state: Path) -> None:
    files_state_state.remove_state(state / APPROVED)
