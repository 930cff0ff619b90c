"""Each line that the manual has an operator type is found, and some ring of tests runs it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tests.support import expected, manual

LINES = list(manual.documented())
TEXTS = {line.text for line in LINES}

# what people of the old program type (options aside): each has its place in the manual
OLD = (
    *("tmux", "data consolidate", "data compile", "service deploy", "service status"),
    *("service start", "service stop", "service restart", "node list", "node status"),
    *("node check", "node enable", "node disable", "ssh", "check-required", "version list"),
    *("backup", "backup list", "backup show", "restore"),
)
OLD_ON_A_NODE = ("status", "start", "stop", "restart", "pull", "logs")
OLD_OPTIONS = (
    *("--pusher", "--federation", "--node", "--pathology", "--review-dataset-labels"),
    *("--online-cdes", "--datacatalogue-protocol", "--datacatalogue-host"),
    *("--export-data-structure", "--backup-file", "--component", "--limit", "--force"),
    *("-q", "-v", "--no-color", "-f"),
)


def test_lines_of_all_kinds_are_found() -> None:
    assert {line.program for line in LINES} == set(manual.PROGRAMS)
    assert {line.host for line in LINES} == {"pusher", "node"}
    assert len(TEXTS) > 100


def test_a_line_is_found_wherever_it_stands() -> None:
    text = (
        "| `mip nodes` | x | the same as `salt-run mip.nodes` |\n"
        "| on a node: `mip pull` | |\n\n"
        "Say `mip wake`, or `salt '*'\nmip.datasets`. On a node, `mip status`. Not `mip.pull`,\n"
        "nor `mip …`.\n\n"
        "```console\npusher$ mip diff 3    # what came\nnode$ mip logs\n$ ls\nmip no prompt\n```\n"
        "```yaml\n# mip nodes\n```\n"
        "1. Look:\n\n   ```console\n   pusher$ mip history\n   ```\n"
    )
    assert [(line.host, line.text) for line in manual.of_text(text, "x.md")] == [
        ("pusher", "mip nodes"),
        ("pusher", "salt-run mip.nodes"),
        ("node", "mip pull"),
        ("pusher", "mip wake"),
        ("pusher", "salt '*' mip.datasets"),
        ("node", "mip status"),
        ("pusher", "mip diff 3"),
        ("node", "mip logs"),
        ("pusher", "mip history"),
    ]


@pytest.mark.parametrize("page", manual.PAGES)
def test_a_prompt_is_one_that_is_known(page: str) -> None:
    """Else a line after it would be found by nobody, and run by nobody."""
    text = (manual.DOCS / page).read_text(encoding="utf-8")
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for raw in map(str.strip, block.splitlines()):
            found = re.match(r"(\S*[$#>]) +(sudo )?(mip|salt|salt-run|salt-call) ", raw)
            if found:
                assert found[1] in manual.PROMPTS, raw
                assert not found[2], raw
    # nor in a block of another kind
    for kind, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        if kind != "console":
            assert not re.search(r"^ *(pusher|node)\$ ", block, re.MULTILINE)


@pytest.mark.parametrize("place", get_args(manual.Place))
def test_each_place_has_a_test_that_runs_its_lines(place: str) -> None:
    tests = [path.read_text(encoding="utf-8") for path in manual.ROOT.glob("tests/*/test_*.py")]
    assert any(f'manual.lines("{place}"' in text for text in tests)


@pytest.mark.parametrize(
    "line", {(line.place, line.text): line for line in LINES}.values(), ids=str
)
def test_it_is_known_what_a_line_must_show(line: manual.Line) -> None:
    assert len(expected.shown(line)) > 1


def test_what_is_named_apart_is_documented() -> None:
    assert set(expected.LOOPBACK) <= TEXTS
    assert set(expected.BED) <= TEXTS


def test_what_the_old_program_knew_has_its_place() -> None:
    page = (manual.DOCS / "command.md").read_text(encoding="utf-8")
    table = page.partition("## From the old command")[2].partition("## New")[0]
    lines = [line for line in manual.of_text(table, "command.md") if line.program == "mip"]
    assert set(OLD) <= {line.does for line in lines if line.host == "pusher"}
    assert set(OLD_ON_A_NODE) <= {line.does for line in lines if line.host == "node"}
    for option in OLD_OPTIONS:
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page), option
