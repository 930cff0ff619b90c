"""The screens of ``nodes``, ``check_nodes``, ``enable``, ``disable`` and ``compile``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import UNSET

from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import NOW, Screen, Style, number, since
from saltext_mip.plans import PlanItem
from saltext_mip.results import (
    CheckNodesResult,
    CompileResult,
    DatabaseResult,
    Databases,
    MembershipResult,
    NodeInfo,
    NodesResult,
    is_built,
    value_or,
)
from saltext_mip.text import duration, when

COMPILED_STYLES: Mapping[str, Style] = {
    "compiled": "good",
    "current": "plain",
    "incomplete": "warn",
    "failed": "bad",
}


def nodes(screen: Screen, value: NodesResult | CheckNodesResult | MembershipResult) -> None:
    """One line a node; of those that do not respond the reasons, first."""
    for node, each in value.nodes.items():
        if each.enabled and each.up is False and value_or(each.reason, ""):
            screen.gap()
            screen.outcome(f"{node}: {each.reason}", style="bad")
    screen.gap()
    screen.table(
        [
            (each.short, node, each.role, each.address, state(each))
            for node, each in value.nodes.items()
        ],
        header=("NODE", "MINION", "ROLE", "ADDRESS", "STATE"),
        styles=[state_style(each) for each in value.nodes.values()],
        marked=True,
    )


def membership(screen: Screen, value: MembershipResult) -> None:
    """One line a node, and what was done, or would be."""
    nodes(screen, value)
    if value.dry_run:
        plan(screen, value.plan)
        return
    screen.gap()
    if not value.changed:
        screen.outcome("No change.", style="good")
    for item in value.plan if value.changed else ():
        screen.text(_done(item), hang=2)


DONE: Mapping[str, str] = {
    "enable": "enabled (it was {reason})",
    "disable": "disabled: {reason}",
    "drain": "drained {reason}",
    "undrain": "its engine was started ({reason})",
    "enrol": "{reason}",
    "rotate": "replaced ({reason})",
}


def _done(item: PlanItem) -> str:
    done = DONE.get(item.action, f"{item.action}: {{reason}}")
    return f"{item.thing}: {done.replace('{reason}', item.reason)}"


def state_style(each: NodeInfo) -> Style:
    """Of an enabled node whether it responds; nothing of one that was never asked."""
    if not each.enabled or (each.up and each.drained is not UNSET):
        return "warn"
    return "plain" if each.up is None else "good" if each.up else "bad"


def state(each: NodeInfo) -> str:
    """Who disabled or drained the node, if anybody, and what was observed of it last."""
    return "; ".join(filter(None, (disabled(each), drained(each), observed(each))))


def observed(each: NodeInfo) -> str:
    """What was observed of a node, and how long ago."""
    if each.up is None:
        return "never checked"
    age = value_or(each.age, 0)
    ago = f"{duration(age)} ago" if age >= NOW else ""
    if each.up:
        running = "" if each.uptime is UNSET else f"; up for {duration(each.uptime)}"
        return ", ".join(filter(None, ("responds", ago))) + running
    begin = f" {since(each.since)}" if each.since else ""
    return ", checked ".join(filter(None, (f"no response{begin}", ago)))


def disabled(each: NodeInfo) -> str:
    """By whom and since when a node is disabled, and why."""
    if each.enabled:
        return ""
    if each.disabled is UNSET:
        return "disabled"
    why = f": {each.disabled.reason}" if each.disabled.reason else ""
    return f"disabled by {each.disabled.actor} {since(each.disabled.when)}{why}"


def drained(each: NodeInfo) -> str:
    """By whom and since when a node is drained, until when, and why."""
    if each.drained is UNSET:
        return ""
    of = each.drained
    until = f" until {when(of.until)}" if of.until else ""
    why = f": {of.reason}" if of.reason else ""
    return f"drained by {of.actor} {since(of.when)}{until}{why}"


def compiled(screen: Screen, value: CompileResult) -> None:
    """The databases; or what would be compiled."""
    if value.dry_run:
        _by_node(screen, value.nodes)
        plan(screen, value.plan)
    else:
        databases(screen, value.nodes)


def databases(screen: Screen, found: Databases) -> None:
    """One line a node and pathology; below it all, whether any database was compiled."""
    _by_node(screen, found)
    screen.gap()
    every = [each for of_node in found.values() for each in of_node.values()]
    made = sum(each.status == "compiled" for each in every)
    unbuilt = sum(not is_built(each) for each in every)
    without = [each for each in every if is_built(each) and each.status == "failed"]
    if made:
        screen.outcome(f"{number(made, 'database')} compiled.", style="good")
    if without:
        files = Counter(state for each in without for state in value_or(each.files, {}).values())
        about = [f"{number(files[key], 'file')} {what}" for key, what in REFUSED if files[key]]
        about = about or ["see the problems above"]
        text = f"{number(len(without), 'database')} without all files: {', '.join(about)}."
        screen.outcome(text, style="warn")
    if unbuilt:
        text = f"{number(unbuilt, 'database')} could not be built: see the problems above."
        screen.outcome(text, style="bad")
    if not every:
        screen.outcome("No database was compiled.", style="warn")
    elif not (made or without or unbuilt):
        screen.outcome("No change: all databases are current.", style="good")


REFUSED: Sequence[tuple[Literal["out", "kept"], str]] = (
    ("out", "left out"),
    ("kept", "in the previous version"),
)


def _by_node(screen: Screen, found: Databases) -> None:
    for node, pathologies in found.items():
        screen.gap()
        screen.title(node)
        rows = [(name, _status(each), _made(each)) for name, each in pathologies.items()]
        styles = [COMPILED_STYLES[state] for _, state, _ in rows]
        screen.table(rows, indent=2, styles=styles, marked=True)
        if not rows:
            screen.text("no pathologies", indent=2)


def _status(each: DatabaseResult) -> str:
    """``incomplete``: it could be built, and files are left out or in their previous version."""
    return "incomplete" if each.status == "failed" and is_built(each) else each.status


def _made(each: DatabaseResult) -> str:
    rows = each.rows
    facts = [number(rows, "row") if isinstance(rows, int) and rows else f"{rows or 'no'} rows"]
    if datasets := value_or(each.datasets, []):
        facts.append(", ".join(datasets))
    if each.status == "compiled" and (seconds := value_or(each.seconds, 0.0)) >= 0.05:
        facts.append(f"{seconds:.1f} s")
    states: list[str] = [*value_or(each.files, {}).values()]
    for state, what in REFUSED:
        if count := states.count(state):
            facts.append(f"{number(count, 'file')} {what}")
    return "; ".join(facts)
