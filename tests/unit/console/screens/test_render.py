"""Each screen as a person sees it: ``cases/<name>.yaml`` is a return, ``.txt`` what is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from msgspec import structs

from saltext_mip import results
from saltext_mip.console.screens.render import LOCAL_SCREENS, SCREENS, render
from saltext_mip.console.screens.text import cells, detailed
from saltext_mip.problems import Problem
from saltext_mip.results import ReportedProblem
from saltext_mip.text import shown
from tests.support.returns import NAMES, screen, value
from tests.support.values import values

TYPES = {**results.COMMANDS, **results.LOCAL}


@pytest.mark.parametrize("name", NAMES)
def test_the_screen_is(name: str) -> None:
    assert str(render(*value(name))) == screen(name)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in str(render(*value(name), width=width)).splitlines():
        assert cells(line) <= width


def test_every_command_has_a_screen() -> None:
    assert set(results.COMMANDS) <= {*SCREENS, *LOCAL_SCREENS}


@pytest.mark.parametrize("command", sorted({*SCREENS, *LOCAL_SCREENS}))
def test_any_value_of_the_type_is_shown_without_control_characters(command: str) -> None:
    @settings(max_examples=15, deadline=None)
    @given(values(TYPES[command]))
    def check(found: Any) -> None:
        for line in str(render(command, found)).split("\n"):
            assert line == shown(line)

    check()


def with_problems(problems: list[ReportedProblem]) -> results.ConsolidateResult:
    _, found = value("consolidate-unchanged")
    changed: results.ConsolidateResult = structs.replace(found, problems=problems)
    return changed


def test_a_long_name_stays_whole_to_be_copied() -> None:
    path = "a-name-" * 20
    problem = Problem("Empty", node="wk1", pathology="dementia", file=path)
    found = with_problems([ReportedProblem.of(problem)])
    assert f"dementia/{path}" in str(render("consolidate", found))


def test_wide_characters_are_counted_as_a_terminal_shows_them() -> None:
    _, found = value("history")
    generations = [structs.replace(each, actor="安娜") for each in found.generations]
    lines = str(render("history", structs.replace(found, generations=generations))).splitlines()
    assert {cells(line) for line in lines if " by " in line} == {80}


@pytest.mark.parametrize("name", NAMES)
def test_a_line_ends_with_what_is_seen(name: str) -> None:
    for line in render(*value(name)).lines:
        assert all(part.text for part in line)
        assert not line or line[-1].text == line[-1].text.rstrip()


def test_problems_come_before_what_there_is() -> None:
    text = str(render(*value("consolidate-trouble")))
    assert text.index("NotANumber") < text.index("NotEnumerated") < text.index("CDE of the master")


def test_very_many_problems_are_counted_and_the_worst_are_shown() -> None:
    problems = [
        ReportedProblem.of(
            Problem(rule, node=f"wk{node}", pathology="dementia", file=f"{file}.csv")
        )
        for rule in ("NoRows", "UnknownColumn")
        for node in range(30)
        for file in range(50)
    ]
    text = str(render("consolidate", with_problems(problems)))
    assert "Problems: 1500 errors, 1500 warnings" in text
    assert "and 45 more" in text
    assert text.count("(UnknownColumn)") + text.count("(NoRows)") == 20
    assert "and 2000 problems more: --out=json has them all" in text


DIFFERENCES = ("image differs: a:1 -> a:2", "env PASSWORD4 differs", "env A is missing")


def test_how_services_differ_is_shown_with_the_details_only() -> None:
    command, found = value("deploy-plan")
    with detailed(whole=False):
        plain = str(render(command, found, width=120))
    with detailed(whole=True):
        whole = str(render(command, found, width=120))
    assert [each in plain for each in DIFFERENCES] == [False] * 3
    assert [each in whole for each in DIFFERENCES] == [True] * 3
    assert "-v shows how they differ." in plain
    assert "-v shows" not in whole
    assert "--out=json shows how they differ." in str(render(command, found))
    # what a person has to do is no difference
    assert all("ALTER ROLE portal" in text for text in (plain, whole))
    assert "create 2 services" in plain
    assert "create fed1-ms_keystore on fed1-ms" in whole
