"""docs/architecture.md has the packages in the order of the contracts, and names what exists."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "saltext_mip"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`", PAGE)))
# tables of data may be longer than other modules
TABLES = {"rules/table.py"}


def layers() -> list[list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def test_the_diagram_has_the_layers_of_the_contract() -> None:
    diagram = PAGE.partition("```text\n")[2].partition("\n```")[0]
    assert [text.split(", ") for text in diagram.split("\n  │\n")] == layers()


def test_each_package_has_a_row_in_the_order_of_the_layers() -> None:
    rows = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)]
    assert [name for row in rows for name in row] == [name for layer in layers() for name in layer]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_named_exists(path: str) -> None:
    assert (PACKAGE / path).exists()


def test_no_folder_has_more_than_16_modules() -> None:
    modules = Counter(
        path.parent for path in PACKAGE.rglob("*.py") if not path.name.startswith("_")
    )
    assert {str(folder): count for folder, count in modules.items() if count > 16} == {}


def test_no_module_has_more_than_400_lines() -> None:
    lines = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {name for name, count in lines.items() if count > 400} <= TABLES
