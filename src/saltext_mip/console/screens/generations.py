"""The screens of ``history``, ``diff``, ``rollback`` and ``clean``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from saltext_mip.console.screens.nodes import databases
from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.refresh import counted_datasets, datasets
from saltext_mip.console.screens.text import Screen, Style, mark, moment, number, since
from saltext_mip.results import (
    CleanResult,
    DiffResult,
    GenerationSummary,
    HistoryResult,
    RollbackResult,
    ShowResult,
    is_built,
    value_or,
)
from saltext_mip.text import ranges, size, when

UNKNOWN = "changes not known: the generation before was removed"
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
    if screen.wide and value.generations:
        _table(screen, value.generations)
    for each in value.generations if not screen.wide else ():
        _generation(screen, each)
    listed = len(value.generations)
    if value.of is not UNSET and listed < value.of:
        screen.gap()
        screen.text(f"{listed} of {value.of}: limit=0 shows all")
    if value.removed is not UNSET:
        screen.gap()
        screen.text(f"{number(value.removed, 'generation')} removed to limit disk use: mip.clean")


def _table(screen: Screen, found: Sequence[GenerationSummary]) -> None:
    """Generations on a wide terminal."""
    screen.gap()
    screen.table(
        [
            (str(each.generation), moment(each.when), each.actor, "; ".join(_facts(each)))
            for each in found
        ],
        header=("GENERATION", "WHEN", "BY", "CHANGES"),
        styles=["warn" if each.pending or each.problems else "plain" for each in found],
        marked=True,
    )


def _facts(each: GenerationSummary) -> Iterator[str]:
    if each.note:
        yield each.note
    if each.before_removed:
        yield UNKNOWN
    for sign, pairs in (("+", each.added), ("-", each.removed)):
        if pairs:
            yield f"{sign} " + ", ".join("/".join(pair) for pair in pairs)
    if each.wrote:
        yield f"wrote on {', '.join(each.wrote)}"
    if each.pending:
        yield f"not yet on {', '.join(each.pending)}"
    if each.problems:
        yield number(each.problems, "problem")


def _generation(screen: Screen, each: GenerationSummary) -> None:
    screen.gap()
    screen.title(f"{each.generation}  {moment(each.when)}", f"by {each.actor}")
    if each.note:
        screen.text(each.note, indent=4, hang=2)
    if each.before_removed:
        screen.text(UNKNOWN, indent=4, hang=2)
    for op, pairs in (("add", each.added), ("remove", each.removed)):
        if pairs:
            sign, style = OPS[op]
            names = ", ".join("/".join(pair) for pair in pairs)
            screen.text(names, indent=4, hang=2, first=f"{sign} ", style=style)
    if each.wrote:
        screen.text(f"wrote on {', '.join(each.wrote)}", indent=4, hang=2)
    if each.pending:
        screen.text(
            f"not yet on {', '.join(each.pending)}",
            indent=4,
            first=f"{mark('warn')} ",
            style="warn",
        )
    if each.problems:
        text = number(each.problems, "problem")
        screen.text(text, indent=4, first=f"{mark('warn')} ", style="warn")


def diff(screen: Screen, value: DiffResult) -> None:
    """One line a difference."""
    screen.gap()
    if not value.changes:
        screen.outcome("No differences.", style="good")
    for change in value.changes:
        sign, style = OPS[change.op]
        old, new = _brief(change.old), _brief(change.new)
        what = {"add": new, "remove": old, "change": f"{old} -> {new}"}[change.op]
        thing = f"{change.thing}: {what}" if what else change.thing
        screen.text(thing, hang=4, first=f"{sign} ", style=style)


def _named(key: str, value: Any) -> str:
    if key == "kept":  # of a file that has errors
        return "last good version in use"
    return f"{key} {_brief(value)}".rstrip()


def _brief(value: Any) -> str:
    """A value on a line; of a digest as many digits as tell it from another."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(_named(key, below) for key, below in value.items() if below is not False)
    if isinstance(value, list | tuple):
        return ", ".join(map(_brief, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    digits = text.removeprefix("hmac:")
    digest = len(digits) == 64 and set(digits) <= set("0123456789abcdef")
    return digits[:12] if digest else text


def show(screen: Screen, value: ShowResult) -> None:
    """Who made the generation, when and why; then its datasets, by node, and files changed."""
    screen.gap()
    if value.at is not UNSET:
        screen.text(f"At {when(value.at)} this generation was current.")
    screen.title(f"generation {value.generation}", when(value.when))
    rows = [("by", value.actor)]
    if value.note:
        rows.append(("why", value.note))
    if value.approved is not UNSET:
        by = f"{value.approved.actor}, {when(value.approved.when)}: {value.approved.message}"
        rows.append(("approved by", by))
    if value.replaced is UNSET:
        rows.append(("current", "no later generation replaced it"))
    else:
        until = when(value_or(value.until, ""))
        rows.append(("until", f"{until}: generation {value.replaced} replaced it"))
    if value.before_removed:
        rows.append(("changes", "not known: the generation before was removed"))
    screen.table(rows, indent=2)
    for op, pairs in (("add", value.added), ("remove", value.removed)):
        for pair in pairs:
            sign, style = OPS[op]
            screen.text("/".join(pair), indent=2, first=f"{sign} ", style=style)
    _then(screen, value)
    _shown_datasets(screen, value)
    screen.gap()
    if value.wrote:
        screen.title("Files changed:")
        for each in value.wrote:
            screen.text(each, indent=2, hang=2)
    else:
        screen.text("No file was changed.")
    if value.pending:
        screen.outcome(f"not yet on {', '.join(value.pending)}", style="warn")


def _then(screen: Screen, value: ShowResult) -> None:
    """What was not available at the moment that was asked for."""
    if value.at is UNSET:
        return
    screen.gap()
    known = value_or(value.events_since, "")
    if not known or known > value.at:
        begin = f"the event log begins at {when(known)}" if known else "there are no events"
        screen.outcome(f"Which nodes were available then is not known: {begin}.", style="warn")
        return
    out = value_or(value.unavailable, [])
    if not out:
        screen.outcome("No node was known to be unavailable then.", style="good")
    for each in out:
        text = f"{each.node or 'all nodes'}: {each.reason}, {since(each.since)}"
        screen.outcome(text, style="warn")
    if value.suspended is not UNSET:
        why = f": {value.suspended.message}" if value.suspended.message else ""
        text = f"Automatic refreshes were suspended by {value.suspended.actor}{why}"
        screen.outcome(text, style="warn")


def _shown_datasets(screen: Screen, value: ShowResult) -> None:
    screen.gap()
    if not value.datasets:
        screen.text("It has no datasets.")
        return
    screen.title("Datasets")
    counts: dict[tuple[str, str, str], list[Any]] = {}
    for file in value.files:
        for code, rows in file.datasets.items():
            counts.setdefault((file.node, file.pathology, code), []).append(rows)
    lines: list[tuple[str, str, str]] = []
    styles: list[Style] = []
    for each in value.datasets:
        lacking = value_or(each.unavailable, {})
        for node in each.nodes:
            own = counts.get((node, each.pathology, each.dataset), [])
            rows_text = " + ".join(f"{rows}" for rows in own) + " rows" if own else "no rows"
            why = f"not available: {lacking[node]}" if node in lacking else rows_text
            lines.append((f"{each.pathology}: {each.dataset}", node, why))
            styles.append("warn" if node in lacking else "plain")
    screen.table(lines, indent=2, styles=styles)


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
    found = value_or(value.datasets, [])
    datasets(screen, [each for each in found if each.available])
    _unavailable(screen, value, "are listed")
    names = {(each.pathology, each.dataset, each.node) for each in value_or(value.unavailable, [])}
    lacking = [each for each in found if not each.available]
    datasets(
        screen,
        [each for each in lacking if (each.pathology, each.dataset, each.node) not in names],
    )
    differences = value_or(value.differences, [])
    if differences:
        screen.gap()
        screen.title("Not as in the restored generation:", style="bad", marked=True)
        for each in differences:
            screen.text(each, indent=2, hang=2, style="bad")
    screen.gap()
    if value.changed:
        done = f"Generation {value.restored} is restored as generation {value.generation}"
    else:
        done = f"All files are as in generation {value.restored}"
    screen.outcome(
        "Automatic refreshes are suspended: mip.resume resumes them, and the next one replaces it.",
        style="warn",
    )
    texts = [f"{done}{f': {counted_datasets(found)}' if found else ''}."]
    if not value.changed:
        texts.insert(0, "No change.")
    if value.served is False or differences:
        texts.append("See the differences above.")
    elif value.served is None:
        texts.append("What is served is not known.")
    built = [is_built(each) for of in value_or(value.compile, {}).values() for each in of.values()]
    if unbuilt := built.count(False):
        texts.append(f"{number(unbuilt, 'database')} could not be built.")
    if by_name := len(value_or(value.unavailable, [])):
        texts.append(f"Only the name of {number(by_name, 'dataset')} came back.")
    good = value.retcode is UNSET and not by_name and all(each.available for each in found)
    style: Style = "good" if good else "warn" if value.retcode is UNSET else "bad"
    screen.outcome(" ".join(texts), style=style)


def _unavailable(screen: Screen, value: RollbackResult, listed: str) -> None:
    """The datasets of which only the names come back."""
    lacking = value_or(value.unavailable, [])
    if not lacking:
        return
    screen.gap()
    screen.title(f"These {listed} by name only, and are not available:", style="warn", marked=True)
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
            screen.outcome("No change: nothing to remove.", style="good")
        else:
            if value.removed:
                screen.text(f"removed generations {ranges(value.removed)}", hang=2)
            if value.contents:
                screen.text(f"removed {number(value.contents, 'content')}")
            screen.outcome(f"{size(value.freed)} freed", style="good")
    screen.gap()
    screen.text(f"generations kept: {ranges(value.kept) or 'none'}", hang=2)
    for each in value.needed:
        screen.text(f"generation {each.generation} is kept: {each.reason}", hang=2)
    screen.text(f"{size(value.used)} of {size(value.quota)} used")
