"""Operator actions on the controller, and the controller's conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from saltext_mip import arguments
from saltext_mip.conditions import Condition
from saltext_mip.controller import loop
from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.requests import PROMPT, Declared, Requests
from saltext_mip.controller.step import State
from saltext_mip.generations.rollback import restored
from saltext_mip.generations.store import Store
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import (
    ControllerResult,
    ControllerState,
    Event,
    Held,
    LastRefresh,
    Override,
    ReportedCondition,
    WakeResult,
)
from saltext_mip.text import first_of, when

ROLLED_BACK = "RolledBack"
# what restarted, once for its cause, and does not serve all the same: no further restart follows
STALLED = "NotServed"


def wake(pusher: Pusher) -> WakeResult:
    """Ask the controller to look again."""
    Declared.of(pusher.federation).save(pusher.state)
    changed = Requests(pusher.state).leave_for(PROMPT, pusher.actor)
    return WakeResult(federation=pusher.federation.name, changed=changed, **_state(pusher))


def suspend(
    pusher: Pusher, reason: str | None, duration: Any, *, dry_run: bool = False
) -> ControllerResult:
    """Suspend automatic refreshes, for good or for a while. Commands of an operator still run."""
    now = pusher.now()
    until = None
    if duration is not None:
        until = (now + arguments.duration(duration)).isoformat(timespec="seconds")
    override = Override(pusher.actor, now.isoformat(timespec="seconds"), reason or "", until)
    if dry_run:
        return _planned(pusher, "suspend", reason or "requested")
    pusher.store.suspend(override)
    lasts = f"until {when(until)}" if until else ""
    pusher.record("suspended", message=": ".join(filter(None, (lasts, reason))))
    return _result(pusher, changed=True)


def resume(pusher: Pusher, *, dry_run: bool = False) -> ControllerResult:
    """Resume automatic refreshes and look at once."""
    suspended = pusher.store.suspended()
    if dry_run:
        reason = f"suspended by {suspended.actor}" if suspended else "not suspended"
        return _planned(pusher, "resume" if suspended else "nothing", reason)
    changed = pusher.store.resume()
    if changed:
        Requests(pusher.state).leave_for(PROMPT, pusher.actor)
        pusher.record("resumed")
    return _result(pusher, changed=changed)


def suspended(store: Store, now: datetime) -> Override | None:
    """The suspension in force. One that expired is removed."""
    override = store.suspended()
    if override is None or _in_force(override, now):
        return override
    if store.resume():
        when = now.isoformat(timespec="seconds")
        store.event_log.append(Event.of(when, "resumed", message="its duration ended"))
    return None


def _in_force(override: Override, now: datetime) -> bool:
    return override.until is None or now < datetime.fromisoformat(override.until)


def conditions(pusher: Pusher) -> tuple[Condition, ...]:
    """The conditions that exist only while true: Reconciling, Suspended, Held, Stalled."""
    found = []
    now = pusher.now()
    state = loop.load(pusher.state)
    last = outcomes.load(pusher.state)
    if state.running == "refresh":
        found.append(Condition("Reconciling", "True", "Refreshing", "a refresh is running", ""))
    elif last is not None and last.kind == "temporary" and last.reason != STALLED:
        found.append(
            Condition("Reconciling", "True", "Retrying", _retrying(last, state), last.since)
        )
    override = pusher.store.suspended()
    if override is not None and _in_force(override, now):
        found.append(_suspension(override))
    found += _held(pusher.store.holds.load().changes)
    if last is not None and last.reason == STALLED:
        found.append(Condition("Stalled", "True", STALLED, last.message, last.since))
    elif last is not None and last.kind == "permanent":
        found.append(Condition("Stalled", "True", "Failed", last.message, last.since))
    return tuple(found)


def _suspension(override: Override) -> Condition:
    """By whom, until when, and why."""
    until = f" until {when(override.until)}" if override.until else ""
    if not override.reason.startswith(ROLLED_BACK):
        why = f": {override.reason}" if override.reason else ""
        text, reason = f"by {override.actor}{until}{why}", "SuspendedByPerson"
    else:
        number = restored(override.reason)
        what = "a generation" if number is None else f"generation {number}"
        own = override.reason.split(": ", 2)[2:]
        why = f": {own[0]}" if own else ""
        text, reason = f"{override.actor} restored {what}{until}{why}", ROLLED_BACK
    return Condition("Suspended", "True", reason, text, override.when)


def _held(changes: Sequence[Held]) -> Iterator[Condition]:
    """What waits for a decision; or, where all is decided, what an operator rejected."""
    undecided = [held for held in changes if not held.decided]
    shown_first = undecided or [held for held in changes if held.decided]
    if not shown_first:
        return
    reason = "ShrinkGuard" if undecided else "ChangeRejected"
    texts = [f"{held.thing} on {held.node}{_decision(held)}: {held.why}" for held in shown_first]
    since = min(held.since for held in shown_first)
    yield Condition("Held", "True", reason, first_of(texts, 10, "; "), since)


def _decision(held: Held) -> str:
    if not held.decided:
        return "" if held.available else " (its folder is gone: not available)"
    reason = f" ({held.decided.reason})" if held.decided.reason else ""
    return f", {held.decided.decision} by {held.decided.actor}{reason}"


def controller_state(pusher: Pusher) -> ControllerState:
    """``conditions`` as above, and ``last``: the outcome of the last refresh, since when it is so,
    the number of attempts, and the time of the next one."""
    suspended(pusher.store, pusher.now())  # one that expired is recorded as ended
    state = loop.load(pusher.state)
    last = outcomes.load(pusher.state)
    info = LastRefresh(attempts=state.attempts, next=_iso(state.again))
    if last is not None:
        info = structs.replace(
            info,
            ended=last.kind,
            actor=last.actor,
            when=last.when,
            since=last.since,
            reason=last.reason,
            message=last.message,
        )
    return ControllerState(
        conditions=[ReportedCondition.of(each) for each in conditions(pusher)],
        held=list(pusher.store.holds.load().changes),
        last=info,
    )


def _retrying(last: outcomes.Outcome, state: State) -> str:
    again = f"; next try at {_iso(state.again)}" if state.again else ""
    return f"failed {max(state.attempts, 1)} times{again}: {last.message}"


def _iso(when: float | None) -> str | None:
    if when is None:
        return None
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def _planned(pusher: Pusher, action: str, reason: str) -> ControllerResult:
    item = PlanItem(action, pusher.federation.name, reason)
    return structs.replace(_result(pusher, changed=False), dry_run=True, plan=[item])


def _result(pusher: Pusher, *, changed: bool) -> ControllerResult:
    return ControllerResult(federation=pusher.federation.name, changed=changed, **_state(pusher))


def _state(pusher: Pusher) -> dict[str, Any]:
    return structs.asdict(controller_state(pusher))
