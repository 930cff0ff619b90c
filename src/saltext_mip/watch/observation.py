"""The last observation, ``watch/status.json``: what ``mip.status`` returned, when, and what is new.

It is replaced as a whole. Where it cannot be written, the last one remains, and the observation
counts as failed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from saltext_mip import results
from saltext_mip.results import ConditionChange, Observed, ReportedProblem, StatusResult, value_or
from saltext_mip.storage.state import OBSERVED, UNREADABLE, read_state, write_state
from saltext_mip.watch.transitions import track, transitions


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


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
