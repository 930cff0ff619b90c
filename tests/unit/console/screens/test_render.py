"""Each screen as a person sees it: ``cases/<name>.yaml`` is a return, ``.txt`` what is shown."""

from __future__ import annotations

import pytest
import salt.utils.color

from saltext_mip.console.screens.render import render
from saltext_mip.console.screens.text import cells
from tests.support.returns import NAMES, example, screen, shown


@pytest.mark.parametrize("name", NAMES)
def test_the_screen_is(name: str) -> None:
    assert render(*example(name)) == screen(name)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in render(*example(name), width=width).splitlines():
        assert cells(line) <= width


def test_a_long_name_stays_whole_to_be_copied() -> None:
    command, value = example("consolidate-unchanged")
    path = "a-name-" * 20
    value["problems"] = [shown(rule="Empty", node="wk1", pathology="dementia", file=path)]
    assert f"dementia/{path}" in render(command, value)


def test_wide_characters_are_counted_as_a_terminal_shows_them() -> None:
    command, value = example("history")
    value["generations"][0]["actor"] = "安娜"
    lines = render(command, value).splitlines()
    assert {cells(line) for line in lines if " by " in line} == {80}


@pytest.mark.parametrize("name", NAMES)
def test_colours_change_no_letter(name: str) -> None:
    colours = {key: str(code) for key, code in salt.utils.color.get_colors(True).items()}
    text = render(*example(name), colour=colours)
    assert "\x1b" in text
    for code in colours.values():
        text = text.replace(code, "")
    assert text == screen(name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_return_reaches_the_terminal_as_control(name: str) -> None:
    text = render(*example(name))
    assert all(char == "\n" or char.isprintable() for char in text)


def test_what_is_wrong_comes_before_what_there_is() -> None:
    text = render(*example("consolidate-trouble"))
    assert text.index("NotANumber") < text.index("NotEnumerated") < text.index("CDE of the master")


def test_very_many_problems_are_counted_and_the_worst_are_shown() -> None:
    command, value = example("consolidate-unchanged")
    value["problems"] = [
        shown(rule=rule, node=f"wk{node}", pathology="dementia", file=f"{file}.csv")
        for rule in ("NoRows", "UnknownColumn")
        for node in range(30)
        for file in range(50)
    ]
    text = render(command, value)
    assert "What is wrong: 1500 errors, 1500 warnings" in text
    assert "and 45 more such" in text
    assert text.count("(UnknownColumn)") + text.count("(NoRows)") == 20
    assert "and 2000 problems more: --out=json has them all" in text
