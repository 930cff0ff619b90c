"""What people read instead of codes, and who has the last word on it.

The pillar's ``labels`` win over what the pusher remembers from a review, and that over the CDE. A
dataset's label goes into the CDE, where it stays by itself; a pathology's goes only into
``pathologies.json``, so it is the one that must be remembered.

A label of the pillar replaces one: which, is recorded with the generation (:data:`Replaced`). Where
the pillar names it no longer, the replaced one is put back; a label that somebody edited in the CDE
since is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the history of generations needs no CDE
    from saltext_mip.data.cde.model import Cde
    from saltext_mip.federation import Federation

#: By pathology and dataset (empty: the pathology itself): the label that the pillar's replaced, and
#: the pillar's.
Replaced = Mapping[str, Mapping[str, tuple[str, str]]]
PATHOLOGY = ""


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

    def with_replaced(self, before: Replaced, cdes: Mapping[str, Cde]) -> Labels:
        """These, and for what they do not name the labels that the pillar replaced once."""
        found = {
            name: {code: source for code, source in _sources(before, cde) if code != PATHOLOGY}
            for name, cde in cdes.items()
        }
        return self.over(Labels({}, {name: own for name, own in found.items() if own}))

    def of(self, pathology: str, code: str) -> str | None:
        """The label of a dataset, or with an empty code of the pathology, if it is named."""
        if code == PATHOLOGY:
            return self.pathologies.get(pathology)
        return self.datasets.get(pathology, {}).get(code)


def _sources(before: Replaced, cde: Cde) -> Iterator[tuple[str, str]]:
    """What was replaced by labels that the CDE still has, or whose datasets it does not list."""
    there = dict(cde.datasets)
    for code, (source, applied) in before.get(cde.pathology, {}).items():
        if there.get(code, applied) == applied:
            yield code, source


def replaced(
    declared: Labels,
    before: Replaced,
    found: Mapping[str, Cde],
    final: Mapping[str, Cde],
    own: Mapping[str, str],
) -> dict[str, dict[str, tuple[str, str]]]:
    """What the pillar's labels replace in CDEs as they were ``found``, in the ``final`` ones.

    ``own``: the label of each pathology that is listed but for the pillar. Of a pathology that is
    not in ``final``, and of a dataset that is not listed now, what was recorded before is kept.
    """
    out = {name: dict(of) for name, of in before.items() if name not in final}
    for name, cde in final.items():
        there, listed = dict(found[name].datasets), dict(cde.datasets)
        sources = dict(_sources(before, found[name]))
        of = {code: before[name][code] for code in sources if code and code not in listed}
        for code, label in declared.datasets.get(name, {}).items():
            if code in listed:
                of[code] = (sources.get(code, there.get(code, code.upper())), label)
        if name in own and name in declared.pathologies:
            of[PATHOLOGY] = (own[name], declared.pathologies[name])
        if of:
            out[name] = of
    return out


def relabelled(before: Replaced, after: Replaced) -> Iterator[str]:
    """The pathologies whose label differs because of the pillar: ``dementia: 'A' -> 'B'``."""
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}).get(PATHOLOGY), after.get(name, {}).get(PATHOLOGY)
        was = old[1] if old else new[0] if new else ""
        will = new[1] if new else old[0] if old else ""
        if was != will:
            yield f"{name}: '{was}' -> '{will}'"
