"""Progress of what is waited for: a line when it changes, with how long it has taken."""

from __future__ import annotations

from typing import Any

from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Waiting
from tests.support.folders import Folders


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_is_waited_for_is_reported_once_and_when_it_changes() -> None:
    clock = Clock()
    said: list[str] = []
    waiting = Waiting(said.append, clock=clock)
    for text in ["waiting for a, b"] * 10 + ["waiting for b"] * 10 + ["waiting for a, b"]:
        clock.now += 2
        waiting(text)
    assert said == [
        "waiting for a, b (for 2 s)",
        "waiting for b (for 22 s)",
        "waiting for a, b (for 42 s)",
    ]


def test_a_job_is_one_thing_that_is_waited_for(tmp_path: Any) -> None:
    class Slow(Folders):
        def ask(self, function: str, targets: Any, *arguments: Any, **keywords: Any) -> Answers:
            for _ in range(5):
                keywords["progress"]("waiting for fed1-wk-h1")
            return Answers(dict.fromkeys(targets, True))

    fed = Slow(tmp_path)
    fed.pusher.ask("inventory", ["fed1-wk-h1"])
    fed.pusher.ask("inventory", ["fed1-wk-h1"])
    assert len(fed.said) == 2
    assert {said.partition(" (for ")[0] for said in fed.said} == {"waiting for fed1-wk-h1"}
