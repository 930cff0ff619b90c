"""Views of a status that only the command line has: one node, the nodes, or problems only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from saltext_mip.conditions import severity
from saltext_mip.console.cli.terminal import width
from saltext_mip.console.screens.nodes import state, state_style
from saltext_mip.console.screens.problems import problem_list
from saltext_mip.console.screens.refresh import conditions
from saltext_mip.console.screens.services import services
from saltext_mip.console.screens.text import Screen, observed
from saltext_mip.results import MemberInfo, ReportedCondition, StatusResult, value_or
from saltext_mip.text import size


def describe_node(status: StatusResult, node: str) -> Screen:
    """The screen of one node: its state, its problems, its facts and its services."""
    screen = Screen(width())
    facts = status.nodes[node]
    note = (facts.role, facts.short, observed(status.observed_at))
    screen.title(node, ", ".join(filter(None, note)))
    screen.outcome(state(facts), style=state_style(facts))
    if not facts.up and (why := value_or(facts.reason, "")):
        screen.text(why, indent=2)
    unhealthy = [each for each in status.conditions if not is_normal(each)]
    theirs = [each for each in unhealthy if _concerns(each, status, node)]
    conditions(screen, theirs)
    problems = [problem for problem in status.problems if problem.node == node]
    problem_list(screen, problems, federation=status.federation)
    screen.gap()
    rows = [(title, value) for title, value in _facts(facts) if value]
    screen.table(rows, indent=2)
    found = {name: each for name, each in status.services.items() if each.node == node}
    services(screen, found)
    screen.gap()
    if not found:
        screen.text("No services on this node.", indent=2)
    if not problems and not theirs:
        if facts.up:
            screen.outcome("No problems.", style="good")
        else:
            text = "The node was not observed: whether it has problems is unknown."
            screen.outcome(text, style="warn")
    return screen


def _facts(facts: MemberInfo) -> Iterator[tuple[str, str]]:
    """What is declared of a node, and its state in the Swarm."""
    yield "address", facts.address
    yield "hospital", value_or(facts.hospital, None) or ""
    yield "contact", value_or(facts.contact, None) or ""
    yield "data path", value_or(facts.data_path, None) or ""
    yield "Swarm", facts.swarm or "not a member"
    if versions := value_or(facts.versions, None):
        named = {"saltext-mip": versions.mip, "Salt": versions.salt, "Docker": versions.docker}
        yield "versions", ", ".join(f"{name} {version}" for name, version in named.items())
    if (free := value_or(facts.free, None)) is not None:
        yield "free space", size(free)


def _concerns(condition: ReportedCondition, status: StatusResult, node: str) -> bool:
    """Whether a condition is about that node: it names it, or what runs on it and nowhere else.

    What names no node at all is about the Swarm, which is the master's.
    """
    if condition.type == "Ready":
        return False
    named = {each for each in status.nodes if _names(condition.message, status, each)}
    swarm = condition.type in ("Deployed", "Served") and status.nodes[node].role == "master"
    return node in named or (swarm and not named)


def _names(message: str, status: StatusResult, node: str) -> bool:
    names = [node, *(name for name, each in status.services.items() if each.node == node)]
    return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-]*\w)", message) for name in names)


def of_node(status: StatusResult, node: str) -> StatusResult:
    """The same status without the other nodes."""
    return structs.replace(
        status,
        nodes={node: status.nodes[node]},
        services={name: each for name, each in status.services.items() if each.node == node},
        problems=[each for each in status.problems if each.node in (node, None)],
    )


def nodes_only(status: StatusResult) -> StatusResult:
    """The same status with what concerns nodes only."""
    return structs.replace(
        status,
        services={},
        pathologies={},
        conditions=[
            each for each in status.conditions if each.type in ("WorkersReachable", "Ready")
        ],
        problems=[problem for problem in status.problems if problem.node],
    )


def only_problems(status: StatusResult, at: str) -> Screen:
    """The screen of all problems; ``at`` is the time of the observation."""
    screen = Screen(width())
    axes = f"{status.sync}, {status.health}"
    screen.title(f"federation {status.federation}: {axes}", at)
    unhealthy = [each for each in status.conditions if not is_normal(each)]
    for each in unhealthy:
        bad = severity(each.type, each.status, each.reason) == "bad"
        text = f"{each.type}: {each.reason}. {each.message}".rstrip()
        screen.outcome(text, style="bad" if bad else "warn")
        if each.hint:
            screen.text(each.hint, indent=2, hang=3, first="-> ")
    # the notes tell of which refused files the previous version is in use
    problem_list(screen, status.problems, federation=status.federation, notes=False)
    if not unhealthy and all(each.severity == "note" for each in status.problems):
        screen.outcome("No problems.", style="good")
    return screen


def is_normal(condition: ReportedCondition) -> bool:
    """Whether a condition is normal."""
    return severity(condition.type, condition.status, condition.reason) == "good"
