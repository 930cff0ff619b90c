"""The control loop of one federation: read the state on disk, decide by one step, start the action.

The action runs in a process of its own, started by the caller's ``begin``, so that it can be killed
and can outlive the controller. Its outcome is on disk, and the federation's lock tells whether it
still runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, PROMPT, Declared, Requests
from saltext_mip.controller.step import Action, Clocks, Observed, State, step
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event
from saltext_mip.storage import lock as locks
from saltext_mip.storage import state as storage_state


class Work(Protocol):
    """An action in a process of its own; its exit code is 0 if it finished."""

    @property
    def exitcode(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def join(self) -> None: ...


#: Starts an action as the run of that name; the flag: an operator requested it.
Begin = Callable[[Action, str, bool], Work]

# which lock an action holds while it runs, where that is not the federation's
_LOCKS = {"roles": storage_state.ROLES_LOCK}


class Controller:
    """The controller of the federation whose state is in ``state``.

    A refresh that ``begin`` starts writes its outcome, with its run's name. ``suspended`` tells
    whether an operator suspended it; ``drains_ended`` has the drained nodes whose time has ended,
    each of which is reason for one look. The first step always looks: what happened before is
    unknown.
    """

    def __init__(
        self,
        state: Path,
        begin: Begin,
        suspended: Callable[[], bool],
        drains_ended: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._state = state
        self._requests = Requests(state)
        self._event_log = EventLog(state)
        self._begin = begin
        self._suspended = suspended
        self._drains_ended = drains_ended
        self._drains_seen: frozenset[str] = frozenset()
        self._work: Work | None = None
        self._first = True
        self._held: int | None = None
        self._declared: Declared | None = None
        #: How the refreshes ended that this process saw end, counted by their kind.
        self.outcomes: Counter[str] = Counter()

    def declare(self, declared: Declared) -> None:
        """What the controller needs of the declaration is this from now on."""
        self._declared = declared

    def prepare(self) -> None:
        """Record the declaration; show that a controller runs, by a lock while this process does.

        An ``OSError`` where the state cannot be written: then it is tried again the next time.
        """
        if self._declared is not None:
            self._declared.save(self._state)
            self._declared = None
        if self._held is None:
            self._held = locks.hold(self._state / storage_state.CONTROLLER_LOCK)

    def release(self) -> None:
        """No controller runs for the federation any more."""
        if self._held is not None:
            locks.release(self._held)
            self._held = None

    def tick(self, now: float, chance: float) -> Action:
        """One step; the action that was started."""
        declared = Declared.load(self._state)
        if declared is None:
            return "nothing"
        drains = self._drains_ended()
        if drains - self._drains_seen:
            self._requests.leave(PROMPT)
        self._drains_seen = drains
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
            return "nothing"  # another command holds the lock: the request remains
        if decision.state != state:
            storage_state.write_state(
                self._state / storage_state.CONTROLLER, decision.state.value()
            )
        if ended is not None and state.running == "refresh":
            self.outcomes[ended.kind] += 1
        self._first = False
        self._requests.take(decision.take)
        if decision.action != "nothing":
            name = run_name(decision.state.run)
            self._work = self._begin(decision.action, name, decision.asked)
        return decision.action

    def _ended(self, state: State, now: float) -> Outcome | None:
        """The outcome of the last run; ``None`` while it runs, or if there was none."""
        if state.running == "nothing":
            return None
        if self._work is not None and self._work.is_alive():
            return None
        lock = _LOCKS.get(state.running, storage_state.FEDERATION_LOCK)
        if self._work is None and locks.is_locked(self._state / lock):
            return None  # started by an earlier controller process, and still running
        finished = False
        if self._work is not None:
            self._work.join()
            finished = self._work.exitcode == 0
            self._work = None
        if state.running != "refresh":
            return Outcome("done" if finished else "died")
        found = outcomes.load(self._state)
        if found is not None and found.run == run_name(state.run):
            return found
        if not state.attempts:  # only the first failure is an event
            when = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
            text = "it ended without an outcome; it is retried"
            self._event_log.append(Event.of(when, "failed", "controller", "refresh", text))
        return Outcome("died")


def load(state: Path) -> State:
    """The controller's recorded state; a new one if the file is corrupt: then it looks again."""
    try:
        value = storage_state.read_state(state / storage_state.CONTROLLER)
        return State() if value is None else State.from_value(value)
    except (storage_state.StateBroken, TypeError):
        return State()


def run_name(number: int) -> str:
    """The name of a run of the controller, in its outcome."""
    return f"controller {number}"


def is_controlled(state: Path) -> bool:
    """Whether a controller runs for the federation."""
    return locks.is_locked(state / storage_state.CONTROLLER_LOCK)


def is_locked(state: Path) -> bool:
    """Whether a process holds the federation's lock."""
    return locks.is_locked(state / storage_state.FEDERATION_LOCK)
