"""What is recorded of a federation, as ``mip.events`` and ``mip.history`` list it. Asks no node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from saltext_mip.arguments import limit_or_all
from saltext_mip.data.consolidation.manifest import rekeyed
from saltext_mip.generations import diff as difference
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import Store
from saltext_mip.results import Event, EventsResult, GenerationSummary, HistoryResult
from saltext_mip.text import first_of

LISTED = 5  # names in a message; further ones are counted


def events(store: Store, federation: str, limit: Any = 20) -> EventsResult:
    """The last ``limit`` events, the oldest first.

    A generation whose commit was not recorded there (it was finished after a crash, or is older
    than the event log) is taken from the history.
    """
    limit = limit_or_all(limit, "events")
    recorded = store.event_log.events()
    known = {event.generation for event in recorded if event.what in ("consolidated", "rolledback")}
    found = [*_from_history(store, known), *recorded]
    found.sort(key=lambda event: (event.when, event.number))
    return EventsResult(
        federation=federation,
        events=found[-limit:] if limit else found,
        of=len(found),
        record=str(store.event_log.path),
    )


def _from_history(store: Store, known: set[int | None]) -> list[Event]:
    found = []
    for generation, before in difference.with_previous(store.history()):
        if generation.number not in known:
            line = difference.summary(generation, before)
            text = "; ".join(filter(None, (generation.note, changes(line))))
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


def changes(line: GenerationSummary) -> str:
    """The datasets that a generation added and removed."""
    added = [f"+{'/'.join(pair)}" for pair in line.added]
    removed = [f"-{'/'.join(pair)}" for pair in line.removed]
    return "; ".join(filter(None, (abbreviated(added), abbreviated(removed))))


def abbreviated(things: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    return first_of(things, LISTED)


def history(
    store: Store, federation: str, dataset: str | None = None, limit: Any = 20
) -> HistoryResult:
    """Generations, the newest first; with ``dataset`` only those known to have changed it."""
    limit = limit_or_all(limit, "generations")
    if dataset is not None:
        dataset = str(dataset)  # on Salt's command line digits are a number
    lines = []
    generations = store.history()
    for generation, before in difference.with_previous(generations):
        line = difference.summary(generation, before)
        if dataset is None or (not line.before_removed and _touches(before, generation, dataset)):
            lines.append(line)
    lines.reverse()
    removed = generations[-1].number - len(generations) if generations else 0
    return HistoryResult(
        federation=federation,
        generations=lines[:limit] if limit else lines,
        of=len(lines),
        dataset=UNSET if dataset is None else dataset,
        removed=removed or UNSET,
    )


def _touches(before: Generation | None, generation: Generation, dataset: str) -> bool:
    """Whether the dataset was added, removed, moved or has other rows than before."""

    def facts(of: Generation | None) -> Any:
        if of is None:
            return []
        return [
            (node, pathology, file.name, file.sha256)
            for node, below in sorted(of.files.items())
            for pathology, files in sorted(below.items())
            for file in files
            if any(code == dataset for code, _ in file.datasets)
        ]

    if before is not None:
        before = replace(before, files=rekeyed(before.files, generation.files))
    return bool(facts(before) != facts(generation))
