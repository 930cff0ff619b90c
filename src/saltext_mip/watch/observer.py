"""The observer of one federation: what it starts, and when. Each in a process of its own.

One observation at a time, one process for each channel of notices, one heartbeat. It holds no lock
of the federation and waits for nothing, so that the controller, which runs in the same loop, is
never delayed, and a channel that does not answer delays no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from saltext_mip.controller.loop import Work
from saltext_mip.watch import outbox
from saltext_mip.watch.settings import Channel, Heartbeat, WatchSettings

FIRST = 60.0  # seconds after the start of the master, at most, until nodes have connected again
OUTBOX_INTERVAL = 2.0  # seconds between two looks at the outbox
RECENT = 60.0  # seconds since the controller's last step for which a heartbeat may be sent

OBSERVATION, HEARTBEAT = "observation", "heartbeat"


class Begin(Protocol):
    """Starts the work of one process."""

    def observe(self, failing: bool) -> Work:
        """An observation; ``failing``: the last one failed, so that its error is known."""

    def deliver(self, channel: Channel) -> Work:
        """Send what waits for the channel."""

    def beat(self, heartbeat: Heartbeat) -> Work:
        """Request the heartbeat's address."""


@dataclass
class Observer:
    """Of the federation whose state is in ``state``. ``failing``: the last observation failed.

    ``now`` of :meth:`tick` is a monotonic clock's, ``wall`` the seconds since the epoch.
    """

    state: Path
    failing: bool = False
    _settings: WatchSettings | None = None
    _begin: Begin | None = field(default=None, repr=False)
    _works: dict[str, Work] = field(default_factory=dict, repr=False)
    _due: float | None = None
    _outbox_due: float = 0.0
    _beat_due: float = 0.0
    _completed: bool = False  # an observation, since the last heartbeat

    def declare(self, settings: WatchSettings, begin: Begin) -> None:
        """What the pillar declares from now on; ``begin`` starts processes for it."""
        if self._settings is None or self._settings.every != settings.every:
            self._due = None
        self._settings, self._begin = settings, begin

    def tick(self, now: float, wall: float, controlled: float) -> None:
        """Start what is due and does not run; ``controlled`` is the controller's last good step."""
        self._take()
        settings, begin = self._settings, self._begin
        if settings is None or begin is None or not settings.every:
            return
        self._observe(settings, begin, now)
        self._deliver(settings, begin, now, wall)
        beat = settings.heartbeat
        ready = beat is not None and now >= self._beat_due and HEARTBEAT not in self._works
        if ready and beat and self._completed and now - controlled <= RECENT:
            self._completed = False
            self._beat_due = now + beat.every
            self._works[HEARTBEAT] = begin.beat(beat)

    def _observe(self, settings: WatchSettings, begin: Begin, now: float) -> None:
        if self._due is None:
            self._due = now + min(FIRST, settings.every)
        if now >= self._due and OBSERVATION not in self._works:
            self._due = now + settings.every
            self._works[OBSERVATION] = begin.observe(self.failing)

    def _deliver(self, settings: WatchSettings, begin: Begin, now: float, wall: float) -> None:
        if not settings.channels or now < self._outbox_due:
            return
        self._outbox_due = now + OUTBOX_INTERVAL
        due = outbox.due(self.state, wall)
        for channel in settings.senders:
            name = f"channel {channel.name}"
            if channel.name in due and name not in self._works:
                self._works[name] = begin.deliver(channel)

    def _take(self) -> None:
        """What ended."""
        for name, work in list(self._works.items()):
            if work.is_alive():
                continue
            work.join()
            del self._works[name]
            if name == OBSERVATION:
                self.failing = work.exitcode != 0
                self._completed = self._completed or not self.failing
