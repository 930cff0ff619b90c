"""The controller's decision: a pure function of its state, what is observed, and the clock.

A wake only means 'look again', so any number of wakes is one. A look follows a moment after the
first wake; those that come while it runs make exactly one more. Looks that find nothing to do
become rare while wakes go on (a forged wake costs a look), and prompt again after a quiet time. A
temporary failure is retried with backoff. A permanent failure waits, as a held refresh does, until
a look finds another revision. Independently, there is a look every ``resync`` seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, PROMPT, REFRESH, ROLES

BACKOFF, BACKOFF_MOST = 5.0, 300.0
TOGETHER = 1.0  # seconds after the first wake, for those that come with it
GAP_LEAST, GAP_MOST = 5.0, 120.0

Action = Literal["nothing", "refresh", "roles"]


@dataclass(frozen=True)
class Clocks:
    """Seconds, as the pillar's ``reactor`` has them."""

    settle: float
    resync: float


@dataclass(frozen=True)
class State:
    """Times are seconds since the epoch.

    ``wanted``: since when a look is requested; ``woken``: by a wake; ``asked``: by an operator.
    ``ended``: the end of the last look. ``idle`` counts consecutive looks after a wake (``counts``:
    the running one is) that found nothing to do. ``attempts`` counts consecutive failures,
    ``again`` is the time of the next attempt. ``run`` is the number of the last run, ``running``
    its action. Roles have their own timers.
    """

    wanted: float | None = None
    woken: bool = False
    asked: bool = False
    ended: float = 0.0
    idle: int = 0
    counts: bool = False
    attempts: int = 0
    again: float | None = None
    run: int = 0
    running: Action = "nothing"
    roles: float | None = None
    roles_attempts: int = 0
    roles_ended: float = 0.0

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> State:
        """What :meth:`value` returned."""
        return cls(**value)


@dataclass(frozen=True)
class Observed:
    """The pending ``requests``; whether anything ``running`` holds the federation; how our last run
    ``ended``, once it has; whether an operator suspended it; ``chance`` from 0 to 1."""

    requests: frozenset[str] = frozenset()
    running: bool = False
    ended: Outcome | None = None
    suspended: bool = False
    chance: float = 0.5


@dataclass(frozen=True)
class Decision:
    """Record ``state``, then take the requests ``take``, then start ``action``.

    ``asked``: an operator requested the action.
    """

    state: State
    action: Action = "nothing"
    take: frozenset[str] = frozenset()
    asked: bool = False


def step(state: State, observed: Observed, now: float, clocks: Clocks) -> Decision:
    """The decision for now; called about once a second."""
    state = _sane(state, now)
    if observed.ended is not None:
        state = _ended(state, observed.ended, now, observed.chance)
    busy = observed.running or state.running != "nothing"
    requests = observed.requests - {OWED} if busy else observed.requests
    state = _wanted(state, requests, now, clocks)
    take = observed.requests - {OWED}
    if busy:
        return Decision(state, take=take)
    if _due(state, now, clocks) and (state.asked or not observed.suspended):
        begun = replace(
            state,
            wanted=None,
            woken=False,
            asked=False,
            counts=state.woken and not state.asked,
            again=None,
            run=state.run + 1,
            running="refresh",
        )
        return Decision(begun, "refresh", take, asked=state.asked)
    if state.roles is not None and now >= state.roles:
        begun = replace(state, roles=None, run=state.run + 1, running="roles")
        return Decision(begun, "roles", take)
    return Decision(state, take=take)


def backoff(attempts: int, chance: float) -> float:
    """Seconds until the next attempt, with jitter."""
    return min(BACKOFF * 2.0 ** min(attempts - 1, 16) * (0.8 + 0.4 * chance), BACKOFF_MOST)


def gap(idle: int, clocks: Clocks) -> float:
    """Seconds between two looks after ``idle`` looks that found nothing to do."""
    if idle == 0:
        return 0.0
    return min(max(GAP_LEAST, clocks.settle), GAP_MOST) if idle == 1 else GAP_MOST


def _wanted(state: State, requests: frozenset[str], now: float, clocks: Clocks) -> State:
    if LOOK in requests:
        state = replace(state, woken=True)
    if requests & {LOOK, PROMPT, REFRESH} or (OWED in requests and not state.attempts):
        if state.wanted is None:
            quiet = now - state.ended >= 2 * gap(state.idle, clocks)
            state = replace(state, wanted=now, idle=0 if quiet else state.idle)
    elif state.wanted is None and state.again is None and now - state.ended >= clocks.resync:
        state = replace(state, wanted=now - TOGETHER)
    if PROMPT in requests:
        state = replace(state, wanted=now - TOGETHER, idle=0)
    if REFRESH in requests:
        state = replace(state, asked=True)
    if ROLES in requests and state.roles is None:
        state = replace(state, roles=max(now + TOGETHER, state.roles_ended + clocks.settle))
    return state


def _due(state: State, now: float, clocks: Clocks) -> bool:
    if state.asked:
        return True
    if state.again is not None and now >= state.again:
        return True
    if state.wanted is None:
        return False
    return now >= max(
        state.wanted + min(TOGETHER, clocks.settle), state.ended + gap(state.idle, clocks)
    )


def _ended(state: State, outcome: Outcome, now: float, chance: float) -> State:
    failed = outcome.kind in ("temporary", "died")
    if state.running == "roles":
        attempts = state.roles_attempts + 1 if failed else 0
        again = now + backoff(attempts, chance) if failed else state.roles
        return replace(
            state, running="nothing", roles=again, roles_attempts=attempts, roles_ended=now
        )
    attempts = state.attempts + 1 if failed else 0
    return replace(
        state,
        running="nothing",
        ended=now,
        idle=0 if outcome.changed or outcome.news else state.idle + state.counts,
        counts=False,
        attempts=attempts,
        again=now + backoff(attempts, chance) if failed else None,
    )


def _sane(state: State, now: float) -> State:
    """No timer may wait longer because the clock was set back."""
    return replace(
        state,
        wanted=None if state.wanted is None else min(state.wanted, now),
        ended=min(state.ended, now),
        again=None if state.again is None else min(state.again, now + BACKOFF_MOST),
        roles=None if state.roles is None else min(state.roles, now + BACKOFF_MOST),
        roles_ended=min(state.roles_ended, now),
    )
