"""The screens of ``tmux``, ``logs``, and of what the command shows of the machine it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.console.screens.text import Screen


def tmux(screen: Screen, value: Mapping[str, Any]) -> None:
    """Windows by number, and how to go there."""
    screen.gap()
    rows = []
    for each in value["windows"]:
        panes = f"{each['panes']} panes" if each["panes"] > 1 else ""
        rows.append((str(each["index"]), each["name"], panes))
    screen.table(rows, indent=2)
    screen.gap()
    screen.text("The session was made." if value["changed"] else "The session was there.")
    if not value["attached"]:
        screen.text(value["attach"], first="-> ")


def logs(screen: Screen, value: Mapping[str, Any]) -> None:
    """A line as it is, not wrapped, with where it comes from before it."""
    nodes = value["nodes"]
    for node, each in nodes.items():
        if "reason" in each:
            screen.text(f"{node}: {each['reason']}", style="bad")
    screen.gap()
    width = max((len(each["short"]) for each in nodes.values()), default=0)
    for line in value["lines"]:
        short = nodes[line["node"]]["short"]
        stamp = f"{line['time'][:10]} {line['time'][11:23]}"
        screen.block(f"{stamp} {short:{width}} {line['component']} | {line['text']}")
    if not value["lines"]:
        screen.text("There are no lines.")


def needs(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a thing; below it what to do."""
    for need in value["needs"]:
        style = "good" if need["ok"] else "bad"
        screen.table(
            [("ok" if need["ok"] else "--", f"{need['thing']:14}", need["found"])], styles=[style]
        )
        if need.get("hint"):
            screen.text(need["hint"], indent=4, first="-> ")


def version(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a program."""
    screen.table([(name, str(each)) for name, each in value.items() if name != "command"])


def here(screen: Screen, value: Mapping[str, Any]) -> None:
    """The services on this node, or what was done to them."""
    if "containers" in value:
        rows = [tuple(each.values()) for each in value["containers"]]
        screen.table(rows)
        if not rows:
            screen.text("No service of a federation is here.", style="warn")
        return
    for what, names in value.items():
        if what != "command":
            screen.text(f"{what}: {', '.join(names) or 'nothing'}")
