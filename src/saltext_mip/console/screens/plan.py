"""Plans, as ``dry_run`` and ``setup`` show them: what would be done, to what, and why."""

from __future__ import annotations

from collections.abc import Sequence

from saltext_mip.console.screens.text import Screen, Style
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
    _steps(screen, "Remaining steps:", value.todo, style="warn")
    _steps(screen, "Optional:", value_or(value.offers, []), style="plain")


def _steps(screen: Screen, title: str, steps: Sequence[str], *, style: Style) -> None:
    """Steps for a person: the first line, an example, and the reason in the last line."""
    if not steps:
        return
    screen.gap()
    screen.title(title, style=style)
    for step in steps:
        first, _, rest = step.partition("\n")
        screen.text(first, indent=2, hang=2, first="- ")
        *example, why = rest.split("\n")
        screen.block("\n".join(example), indent=4)
        screen.text(why, indent=4, hang=1)
