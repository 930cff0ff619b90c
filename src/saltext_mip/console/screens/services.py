"""The screens of ``deploy``, ``start``, ``stop``, ``restart``, ``remove`` and ``status``."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from saltext_mip.conditions import OFF
from saltext_mip.console.screens.nodes import disabled, state
from saltext_mip.console.screens.plan import service_plan
from saltext_mip.console.screens.refresh import GRAVE, counted_datasets, datasets
from saltext_mip.console.screens.text import Screen, Style
from saltext_mip.results import (
    PortalPart,
    ReportedCondition,
    ReportedProblem,
    ServiceInfo,
    ServicesResult,
    StatusResult,
    Usability,
    Usable,
    value_or,
)
from saltext_mip.text import first_of, when

LOG_LINES = 3
NEWS = 5  # problems that a line names
SERVES: Mapping[str, Style] = {
    "serving": "good",
    "completed": "good",
    "stopped": "warn",
    "off": "warn",
    "unknown": "warn",
    "not serving": "bad",
}


def service_changes(screen: Screen, value: ServicesResult) -> None:
    """What was done on each node, then the services as they are."""
    _nodes(screen, value)
    if value.dry_run:
        service_plan(screen, value.plan)
        return
    services(screen, value.services)
    screen.gap()
    if value.retcode:
        screen.text("Some services are not serving, or a node failed.", style="bad")
    elif value.changed:
        screen.text("Done.", style="good")
    else:
        screen.text("No change: all services match the declaration.", style="good")


def status(screen: Screen, value: StatusResult) -> None:
    """The summary first, then each condition, the services, the nodes and the pathologies."""
    _news(screen, value)
    screen.gap()
    usable = value_or(value.usable, None)
    title: Style = "bad" if not value.ok else "warn" if _is_not_used(usable) else "good"
    screen.title(f"{value.health}, {value.sync}", style=title)
    for each in value.conditions:
        if each.type != "Ready":
            _condition(screen, each)
    services(screen, value.services)
    _members(screen, value)
    _pathologies(screen, value)
    if usable is not None:
        _usable(screen, usable)
    for step in value_or(value.todo, []):
        screen.gap()
        screen.text(step, hang=3, first="-> ", style="warn")


USABLE: Mapping[Usable, tuple[str, Style]] = {
    "yes": ("Researchers can use it", "good"),
    "in part": ("Researchers can use it in part", "warn"),
    "no": ("Researchers cannot use it", "bad"),
    "unknown": ("Not known whether researchers can use it", "warn"),
}


def _is_not_used(found: Usability | None) -> bool:
    return found is not None and found.answer != "yes"


def _usable(screen: Screen, found: Usability) -> None:
    """In one block: the portal, its backend, the datasets; the answer is the last line."""
    screen.gap()
    screen.title("Can researchers use it?")
    rows: list[tuple[str, ...]] = []
    styles: list[Style] = []
    for what, part in (("portal", found.portal), ("backend", found.backend)):
        text, style = ANSWERS[part.answers]
        where = value_or(part.address, "") or part.service
        rows.append((what, where, f"{text}{_because(part)}"))
        styles.append(style)
    screen.table(rows, indent=2, styles=styles)
    datasets(screen, found.datasets)
    screen.gap()
    text, style = USABLE[found.answer]
    reasons = [
        f"the {what} does not respond{_because(part)}"
        for what, part in (("portal", found.portal), ("backend", found.backend))
        if part.answers is False
    ]
    if found.datasets:
        reasons.append(counted_datasets(found.datasets))
    else:
        reasons.append("there are no datasets yet")
    screen.text(f"{text}: {'; '.join(reasons)}.", style=style)


ANSWERS: Mapping[bool | None, tuple[str, Style]] = {
    True: ("responds", "plain"),
    False: ("does not respond", "bad"),
    None: ("not known", "warn"),
}


def _because(part: PortalPart) -> str:
    reason = value_or(part.reason, "")
    return f" ({reason})" if reason else ""


def _news(screen: Screen, value: StatusResult) -> None:
    """What differs from yesterday, where the observer knows it."""
    if value.resolved is UNSET:
        return
    new = [each for each in value.problems if each.state == "new" and each.severity != "note"]
    gone = [each for each in value.resolved if each.severity != "note"]
    for text, found in (("New since yesterday", new), ("Resolved since yesterday", gone)):
        if found:
            places = dict.fromkeys(f"{each.rule} ({_place(each, value)})" for each in found)
            screen.gap()
            screen.text(f"{text}: {first_of(list(places), NEWS)}", hang=2)


def _place(problem: ReportedProblem, value: StatusResult) -> str:
    node = value.nodes.get(problem.node or "")
    short = node.short if node else problem.node or value.federation
    return "/".join(filter(None, (short, problem.pathology, problem.file)))


def services(screen: Screen, found: Mapping[str, ServiceInfo]) -> None:
    """One line a service; below those that do not serve their errors and logs."""
    if not found:
        return
    screen.gap()
    screen.title("Services")
    for name, each in found.items():
        serves = _serves(each)
        screen.table(
            [
                (
                    f"{'-' if each.completed or each.switched_off else each.replicas:3}",
                    f"{name:26}",
                    f"{serves:14}",
                    "switched off in the pillar" if each.switched_off else each.image,
                )
            ],
            indent=2,
            styles=[SERVES[serves]],
        )
        if error := value_or(each.error, ""):
            screen.text(error, indent=8, hang=2, style="bad")
        for line in value_or(each.log, [])[-LOG_LINES:]:
            screen.text(line, indent=8, hang=4, first="| ")


def _serves(each: ServiceInfo) -> str:
    if each.switched_off:
        return "off"
    if each.stopped:
        return "stopped"
    if each.completed:
        return "completed"
    if each.serving:
        return "serving"
    if each.serving is None:
        return "unknown"
    return "not serving"


def _nodes(screen: Screen, value: ServicesResult) -> None:
    for node, each in value.nodes.items():
        changes = {} if value.dry_run else each.changes  # the plan shows them
        if not (changes or each.failed or each.findings):
            continue
        screen.gap()
        screen.title(node, style="bad" if each.failed else "title")
        error = value_or(each.error, "")
        if error:
            screen.text(error, indent=2, hang=2, style="bad")
        for finding in each.findings:
            if finding not in error:
                screen.text(finding, indent=2, hang=2, style="warn")
        for thing, change in changes.items():
            screen.text(f"{thing}: {change}", indent=2, hang=2)


def _condition(screen: Screen, each: ReportedCondition) -> None:
    bad = each.status == "False" or each.type in GRAVE
    stopped = each.reason in OFF
    normal = each.status == "True" and not stopped
    style: Style = "bad" if bad else "plain" if normal else "warn"
    mark = {"True": "off" if stopped else "yes", "False": "NO", "Unknown": "?"}[each.status]
    since = f"since {when(each.since)}" if each.since else ""
    screen.title(f"  {each.type:17} {mark:3}  {each.reason}", since, style=style)
    if style != "plain":
        if each.message:
            screen.text(each.message, indent=8, hang=2)
        if each.hint:
            screen.text(each.hint, indent=8, hang=3, first="-> ")


def _members(screen: Screen, value: StatusResult) -> None:
    screen.gap()
    screen.title("Nodes")
    rows: list[tuple[str, ...]] = []
    styles: list[Style] = []
    for node, each in value.nodes.items():
        of = disabled(each) or state(each)
        rows.append((each.short, node, f"Swarm: {each.swarm or 'not a member'}", of))
        styles.append("bad" if each.enabled and not each.up else "plain")
    screen.table(rows, indent=2, styles=styles)


def _pathologies(screen: Screen, value: StatusResult) -> None:
    if not value.pathologies:
        return
    screen.gap()
    screen.title("Pathologies")
    for name, each in value.pathologies.items():
        served = {True: "served", False: "not served as consolidated", None: "unknown"}
        screen.text(
            f"{name}: {', '.join(each.datasets) or 'no datasets'} ({served[each.served]})",
            indent=2,
            hang=2,
            style="bad" if each.served is False else "plain",
        )
        for node, why in each.stale.items():
            screen.text(f"stale on {node}: {why}", indent=4, hang=2, style="bad")
