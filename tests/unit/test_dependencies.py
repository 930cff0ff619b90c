"""What the package imports is what it says that it needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Salt is the environment that this is installed into
GIVEN = {"salt", "saltext_mip"}


def imported() -> set[str]:
    """The top names of all that is imported anywhere in the package."""
    names: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - GIVEN


def test_every_import_is_of_a_declared_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=!~\[ ]", one)[0].lower() for one in project["dependencies"]}
    known = packages_distributions()
    missing = {
        name: known.get(name)
        for name in imported()
        if not {one.lower() for one in known.get(name, ())} & declared
    }
    assert missing == {}
