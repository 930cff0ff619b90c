"""What the pillar declares about watching a federation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saltext_mip.arguments import duration
from saltext_mip.conditions import TYPES
from saltext_mip.federation import CONTACTS, Federation, mail_channel
from saltext_mip.secret import Secret

#: Not in a notice unless a channel asks for it: the summary, and what an operator did.
BY_REQUEST = frozenset({"Ready", "Suspended"})
NOTIFIED = frozenset(TYPES) - {"Reconciling"}

_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True)
class Channel:
    """Where notices go; ``conditions`` are the types that it reports.

    ``contacts``: addresses by minion id, to which mails about that node go instead.
    """

    name: str
    url: Secret
    conditions: frozenset[str] = NOTIFIED - BY_REQUEST
    ca_file: str | None = None
    contacts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The scheme of its address."""
        return self.url.reveal().partition(":")[0].lower()

    @classmethod
    def of(cls, name: str, declared: Mapping[str, Any]) -> Channel:
        chosen = frozenset(declared.get("conditions", NOTIFIED - BY_REQUEST))
        return cls(name, Secret(declared["url"]), chosen, declared.get("ca_file"))


@dataclass(frozen=True)
class Contacts:
    """One mail a day to each node's contact. ``daily`` is when, as the pillar has it."""

    daily: str
    channel: Channel

    @classmethod
    def of(cls, federation: Federation, channels: Mapping[str, Channel]) -> Contacts | None:
        notify = federation.settings.get("notify", {})
        if CONTACTS not in notify:
            return None
        via = channels[mail_channel(notify)]
        found = {node.id: tuple(_ADDRESS.findall(node.contact or "")) for node in federation.nodes}
        addresses = {node: several for node, several in found.items() if several}
        return cls(
            notify[CONTACTS]["daily"],
            replace(via, name=CONTACTS, conditions=frozenset(), contacts=addresses),
        )


@dataclass(frozen=True)
class Heartbeat:
    """An address that is requested ``every`` so many seconds while all is observed."""

    url: Secret
    every: float


@dataclass(frozen=True)
class WatchSettings:
    """``every``: seconds between two observations; 0: none.

    ``after``: seconds for which a condition is bad until it is notified, by type and for all others
    (``default``); ``remind``: seconds between two notices about what remains bad.
    ``metrics``: the file for node_exporter.
    """

    federation: str
    every: float
    after: Mapping[str, float] = field(default_factory=lambda: {"default": 60.0})
    remind: float = 86400.0
    channels: tuple[Channel, ...] = ()
    heartbeat: Heartbeat | None = None
    metrics: Path | None = None
    contacts: Contacts | None = None

    @classmethod
    def of(cls, federation: Federation) -> WatchSettings:
        watch = federation.settings["watch"]
        every = float(watch["every"])
        beat = federation.settings.get("heartbeat")
        channels = {
            name: Channel.of(name, declared)
            for name, declared in federation.settings.get("notify", {}).items()
            if name != CONTACTS
        }
        return cls(
            federation.name,
            # a large federation is observed less often: each observation asks all of its nodes
            max(every, len(federation.nodes) / 2) if every else 0.0,
            {kind: float(seconds) for kind, seconds in watch["after"].items()},
            duration(watch["remind"]).total_seconds(),
            tuple(channels.values()),
            Heartbeat(Secret(beat["url"]), float(beat.get("every", 300))) if beat else None,
            Path(watch["metrics"]) if "metrics" in watch else None,
            Contacts.of(federation, channels),
        )

    @property
    def senders(self) -> tuple[Channel, ...]:
        """The channels, and the one of the mails to contacts."""
        return (*self.channels, self.contacts.channel) if self.contacts else self.channels

    def delay(self, kind: str) -> float:
        """Seconds for which a condition of that type is bad until it is notified."""
        return self.after.get(kind, self.after["default"])
