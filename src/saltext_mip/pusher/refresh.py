"""One refresh: consolidate, compile what is stale, restart what must see it, check that it serves.

A refresh is level-triggered: it observes the nodes and uses no data of an event, so it can start at
any time and be rerun after any end. Its outcome is recorded for the controller and for operators
(:mod:`saltext_mip.controller.outcome`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import UNSET, structs

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.outcome import Outcome
from saltext_mip.controller.requests import LOOK, OWED, PROMPT, REFRESH, Requests
from saltext_mip.data.consolidation.writes import Write
from saltext_mip.errors import MipError, NodeError
from saltext_mip.generations.event_log import EventLog
from saltext_mip.plans import PlanItem
from saltext_mip.pusher import compile as compilation
from saltext_mip.pusher import consolidate as consolidation
from saltext_mip.pusher import control
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import Follow, Gathered, gather
from saltext_mip.pusher.holds.guard import Guard
from saltext_mip.pusher.questions.removals import Ask, Confirmation, Unconfirmed
from saltext_mip.pusher.services import availability, drain, rollout
from saltext_mip.pusher.survey import Options, Survey, plan_survey
from saltext_mip.pusher.transfer import recover
from saltext_mip.results import Event, Held, RefreshResult, ReportedProblem, value_or
from saltext_mip.swarm.request import BACK
from saltext_mip.text import first_of, shown


class StillStalled(MipError):
    """{message} Nothing has changed since. Fix it, or run mip.refresh to try again."""


@dataclass(frozen=True)
class RefreshRequest:
    """Who requested a refresh: an operator, or a ``run`` of the controller.

    ``asked``: the controller runs it for an operator. ``guard``: too many removals wait for an
    approval; else ``confirm`` asks before they are made, and without it they are made.
    ``timeout`` and ``served_within`` in seconds.
    """

    run: str | None = None
    asked: bool = True
    guard: bool = True
    confirm: Ask | None = None
    timeout: float = 300.0
    served_within: float = BACK

    @property
    def automatic(self) -> bool:
        return self.run is not None and not self.asked


def refresh(pusher: Pusher, request: RefreshRequest = RefreshRequest()) -> RefreshResult:
    """Refresh.

    If it is held, or a part failed, the result reports it and has ``retcode`` 1.
    """
    confirmation = Confirmation(request.confirm)
    return confirmation.run(lambda: _refresh(pusher, request, confirmation))


def _refresh(pusher: Pusher, request: RefreshRequest, confirmation: Confirmation) -> RefreshResult:
    with pusher.locked("refresh", request.timeout):
        requests = Requests(pusher.state)
        pending, person = requests.there(), None
        requests.leave(OWED)
        if request.run is None:  # an operator's own run does what operators have asked for
            requests.take([LOOK, PROMPT, REFRESH])
            person = requests.person()
        run = _Refresh(pusher, request, confirmation)
        try:
            result = run.execute()
        except Unconfirmed:
            requests.restore(pending, person)
            raise
        except MipError as exc:
            run.end(
                Outcome(
                    "permanent" if permanent(exc) else "temporary",
                    reason=type(exc).__name__,
                    message=sanitize(str(exc)),
                )
            )
            run.restore_services()
            raise
        except Exception as exc:
            run.end(Outcome("temporary", reason=type(exc).__name__, message=sanitize(str(exc))))
            raise
    return structs.replace(result, **_controller(pusher))


def _controller(pusher: Pusher) -> dict[str, Any]:
    return structs.asdict(control.controller_state(pusher))


def request_refresh(pusher: Pusher) -> RefreshResult:
    """Request a refresh from the controller and return at once."""
    Requests(pusher.state).leave_for(REFRESH, pusher.actor)
    return _nothing_done(pusher, requested=True, consolidate=None, problems=[])


def _nothing_done(pusher: Pusher, **facts: Any) -> RefreshResult:
    """The result of a refresh that changed nothing, with these ``facts``."""
    return RefreshResult(
        federation=pusher.federation.name,
        changed=False,
        compile={},
        restarted=[],
        served=None,
        **facts,
        **_controller(pusher),
    )


def plan_refresh(pusher: Pusher, request: RefreshRequest = RefreshRequest()) -> RefreshResult:
    """The plan of a refresh."""
    last = pusher.store.last()
    gathered = gather(pusher, last)
    guard = Guard(pusher, automatic=request.guard)
    found = guard(plan_survey(pusher, _options(pusher, follow=None), last, gathered))
    planned, notes = Confirmation(request.confirm).foreseen(guard)
    consolidated = consolidation.result(pusher, found, found.number, [])
    stale = compilation.plan_compile(pusher, _present(pusher, gathered), None).plan
    plan = [*drain.planned(pusher), *consolidation.plan_items(found.plan), *(stale or ())]
    plan += rollout.planned(pusher, found.generation(pusher) or last)
    plan += planned
    result = _nothing_done(
        pusher,
        dry_run=True,
        consolidate=consolidated,
        plan=plan,
        problems=consolidated.problems,
        notes=notes,
        removals=list(guard.made),
    )
    return structs.replace(result, held=list(guard.held))


def record_not_started(state: Path, run: str, error: MipError, when: str) -> None:
    """Record why a run of the controller did not start its refresh, if it did not."""
    last = outcomes.load(state)
    if last is not None and last.run == run:
        return
    outcome = Outcome(
        "temporary",
        run=run,
        when=when,
        since=when,
        reason=type(error).__name__,
        message=sanitize(str(error)),
    )
    outcomes.save(state, outcome)
    if not outcome.like(last):
        text = f"{outcome.reason}: {outcome.message}"
        EventLog(state).append(Event.of(when, "failed", "controller", "refresh", text))


def permanent(error: MipError) -> bool:
    """Whether a retry would fail again. A node's failure may pass."""
    return error.permanent and not isinstance(error, NodeError)


