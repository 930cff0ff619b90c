"""Plans, as ``dry_run`` and ``setup`` show them: what would be done, to what, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltext_mip.console.screens.text import Screen

DONE_ALREADY = "nothing"


def plan(screen: Screen, items: Sequence[Mapping[str, Any]]) -> None:
    """The items of a plan in their order."""
    screen.gap()
    doing = [item for item in items if item["action"] != DONE_ALREADY]
    if not doing:
        screen.text("Nothing would be done.", style="good")
        return
    screen.title("This would be done; nothing has been:")
    for item in doing:
        on = f" on {item['node']}" if item.get("node") else ""
        screen.text(f"{item['action']} {item['thing']}{on}", indent=2, hang=2)
        if item["reason"]:
            screen.text(item["reason"], indent=4, hang=2)


def setup(screen: Screen, value: Mapping[str, Any]) -> None:
    """What was written for a pusher, and what is left to a person."""
    if value.get("dry_run"):
        screen.title("This would be done; nothing has been:")
        for item in value["plan"]:
            if item["action"] != "todo":
                screen.text(f"{item['action']} {item['thing']}: {item['reason']}", indent=2, hang=2)
    elif value["changed"]:
        screen.title("Written:", style="good")
        for path in value["wrote"]:
            screen.text(path, indent=2)
    else:
        screen.text("Nothing changed.", style="good")
    if value["todo"]:
        screen.gap()
        screen.title("Left for you to do:", style="warn")
        for todo in value["todo"]:
            first, _, rest = todo.partition("\n")
            screen.text(first, indent=2, hang=2, first="- ")
            *example, why = rest.split("\n")
            screen.block("\n".join(example), indent=4)
            screen.text(why, indent=4, hang=1)
