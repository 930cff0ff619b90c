"""The screens of ``refresh``, and of the words to the controller: ``wake``, ``suspend``…"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.console.screens.nodes import compiled
from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen
from saltext_mip.text import when

GRAVE = ("Held", "Stalled")


def refresh(screen: Screen, value: Mapping[str, Any]) -> None:
    """What came of it: what is held, what changed, who started again, whether it is served."""
    if value.get("requested"):
        screen.gap()
        screen.text("The controller was asked for it.", style="good")
    elif held := value.get("held"):
        _held(screen, held)
    elif value.get("dry_run"):
        plan(screen, value["plan"])
    else:
        _done(screen, value)
    conditions(screen, value)


def controlled(screen: Screen, value: Mapping[str, Any]) -> None:
    """What the controller says of itself."""
    if value.get("dry_run"):
        plan(screen, value["plan"])
    elif "changed" in value:
        screen.gap()
        outcome = "Done." if value["changed"] else "No change: already set."
        screen.text(outcome, style="good")
    conditions(screen, value)


def conditions(screen: Screen, value: Mapping[str, Any]) -> None:
    """Those that are there only while they are true, and what to do about each."""
    for each in value.get("conditions") or ():
        screen.gap()
        since = f"since {when(each['since'])}" if each["since"] else ""
        style = "bad" if each["type"] in GRAVE else "warn"
        screen.title(f"{each['type']}: {each['reason']}", since, style=style)
        if each["message"]:
            screen.text(each["message"], indent=2)
        if each.get("hint"):
            screen.text(each["hint"], indent=2, hang=3, first="-> ")


def _held(screen: Screen, held: Mapping[str, Any]) -> None:
    screen.gap()
    screen.title("Nothing was done: too much would go.", style="bad")
    for why in held["why"]:
        screen.text(why, indent=2, hang=2)
    screen.gap()
    for thing in held["goes"]:
        screen.text(thing, indent=2, hang=2, first="- ", style="bad")


def _done(screen: Screen, value: Mapping[str, Any]) -> None:
    screen.gap()
    for name, found in (value["consolidate"] or {}).get("pathologies", {}).items():
        for sign, key, style in (("+", "added", "good"), ("-", "removed", "bad")):
            for code in found[key]:
                screen.text(f"{sign} {name}: {code}", style=style)
    if any(of["status"] != "current" for node in value["compile"].values() for of in node.values()):
        compiled(screen, {"nodes": value["compile"]})
    if value["restarted"]:
        screen.gap()
        screen.title("Started again:")
        for item in value["restarted"]:
            did = "" if item["action"] == "restart" else f"{item['action']} "
            thing = f"{did}{item['thing']} on {item['node']}"
            screen.text(f"{thing}: {item['reason']}", indent=2, hang=2)
    screen.gap()
    if value["served"] is False:
        screen.title("Not served as it should be:", style="bad")
        for text in value["differences"]:
            screen.text(text, indent=2, hang=2)
        return
    generation = value.get("generation")
    outcome = f"Generation {generation} " + ("is served." if value["served"] else "stands.")
    screen.text(outcome if value["changed"] else f"Nothing changed. {outcome}", style="good")
