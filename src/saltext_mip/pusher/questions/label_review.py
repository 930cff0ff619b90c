"""Ask the operator for the label of each pathology and dataset of a plan.

No lock is held while the operator types: the command is begun again with what the nodes have by
then, and asks only for the labels of what is new since.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from saltext_mip.errors import Misuse
from saltext_mip.text import shown

if TYPE_CHECKING:
    from saltext_mip.data.consolidation.planner import Plan
from saltext_mip.data.consolidation.labels import Labels

T = TypeVar("T")

EMPTY = "(Enter keeps it)"  # what an empty answer does
_TRIES = 5  # times that one label is asked for


class LabelUnfit(Misuse):
    """The label {label} has characters that cannot be shown on a line: type it again."""


def ask_labels(plan: Plan, remembered: Labels, ask: Callable[[str], str]) -> Labels:
    """Ask the operator for each label of a plan; an empty answer keeps it.

    ``ask`` gets the prompt and returns the answer. Returns ``remembered`` overlaid with the
    answers: plan with it again, and store its ``pathologies``. A label that the pillar declares is
    asked for too and stays as declared. An answer with control characters, such as an arrow key
    makes, is asked for again; :class:`LabelUnfit` if it always has them.
    """
    pathologies: dict[str, str] = {}
    datasets: dict[str, dict[str, str]] = {}
    for pathology in plan.pathologies:
        name = shown(pathology.name)
        prompt = f"Relabel pathology '{name}'? [{shown(pathology.label)}] {EMPTY} "
        if answer := _answer(ask, prompt):
            pathologies[pathology.name] = answer
        for code, label in pathology.labels.items():
            prompt = (
                f"Pathology '{name}': Relabel dataset '{shown(code)}'? [{shown(label)}] {EMPTY} "
            )
            if answer := _answer(ask, prompt):
                datasets.setdefault(pathology.name, {})[code] = answer
    return Labels(pathologies, datasets).over(remembered)


class Unreviewed(Exception):
    """The operator was not asked for all labels of this ``plan`` yet."""

    def __init__(self, plan: Plan, remembered: Labels) -> None:
        super().__init__()
        self.plan = plan
        self.remembered = remembered


class LabelReview:
    """The answers of one command's operator. Each question is asked once."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._answers: dict[str, str] = {}

    def run(self, once: Callable[[], T]) -> T:
        """``once``, which begins again after the operator was asked. :class:`LabelUnfit`."""
        while True:
            try:
                return once()
            except Unreviewed as missing:
                ask_labels(missing.plan, missing.remembered, self._asked)

    def labels(self, plan: Plan, remembered: Labels) -> Labels:
        """``remembered`` overlaid with the answers. :class:`Unreviewed` where one is missing."""
        try:
            return ask_labels(plan, remembered, self._answers.__getitem__)
        except KeyError:
            raise Unreviewed(plan, remembered) from None

    def _asked(self, prompt: str) -> str:
        if prompt not in self._answers:
            self._answers[prompt] = self._ask(prompt)
        return self._answers[prompt]


def _answer(ask: Callable[[str], str], prompt: str) -> str:
    asked, label = prompt, ""
    for _ in range(_TRIES):
        label = ask(asked).strip()
        if shown(label) == label:
            return label
        asked = f"{shown(label)} has characters that cannot be shown on a line. {prompt}"
    raise LabelUnfit(label=shown(label))
