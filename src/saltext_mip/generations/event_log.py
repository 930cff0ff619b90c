"""Recent events and operator actions, in their order, for people: one JSON document a line.

State records what is, generations what was committed; this records how it came to that. The oldest
lines are dropped. Nothing is decided by it, and it holds only names and reasons, as status shows
them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import structs, to_builtins

from saltext_mip.results import Event
from saltext_mip.storage import atomic
from saltext_mip.storage.lock import exclusive
from saltext_mip.storage.paths import names
from saltext_mip.storage.state import EVENTS, decode_state

MOST, KEPT = 1 << 20, 1 << 19  # bytes of the file: beyond the first it is cut to the second
LINE = 1000  # characters of a text

#: The types of events, and what each reports.
EVENT_TYPES: Mapping[str, str] = {
    "consolidated": "a generation was committed",
    "compiled": "databases were built",
    "deployed": "services were changed to match the declaration",
    "refreshed": "a refresh changed something and finished",
    "held": "a change of a node's data waits for a decision; everything else continues",
    "removing": "a person's command removes what an automatic refresh would hold",
    "failed": "a refresh, a compile or a synchronisation of roles failed; once for each reason",
    "recovered": "an interrupted run was finished or undone",
    "rolledback": "a generation was restored, and the federation suspended",
    "refused": "a file cannot be used: it is left out, or its previous version stays in use",
    "fixed": "a file that could not be used is accepted now, or was removed",
    "labels": "labels of pathologies or datasets changed",
    "cleaned": "old generations were removed to limit disk use",
    "suspended": "an operator suspended the controller",
    "resumed": "the controller resumed, by an operator or when the suspension ended",
    "approved": "an operator approved held changes",
    "rejected": "an operator rejected held changes: the data are kept",
    "released": "changes are held no longer, and why",
    "disabled": "an operator disabled a node",
    "enabled": "an operator enabled a node",
    "drained": "an operator drained a node: its engine is stopped for maintenance",
    "undrained": "a drained node's engine was started, by an operator or when its time ended",
    "started": "an operator started services",
    "stopped": "an operator stopped services",
    "restarted": "an operator restarted services",
    "removed": "an operator removed services",
    "roles": "roles or groups in Keycloak changed",
    "missing": "a node stopped responding",
    "back": "the node responded again",
    "forged": "answers in the node's name that were not its own were ignored; once a day",
    "condition": "the observer found a condition with another status or reason",
}


class EventLog:
    """The event log in the folder ``state``; any number of processes may append at once."""

    def __init__(self, state: Path) -> None:
        self.path = state / EVENTS

    def append(self, event: Event) -> None:
        """Add the event as the last one."""
        with names(self.path), exclusive(self.path, os.O_APPEND) as fd:
            size = os.fstat(fd).st_size
            before = os.pread(fd, size, 0)
            last = next(_events(before, backwards=True), None)
            numbered = structs.replace(
                event,
                number=(last.number if last else 0) + 1,
                about=event.about[:LINE],
                message=event.message[:LINE],
            )
            text = json.dumps(to_builtins(numbered), ensure_ascii=False, separators=(",", ":"))
            line = text.encode("utf-8", "surrogatepass") + b"\n"
            if before and not before.endswith(b"\n"):
                line = b"\n" + line  # what a power cut left is a line of its own
            if size + len(line) > MOST:
                kept = before[-KEPT:].partition(b"\n")[2]
                atomic.replace(self.path, kept + line, mode=0o600)
                return
            os.write(fd, line)
            os.fsync(fd)

    def events(self, after: int = 0) -> tuple[Event, ...]:
        """Those with a number above ``after``, the oldest first."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        return tuple(event for event in _events(content) if event.number > after)

    def newest(self) -> Iterator[Event]:
        """The newest first."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        yield from _events(content, backwards=True)


def _events(content: bytes, *, backwards: bool = False) -> Iterator[Event]:
    """Its lines; one that a power cut broke, or a later version wrote, is left out."""
    lines = content.splitlines()
    for line in reversed(lines) if backwards else lines:
        try:
            yield decode_state(Event, json.loads(line.decode("utf-8", "surrogatepass")))
        except ValueError:
            continue
