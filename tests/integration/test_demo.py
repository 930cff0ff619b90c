"""``make demo`` and ``make try``, as a new user sees them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told() -> str:
    command = [sys.executable, "-m", "tests.support.story"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_first_consolidation_names_the_bad_file_and_whom_to_call(told: str) -> None:
    first, _, _ = told.partition("Generation 1 is committed")
    assert "dementia/visit protocol.csv, line" in first
    assert "it@h2.example" in first


def test_the_second_consolidation_shows_what_was_added(told: str) -> None:
    _, _, second = told.partition("Do it.")
    added = re.findall(r"^ *\+ (\S+) +fed1-wk", second.partition("Generation 2")[0], re.MULTILINE)
    assert added == ["delta", "visits-2"]


def test_once_more_changes_nothing(told: str) -> None:
    _, _, last = told.partition("Once more")
    assert "No change: generation 2 remains in use." in last


def test_nothing_of_it_is_left(told: str) -> None:
    found = re.search(r"below (/\S+)\.$", told, re.MULTILINE)
    assert found
    assert not Path(found[1]).exists()
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert found[1] not in listing.stdout


def test_the_bad_file_stays_out_of_the_database_until_it_is_mended(told: str) -> None:
    compiled = re.findall(r"dementia +(compiled|incomplete) +(\d+) rows; beta, gamma", told)
    assert compiled == [("incomplete", "200"), ("compiled", "400")]


def test_the_quickstart_can_be_typed_in_the_shell_of_make_try() -> None:
    """Each line of the page, in order; ``mip diff`` exits with 1 where there is a difference."""
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    typed = re.findall(r"^pusher\$ (?!exit$)(.+)$", page, re.MULTILINE)
    assert [line for line in typed if line.startswith("mip data consolidate")]
    lines = [f"{line} || [ $? = 1 ]" if line == "mip diff" else line for line in typed]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.playground"],
        input="\n".join(["set -e", *lines, "echo typed all"]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for shown in ("TooManyFields", "Generation 1 is", "Generation 2 is", "typed all"):
        assert shown in ran.stdout
