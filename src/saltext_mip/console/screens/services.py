"""The screens of ``deploy``, ``start``, ``stop``, ``restart``, ``remove`` and ``status``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from saltext_mip.conditions import OFF, WHILE_TRUE
from saltext_mip.console.screens.nodes import disabled, state, state_style
from saltext_mip.console.screens.plan import service_plan
from saltext_mip.console.screens.refresh import GRAVE, counted_datasets, datasets
from saltext_mip.console.screens.text import Screen, Style, clock, mark, moment, since
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
from saltext_mip.text import first_of

LOG_LINES = 3
NEWS = 5  # problems that a line names
TYPE = 17  # cells of the longest type of a condition
WORST: Sequence[Style] = ("bad", "warn", "plain", "good")
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
        screen.outcome("Some services are not serving, or a node failed.", style="bad")
    elif value.changed:
        screen.outcome("Done.", style="good")
    else:
        screen.outcome("No change: all services match the declaration.", style="good")


def status(screen: Screen, value: StatusResult) -> None:
    """The summary, the conditions (the worst first), services, nodes and pathologies."""
    _news(screen, value)
    screen.gap()
    found = [each for each in value.conditions if each.type != "Ready"]
    found.sort(key=lambda each: WORST.index(_style(each)))
    worst: Style = next(iter(map(_style, found)), "warn")
    usable = value_or(value.usable, None)
    good: Style = "warn" if _is_not_used(usable) else "good"
    style: Style = good if value.ok else "warn" if worst == "good" else worst
    screen.title(f"{value.health}, {value.sync}", style=style, marked=True)
    screen.gap()
    if clock.get() is None:
        screen.title(f"  {'CONDITION':{TYPE}}  REASON")
        for each in found:
            _condition(screen, each)
    else:
        _conditions(screen, found)
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
    screen.table(rows, indent=2, styles=styles, marked=True)
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
    screen.outcome(f"{text}: {'; '.join(reasons)}.", style=style)


ANSWERS: Mapping[bool | None, tuple[str, Style]] = {
    True: ("responds", "good"),
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
    """One line a service, the worst first; below them errors and logs of those not serving."""
    if not found:
        return
    screen.gap()
    worst = sorted(found.items(), key=lambda item: WORST.index(SERVES[_serves(item[1])]))
    screen.table(
        [
            (
                name,
                "-" if each.completed or each.switched_off else each.replicas,
                _serves(each),
                "switched off in the pillar" if each.switched_off else each.image,
            )
            for name, each in worst
        ],
        header=("SERVICE", "TASKS", "STATE", "IMAGE"),
        styles=[SERVES[_serves(each)] for _, each in worst],
        marked=True,
    )
    for name, each in worst:
        error, log = value_or(each.error, ""), value_or(each.log, [])[-LOG_LINES:]
        if not error and not log:
            continue
        screen.gap()
        style = SERVES[_serves(each)]
        screen.text(
            ": ".join(filter(None, (name, error))), first=f"{mark(style)} ", hang=2, style=style
        )
        for line in log:
            screen.text(line, indent=4, hang=4, first="| ")


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
    for node, each in sorted(value.nodes.items(), key=lambda item: not item[1].failed):
        changes = {} if value.dry_run else each.changes  # the plan shows them
        if not (changes or each.failed or each.findings):
            continue
        screen.gap()
        screen.title(node, style="bad" if each.failed else "title", marked=each.failed)
        error = value_or(each.error, "")
        if error:
            screen.text(error, indent=2, hang=2, style="bad")
        for finding in each.findings:
            if finding not in error:
                screen.text(finding, indent=2, hang=2, style="warn")
        for thing, change in changes.items():
            screen.text(f"{thing}: {change}", indent=2, hang=2)


def _style(each: ReportedCondition) -> Style:
    if each.status == "False" or each.type in GRAVE:
        return "bad"
    if each.type in WHILE_TRUE:
        return "plain" if each.type == "Reconciling" else "warn"
    return "good" if each.status == "True" and each.reason not in OFF else "warn"


def _condition(screen: Screen, each: ReportedCondition) -> None:
    style = _style(each)
    begin = since(each.since) if each.since else ""
    screen.title(f"{mark(style)} {each.type:{TYPE}}  {each.reason}", begin, style=style)
    if style != "good":
        if each.message:
            screen.text(each.message, indent=4, hang=2)
        if each.hint:
            screen.text(each.hint, indent=4, hang=3, first="-> ")


def _conditions(screen: Screen, found: Sequence[ReportedCondition]) -> None:
    """A table; where it is narrow, without the messages of what is good."""
    rows = [(each, _style(each)) for each in found]
    screen.table(
        [
            (
                each.type,
                each.status,
                each.reason,
                moment(each.since) if each.since else "-",
                each.message if screen.wide or style != "good" else "",
            )
            for each, style in rows
        ],
        header=("TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"),
        styles=[style for _, style in rows],
        marked=True,
        hints=["" if style == "good" else each.hint for each, style in rows],
    )


def _members(screen: Screen, value: StatusResult) -> None:
    screen.gap()
    rows: list[tuple[str, ...]] = []
    for node, each in value.nodes.items():
        of = disabled(each) or state(each)
        rows.append((each.short, node, each.swarm or "not a member", of))
    screen.table(
        rows,
        header=("NODE", "MINION", "SWARM", "STATE"),
        styles=[state_style(each) for each in value.nodes.values()],
        marked=True,
    )


def _pathologies(screen: Screen, value: StatusResult) -> None:
    if not value.pathologies:
        return
    screen.gap()
    served = {True: "served", False: "not served as consolidated", None: "unknown"}
    styles: dict[bool | None, Style] = {True: "good", False: "bad", None: "warn"}
    screen.table(
        [
            (name, served[each.served], ", ".join(each.datasets) or "no datasets")
            for name, each in value.pathologies.items()
        ],
        header=("PATHOLOGY", "STATE", "DATASETS"),
        styles=[styles[each.served] for each in value.pathologies.values()],
        marked=True,
    )
    for name, each in value.pathologies.items():
        for why in dict.fromkeys(each.stale.values()):
            nodes = ", ".join(node for node, reason in each.stale.items() if reason == why)
            screen.outcome(f"{name} is stale on {nodes}: {why}", style="bad")