def revision(pusher: Pusher, gathered: Gathered, writes: Iterable[Write] = ()) -> str:
    """A digest of a refresh's inputs: declaration, and inventories as they are after ``writes``."""
    federation = pusher.federation
    data: dict[str, list[Any]] = {
        json.dumps([node, pathology.name]): [
            pathology.cde,
            [[file.name, file.sha256, file.sound] for file in pathology.files],
        ]
        for node, inventory in gathered.inventories.items()
        for pathology in inventory.pathologies
    }
    ui = gathered.ui_sha256
    for write in writes:
        if write.kind == "cde":
            place = json.dumps([write.node, write.pathology])
            data[place] = [write.sha256, data.get(place, [None, []])[1]]
        else:
            ui = write.sha256
    facts = [
        federation.digest,
        json.dumps(dict(federation.settings), sort_keys=True, default=str),
        [[node, problem.rule] for node, problem in sorted(gathered.absent.items())],
        sorted(gathered.disabled),
        ui,
        sorted(data.items()),
    ]
    return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogatepass")).hexdigest()


class _Refresh:
    """One refresh, under the federation's lock."""

    def __init__(self, pusher: Pusher, request: RefreshRequest, confirmation: Confirmation) -> None:
        self._pusher = pusher
        self._request = request
        self._confirmation = confirmation
        self._begun = pusher.now().isoformat(timespec="seconds")
        self._revision = ""
        self._before = outcomes.load(pusher.state)
        self._news = False
        self._services_checked = False

    def execute(self) -> RefreshResult:
        pusher = self._pusher
        confirmation = self._confirmation
        confirmation.recovered = recover(pusher) or confirmation.recovered
        notes = [confirmation.recovered] if confirmation.recovered else []
        notes += drain.end_expired(pusher)
        last = pusher.store.last()
        settle = pusher.federation.settings["reactor"]["settle"]
        follow = Follow(float(settle) if self._request.automatic else 0.0)
        gathered = gather(pusher, last, follow=follow)
        self._revision = revision(pusher, gathered)
        self._news = self._before is None or self._before.revision != self._revision
        self._stalled()
        options = _options(pusher, follow)
        guard = Guard(pusher, automatic=self._request.guard)
        guarded = self._confirmation.required(guard)
        found = guarded(plan_survey(pusher, options, last, gathered))
        guard.begin()
        return self._apply(found, options, guard, notes)

    def _apply(
        self, found: Survey, options: Options, guard: Guard, notes: list[str]
    ) -> RefreshResult:
        pusher = self._pusher
        consolidation.announce_removals(pusher, found.plan)
        guarded = self._confirmation.required(guard)
        found, number = consolidation.commit(pusher, options, found, guard=guarded)
        guard.end(found)
        self._revision = revision(pusher, found.gathered, found.plan.writes)
        consolidated = consolidation.result(pusher, found, number, notes)
        nodes = _present(pusher, found.gathered)
        compiled = compilation.compile_databases(pusher, nodes, None)
        uncompiled = sorted({problem.node for problem in compiled.problems if problem.node})
        unbuilt = availability.unbuilt(pusher.store.last(), compiled)
        served = rollout.Serving()
        if not uncompiled:
            self._services_checked = True
            last = self._before.reason if self._before else ""
            served = rollout.serve(
                pusher,
                absent=found.gathered.absent,
                lost={**unbuilt, **availability.lost(guard.held)},
                again=last in (rollout.NOT_SERVED, rollout.UNKNOWN),
                within=self._request.served_within,
            )
        datasets = availability.with_nodes(served.datasets, found.gathered.absent)
        changed = bool(consolidated.changed or compiled.changed or served.restarted)
        result = RefreshResult(
            federation=pusher.federation.name,
            generation=number,
            changed=changed,
            consolidate=consolidated,
            compile=compiled.nodes,
            restarted=list(served.restarted),
            served=served.proven,
            differences=list(served.differences),
            unavailable=availability.unavailable(datasets),
            datasets=datasets or UNSET,
            problems=_merged(consolidated.problems, compiled.problems),
            notes=[*notes, *served.notes],
            removals=list(guard.made),
            **_controller(pusher),
        )
        if uncompiled:
            message = f"not compiled: {', '.join(uncompiled)}"
            self.end(Outcome("temporary", reason="NotCompiled", message=message))
            return structs.replace(result, retcode=1)
        if served.unknown:
            message = f"what is served is unknown: {served.unknown}"
            self.end(Outcome("temporary", reason=rollout.UNKNOWN, message=message, changed=changed))
            return structs.replace(result, notes=[*notes, *served.notes, message], retcode=1)
        if served.proven is False:
            message = "; ".join(served.differences)
            self.end(
                Outcome("temporary", reason=rollout.NOT_SERVED, message=message, changed=changed)
            )
            return structs.replace(result, retcode=1)
        if unbuilt:
            databases = sorted({f"{name} on {node}" for node, name, _ in unbuilt})
            message = f"not compiled: {first_of(databases, 5, ', ')}"
            self.end(Outcome("temporary", reason="NotCompiled", message=message, changed=changed))
            return structs.replace(result, retcode=1)
        self.end(_finished(guard.undecided, changed=changed))
        if changed:
            pusher.fire("refreshed", {"generation": number})
            pusher.record("refreshed", generation=number)
        away = any(
            not each.available and not value_or(each.reason, "").startswith(availability.DECIDED)
            for each in datasets
        )
        failed = guard.undecided or away or not availability.all_built(compiled)
        return structs.replace(result, retcode=1) if failed else result

    def restore_services(self) -> tuple[PlanItem, ...]:
        """Restore missing services although the data are not refreshed."""
        if self._services_checked:
            return ()
        self._services_checked = True
        try:
            return rollout.restored(self._pusher)
        except MipError as exc:  # the outcome is recorded already, and status reports this one
            self._pusher.progress(f"services unchanged: {sanitize(str(exc))}")
            return ()

    def _stalled(self) -> None:
        before = self._before
        if before is None or not self._request.automatic or before.kind != "permanent":
            return
        if before.revision and before.revision == self._revision:
            raise StillStalled(before.message)

    def end(self, outcome: Outcome) -> None:
        """Record the outcome; fire and log an event if it differs from the last one."""
        pusher = self._pusher
        if outcome.reason == StillStalled.__name__ and self._before is not None:
            outcome = self._before
        when = pusher.now().isoformat(timespec="seconds")
        outcome = Outcome(
            kind=outcome.kind,
            run=self._request.run or f"{pusher.actor} {self._begun}",
            actor=pusher.actor,
            when=when,
            since=when,
            revision=self._revision,
            reason=outcome.reason,
            message=outcome.message,
            changed=outcome.changed,
            news=self._news,
            goes=outcome.goes,
        )
        outcomes.save(pusher.state, outcome)
        if outcome.kind != "temporary":
            Requests(pusher.state).take([OWED])
        if outcome.like(self._before):
            return
        if outcome.kind in ("temporary", "permanent"):
            pusher.fire(
                "failed", {"reason": outcome.reason, "permanent": outcome.kind != "temporary"}
            )
            pusher.record("failed", about="refresh", message=f"{outcome.reason}: {outcome.message}")


def _options(pusher: Pusher, follow: Follow | None) -> Options:
    return Options(
        missing_worker=pusher.federation.settings["reactor"]["missing_worker"], follow=follow
    )


def _finished(undecided: Sequence[Held], *, changed: bool) -> Outcome:
    """All was done but what waits for a decision."""
    if not undecided:
        return Outcome("done", changed=changed)
    message = "; ".join(dict.fromkeys(held.why for held in undecided))
    goes = tuple(held.thing for held in undecided)
    return Outcome("held", reason="ShrinkGuard", message=shown(message), goes=goes, changed=changed)


def _present(pusher: Pusher, gathered: Gathered) -> list[Any]:
    """The nodes that compile: those whose inventory is known."""
    return [node for node in compilation.with_databases(pusher) if node.id in gathered.inventories]


def _merged(*of: list[ReportedProblem]) -> list[ReportedProblem]:
    out: list[ReportedProblem] = []
    for problem in (problem for problems in of for problem in problems):
        if problem not in out:
            out.append(problem)
    return out
