"""One federation's controller at work: what is on disk, one step, and what the step says.

The work itself is begun by the caller's ``begin`` in a process of its own, so that it can be
killed, and outlive whoever began it: what it did is on disk, and the federation's lock tells
whether it is still at it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, Declared, Requests
from saltext_mip.controller.step import Action, Clocks, Observed, State, step
from saltext_mip.generations.event_log import Event, EventLog
from saltext_mip.storage import state as files_state_state

FILE = "controller.json"


class Work(Protocol):
    """Work in a process of its own; 0 is the exit code of one that got through."""

    @property
    def exitcode(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def join(self) -> None: ...


#: Begins an action, as the run of that name; and whether a person asked for it.
Begin = Callable[[Action, str, bool], Work]


class Controller:
    """The controller of the federation whose state is in ``state``.

    A refresh that ``begin`` begins writes how it ended, with its run's name. ``suspended`` tells
    whether a person switched it off. The first step looks, whatever is asked: nobody knows what
    happened before it.
    """

    def __init__(self, state: Path, begin: Begin, suspended: Callable[[], bool]) -> None:
        self._state = state
        self._requests = Requests(state)
        self._chronicle = EventLog(state)
        self._begin = begin
        self._suspended = suspended
        self._work: Work | None = None
        self._first = True

    def tick(self, now: float, chance: float) -> Action:
        """One step; what was begun."""
        declared = Declared.load(self._state)
        if declared is None:
            return "nothing"
        state = load(self._state)
        ended = self._ended(state, now)
        requests = self._requests.there()
        busy = state.running != "nothing" and ended is None
        observed = Observed(
            requests=requests | {LOOK} if self._first else requests,
            running=busy or (OWED in requests and is_locked(self._state)),
            ended=ended,
            suspended=self._suspended(),
            chance=chance,
        )
        decision = step(state, observed, now, Clocks(declared.settle, declared.resync))
        if decision.action != "nothing" and is_locked(self._state):
            return "nothing"  # a person is at it: what is wanted stays wanted
        if decision.state != state:
            files_state_state.write_state(self._state / FILE, decision.state.value())
        self._first = False
        self._requests.take(decision.take)
        if decision.action != "nothing":
            name = run_name(decision.state.run)
            self._work = self._begin(decision.action, name, decision.asked)
        return decision.action

    def _ended(self, state: State, now: float) -> Outcome | None:
        """How the run that was begun last ended; ``None`` while it is at it, or if none was."""
        if state.running == "nothing":
            return None
        if self._work is not None and self._work.is_alive():
            return None
        if self._work is None and is_locked(self._state):
            return None  # begun by a controller that is no more, and still at it
        through = False
        if self._work is not None:
            self._work.join()
            through = self._work.exitcode == 0
            self._work = None
        if state.running != "refresh":
            return Outcome("done" if through else "died")
        found = outcomes.load(self._state)
        if found is not None and found.run == run_name(state.run):
            return found
        if not state.attempts:  # the first of them tells it
            when = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
            text = "it ended without a word; it is tried again"
            self._chronicle.tell(Event(when, "failed", "controller", "refresh", text))
        return Outcome("died")


def load(state: Path) -> State:
    """What the controller remembers; of a file that is broken, nothing: then it looks anew."""
    try:
        value = files_state_state.read_state(state / FILE)
        return State() if value is None else State.from_value(value)
    except (files_state_state.StateBroken, TypeError):
        return State()


def run_name(number: int) -> str:
    """What a run of the controller is called in its outcome."""
    return f"controller {number}"


def is_locked(state: Path) -> bool:
    """Whether anybody holds the federation's lock."""
    try:
        fd = os.open(state / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
