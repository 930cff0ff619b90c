"""The last observation, ``watch/status.json``: what ``mip.status`` returned, when, and what is new.

It is replaced as a whole. Where it cannot be written, the last one remains, and the observation
counts as failed. The command ``mip`` shows it instead of asking all nodes, as long as it is recent
and nothing is known to have changed since.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import UNSET, structs

from saltext_mip import results
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import ConditionChange, Observed, ReportedProblem, StatusResult, value_or
from saltext_mip.storage.lock import is_locked
from saltext_mip.storage.state import (
    CONDITIONS,
    CONTROLLER_LOCK,
    DECLARED,
    DEPLOY_FAILED,
    DISABLED_NODES,
    DRAINED_NODES,
    FEDERATION_LOCK,
    GENERATIONS,
    HOLDS,
    LAST_REFRESH,
    OBSERVED,
    OPEN_PROBLEMS,
    ROLES_SYNCED,
    SERVED,
    SUSPENDED,
    UNREADABLE,
    read_state,
    write_state,
)
from saltext_mip.watch.transitions import track, transitions

RECENT = 2  # times what is between two observations: so old the last one may be
ROUNDING = timedelta(seconds=1.1)  # moments are recorded in whole seconds, a duration in 0.1
#: What a status shows of the state, and what a later look records.
SHOWN = (
    CONDITIONS,
    DECLARED,
    DEPLOY_FAILED,
    DISABLED_NODES,
    DRAINED_NODES,
    GENERATIONS,
    HOLDS,
    LAST_REFRESH,
    OPEN_PROBLEMS,
    ROLES_SYNCED,
    SERVED,
    SUSPENDED,
)


def load(state: Path) -> StatusResult | None:
    """The last observation of the federation whose state is in ``state``.

    ``None`` where there is none, or it is corrupt or of another version: then the next one is as
    the first.
    """
    try:
        value = read_state(state / OBSERVED)
        found: StatusResult | None = None if value is None else results.parse("status", value)
    except UNREADABLE:  # among them what msgspec raises
        return None
    return found


def record(
    state: Path, status: StatusResult, *, at: datetime, seconds: float, every: float
) -> tuple[StatusResult, list[ConditionChange]]:
    """Write what ``mip.status`` returned as the last observation; return it, and what changed.

    ``at`` is when the observation began, ``seconds`` how long it took, and ``every`` the seconds
    between two. An ``OSError`` where it cannot be written: the file is unchanged.
    """
    before = load(state)
    then = before.problems if before else []
    gone = value_or(before.resolved, []) if before else []
    tracked = track(then, gone, status.problems, at)
    following = at + timedelta(seconds=max(every, seconds))
    observed = Observed(
        at=_text(at),
        seconds=round(seconds, 1),
        next=_text(following),
    )
    found = structs.replace(
        status, observed=observed, problems=tracked.problems, resolved=tracked.resolved
    )
    changes = transitions(
        status.federation, before.conditions if before else None, status.conditions
    )
    write_state(state / OBSERVED, results.to_json("status", found))
    return found, changes


def recent(state: Path, now: datetime) -> StatusResult | None:
    """The last observation if it is at most two intervals old and the observer runs.

    ``None`` where it is not, and where there is none that is valid. An ``OSError`` where the state
    cannot be read.
    """
    last = load(state)
    if last is None or last.observed is UNSET or last.federation != state.name:
        return None
    try:
        begun, due = map(datetime.fromisoformat, (last.observed.at, last.observed.next))
    except ValueError:  # a moment that there is not, such as 25:00
        return None
    if not timedelta() <= now - begun <= RECENT * (due - begun):
        return None
    return last if is_locked(state / CONTROLLER_LOCK) else None


def is_superseded(state: Path, observed: Observed) -> bool:
    """Whether something happened since that observation began which it may not show.

    That is an event of an operator, of the controller or of a later look at the nodes; a change of
    what the status shows of the state; and a command that runs now. What the observation itself
    recorded is not.
    """
    begun = datetime.fromisoformat(observed.at)
    ended = begun + timedelta(seconds=observed.seconds) + ROUNDING
    for event in EventLog(state).newest():
        when = datetime.fromisoformat(event.when)
        if when < begun:
            break
        if event.what != "condition" and (event.actor or when > ended):
            return True
    changed = any(_modified(state / name) > ended.timestamp() for name in SHOWN)
    return changed or is_locked(state / FEDERATION_LOCK)


def annotated(
    state: Path, problems: list[ReportedProblem], now: datetime
) -> tuple[list[ReportedProblem], list[ReportedProblem] | None]:
    """The problems of a status that an operator asked for, with what the observer knows of them.

    And those that are resolved since less than a day; ``None`` where nobody observes.
    """
    last = load(state)
    if last is None:
        return problems, None
    tracked = track(last.problems, value_or(last.resolved, []), problems, now)
    return tracked.problems, tracked.resolved


def _modified(path: Path) -> float:
    """Seconds since the epoch; 0 where it does not exist."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
