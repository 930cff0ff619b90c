"""When to report a state that the pusher has not seen, and when to report it again.

A report may get lost, so a beacon repeats it, at growing intervals, until the pusher has looked.
What is known of it is on disk: a restart neither loses a change nor reports one twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.storage.state import StateBroken, read_state, remove_state, write_state

SHORTEST_PAUSE = 10.0  # seconds between two reports: a gather takes some of them
MARK_BYTES = 16


@dataclass(frozen=True)
class Fingerprint:
    """An observed state as a mark, and when a file of it last changed (seconds of its clock)."""

    mark: int
    newest: float = 0.0


@dataclass(frozen=True)
class Reminder:
    """A state that the pusher has not seen.

    ``since`` when it is so, ``reports`` how many were made, ``due`` when to report (epoch seconds).
    """

    mark: int
    since: float
    reports: int
    due: float

    @classmethod
    def from_json(cls, value: Any) -> Reminder | None:
        """What :meth:`to_json` returned; ``None`` for anything else: then all is new, once."""
        try:
            return cls(int(value["mark"], 16), value["since"], value["said"], value["due"])
        except (KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """As it is on disk, with the keys of the first version."""
        return {
            "mark": mark_to_json(self.mark),
            "since": self.since,
            "said": self.reports,
            "due": self.due,
        }


def step(
    reminder: Reminder | None,
    observed: Fingerprint,
    acknowledged: int,
    now: float,
    *,
    settle: float,
    resync: float,
    interval: float,
) -> tuple[Reminder | None, bool]:
    """The reminder to keep after this scan, and whether to report now.

    ``interval`` is the time since the scan before: a change is not older, whatever its file's time.
    """
    if observed.mark == acknowledged:
        return None, False
    if reminder is None or reminder.mark != observed.mark:
        age = min(max(now - observed.newest, 0.0), interval)
        reminder = Reminder(observed.mark, now - age, 0, now - age + settle)
    if now < reminder.since or reminder.due > now + max(settle, resync):  # the clock was set back
        reminder = Reminder(reminder.mark, now, reminder.reports, now + settle)
    if now < reminder.due:
        return reminder, False
    pause = min(max(settle, SHORTEST_PAUSE) * 2 ** min(reminder.reports, 30), max(settle, resync))
    return Reminder(reminder.mark, reminder.since, reminder.reports + 1, now + pause), True


@dataclass(frozen=True)
class Timers:
    """Seconds, as :func:`step` takes them."""

    settle: float
    resync: float
    interval: float

    def report_due(self, path: Path, observed: Fingerprint, acknowledged: int, now: float) -> bool:
        """Keep the reminder in ``path``; whether to report to the pusher now."""
        before = Reminder.from_json(read_or_none(path))
        reminder, due = step(
            before,
            observed,
            acknowledged,
            now,
            settle=self.settle,
            resync=self.resync,
            interval=self.interval,
        )
        if reminder is None and before is not None:
            remove_state(path)
        elif reminder is not None and reminder != before:
            write_state(path, reminder.to_json())
        return due


def mark(*facts: object) -> int:
    """One number for these facts."""
    text = "\0".join(map(str, facts)).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=MARK_BYTES).digest(), "big")


def mark_to_json(number: int) -> str:
    """A mark as it is on disk: hexadecimal."""
    return f"{number:0{2 * MARK_BYTES}x}"


def read_or_none(path: Path) -> Mapping[str, Any] | None:
    """The state file's value; ``None`` where it is corrupt or missing: then all of it is new."""
    try:
        value = read_state(path)
    except StateBroken:
        return None
    return value if isinstance(value, Mapping) else None
