"""What people read instead of codes, and who has the last word on it.

The pillar's ``labels`` win over what the pusher remembers from a review, and that over the CDE. A
dataset's label goes into the CDE, where it stays by itself; a pathology's goes only into
``pathologies.json``, so it is the one that must be remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from saltext_mip.federation import Federation

if TYPE_CHECKING:
    pass


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
