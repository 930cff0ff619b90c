"""Views of a status that only the command line has: one node, the nodes, or problems only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.conditions import severity
from saltext_mip.console.cli.terminal import width
from saltext_mip.console.colours import COLOURS
from saltext_mip.console.screens.fallback import key_values
from saltext_mip.console.screens.problems import problem_list
from saltext_mip.console.screens.text import Screen
from saltext_mip.text import when

Status = Mapping[str, Any]


def describe_node(status: Status, node: str) -> str:
    """The screen of one node: its facts, services and problems."""
    screen = Screen(width(), COLOURS)
    facts = status["nodes"][node]
    screen.title(node, f"{facts['role']}, {facts['short']}")
    shown = {
        key: when(str(value)) if key == "since" else value
        for key, value in facts.items()
        if key not in ("role", "short") and value is not None
    }
    key_values(screen, shown, indent=2)
    services = {name: each for name, each in status["services"].items() if each.get("node") == node}
    screen.gap()
    screen.title("services")
    key_values(screen, services or "none", indent=2)
    theirs = [problem for problem in status["problems"] if problem.get("node") == node]
    problem_list(screen, theirs, federation=status["federation"])
    if not theirs:
        screen.gap()
        screen.text("No problems in its data.", style="good")
    return str(screen)


def of_node(status: Status, node: str) -> dict[str, Any]:
    """The same status without the other nodes."""
    services = status["services"].items()
    return {
        **status,
        "nodes": {node: status["nodes"][node]},
        "services": {name: each for name, each in services if each.get("node") == node},
        "problems": [each for each in status["problems"] if each.get("node") in (node, None)],
    }


def nodes_only(status: Status) -> Status:
    """The same status with what concerns nodes only."""
    wanted = ("WorkersReachable", "Ready")
    return {
        **status,
        "services": {},
        "pathologies": {},
        "conditions": [each for each in status["conditions"] if each["type"] in wanted],
        "problems": [problem for problem in status["problems"] if problem.get("node")],
    }


def only_problems(status: Status, at: str) -> str:
    """The screen of all problems; ``at`` is the time of the observation."""
    screen = Screen(width(), COLOURS)
    axes = f"{status['sync']}, {status['health']}"
    screen.title(f"federation {status['federation']}: {axes}", at)
    unhealthy = [each for each in status["conditions"] if not is_normal(each)]
    for each in unhealthy:
        bad = severity(each["type"], each["status"]) == "bad"
        text = f"{each['type']}: {each['reason']}. {each['message']}".rstrip()
        screen.text(text, hang=2, style="bad" if bad else "warn")
    problems = [problem for problem in status["problems"] if problem["severity"] != "note"]
    problem_list(screen, problems, federation=status["federation"])
    if not unhealthy and not problems:
        screen.text("No problems.", style="good")
    return str(screen)


def is_normal(condition: Mapping[str, Any]) -> bool:
    """Whether a condition is normal."""
    return severity(condition["type"], condition["status"]) == "good"
