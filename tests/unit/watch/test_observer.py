"""When the observer starts an observation: one at a time, and no more often than declared."""

from __future__ import annotations

from dataclasses import dataclass, field

from saltext_mip.federation import Federation
from saltext_mip.watch.observer import FIRST, Observer
from saltext_mip.watch.settings import WatchSettings


@dataclass
class Running:
    exitcode: int | None = None

    def is_alive(self) -> bool:
        return self.exitcode is None

    def join(self) -> None:
        assert self.exitcode is not None


@dataclass
class Started:
    """Observations that an observer started, and whether it knew that the last one failed."""

    works: list[Running] = field(default_factory=list)
    failing: list[bool] = field(default_factory=list)

    def __call__(self, failing: bool) -> Running:
        self.works.append(Running())
        self.failing.append(failing)
        return self.works[-1]


def observer(every: float) -> tuple[Observer, Started]:
    made, started = Observer(), Started()
    made.declare(WatchSettings("fed1", every), started)
    return made, started


def test_the_first_is_one_interval_after_the_start_and_a_minute_at_most() -> None:
    for every, first in ((10.0, 10.0), (3600.0, FIRST)):
        made, started = observer(every)
        assert not made.tick(1000.0)
        assert not made.tick(1000.0 + first - 0.5)
        assert made.tick(1000.0 + first)
        assert len(started.works) == 1


def test_one_runs_at_a_time_however_long_it_takes() -> None:
    made, started = observer(10.0)
    made.tick(0.0)
    made.tick(10.0)
    for now in range(11, 60):
        assert not made.tick(float(now))
    started.works[0].exitcode = 0
    assert made.tick(60.0)  # it was due long ago
    started.works[1].exitcode = 0
    assert not made.tick(69.5)
    assert made.tick(70.0)


def test_one_that_fails_is_followed_by_the_next_which_knows() -> None:
    made, started = observer(10.0)
    made.tick(0.0)
    for now, code in ((10.0, 1), (20.0, -9), (30.0, 0), (40.0, 0)):
        assert made.tick(now)
        started.works[-1].exitcode = code
    assert started.failing == [False, True, True, False]


def test_zero_is_no_observer_and_a_changed_interval_counts_at_once() -> None:
    made, started = observer(0.0)
    assert not any(made.tick(float(now)) for now in range(1000))
    made.declare(WatchSettings("fed1", 5.0), started)
    assert not made.tick(1000.0)
    made.declare(WatchSettings("fed1", 5.0), started)  # as every two minutes
    assert made.tick(1005.0)


def test_a_large_federation_is_observed_less_often() -> None:
    nodes = {"m": {"role": "master", "address": "10.0.0.1"}}
    nodes |= {f"w{n}": {"role": "worker", "address": f"10.0.1.{n}"} for n in range(199)}

    def every(declared: dict[str, object]) -> float:
        return WatchSettings.of(Federation.from_pillar("fed1", {"nodes": nodes, **declared})).every

    assert every({}) == 100.0
    assert every({"watch": {"every": 300}}) == 300.0
    assert every({"watch": {"every": 0}}) == 0.0
