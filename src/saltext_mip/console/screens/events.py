"""The screen of ``events``: one line each, the last one at the end, where the eye is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saltext_mip.console.screens.text import Screen, Style, moment
from saltext_mip.results import Event, EventsResult

STYLES: Mapping[str, Style] = {
    "failed": "bad",
    "missing": "bad",
    "refused": "warn",
    "held": "warn",
    "removing": "warn",
    "suspended": "warn",
    "stopped": "warn",
}
HEADER = ("WHEN", "EVENT", "ABOUT")
TYPE = 12  # cells of the longest type of event


def events(screen: Screen, value: EventsResult) -> None:
    """When, what, and of whom or what."""
    screen.gap()
    lines(screen, value.events, HEADER)
    if not value.events:
        screen.text("No events yet.")
    if len(value.events) < value.of:
        screen.gap()
        screen.text(f"the last {len(value.events)} of {value.of}: limit=0 shows all")


def lines(screen: Screen, found: Sequence[Event], header: Sequence[str] = ()) -> None:
    """Those lines alone."""
    rows = [(moment(each.when), f"{each.what:{TYPE}}", _text(each)) for each in found]
    styles = [STYLES.get(each.what, "plain") for each in found]
    screen.table(rows, header=header, styles=styles, marked=True)


def _text(event: Event) -> str:
    generation = f"generation {event.generation}" if event.generation else ""
    by = f"by {event.actor}" if event.actor else ""
    head = " ".join(filter(None, (event.about or generation, by)))
    return ": ".join(filter(None, (head, event.message)))
