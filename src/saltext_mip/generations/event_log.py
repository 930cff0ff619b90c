"""What happened lately, and what people said: a short memory, for people, of what else leaves none.

State says what is, generations what was committed. This says in which order it came to that: one
line an event, the oldest of which go. Nothing is decided by it, and it holds names and reasons
only, as status shows them.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from saltext_mip.storage import atomic, paths

FILE = "events.jsonl"
MOST, KEPT = 1 << 20, 1 << 19  # bytes of the file: beyond the first it is cut to the second
LINE = 1000  # characters of a text

#: What can happen, and what is to be seen by it.
EVENT_TYPES: Mapping[str, str] = {
    "consolidated": "a generation was committed",
    "compiled": "databases were made anew",
    "deployed": "services were brought to what is declared",
    "refreshed": "a refresh changed something, and is done",
    "held": "a refresh waits for an approval",
    "failed": "a refresh, a compile or Keycloak's roles failed; again only when it fails otherwise",
    "recovered": "what a run that died had left was finished or undone",
    "rolledback": "a generation was put back, and the federation suspended",
    "suspended": "a person switched the controller off",
    "resumed": "it is on again, by a person or since its time was over",
    "approved": "a person let go what was held",
    "disabled": "a person took a node out",
    "enabled": "a person took a node in",
    "started": "a person started services",
    "stopped": "a person stopped services",
    "restarted": "a person had tasks replaced",
    "removed": "a person took services away",
    "roles": "roles or groups in Keycloak changed",
    "missing": "a node did not answer any more when it was asked",
    "back": "it answered again",
}


@dataclass(frozen=True)
class Event:
    """``what`` is one of :data:`WORDS`; ``about`` a node or what else it is about; ``when`` ISO
    8601, UTC. ``number`` grows by one with each; 0: it was not told here."""

    when: str
    what: str
    actor: str = ""
    about: str = ""
    message: str = ""
    generation: int | None = None
    number: int = 0

    def __post_init__(self) -> None:
        if self.what not in EVENT_TYPES:
            raise ValueError(f"{self.what} is no word of an event")

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Event:
        return cls(**{key: value[key] for key in cls.__dataclass_fields__})


class EventLog:
    """The memory in the folder ``state``; any number of processes may tell at once."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE

    def tell(self, event: Event) -> None:
        """Remember it as the last one."""
        with self._held() as fd:
            size = os.fstat(fd).st_size
            before = os.pread(fd, size, 0)
            last = next(_events(before, backwards=True), None)
            numbered = replace(
                event,
                number=(last.number if last else 0) + 1,
                about=event.about[:LINE],
                message=event.message[:LINE],
            )
            text = json.dumps(asdict(numbered), ensure_ascii=False, separators=(",", ":"))
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

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The file, nobody else's for the moment that a line takes."""
        paths.private_folder(self.path.parent)
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if _same(fd, self.path):
                    yield fd
                    return
            finally:
                os.close(fd)


def _same(fd: int, path: Path) -> bool:
    """Whether the open file is still the one of that name: another may have cut it meanwhile."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _events(content: bytes, *, backwards: bool = False) -> Iterator[Event]:
    """What its lines say; one that a power cut broke, or a later version wrote, says nothing."""
    lines = content.splitlines()
    for line in reversed(lines) if backwards else lines:
        try:
            yield Event.from_value(json.loads(line.decode("utf-8", "surrogatepass")))
        except (ValueError, KeyError, TypeError):
            continue
