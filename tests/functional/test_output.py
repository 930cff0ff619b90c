"""The outputter through Salt's own loader and output, as ``salt-run`` and ``salt`` call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.output

from saltext_mip import results
from saltext_mip.console.cli.spelling import as_runner
from saltext_mip.console.screens.render import render
from saltext_mip.console.screens.text import spelled
from tests.support.returns import NAMES, example, value


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    made: dict[str, Any] = salt.config.master_config(None)
    return {**made, "root_dir": str(tmp_path), "cachedir": str(tmp_path), "color": False}


def printed(capsys: pytest.CaptureFixture[str], opts: dict[str, Any], value: Any) -> str:
    salt.output.display_output(value, "mip", opts)
    return capsys.readouterr().out


def of_runner(name: str) -> str:
    """The screen; what the runner returned names the runner's functions whole."""
    command, found = value(name)
    with spelled(as_runner if command in results.COMMANDS else str):
        return str(render(command, found))


@pytest.mark.parametrize("name", NAMES)
def test_a_return_is_shown_by_its_command(
    name: str, opts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, opts, example(name)[1]) == of_runner(name) + "\n"


def test_an_own_choice_of_output_wins(
    opts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    _, value = example("consolidate-trouble")
    assert json.loads(printed(capsys, {**opts, "output": "json"}, value)) == value


def test_what_is_no_terminal_gets_no_colours(
    opts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    del opts["color"]
    assert "\x1b" not in printed(capsys, opts, example("consolidate-trouble")[1])


def test_colours_are_salts_own(opts: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, {**opts, "force_color": True}, example("consolidate-trouble")[1])
    assert "\x1b[0;1;31mProblems" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == of_runner("consolidate-trouble") + "\n"


def test_what_execution_functions_return_is_shown_too(
    opts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    value = {"fed1-wk-chuv": {"dementia": {"edsd": "<10"}}}
    assert printed(capsys, opts, value) == "fed1-wk-chuv:\n  dementia:\n    edsd: <10\n"
