"""Recent events of a federation in the order of time: generations, refreshes, operator actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saltext_mip.arguments import limit_or_all
from saltext_mip.generations import diff as difference
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import Event, EventsResult, GenerationSummary
from saltext_mip.text import first_of

LISTED = 5  # names in a message; further ones are counted


def record_commit(pusher: Pusher, generation: Generation, note: str = "") -> None:
    """Record the commit of a generation; a ``note`` tells that it restores an older one."""
    before = _before(pusher, generation.number)
    pusher.record(
        "rolledback" if note else "consolidated",
        message="; ".join(filter(None, (note, _changes(difference.summary(generation, before))))),
        generation=generation.number,
    )


def events(pusher: Pusher, limit: Any = 20) -> EventsResult:
    """The last ``limit`` events, the oldest first. Asks no node.

    A generation whose commit was not recorded here (it was finished after a crash, or is older
    than the event log) is taken from the history.
    """
    limit = limit_or_all(limit, "events")
    recorded = pusher.store.event_log.events()
    known = {event.generation for event in recorded if event.what in ("consolidated", "rolledback")}
    found = [*_from_history(pusher, known), *recorded]
    found.sort(key=lambda event: (event.when, event.number))
    return EventsResult(
        federation=pusher.federation.name,
        events=found[-limit:] if limit else found,
        of=len(found),
        record=str(pusher.store.event_log.path),
    )


def abbreviated(things: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return first_of(things, LISTED)


def _from_history(pusher: Pusher, known: set[int | None]) -> list[Event]:
    found = []
    for generation, before in difference.with_previous(pusher.store.history()):
        if generation.number not in known:
            line = difference.summary(generation, before)
            text = "; ".join(filter(None, (generation.note, _changes(line))))
            found.append(
                Event.of(
                    generation.when,
                    "consolidated",
                    generation.actor,
                    message=text,
                    generation=generation.number,
                )
            )
    return found


def _before(pusher: Pusher, number: int) -> Generation | None:
    older = [other for other in pusher.store.numbers() if other < number]
    return pusher.store.load(older[-1]) if older else None


def _changes(line: GenerationSummary) -> str:
    """The datasets that a generation added and removed."""
    added = [f"+{'/'.join(pair)}" for pair in line.added]
    removed = [f"-{'/'.join(pair)}" for pair in line.removed]
    return "; ".join(filter(None, (abbreviated(added), abbreviated(removed))))
