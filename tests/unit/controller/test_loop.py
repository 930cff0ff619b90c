"""A run of the controller that left no word: it is told once, and tried again."""

from __future__ import annotations

from pathlib import Path

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.loop import Controller
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import Declared
from saltext_mip.controller.step import Action
from saltext_mip.generations.event_log import EventLog


class Done:
    """Work that ended."""

    exitcode = 0

    def is_alive(self) -> bool:
        return False

    def join(self) -> None:
        """It is over."""


def test_the_end_of_a_drain_is_reason_for_one_look(tmp_path: Path) -> None:
    Declared(frozenset({"fed1-ms"}), settle=0.0, resync=900.0).save(tmp_path)
    begun: list[Action] = []
    ended: set[str] = set()

    def begin(action: Action, run: str, asked: bool) -> Done:
        begun.append(action)
        now = "2026-03-12T06:00:00+00:00"
        outcomes.save(tmp_path, Outcome("done", run=run, when=now, since=now))
        return Done()

    controller = Controller(tmp_path, begin, lambda: False, lambda: frozenset(ended))
    start = 1_773_288_000.0
    for second in range(30):
        controller.tick(start + second, 0.5)
    assert begun == ["refresh"]  # the first look
    ended.add("fed1-wk-h1")
    for second in range(30, 60):
        controller.tick(start + second, 0.5)
    assert begun == ["refresh"] * 2


class Dead:
    """Work that was killed."""

    exitcode = -9

    def is_alive(self) -> bool:
        return False

    def join(self) -> None:
        """It is over."""


def test_one_that_died_is_told_once_while_they_go_on_dying(tmp_path: Path) -> None:
    Declared(frozenset({"fed1-ms"}), settle=0.0, resync=900.0).save(tmp_path)
    begun: list[Action] = []

    def begin(action: Action, run: str, asked: bool) -> Dead:
        begun.append(action)
        return Dead()

    keeper = Controller(tmp_path, begin, lambda: False)
    now = 1_773_288_000.0
    while len(begun) < 3:
        keeper.tick(now, 0.5)
        now += 1.0
    (only,) = EventLog(tmp_path).events()
    assert (only.what, only.actor, only.about) == ("failed", "controller", "refresh")
    assert only.when.startswith("2026-03-12T")
