"""The page of waits has each time constant of the program, with its value, and no other."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "saltext_mip"
PAGE = (ROOT / "docs" / "waits.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([\w/]+\.py)` \| `(\w+)` \| ([\d.]+) \| .+ \|$", re.MULTILINE)
ROWS = {(module, name): float(seconds) for module, name, seconds in ROW.findall(PAGE)}

NAMES = re.compile(r"TIMEOUT|WAIT|INTERVAL|POLL|PATIENCE|PAUSE|DELAY|DEADLINE")
SECONDS = re.compile(r"#.*\b(?:seconds?|minutes?|hours?)\b")
ARGUMENTS = re.compile(r"timeout|within|deadline|patience")


def constants() -> Iterator[tuple[str, str]]:
    """The names of times at the head of modules: what their name or their comment says is one."""
    for path in sorted(PACKAGE.rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.parse("\n".join(lines)).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if not isinstance(target, ast.Name) or not isinstance(node, ast.Assign):
                continue
            line = lines[node.lineno - 1]
            length = isinstance(node.value, ast.Call) and "timedelta" in line
            if not length and not _is_number(node.value):
                continue
            if length or SECONDS.search(line) or NAMES.search(target.id):
                yield str(path.relative_to(PACKAGE)), target.id


def _is_number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)


def test_each_time_of_the_program_has_a_row_and_each_row_is_one() -> None:
    assert set(constants()) == set(ROWS)


@pytest.mark.parametrize(("module", "name"), sorted(ROWS))
def test_the_page_has_its_value(module: str, name: str) -> None:
    package = "saltext_mip." + module.removesuffix(".py").replace("/", ".")
    value = getattr(importlib.import_module(package), name)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if name == "RESTART_DELAY":  # Docker's unit
        value /= 1_000_000_000
    assert ROWS[module, name] == value


def test_no_call_has_a_time_of_its_own() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for each in node.keywords
        if ARGUMENTS.search(each.arg or "") and _is_number(each.value)
    ]
    assert found == []
