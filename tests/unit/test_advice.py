"""Advice that a person may follow at night: none destroys state without saying what is lost."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from saltext_mip.conditions import REASONS
from saltext_mip.rules import RULES

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "saltext_mip").rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SLS = [*sorted((ROOT / "states").rglob("*.sls")), *sorted((ROOT / "reactor").rglob("*.sls"))]

DESTROYS = re.compile(
    r"swarm leave|leave --force|\brm (?:-|\{|<|[a-z/])|(?:docker|system|volume|image) \w* ?prune"
    r"|prune=True removes|compose\b.* down\b|node rm|mkfs|\bdd if="
)
SAYS_WHAT_IS_LOST = re.compile(r"\b(?:kept|keeps|stays?|lost|loses|lose)\b")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """All texts of a module, those in parts as one; what is filled in is ``{}``."""
    inside = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in ast.walk(node) if part is not node}
            yield (
                node.lineno,
                "".join(
                    part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
                ),
            )
        elif id(node) not in inside and isinstance(node, ast.Constant):
            yield node.lineno, str(node.value)


def silent(text: str) -> bool:
    """Whether it has such a command, and does not say what is lost."""
    return bool(DESTROYS.search(text)) and not SAYS_WHAT_IS_LOST.search(text)


def test_no_text_of_the_program_destroys_in_silence() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in texts(path.read_text(encoding="utf-8"))
        if silent(text)
    ]
    assert found == []


def test_no_paragraph_of_the_manual_and_no_state_destroys_in_silence() -> None:
    found = []
    for path in [*PAGES, *SLS]:
        paragraphs = [*path.read_text(encoding="utf-8").split("\n\n"), ""]
        # commands are often a block of their own, explained below it
        found += [
            f"{path.relative_to(ROOT)}: {paragraph}"
            for paragraph, following in pairwise(paragraphs)
            if silent(paragraph) and silent(f"{paragraph} {following}")
        ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "To leave it: docker swarm leave --force",
        "docker service rm {}",
        "docker volume rm data",
        "docker system prune",
        "docker volume prune",
        "rm -rf /var/lib/mip",
        "docker compose -p {} down",
        "docker node rm {}",
    ],
)
def test_such_advice_would_be_found(text: str) -> None:
    assert silent(text)
    assert not silent(f"{text} (its definition is lost)")


def test_nobody_is_told_to_leave_a_swarm_by_force() -> None:
    force = re.compile(r"swarm leave\b.*(?:--force|\s-f\b)")
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line, text in texts(path.read_text(encoding="utf-8"))
        if force.search(text)
    ]
    found += [
        str(path.relative_to(ROOT))
        for path in (*PAGES, *SLS)
        if force.search(" ".join(path.read_text(encoding="utf-8").split()).replace(". ", ".\n"))
    ]
    assert found == []


def test_a_deployment_is_advised_only_for_what_a_deployment_cures() -> None:
    """The others are faults of a node, a network or an image: Docker or Salt goes on by itself."""
    rules = {name for name, rule in RULES.items() if "mip deploy" in rule.hint}
    assert rules == {"DeployFailed"}
    reasons = {name for name, hint in REASONS.items() if "mip deploy" in hint}
    assert reasons == {"NoSwarm", "ServicesDiffer", "DeployFailed", "DeployRefused"}
