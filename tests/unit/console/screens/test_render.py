"""Each screen as a person sees it: ``cases/<name>.yaml`` is a return, ``.txt`` what is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec import structs

from saltext_mip import results
from saltext_mip.console.screens.render import LOCAL_SCREENS, SCREENS, render
from saltext_mip.console.screens.text import cells, clock, detailed
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


TABLE = """\
  TYPE              STATUS   REASON         SINCE        MESSAGE
✖ WorkersReachable  False    WorkerMissing  60 min ago   fed1-wk-chuv: it does not respond
    -> See the problems: each node has its reason and what to do. Call its contact.
✖ Served            False    NodeDown       59 min ago   fed1-wk-chuv_exareme: its node is down
    -> The node's Docker does not respond to the Swarm: check its network and dockerd.
! Consolidated      Unknown  NoAnswer       60 min ago   no answer from fed1-wk-chuv
    -> The node did not respond: check its network, power and salt-minion.
✔ DataValid         True     NoProblems     10 days ago  all files match their CDEs
✔ Compiled          True     UpToDate       10 days ago  all databases are current
✔ Deployed          True     AsDeclared     10 days ago  all services are as declared
"""


def test_where_the_present_is_known_the_conditions_are_a_table() -> None:
    command, found = value("status-trouble")
    before = clock.set(lambda: datetime(2026, 3, 12, 4, 5, tzinfo=UTC))
    try:
        wide, narrow = (str(render(command, found, width=width)) for width in (120, 80))
        for width in (60, 80, 100, 120):
            lines = str(render(command, found, width=width)).splitlines()
            assert max(map(cells, lines)) <= width
    finally:
        clock.reset(before)
    assert TABLE in wide
    assert "\n✔ DataValid         True     NoProblems     10 days ago\n" in narrow
    assert "10 days ago\n    -> " not in narrow
    for text in (wide, narrow):  # problems come before, the other blocks after
        places = [text.index(part) for part in ("Problems: 2", "TYPE", "SERVICE", "PATHOLOGY")]
        assert places == sorted(places)
        assert text.splitlines()[-1] == screen("status-trouble").splitlines()[-1]


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
