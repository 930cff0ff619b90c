"""The screens of ``tmux``, ``logs``, and of what the command shows of the machine it runs on."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, structs, to_builtins

from saltext_mip.console.screens.text import Screen, Style
from saltext_mip.results import (
    ContainerInfo,
    HereResult,
    LogsResult,
    RequirementsResult,
    TmuxResult,
    VersionsResult,
    WaitResult,
    value_or,
)


def tmux(screen: Screen, value: TmuxResult) -> None:
    """Windows by number, and how to go there."""
    screen.gap()
    rows = []
    for each in value.windows:
        panes = f"{each.panes} panes" if each.panes > 1 else ""
        rows.append((str(each.index), each.name, panes))
    screen.table(rows, indent=2)
    screen.gap()
    screen.text("Session created." if value.changed else "The session exists already.")
    if not value.attached:
        screen.text(value.attach, first="-> ")


def logs(screen: Screen, value: LogsResult) -> None:
    """A line as it is, not wrapped, with where it comes from before it."""
    for node, each in value.nodes.items():
        if each.reason is not UNSET:
            screen.outcome(f"{node}: {each.reason}", style="bad")
    screen.gap()
    width = max((len(each.short) for each in value.nodes.values()), default=0)
    for line in value.lines:
        node_log = value.nodes.get(line.node)
        short = node_log.short if node_log else line.node
        stamp = f"{line.time[:10]} {line.time[11:23]}"
        screen.block(f"{stamp} {short:{width}} {line.component} | {line.text}")
    if not value.lines:
        screen.text("No log lines found.")


def requirements(screen: Screen, value: RequirementsResult) -> None:
    """One line a thing; below it what to do."""
    for each in value.needs:
        style: Style = "good" if each.ok else "bad"
        screen.table([(f"{each.thing:14}", each.found)], styles=[style], marked=True)
        if hint := value_or(each.hint, ""):
            screen.text(hint, indent=4, first="-> ")


def version(screen: Screen, value: VersionsResult) -> None:
    """One line a program."""
    names = to_builtins(structs.replace(value, nodes=UNSET, notes=UNSET))
    screen.table(list(names.items()))
    if value.nodes is not UNSET and value.nodes:
        screen.gap()
        screen.title("saltext-mip on the nodes")
        screen.table(list(value.nodes.items()), indent=2)
    for note in value_or(value.notes, []):
        screen.gap()
        screen.text(note, hang=2, style="warn")


def here(screen: Screen, value: HereResult) -> None:
    """The services on this node, or what was done to them."""
    if value.containers is not UNSET:
        screen.table([_row(each) for each in value.containers])
        if not value.containers:
            screen.text("No service of a federation found on this node.", style="warn")
    for what, names in (("restarted", value.restarted), ("pulled", value.pulled)):
        if names is not UNSET:
            screen.text(f"{what}: {', '.join(names) or 'nothing'}")


def _row(each: ContainerInfo) -> Sequence[str]:
    row = (each.service, each.state, each.image)
    return row if each.container is UNSET else (*row, each.container)


def wait(screen: Screen, value: WaitResult) -> None:
    """That the condition is met."""
    screen.outcome(f"{value.condition}={value.status}", style="good" if value.met else "bad")
