"""The observer of one federation: it starts one observation at a time, each in its own process.

It holds no lock of the federation and waits for nothing, so that the controller, which runs in the
same loop, is never delayed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from saltext_mip.controller.loop import Work
from saltext_mip.watch.settings import WatchSettings

FIRST = 60.0  # seconds after the start of the master, at most, until nodes have connected again

#: Starts an observation; the flag: the last one failed, so that its error is known.
Observe = Callable[[bool], Work]


@dataclass
class Observer:
    """``failing``: the last observation failed. ``now`` of :meth:`tick` is a monotonic clock's."""

    failing: bool = False
    _settings: WatchSettings | None = None
    _observe: Observe | None = field(default=None, repr=False)
    _work: Work | None = field(default=None, repr=False)
    _due: float | None = None

    def declare(self, settings: WatchSettings, observe: Observe) -> None:
        """What the pillar declares from now on; ``observe`` starts an observation of it."""
        if self._settings is None or self._settings.every != settings.every:
            self._due = None
        self._settings, self._observe = settings, observe

    def tick(self, now: float) -> bool:
        """Start an observation if one is due and none runs; whether it did."""
        self._take()
        settings, observe = self._settings, self._observe
        if settings is None or observe is None or not settings.every or self._work is not None:
            return False
        if self._due is None:
            self._due = now + min(FIRST, settings.every)
        if now < self._due:
            return False
        self._due = now + settings.every
        self._work = observe(self.failing)
        return True

    def _take(self) -> None:
        """The end of the observation that ran, if it ended."""
        if self._work is None or self._work.is_alive():
            return
        self._work.join()
        self.failing = self._work.exitcode != 0
        self._work = None
