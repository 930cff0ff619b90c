"""The controller in a world where wakes are lost and doubled, things fail, and anything is killed.

The world is one number that hospitals raise, or lower (which is held until a person approves), and
the number that is served. Whatever happens: one refresh at a time, none against a person's word,
nothing taken away under the guard; and once the world is left alone, the last number is served.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saltext_mip.controller import loop as keepers
from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.loop import Controller
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, REFRESH, Declared, Requests
from saltext_mip.controller.step import Action
from tests.support.soak import examples

CLOCKS = {"settle": 2.0, "resync": 600.0}


class Work:
    """A refresh in a process of its own: it holds the lock, and saw the data when it began."""

    def __init__(self, world: World, run: str, asked: bool) -> None:
        self.world, self.run, self.asked = world, run, asked
        self.saw = world.data
        self.alive = True
        self.exitcode: int | None = None
        self.fd = os.open(world.state / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Requests(world.state).leave(OWED)

    def is_alive(self) -> bool:
        return self.alive

    def join(self) -> None:
        assert not self.alive

    def gone(self, exitcode: int) -> None:
        self.alive, self.exitcode = False, exitcode
        os.close(self.fd)


class World(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.state = Path(tempfile.mkdtemp())
        Declared(frozenset({"fed1-ms"}), **CLOCKS).save(self.state)
        self.now = 1_800_000_000.0
        self.data = self.served = 1
        self.approved: int | None = None
        self.stalled: int | None = None
        self.suspended = False
        self.works: list[Work] = []
        self.lost = True  # whether a wake about the data may have been lost
        self.keeper = self._keeper()

    def _keeper(self) -> Controller:
        return Controller(self.state, self._begin, lambda: self.suspended)

    def _begin(self, action: Action, run: str, asked: bool) -> Work:
        assert action == "refresh"
        assert not self._alive(), "two at once"
        assert asked or not self.suspended, "against a person's word"
        self.works.append(Work(self, run, asked))
        return self.works[-1]

    def _alive(self) -> list[Work]:
        return [work for work in self.works if work.alive]

    def _end(self, work: Work, kind: str) -> None:
        if kind == "through":
            shrinks = work.saw < self.served
            if shrinks and self.approved != work.saw:
                outcome = Outcome("held", run=work.run)
            else:
                outcome = Outcome("done", run=work.run, changed=self.served != work.saw)
                self.served, self.approved = work.saw, None
        else:
            outcome = Outcome(kind, run=work.run)  # type: ignore[arg-type]
        outcomes.save(self.state, outcome)
        if kind != "temporary":
            Requests(self.state).take([OWED])
        work.gone(0 if kind == "through" else 1)

    # -- what hospitals, the bus and time do

    @rule(up=st.booleans(), wakes=st.integers(0, 3))
    def data_change(self, up: bool, wakes: int) -> None:
        self.data += 1 if up else -1
        self.lost = self.lost or wakes == 0
        for _ in range(wakes):
            Requests(self.state).leave(LOOK)

    @rule(count=st.integers(1, 5))
    def wakes_without_a_cause(self, count: int) -> None:
        for _ in range(count):
            Requests(self.state).leave(LOOK)

    @rule(seconds=st.sampled_from([0.5, 1, 3, 10, 60, 400]), steps=st.integers(1, 4))
    def time_passes(self, seconds: float, steps: int) -> None:
        for _ in range(steps):
            self.now += seconds
            self.keeper.tick(self.now, 0.5)

    @rule(seconds=st.sampled_from([5, 3600]))
    def the_clock_is_put_back(self, seconds: float) -> None:
        self.now -= seconds

    # -- what becomes of a refresh

    @precondition(lambda self: self._alive())
    @rule(kind=st.sampled_from(["through", "through", "temporary", "permanent"]))
    def a_refresh_ends(self, kind: str) -> None:
        self._end(self._alive()[0], kind)

    @precondition(lambda self: self._alive())
    @rule()
    def a_refresh_is_killed(self) -> None:
        self._alive()[0].gone(-9)

    @rule()
    def the_engine_is_killed(self) -> None:
        self.keeper = self._keeper()

    @rule()
    def the_master_is_killed(self) -> None:
        for work in self._alive():
            work.gone(-9)
        self.keeper = self._keeper()

    # -- what a person says

    @rule()
    def a_person_suspends(self) -> None:
        self.suspended = True

    @rule()
    def a_person_resumes(self) -> None:
        self.suspended = False

    @rule()
    def a_person_wants_a_refresh(self) -> None:
        Requests(self.state).leave(REFRESH)

    @rule()
    def a_person_approves_what_is_there(self) -> None:
        if self.data < self.served:
            self.approved = self.data
            Requests(self.state).leave(LOOK)

    # -- what holds

    @invariant()
    def one_at_a_time(self) -> None:
        if hasattr(self, "works"):
            assert len(self._alive()) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        try:
            self._left_alone()
        finally:
            for work in self._alive():
                work.gone(0)
            shutil.rmtree(self.state)

    def _left_alone(self) -> None:
        """Quiet: nobody fails, nobody is killed, a person has no objection; a beacon says it once
        more, as beacons do."""
        self.suspended = False
        self.approved = self.data
        if self.data != self.served:
            Requests(self.state).leave(LOOK)
        for work in self._alive():
            self._end(work, "through")
        began = 0
        for _ in range(1400):
            self.now += 0.5
            began += self.keeper.tick(self.now, 0.5) != "nothing"
            for work in self._alive():
                self._end(work, "through")
            if self.data < self.served:
                self.approved = self.data
        assert self.served == self.data
        assert began <= 6
        state = keepers.load(self.state)
        assert (state.running, state.wanted, state.again) == ("nothing", None, None)
        assert Requests(self.state).there() == frozenset()


World.TestCase.settings = settings(
    max_examples=examples(60),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWorld = World.TestCase
