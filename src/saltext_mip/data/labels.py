"""What people read instead of codes, and who has the last word on it.

The pillar's ``labels`` win over what the pusher remembers from a review, and that over the CDE. A
dataset's label goes into the CDE, where it stays by itself; a pathology's goes only into
``pathologies.json``, so it is the one that must be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from saltext_mip.errors import Misuse
from saltext_mip.federation import Federation
from saltext_mip.files import shown

if TYPE_CHECKING:
    from saltext_mip.data.consolidation import Plan

_TRIES = 5  # times that one label is asked for


class LabelUnfit(Misuse):
    """The label {label} has characters that cannot be shown on a line: type it anew."""


@dataclass(frozen=True)
class Labels:
    """Labels by folder name of the pathology, and of datasets by pathology and code."""

    pathologies: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def declared(cls, federation: Federation) -> Labels:
        """What the pillar names."""
        labels = federation.settings["labels"]
        return cls(labels.get("pathologies") or {}, labels.get("datasets") or {})

    def over(self, other: Labels) -> Labels:
        """These, and those of ``other`` for what these do not name."""
        datasets = {
            pathology: {
                **other.datasets.get(pathology, {}),
                **self.datasets.get(pathology, {}),
            }
            for pathology in {**other.datasets, **self.datasets}
        }
        return Labels({**other.pathologies, **self.pathologies}, datasets)


def ask_labels(plan: Plan, remembered: Labels, ask: Callable[[str], str]) -> Labels:
    """Ask a person for each label of a plan; an empty answer keeps it.

    ``ask`` is given the prompt and returns the answer. Returns ``remembered`` with the answers over
    it, to be planned with again; its ``pathologies`` are to be remembered. Labels that the pillar
    names are asked for too and stay as the pillar says. An answer with control characters, such as
    an arrow key makes, is asked for again; :class:`LabelUnfit` for one that always has them.
    """
    pathologies: dict[str, str] = {}
    datasets: dict[str, dict[str, str]] = {}
    for pathology in plan.pathologies:
        name = shown(pathology.name)
        prompt = f"Relabel pathology '{name}'? [{shown(pathology.label)}] "
        if answer := _answer(ask, prompt):
            pathologies[pathology.name] = answer
        for code, label in pathology.labels.items():
            prompt = f"Pathology '{name}': Relabel dataset '{shown(code)}'? [{shown(label)}] "
            if answer := _answer(ask, prompt):
                datasets.setdefault(pathology.name, {})[code] = answer
    return Labels(pathologies, datasets).over(remembered)


def _answer(ask: Callable[[str], str], prompt: str) -> str:
    asked, label = prompt, ""
    for _ in range(_TRIES):
        label = ask(asked).strip()
        if shown(label) == label:
            return label
        asked = f"{shown(label)} has characters that cannot be shown on a line. {prompt}"
    raise LabelUnfit(label=shown(label))
