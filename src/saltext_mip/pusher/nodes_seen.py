"""Which nodes are up, and since when, as they were last observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.reachability import HEARD_TO, UNCERTAIN
from saltext_mip.storage.state import NODES_SEEN, StateBroken, read_state, write_state

SAME_START = timedelta(seconds=5)  # by which two observations of one start may differ
_NEVER = datetime.min.replace(tzinfo=UTC)


class Availability:
    """Which nodes were up when they were last asked, and since when; in the pusher's state.

    A node that is up is so since its minion ``started``, where it reported that.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / NODES_SEEN
        self._known: dict[str, dict[str, Any]] = read_state(self._path) or {}

    def of(self, node: str) -> Mapping[str, Any]:
        known = self._known.get(node, {})
        facts = {key: known.get(key) for key in ("up", "since", "asked", "started")}
        if facts["up"] and facts["started"]:
            facts["since"] = facts["started"]
        return facts

    def heard(self) -> dict[str, datetime]:
        """When each node answered last, to :data:`HEARD_TO`."""
        found = {}
        for node, known in self._known.items():
            with suppress(KeyError, TypeError, ValueError):  # written by another version
                found[node] = datetime.fromisoformat(known["heard"])
        return found

    def update(
        self, ups: Mapping[str, bool], now: datetime, uptimes: Mapping[str, float | None]
    ) -> dict[str, bool]:
        """Record who is up; returns the nodes whose state changed, except for a first time up.

        ``since`` changes only when ``up`` does.
        """
        changed: dict[str, bool] = {}
        moment = now.isoformat(timespec="seconds")
        for node, up in ups.items():
            before = self._known.get(node, {})
            after = {**before, "asked": moment}
            if before.get("up") != up:
                after |= {"up": up, "since": moment, "started": None}
                changed |= {} if before.get("up") is None and up else {node: up}
            if up and now - self.heard().get(node, _NEVER) >= HEARD_TO:
                after["heard"] = moment
            if up and (uptime := uptimes.get(node)) is not None:
                after["started"] = _started(after.get("started"), uptime, now)
            self._known[node] = after
        write_state(self._path, self._known)
        return changed


def _started(before: str | None, uptime: float, now: datetime) -> str | None:
    """When a minion of that age started; as before where it is the same process."""
    try:
        found = now - timedelta(seconds=uptime)
    except (OverflowError, ValueError):  # a node may send any number
        return before
    if before and abs(datetime.fromisoformat(before) - found) <= SAME_START:
        return before
    return found.isoformat(timespec="seconds") if uptime >= 0 else before


def last_heard(state: Path) -> dict[str, datetime]:
    """When each node last answered a status or a check, by minion id."""
    try:
        return Availability(state).heard()
    except (StateBroken, OSError):  # the reason of a node does not depend on it
        return {}


def record_availability(pusher: Pusher, answers: Answers, asked: Sequence[str]) -> None:
    """Record which of the nodes that were ``asked`` answered; an error is an answer, too.

    Where an answer has the ``uptime`` of its minion, also since when that runs. Nothing is recorded
    of a node of which it is not known whether it is up.
    """
    unknown = {node for node, reason in answers.reasons.items() if reason.rule in UNCERTAIN}
    ups = {node: node not in answers.missing for node in asked if node not in unknown}
    uptimes = {node: _uptime(value) for node, value in answers.values.items()}
    changed = Availability(pusher.state).update(ups, pusher.now(), uptimes)
    for node, up in changed.items():
        pusher.record("back" if up else "missing", about=node, actor="")


def _uptime(value: Any) -> float | None:
    """That of an answer, decoded or not; none of a node of an earlier version."""
    found = value.get("uptime") if isinstance(value, Mapping) else getattr(value, "uptime", None)
    return float(found) if isinstance(found, float | int) else None
