"""What a wheel carries, built from a tree without a repository, as from a release's archive."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE")
FOLDERS = ("src", "states", "reactor", "pillar")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    out = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(HERE / name, tree / name)
    for name in FOLDERS:
        if (HERE / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(HERE / name, tree / name, ignore=ignore)
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", *command, "-w", str(out), str(tree)], check=True)
    return next(out.glob("saltext_mip-*.whl"))


@pytest.fixture(scope="module")
def carried(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("folder", ["states", "pillar"])
def test_every_sls_of_the_tree_is_in_the_wheel(carried: set[str], folder: str) -> None:
    here = {
        f"saltext_mip/_sls/{path.relative_to(HERE)}"
        for path in (HERE / folder).rglob("*")
        if path.suffix in (".sls", ".jinja", ".conf")
    }
    assert here
    assert here <= carried


def test_every_file_of_the_package_is_in_the_wheel(carried: set[str]) -> None:
    here = {
        str(path.relative_to(HERE / "src"))
        for kind in ("*.py", "*.json", "*.html", "*.css", "*.js", "*.svg")
        for path in (HERE / "src" / "saltext_mip").rglob(kind)
    }
    assert here <= carried


def test_nothing_but_the_package_is_in_the_wheel(carried: set[str]) -> None:
    tops = {name.partition("/")[0] for name in carried}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"saltext_mip"}


def test_an_installed_package_finds_the_sls_that_it_carries(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "from saltext_mip.bridge import sls; print(sls.root())"
    env = {"PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()) == tmp_path / "saltext_mip" / "_sls"


def test_a_tree_in_place_uses_its_own_sls() -> None:
    from saltext_mip.bridge import sls

    assert sls.root() == HERE
