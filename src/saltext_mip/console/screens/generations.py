"""The screens of ``history``, ``diff``, ``rollback`` and ``clean``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from saltext_mip.console.screens.nodes import databases
from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen, Style, number
from saltext_mip.results import (
    CleanResult,
    DiffResult,
    GenerationSummary,
    HistoryResult,
    RollbackResult,
    value_or,
)
from saltext_mip.text import ranges, size, when

OPS: Mapping[str, tuple[str, Style]] = {
    "add": ("+", "good"),
    "remove": ("-", "bad"),
    "change": ("~", "warn"),
}


def history(screen: Screen, value: HistoryResult) -> None:
    """One line a generation, the newest first; below it what came and went."""
    if not value.generations:
        screen.gap()
        if value.dataset is UNSET:
            screen.text("Nothing has been consolidated yet.")
        else:
            screen.text(f"No generation added, removed or changed dataset '{value.dataset}'.")
    for each in value.generations:
        _generation(screen, each)
    listed = len(value.generations)
    if value.of is not UNSET and listed < value.of:
        screen.gap()
        screen.text(f"{listed} of {value.of}: limit=0 shows all")
    if value.removed is not UNSET:
        screen.gap()
        screen.text(f"{number(value.removed, 'generation')} removed to limit disk use: mip.clean")


def _generation(screen: Screen, each: GenerationSummary) -> None:
    screen.gap()
    screen.title(f"{each.generation}  {when(each.when)}", f"by {each.actor}")
    if each.note:
        screen.text(each.note, indent=4, hang=2)
    if each.before_removed:
        screen.text("changes not known: the generation before was removed", indent=4, hang=2)
    for op, pairs in (("add", each.added), ("remove", each.removed)):
        if pairs:
            sign, style = OPS[op]
            names = ", ".join("/".join(pair) for pair in pairs)
            screen.text(names, indent=4, hang=2, first=f"{sign} ", style=style)
    if each.wrote:
        screen.text(f"wrote on {', '.join(each.wrote)}", indent=4, hang=2)
    if each.pending:
        screen.text(f"not yet on {', '.join(each.pending)}", indent=4, hang=2, style="warn")
    if each.problems:
        screen.text(number(each.problems, "problem"), indent=4, style="warn")


def diff(screen: Screen, value: DiffResult) -> None:
    """One line a difference."""
    screen.gap()
    if not value.changes:
        screen.text("No differences.", style="good")
    for change in value.changes:
        sign, style = OPS[change.op]
        old, new = _brief(change.old), _brief(change.new)
        what = {"add": new, "remove": old, "change": f"{old} -> {new}"}[change.op]
        thing = f"{change.thing}: {what}" if what else change.thing
        screen.text(thing, hang=4, first=f"{sign} ", style=style)


def _brief(value: Any) -> str:
    """A value on a line; of a digest as many digits as tell it from another."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_brief(below)}".rstrip() for key, below in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_brief, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] if digest else text


def rollback(screen: Screen, value: RollbackResult) -> None:
    """What was restored, and where."""
    if value.dry_run:
        plan(screen, value.plan)
        _unavailable(screen, value, "would be listed")
        return
    if value.changed:
        screen.gap()
        screen.table(list(value.nodes.items()), indent=2)
    if value.compile is not UNSET:
        databases(screen, value.compile)
    _unavailable(screen, value, "are listed")
    differences = value_or(value.differences, [])
    if differences:
        screen.gap()
        screen.title("Not as in the restored generation:", style="bad")
        for each in differences:
            screen.text(each, indent=2, hang=2, style="bad")
    screen.gap()
    if value.changed:
        done = f"Generation {value.restored} is restored as generation {value.generation}"
    else:
        done = f"No change: all files are as in generation {value.restored}"
    left = " See the differences above." if differences else ""
    screen.text(
        f"{done}. Automatic refreshes are suspended: mip.resume resumes them, and the next one"
        f" replaces it.{left}",
        style="bad" if value.retcode is not UNSET else "good",
    )


def _unavailable(screen: Screen, value: RollbackResult, listed: str) -> None:
    """The datasets of which only the names come back."""
    lacking = value_or(value.unavailable, [])
    if not lacking:
        return
    screen.gap()
    screen.title(f"These {listed} by name only, and are not available:", style="warn")
    rows = [(f"{each.pathology}: {each.dataset}", each.node, each.reason) for each in lacking]
    screen.table(rows, indent=2, styles=["warn"] * len(rows))


def clean(screen: Screen, value: CleanResult) -> None:
    """What was removed, and how much is used now."""
    if value.dry_run:
        plan(screen, value.plan)
        screen.gap()
        screen.text(f"This would free {size(value.freed)}.")
    else:
        screen.gap()
        if not value.changed:
            screen.text("No change: nothing to remove.", style="good")
        else:
            if value.removed:
                screen.text(f"removed generations {ranges(value.removed)}", hang=2)
            if value.contents:
                screen.text(f"removed {number(value.contents, 'content')}")
            screen.text(f"{size(value.freed)} freed", style="good")
    screen.gap()
    screen.text(f"generations kept: {ranges(value.kept) or 'none'}", hang=2)
    for each in value.needed:
        screen.text(f"generation {each.generation} is kept: {each.reason}", hang=2)
    screen.text(f"{size(value.used)} of {size(value.quota)} used")
