"""Plans, as ``dry_run`` and ``setup`` show them: what would be done, to what, and why."""

from __future__ import annotations

from saltext_mip.console.screens.text import Screen
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.results import Absent, SetupResult, value_or


def plan(screen: Screen, items: Absent[list[PlanItem]]) -> None:
    """The items of a plan in their order."""
    screen.gap()
    doing = [item for item in value_or(items, []) if item.action != NOTHING]
    if not doing:
        screen.text("No change: nothing to do.", style="good")
        return
    screen.title("Plan (dry run, nothing was changed):")
    for item in doing:
        on = f" on {item.node}" if item.node else ""
        screen.text(f"{item.action} {item.thing}{on}", indent=2, hang=2)
        if item.reason:
            screen.text(item.reason, indent=4, hang=2)


def setup(screen: Screen, value: SetupResult) -> None:
    """What was written for a pusher, and what is left to the operator."""
    if value.dry_run:
        screen.title("Plan (dry run, nothing was changed):")
        for item in value.plan:
            if item.action != "todo":
                screen.text(f"{item.action} {item.thing}: {item.reason}", indent=2, hang=2)
    elif value.changed:
        screen.title("Written:", style="good")
        for path in value.wrote:
            screen.text(path, indent=2)
    else:
        screen.text("No change.", style="good")
    if value.todo:
        screen.gap()
        screen.title("Remaining steps:", style="warn")
        for todo in value.todo:
            first, _, rest = todo.partition("\n")
            screen.text(first, indent=2, hang=2, first="- ")
            *example, why = rest.split("\n")
            screen.block("\n".join(example), indent=4)
            screen.text(why, indent=4, hang=1)
