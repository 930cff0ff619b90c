"""Plans, as ``dry_run`` and ``setup`` show them: what would be done, to what, and why.

A line of a plan is a sentence. How a service differs from its declaration, field by field, is shown
with details only (:data:`~saltext_mip.console.screens.text.details`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from saltext_mip.console.screens.text import Screen, Style, details, number
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.results import Absent, SetupResult, value_or

# what a node's states report of a change, and the verb for it
_VERBS = ("create", "recreate", "update", "remove", "restart", "label", "unlabel", "forget")
_WATCHERS = {"mip_data": "the file watcher", "mip_services": "the service watcher"}
_OF_SERVICES = ("create", "update", "remove")
_NO_SERVICE = ("network ", "Swarm node ", "the ")
_DIFFERENCE = re.compile(
    r" differs?(?:: .*)?$| is missing$| is not declared$|^it (?:does not exist|is not there)$"
)


class Sentence(NamedTuple):
    """A line of a plan; ``why`` is shown below it, ``differences`` with the details only."""

    text: str
    why: str = ""
    differences: str = ""


def plan(screen: Screen, items: Absent[list[PlanItem]]) -> None:
    """The items of a plan in their order."""
    for item in _doing(screen, items):
        on = f" on {item.node}" if item.node else ""
        screen.text(f"{item.action} {item.thing}{on}", indent=2, hang=2)
        if item.reason:
            screen.text(item.reason, indent=4, hang=2)


def _doing(screen: Screen, items: Absent[list[PlanItem]]) -> list[PlanItem]:
    """The items that do something, after the title."""
    screen.gap()
    doing = [item for item in value_or(items, []) if item.action != NOTHING]
    if doing:
        screen.title("Plan (dry run, nothing was changed):")
    else:
        screen.outcome("No change: nothing to do.", style="good")
    return doing


def service_plan(screen: Screen, items: Absent[list[PlanItem]]) -> None:
    """The items of a plan in their order; services of which the same is done as one line."""
    doing = _doing(screen, items)
    whole = details.get() is True
    hidden = False
    for each in sentences(doing, whole=whole):
        screen.text(each.text, indent=2, hang=2)
        if each.why:
            screen.text(each.why, indent=4, hang=2)
        if each.differences and whole:
            screen.text(each.differences, indent=4, hang=2)
        hidden |= bool(each.differences) and not whole
    if hidden:
        how = "--out=json" if details.get() is None else "-v"
        screen.gap()
        screen.text(f"{how} shows how they differ.")


def sentences(items: Sequence[PlanItem], *, whole: bool) -> Iterator[Sentence]:
    """A sentence for each item; with ``whole`` also for each service."""
    meant = [_meant(item) for item in items]
    done = set()
    for item in meant:
        same = [each for each in meant if each.action == item.action and _is_service(each)]
        if whole or len(same) < 2 or not _is_service(item):
            yield _sentence(item)
        elif item.action not in done:
            done.add(item.action)
            names = ", ".join(each.thing for each in same)
            of_each = [_sentence(each) for each in same]
            why = "; ".join(dict.fromkeys(each.why for each in of_each if each.why))
            differences = "; ".join(each.differences for each in of_each if each.differences)
            shown = f"{names}: {why}" if why else names
            yield Sentence(f"{item.action} {number(len(same), 'service')}", shown, differences)


def _is_service(item: PlanItem) -> bool:
    return item.action in _OF_SERVICES and not item.thing.startswith(_NO_SERVICE)


def _meant(item: PlanItem) -> PlanItem:
    """What a node's state reports as a change, as what is done."""
    if item.action != "change":
        return item
    old, _, new = item.reason.rpartition(" -> ")
    if item.thing in _WATCHERS:
        verb = "install" if old in ("", "missing") else "change"
        return PlanItem(
            verb, _WATCHERS[item.thing], "" if verb == "install" else item.reason, item.node
        )
    if item.thing == "swarm":
        verb, thing = {
            "initialised": ("create", "the Swarm"),
            "joined": ("join", "the Swarm"),
            "with every service": ("create", "the network and all services"),
        }.get(new, ("change", "the Swarm"))
        return PlanItem(verb, thing, "" if old == "none" else old, item.node)
    if new == "created":
        return PlanItem("create", f"the folder {item.thing}", "", item.node)
    if new in _VERBS:
        return PlanItem(new, item.thing, old, item.node)
    return item


def _sentence(item: PlanItem) -> Sentence:
    if item.action == "fail":
        return Sentence(f"{item.thing} cannot be deployed", item.reason)
    on = f" on {item.node}" if item.node else ""
    parts = item.reason.split("; ") if item.action in (*_OF_SERVICES, "recreate") else []
    differences = [part for part in parts if _DIFFERENCE.search(part)]
    why = "; ".join(part for part in parts if part not in differences) if parts else item.reason
    if item.action == "create":  # it is not there: nothing else would be created
        differences = []
    if item.action == "remove":
        why, differences = item.reason, []
    return Sentence(f"{item.action} {item.thing}{on}", why, "; ".join(differences))


def setup(screen: Screen, value: SetupResult) -> None:
    """What was written for a pusher, and what is left to the operator."""
    if value.dry_run:
        screen.title("Plan (dry run, nothing was changed):")
        for item in value.plan:
            if item.action != "todo":
                screen.text(f"{item.action} {item.thing}: {item.reason}", indent=2, hang=2)
    elif value.changed:
        screen.title("Written:", style="good", marked=True)
        for path in value.wrote:
            screen.text(path, indent=2)
    else:
        screen.outcome("No change.", style="good")
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
