"""What commands return, as examples: ``tests/unit/console/screens/cases/<name>.yaml``.

In their problems only what is set is written; the rest is as the rules define it. A condition's
hint is its reason's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from msgspec import to_builtins

from saltext_mip import results
from saltext_mip.conditions import REASONS
from saltext_mip.console.screens.render import render
from saltext_mip.problems import Problem
from saltext_mip.results import ReportedProblem

SCREENS = Path(__file__).parents[1] / "unit" / "console" / "screens" / "cases"
NAMES = sorted(path.stem for path in SCREENS.glob("*.yaml"))


def example(name: str) -> tuple[str | None, Any]:
    """The command and its return."""
    case = yaml.safe_load((SCREENS / f"{name}.yaml").read_text(encoding="utf-8"))
    if "value" in case:
        return case["command"], case["value"]
    _expand(case)
    databases = case["nodes"] if case["command"] == "compile" else case.get("compile", {})
    for pathologies in databases.values():
        for each in pathologies.values():
            _expand(each)
    for condition in case.get("conditions", ()):
        condition["hint"] = REASONS[condition["reason"]]
    return case["command"], {"schema": 1, **case}


def value(name: str) -> tuple[str | None, Any]:
    """The command and its return, as a value of the command's type where it has one."""
    command, plain = example(name)
    return command, plain if command is None else results.parse(command, plain)


def screen(name: str) -> str:
    """What is shown of it, 80 columns wide, without colours."""
    return (SCREENS / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")


def _expand(part: dict[str, Any]) -> None:
    if "problems" in part:
        part["problems"] = [shown(**problem) for problem in part["problems"]]


def shown(contact: str | None = None, **fields: Any) -> dict[str, Any]:
    """A problem as a return has it."""
    fields["lines"] = tuple(fields.get("lines", ()))
    plain: dict[str, Any] = to_builtins(ReportedProblem.of(Problem(**fields), contact))
    return plain


def text_of(command: str, returned: Any) -> str:
    """What is shown of a return that has neither command nor schema yet, 80 columns wide."""
    plain = {"command": command, "schema": results.VERSION, **returned}
    return str(render(command, results.parse(command, plain)))
