"""Ask the operator before a command of theirs makes what an automatic refresh would hold.

No lock is held while the operator thinks: the command is begun again with what the nodes have by
then, and asks again where that makes more changes than were agreed to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from saltext_mip.errors import MipError
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.holds.guard import Guard
from saltext_mip.pusher.survey import Survey
from saltext_mip.results import Held
from saltext_mip.text import shown

T = TypeVar("T")
Ask = Callable[[str], str]

QUESTION = "Continue? yes or no [no] (Enter: no, nothing is changed) "
_TRIES = 5  # times that an answer which is neither is asked for again


class Declined(MipError):
    """{message}"""


class Unconfirmed(Exception):
    """The operator has not agreed to these ``changes`` yet."""

    def __init__(self, changes: Sequence[Held]) -> None:
        super().__init__()
        self.changes = tuple(changes)


class Confirmation:
    """What the operator of a command agreed to. Without ``ask`` everything is agreed to."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self._agreed: set[str] = set()
        self.recovered: str | None = None  # what was finished or undone before the question

    def run(self, once: Callable[[], T]) -> T:
        """``once``, which begins again after each question. :class:`Declined`."""
        while True:
            try:
                return once()
            except Unconfirmed as unconfirmed:
                self._confirm(unconfirmed.changes)

    def required(self, guard: Guard) -> Callable[[Survey], Survey]:
        """The guard, which raises :class:`Unconfirmed` where the operator has to be asked."""

        def guarded(found: Survey) -> Survey:
            found = guard(found)
            if self._ask is not None and {each.id for each in guard.made} - self._agreed:
                raise Unconfirmed(guard.made)
            guard.announce()
            return found

        return guarded

    def foreseen(self, guard: Guard) -> tuple[list[PlanItem], list[str]]:
        """Of a dry run: what is held, asked for or made, as items of a plan and as a note."""
        items = guard.plan_items()
        if not guard.made:
            return items, []
        if self._ask is None:
            items += [PlanItem(_VERBS[bool(each.dataset)], *_about(each)) for each in guard.made]
            return items, [
                "An automatic refresh would hold some of this. Without a terminal, or with"
                " yes=True, the command continues without a question; guard=True holds it."
            ]
        items += [PlanItem(_ASKS[bool(each.dataset)], *_about(each)) for each in guard.made]
        return items, [
            "An automatic refresh would hold some of this. On this terminal the command asks"
            " first; yes=True continues without a question, guard=True holds it."
        ]

    def _confirm(self, changes: Sequence[Held]) -> None:
        ask = self._ask
        if ask is not None:
            prompt = "\n".join([*_listed(changes), QUESTION])
            if not _agrees(ask, prompt):
                also = f"{self.recovered} Apart from that, nothing" if self.recovered else "Nothing"
                raise Declined(f"{also} was changed.")
        self._agreed |= {each.id for each in changes}


_VERBS = {True: "remove", False: "take"}
_ASKS = {True: "ask before removing", False: "ask before taking"}


def _about(change: Held) -> tuple[str, str, str]:
    return change.thing, change.why, change.node


def _listed(changes: Sequence[Held]) -> list[str]:
    lines = ["An automatic refresh would hold this. You are about to:"]
    for each in changes:
        what = f"{_VERBS[bool(each.dataset)]} {each.thing} on {each.node}"
        lines += [f"  {shown(what)}", f"    {shown(each.why)}"]
    return lines


def _agrees(ask: Ask, prompt: str) -> bool:
    asked = prompt
    for _ in range(_TRIES):
        answer = ask(asked).strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False
        asked = f"Answer yes or no. {QUESTION}"
    return False
