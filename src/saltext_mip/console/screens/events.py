"""The screen of ``events``: one line each, the last one at the end, where the eye is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltext_mip.console.screens.text import Screen
from saltext_mip.text import when

STYLES = {"failed": "bad", "missing": "bad", "held": "warn", "suspended": "warn", "stopped": "warn"}
WORD = 12  # cells of the longest word


def events(screen: Screen, value: Mapping[str, Any]) -> None:
    """When, what, and of whom or what."""
    screen.gap()
    lines(screen, value["events"])
    if not value["events"]:
        screen.text("Nothing has happened yet.")
    if len(value["events"]) < value["of"]:
        screen.gap()
        screen.text(f"the last {len(value['events'])} of {value['of']}: limit=0 shows all")


def lines(screen: Screen, found: Sequence[Mapping[str, Any]]) -> None:
    """Those lines alone."""
    rows = [(when(each["when"]), f"{each['what']:{WORD}}", _text(each)) for each in found]
    screen.table(rows, styles=[STYLES.get(each["what"], "plain") for each in found])


def _text(event: Mapping[str, Any]) -> str:
    number = event.get("generation")
    generation = f"generation {number}" if number else ""
    by = f"by {event['actor']}" if event["actor"] else ""
    head = " ".join(filter(None, (event["about"] or generation, by)))
    return ": ".join(filter(None, (head, event["message"])))
