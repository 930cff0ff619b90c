"""When the observer starts what: one observation at a time, and no more often than declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from saltext_mip.federation import Federation
from saltext_mip.secret import Secret
from saltext_mip.watch import outbox
from saltext_mip.watch.observer import FIRST, RECENT, Observer
from saltext_mip.watch.settings import Channel, Heartbeat, WatchSettings
from tests.unit.watch.values import condition, replaced, status

CHAT, MAIL = (Channel(name, Secret(f"https://{name}.example/")) for name in ("chat", "mail"))


@dataclass
class Running:
    exitcode: int | None = None

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self) -> None:
        assert self.exitcode is not None


@dataclass
class Started:
    """What an observer started: observations with whether it knew that the last one failed."""

    works: list[Running] = field(default_factory=list)
    failing: list[bool] = field(default_factory=list)
    sending: dict[str, list[Running]] = field(default_factory=dict)
    beats: list[Running] = field(default_factory=list)

    def observe(self, failing: bool) -> Running:
        self.works.append(Running())
        self.failing.append(failing)
        return self.works[-1]

    def deliver(self, channel: Channel) -> Running:
        found = self.sending.setdefault(channel.name, [])
        found.append(Running())
        return found[-1]

    def beat(self, heartbeat: Heartbeat) -> Running:
        self.beats.append(Running())
        return self.beats[-1]


class Watched:
    def __init__(self, state: Path, every: float, **more: object) -> None:
        self.started = Started()
        self.settings = WatchSettings("fed1", every, **more)
        self.observer = Observer(state)
        self.observer.declare(self.settings, self.started)

    def tick(self, now: float, *, wall: float = 0.0, controlled: float | None = None) -> bool:
        """Whether an observation was started."""
        before = len(self.started.works)
        self.observer.tick(now, wall, now if controlled is None else controlled)
        return len(self.started.works) > before


def test_the_first_is_one_interval_after_the_start_and_a_minute_at_most(tmp_path: Path) -> None:
    for every, first in ((10.0, 10.0), (3600.0, FIRST)):
        watched = Watched(tmp_path, every)
        assert not watched.tick(1000.0)
        assert not watched.tick(1000.0 + first - 0.5)
        assert watched.tick(1000.0 + first)


def test_one_runs_at_a_time_however_long_it_takes(tmp_path: Path) -> None:
    watched = Watched(tmp_path, 10.0)
    watched.tick(0.0)
    watched.tick(10.0)
    for now in range(11, 60):
        assert not watched.tick(float(now))
    watched.started.works[0].exitcode = 0
    assert watched.tick(60.0)  # it was due long ago
    watched.started.works[1].exitcode = 0
    assert not watched.tick(69.5)
    assert watched.tick(70.0)


def test_one_that_fails_is_followed_by_the_next_which_knows(tmp_path: Path) -> None:
    watched = Watched(tmp_path, 10.0)
    watched.tick(0.0)
    for now, code in ((10.0, 1), (20.0, -9), (30.0, 0), (40.0, 0)):
        assert watched.tick(now)
        watched.started.works[-1].exitcode = code
    assert watched.started.failing == [False, True, True, False]


def test_zero_is_no_observer_and_a_changed_interval_counts_at_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path, 0.0)
    assert not any(watched.tick(float(now)) for now in range(1000))
    watched.observer.declare(WatchSettings("fed1", 5.0), watched.started)
    assert not watched.tick(1000.0)
    watched.observer.declare(WatchSettings("fed1", 5.0), watched.started)  # as every two minutes
    assert watched.tick(1005.0)


def test_a_large_federation_is_observed_less_often() -> None:
    nodes = {"m": {"role": "master", "address": "10.0.0.1"}}
    nodes |= {f"w{n}": {"role": "worker", "address": f"10.0.1.{n}"} for n in range(199)}

    def every(declared: dict[str, object]) -> float:
        return WatchSettings.of(Federation.from_pillar("fed1", {"nodes": nodes, **declared})).every

    assert every({}) == 100.0
    assert every({"watch": {"every": 300}}) == 300.0
    assert every({"watch": {"every": 0}}) == 0.0


def test_a_channel_that_does_not_end_delays_neither_observations_nor_another(
    tmp_path: Path,
) -> None:
    watched = Watched(tmp_path, 10.0, after={"default": 0.0}, channels=(CHAT, MAIL))
    held = status(replaced(condition("Held", "True", "ShrinkGuard")))
    outbox.take_in(tmp_path, held, 1000.0, watched.settings)
    watched.tick(0.0, wall=1000.0)
    assert watched.started.sending.keys() == {"chat", "mail"}
    watched.started.sending["mail"][0].exitcode = 0
    for now in range(1, 60):
        watched.tick(float(now), wall=1000.0 + now)
        for work in (*watched.started.works, *watched.started.sending["mail"]):
            work.exitcode = 0
    assert len(watched.started.works) == 5
    assert len(watched.started.sending["chat"]) == 1
    assert len(watched.started.sending["mail"]) > 1  # its notice waits still


def test_a_heartbeat_needs_an_observation_and_a_controller(tmp_path: Path) -> None:
    beat = Heartbeat(Secret("https://x.example/"), 20.0)
    watched = Watched(tmp_path, 10.0, heartbeat=beat)

    def run(begin: int, end: int, code: int, controlled: float | None = None) -> int:
        before = len(watched.started.beats)
        for now in range(begin, end):
            watched.tick(float(now), controlled=controlled)
            for work in (*watched.started.works, *watched.started.beats):
                work.exitcode = work.exitcode if work.exitcode is not None else code
        return len(watched.started.beats) - before

    assert run(0, 10, 0) == 0  # nothing is observed yet
    assert run(10, 100, 0) in (4, 5)
    run(100, 111, 1)
    assert run(111, 200, 1) == 0  # no observation succeeds
    run(200, 212, 0)
    assert run(212, 300, 0) > 0
    assert run(300, 500, 0, controlled=300 - RECENT) == 0  # the controller has stopped


@pytest.mark.parametrize("exitcode", [None, 1])
def test_a_heartbeat_that_fails_or_hangs_does_not_stop_the_observer(
    tmp_path: Path, exitcode: int | None
) -> None:
    watched = Watched(tmp_path, 10.0, heartbeat=Heartbeat(Secret("https://x.example/"), 20.0))
    for now in range(100):
        watched.tick(float(now))
        for work in watched.started.works:
            work.exitcode = 0
        for work in watched.started.beats:
            work.exitcode = exitcode
    assert len(watched.started.works) == 9
    assert len(watched.started.beats) == (1 if exitcode is None else 5)
