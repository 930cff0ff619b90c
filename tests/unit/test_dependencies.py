"""What the package imports is what it says that it needs."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
# Salt is the environment that this is installed into
GIVEN = {"salt", "saltext_mip"}
WITH_SALT = {"jinja2", "markupsafe", "tornado"}  # of the status page
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = {Requirement(each).name for each in PROJECT["optional-dependencies"]["notify"]}
DECLARED = [Requirement(each) for each in PROJECT["dependencies"]]
# the first version without a known vulnerability, by the advisories of each project
FIRST_SOUND = {
    "cryptography": "46.0.7",
    "docker": "7.1",
    "jsonschema": "4.0",
    "numpy": "1.22.2",
    "pyyaml": "5.4",
    "requests": "2.33.0",
    "urllib3": "2.8.0",
}


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
    declared = {each.name.lower() for each in DECLARED}
    known = packages_distributions()
    missing = {
        name: known.get(name)
        for name in imported() - OPTIONAL - WITH_SALT
        if not {one.lower() for one in known.get(name, ())} & declared
    }
    assert missing == {}


def test_what_comes_with_salt_is_required_by_it() -> None:
    of_salt = {Requirement(each).name.lower() for each in requires("salt") or []}
    of_jinja = {Requirement(each).name.lower() for each in requires("jinja2") or []}
    assert of_salt | of_jinja >= WITH_SALT


def test_a_requirement_is_declared_once_and_has_a_floor_alone() -> None:
    names = Counter(each.name.lower() for each in DECLARED)
    assert [name for name, count in names.items() if count > 1] == []
    for each in DECLARED:
        assert [one.operator for one in each.specifier] == [">="], each.name


@pytest.mark.parametrize("name", FIRST_SOUND)
def test_no_version_with_a_known_vulnerability_is_allowed(name: str) -> None:
    (declared,) = (each for each in DECLARED if each.name.lower() == name)
    (floor,) = declared.specifier
    assert Version(floor.version) >= Version(FIRST_SOUND[name])


def test_what_salt_requires_too_is_there_in_a_version_that_suits_both() -> None:
    """Else ``salt-pip install`` would take from Salt what it needs."""
    of_salt = {
        each.name.lower(): each
        for each in map(Requirement, requires("salt") or [])
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    shared = [each for each in DECLARED if each.name.lower() in of_salt]
    assert {"cryptography", "requests", "urllib3"} <= {each.name for each in shared}
    for each in shared:
        found = version(each.name)
        assert each.specifier.contains(found), each.name
        assert of_salt[each.name.lower()].specifier.contains(found), each.name
