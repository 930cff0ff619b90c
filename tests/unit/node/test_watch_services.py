"""Services that are down: told once they are for a while, and again ever more rarely."""

from __future__ import annotations

from pathlib import Path

from saltext_mip.node import watch_services
from saltext_mip.node.reminders import Timers

CLOCKS = Timers(settle=30.0, resync=900.0, interval=0.0)
NOW = 1_800_000_000.0


def told(state: Path, names: tuple[str, ...], *seconds: float) -> list[bool]:
    return [watch_services.report_due(state, names, CLOCKS, NOW + second) for second in seconds]


def test_a_service_that_is_away_for_a_moment_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, ("fed1-ms_exareme-master",), 0, 10, 20) == [False] * 3
    assert told(tmp_path, (), 30, 40, 900) == [False] * 3


def test_one_that_stays_away_is_told_again_and_again(tmp_path: Path) -> None:
    names = ("fed1-ms_exareme-master",)
    assert told(tmp_path, names, 0, 30, 59, 60, 119, 120) == [False, True, False, True, False, True]


def test_another_that_goes_is_told_anew(tmp_path: Path) -> None:
    told(tmp_path, ("a",), 0, 30, 60, 120)
    assert told(tmp_path, ("a", "b"), 121, 151) == [False, True]


def test_what_came_back_and_went_again_settles_anew(tmp_path: Path) -> None:
    told(tmp_path, ("a",), 0, 30)
    assert told(tmp_path, (), 40) == [False]
    assert told(tmp_path, ("a",), 50, 79, 80) == [False, False, True]
