"""The screens of ``refresh``, and of the requests to the controller: ``wake``, ``suspend``…"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from saltext_mip.console.screens.consolidate import removals
from saltext_mip.console.screens.nodes import databases
from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen, Style, number, since
from saltext_mip.results import (
    ControllerResult,
    DecisionResult,
    Held,
    HoldDecision,
    ListedDataset,
    RefreshResult,
    ReportedCondition,
    WakeResult,
    is_built,
    value_or,
)
from saltext_mip.text import first_of

GRAVE = ("Held", "Stalled")
ACTIONS = {"forget": "remove keystore entry"}


def refresh(screen: Screen, value: RefreshResult) -> None:
    """What came of it: what is held, what changed, what was restarted, whether it is served."""
    if value.requested:
        screen.gap()
        screen.outcome("A refresh was requested from the controller.", style="good")
    elif value.dry_run:
        plan(screen, value.plan)
    else:
        removals(screen, value)
        held(screen, value.held)
        _done(screen, value)
        conditions(screen, value.conditions)
        _outcome(screen, value)
        return
    conditions(screen, value.conditions)


def controlled(screen: Screen, value: ControllerResult | WakeResult) -> None:
    """What changed, and the controller's state."""
    if value.dry_run:
        plan(screen, value.plan)
    else:
        screen.gap()
        outcome = "Done." if value.changed else "No change: already set."
        screen.outcome(outcome, style="good")
    conditions(screen, value_or(value.conditions, []))


def conditions(screen: Screen, found: Sequence[ReportedCondition]) -> None:
    """Those that are there only while they are true, and what to do about each."""
    for each in found:
        screen.gap()
        begin = since(each.since) if each.since else ""
        style: Style = "bad" if each.type in GRAVE else "warn"
        screen.title(f"{each.type}: {each.reason}", begin, style=style, marked=True)
        if each.message:
            screen.text(each.message, indent=2)
        if each.hint:
            screen.text(each.hint, indent=2, hang=3, first="-> ")


def decided(screen: Screen, value: DecisionResult) -> None:
    """What was decided about which changes, and what the refresh that followed did."""
    if value.dry_run:
        plan(screen, value.plan)
        conditions(screen, value.conditions)
        return
    screen.gap()
    for each in value.decided:
        did = each.decided.decision if isinstance(each.decided, HoldDecision) else "done"
        screen.outcome(f"{each.thing} on {each.node}: {did}", style="good")
    if value.refresh is not None:
        refresh(screen, value.refresh)
        return
    held(screen, value.held)
    conditions(screen, value.conditions)


def held(screen: Screen, changes: Sequence[Held]) -> None:
    """Each change that is not made: what, where, since when, why, and who decided what."""
    if not changes:
        return
    screen.gap()
    screen.title("Held: not changed until a decision; all else was done", style="bad", marked=True)
    for each in changes:
        about = each.why
        if isinstance(each.decided, HoldDecision):
            reason = f": {each.decided.reason}" if each.decided.reason else ""
            about = f"{each.decided.decision} by {each.decided.actor}{reason}"
        screen.text(f"{each.thing} on {each.node}", indent=2, hang=2, first="- ", style="bad")
        screen.text(f"{about}, {since(each.since)}", indent=4, hang=2)
        if not each.available:
            screen.text("not available: its folder on the node is gone", indent=4, hang=2)
        elif each.dataset:
            screen.text("kept as it was; approving removes it", indent=4, hang=2)
        else:
            screen.text("not in use; approving it puts it in use", indent=4, hang=2)


def _done(screen: Screen, value: RefreshResult) -> None:
    screen.gap()
    for name, found in value.consolidate.pathologies.items() if value.consolidate else ():
        for code in found.added:
            screen.text(f"+ {name}: {code}", style="good")
        for code in found.removed:
            screen.text(f"- {name}: {code}", style="bad")
    if any(of.status != "current" for node in value.compile.values() for of in node.values()):
        databases(screen, value.compile)
    if value.restarted:
        screen.gap()
        screen.title("Restarted:")
        for item in value.restarted:
            did = "" if item.action == "restart" else f"{ACTIONS.get(item.action, item.action)} "
            thing = f"{did}{item.thing} on {item.node}"
            screen.text(f"{thing}: {item.reason}", indent=2, hang=2)
    if value.served is False:
        screen.gap()
        screen.title("Not served as consolidated:", style="bad", marked=True)
        for text in value_or(value.differences, []):
            screen.text(text, indent=2, hang=2)
    datasets(screen, value_or(value.datasets, []))


def datasets(screen: Screen, found: Sequence[ListedDataset]) -> None:
    """What of the generation is available, by node; then what is not, and why."""
    if there := [each for each in found if each.available]:
        screen.gap()
        screen.title("Available:", style="good", marked=True)
        by_node: dict[str, dict[str, list[str]]] = {}
        for each in there:
            by_node.setdefault(each.node, {}).setdefault(each.pathology, []).append(each.dataset)
        screen.table(
            [
                (node, "; ".join(f"{name}: {first_of(codes, 20)}" for name, codes in below.items()))
                for node, below in by_node.items()
            ],
            indent=2,
        )
    for available, heading in ((False, "Not available:"), (None, "Not known whether available:")):
        lacking = [each for each in found if each.available is available]
        if not lacking:
            continue
        screen.gap()
        screen.title(heading, style="bad", marked=True)
        rows = [
            (f"{each.pathology}: {each.dataset}", each.node, value_or(each.reason, ""))
            for each in lacking
        ]
        screen.table(rows, indent=2, styles=["warn"] * len(rows))


def counted_datasets(found: Sequence[ListedDataset]) -> str:
    """``2 of 3 datasets are available``, or ``all 3 datasets are available``; what is not known is
    neither."""
    all_, there = len(found), sum(each.available is True for each in found)
    unknown = sum(each.available is None for each in found)
    if all_ == there:
        return "its dataset is available" if all_ == 1 else f"all {all_} datasets are available"
    if unknown == all_:
        return f"the availability of {number(all_, 'dataset')} is unknown"
    text = f"{there} of {number(all_, 'dataset')} {'is' if there == 1 else 'are'} available"
    return text + (f", the availability of {unknown} is unknown" if unknown else "")


def _outcome(screen: Screen, value: RefreshResult) -> None:
    """The last lines: true by themselves."""
    screen.gap()
    found = value_or(value.datasets, [])
    text = f"Generation {value_or(value.generation, None)} "
    style: Style = "good" if value.retcode is UNSET else "bad"
    if value.served is None:
        text += "is current; what is served is unknown"
        style = "warn" if style == "good" else style
    elif value.served:
        lacking = any(not each.available for each in found)
        text += "is served in part" if lacking else "is served"
    else:
        text += "is not served as consolidated"
    if found:
        text += f": {counted_datasets(found)}"
    texts = [f"{text}."]
    if not value.changed:
        texts.insert(0, "No change.")
    if waiting := sum(not isinstance(each.decided, HoldDecision) for each in value.held):
        texts.append(f"{number(waiting, 'change')} wait{'s' if waiting == 1 else ''} for approval.")
    built = [is_built(each) for below in value.compile.values() for each in below.values()]
    if unbuilt := built.count(False):
        texts.append(f"{number(unbuilt, 'database')} could not be built.")
    screen.outcome(" ".join(texts), style=style)
