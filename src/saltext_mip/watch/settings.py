"""What the pillar declares about watching a federation."""

from __future__ import annotations

from dataclasses import dataclass

from saltext_mip.federation import Federation


@dataclass(frozen=True)
class WatchSettings:
    """``every``: seconds between two observations; 0: none."""

    federation: str
    every: float

    @classmethod
    def of(cls, federation: Federation) -> WatchSettings:
        watch = federation.settings["watch"]
        every = float(watch["every"])
        # a large federation is observed less often: each observation asks all of its nodes
        return cls(federation.name, max(every, len(federation.nodes) / 2) if every else 0.0)
