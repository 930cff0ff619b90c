"""The outbox: notices that are to be sent, one file each, kept until they are or a day is over.

An observation writes them; of each channel one process at a time sends them in their order, and
alone writes that channel's record. An attempt is counted before it is made, so that a process that
is killed while it sends has made one. A notice may arrive twice, with the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, structs, to_builtins

from saltext_mip.federation import CONTACTS
from saltext_mip.results import ReportedProblem, StatusResult
from saltext_mip.storage.state import (
    CHANNELS,
    NOTICES,
    OUTBOX,
    UNREADABLE,
    decode_state,
    read_state,
    remove_state,
    write_state,
)
from saltext_mip.watch import daily, message
from saltext_mip.watch.notices import Item, Memory, decide
from saltext_mip.watch.settings import WatchSettings

KEPT = 86400.0  # seconds for which a notice is retried
SHORTEST = 30.0  # seconds between the first two attempts; then twice as long each time
RAREST = 1800.0  # seconds between two attempts at most


class Notice(Struct, frozen=True):
    """One message to one channel. Times are seconds since the epoch.

    ``node``: it is about that node alone, and for its contact.
    """

    number: int
    federation: str
    channel: str
    subject: str
    text: str
    made: float
    attempts: int = 0
    next: float = 0.0
    node: str = ""

    @property
    def id(self) -> str:
        """By which a message that arrived twice is recognised."""
        return f"{self.federation}-{self.number}"


class ChannelRecord(Struct, frozen=True):
    """How sending to one channel went; ``error`` is empty unless the last attempt failed."""

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    last: str = ""
    error: str = ""
    since: str = ""


class SendFailed(Exception):
    """A notice was not sent; the text names no address and no secret."""


class ContactRefused(SendFailed):
    """A notice to a node's contact was not sent; those to others may be."""


def take_in(state: Path, status: StatusResult, now: float, settings: WatchSettings) -> list[Notice]:
    """Write the notices that follow from an observation; returns them.

    The numbers are recorded last: interrupted before that, the next observation writes notices of
    the same numbers.
    """
    memory = load_memory(state)
    for waiting in pending(state) if (state / NOTICES).exists() else ():
        if waiting.number >= memory.next:  # of an observation that was interrupted
            remove_state(_path(state, waiting))
    after, items = decide(memory, status.conditions, now, settings)
    made: list[Notice] = []
    for channel in settings.channels:
        theirs = [each for each in items if each.type in channel.conditions]
        if _is_failing(state, channel.name):  # it cannot report that it does not work
            theirs = [each for each in theirs if each.type != "NoticesSent"]
        if theirs:
            number = memory.next + len(made)
            made.append(_notice(status, channel.name, number, theirs, status.problems, now))
    nodes, day = daily.due(memory.daily, now, settings.contacts)
    for node in nodes:
        if node in status.nodes:
            made.append(_daily(status, node, memory.next + len(made), now))
    for notice in made:
        _write(state, notice)
    after = structs.replace(after, next=memory.next + len(made), daily=day)
    if after != memory:
        write_state(state / NOTICES, to_builtins(after))
    return made


def _notice(
    status: StatusResult,
    channel: str,
    number: int,
    items: Sequence[Item],
    problems: Sequence[ReportedProblem],
    now: float,
) -> Notice:
    return Notice(
        number=number,
        federation=status.federation,
        channel=channel,
        subject=message.subject(status.federation, items),
        text=message.text(status.federation, items, problems),
        made=now,
    )


def _daily(status: StatusResult, node: str, number: int, now: float) -> Notice:
    return Notice(
        number=number,
        federation=status.federation,
        channel=CONTACTS,
        subject=daily.subject(status, node),
        text=daily.text(status, node),
        made=now,
        node=node,
    )


def load_memory(state: Path) -> Memory:
    """What was notified so far; a new one where that is corrupt, after the numbers in use."""
    try:
        value = read_state(state / NOTICES)
        return Memory() if value is None else decode_state(Memory, value)
    except UNREADABLE:
        return Memory(next=max((each.number for each in pending(state)), default=0) + 1)


def pending(state: Path, channel: str | None = None) -> list[Notice]:
    """The notices that wait, of one channel or all, the oldest first."""
    found = []
    folder = state / OUTBOX
    for path in folder.glob("[0-9]*.json") if folder.is_dir() else ():
        try:
            value = read_state(path)
            notice = decode_state(Notice, value)
        except UNREADABLE:
            continue
        if channel in (None, notice.channel):
            found.append(notice)
    return sorted(found, key=lambda each: each.number)


def due(state: Path, now: float) -> set[str]:
    """The channels whose oldest notice is to be sent now."""
    first: dict[str, Notice] = {}
    for notice in pending(state):
        first.setdefault(notice.channel, notice)
    return {name for name, each in first.items() if each.next <= now or each.next > now + RAREST}


def record_of(state: Path, channel: str) -> ChannelRecord:
    """How sending to the channel went so far."""
    try:
        value = read_state(state / CHANNELS / f"{channel}.json")
        return ChannelRecord() if value is None else decode_state(ChannelRecord, value)
    except UNREADABLE:
        return ChannelRecord()


def deliver(
    state: Path, channel: str, send: Callable[[Notice], None], clock: Callable[[], float]
) -> None:
    """Send the notices that wait for the channel, until one fails.

    ``send`` raises :class:`SendFailed`; after a :class:`ContactRefused` the others are sent, too.
    """
    refused: list[str] = []
    for notice in pending(state, channel):
        now = clock()
        if now - notice.made > KEPT:
            _drop(state, notice)
            continue
        pause = min(RAREST, SHORTEST * 2**notice.attempts)
        tried = structs.replace(notice, attempts=notice.attempts + 1, next=now + pause)
        _write(state, tried)
        try:
            send(tried)
        except ContactRefused as error:
            refused.append(str(error))
            continue
        except SendFailed as error:
            _failed(state, channel, str(error), clock())
            return
        _delivered(state, channel, clock())
        remove_state(_path(state, tried))
    for text in refused:  # last, so that this is what remains known
        _failed(state, channel, text, clock())


def _drop(state: Path, notice: Notice) -> None:
    record = record_of(state, notice.channel)
    _save(state, notice.channel, structs.replace(record, dropped=record.dropped + 1))
    remove_state(_path(state, notice))


def _failed(state: Path, channel: str, error: str, now: float) -> None:
    record = record_of(state, channel)
    since = record.since if record.error else _text(now)
    changed = structs.replace(record, failed=record.failed + 1, error=error, since=since)
    _save(state, channel, changed)


def _delivered(state: Path, channel: str, now: float) -> None:
    record = record_of(state, channel)
    changed = structs.replace(
        record, delivered=record.delivered + 1, last=_text(now), error="", since=""
    )
    _save(state, channel, changed)


def _is_failing(state: Path, channel: str) -> bool:
    return bool(record_of(state, channel).error)


def _save(state: Path, channel: str, record: ChannelRecord) -> None:
    write_state(state / CHANNELS / f"{channel}.json", to_builtins(record))


def _write(state: Path, notice: Notice) -> None:
    write_state(_path(state, notice), to_builtins(notice))


def _path(state: Path, notice: Notice) -> Path:
    return state / OUTBOX / f"{notice.number}.json"


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
