"""Consolidate: gather, verify, plan, stage, commit, record."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from msgspec import UNSET, structs

from saltext_mip.data.consolidation.planner import Plan
from saltext_mip.errors import Busy, NodesFailed, NodesMissing
from saltext_mip.generations import open_problems
from saltext_mip.plans import PlanItem
from saltext_mip.problems import Problem
from saltext_mip.pusher import events
from saltext_mip.pusher.compile import with_databases
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import OnlineCdes, gather
from saltext_mip.pusher.generations import clean
from saltext_mip.pusher.holds.guard import Guard, send_held_files
from saltext_mip.pusher.questions.removals import Confirmation
from saltext_mip.pusher.services import deploy_failures
from saltext_mip.pusher.survey import (
    Options,
    Survey,
    missing_worker,
    online_cdes,
    plan_survey,
    survey,
)
from saltext_mip.pusher.transfer import Sender, recover
from saltext_mip.results import ConsolidateResult, PathologyResult, WorkerResult
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal

T = TypeVar("T")


def consolidate(pusher: Pusher, options: Options) -> ConsolidateResult:
    """Update the federation's CDEs and ``pathologies.json`` to match its data.

    Returns the result of ``mip.consolidate``. After a :class:`~saltext_mip.errors.MipError`
    nothing was changed, or the next run finishes the change.
    """
    missing_worker(pusher, options)
    online = online_cdes(pusher, options)
    confirmation = Confirmation(options.confirm)
    if options.dry_run:
        guard = Guard(pusher, automatic=options.guard)
        found = guard(_reviewed(options, lambda: survey(pusher, options, online)))
        planned, foreseen = confirmation.foreseen(guard)
        notes = clean.warnings(pusher, found.blobs, found.generation(pusher))
        return structs.replace(
            result(pusher, found, found.number, [*foreseen, *_interruption_notes(pusher), *notes]),
            dry_run=True,
            plan=[*plan_items(found.plan), *planned],
            held=list(guard.held),
            removals=list(guard.made),
        )

    def once() -> ConsolidateResult:
        return _consolidate(pusher, options, online, confirmation)

    return _reviewed(options, lambda: confirmation.run(once))


def _reviewed(options: Options, once: Callable[[], T]) -> T:
    return once() if options.review is None else options.review.run(once)


def _consolidate(
    pusher: Pusher, options: Options, online: OnlineCdes | None, confirmation: Confirmation
) -> ConsolidateResult:
    last = pusher.store.last()
    lacking = online.lacking(None, last) if online else []
    while True:
        if online and lacking:  # outside of the lock: a slow catalogue keeps no command waiting
            online.ask(lacking)
        with pusher.locked("consolidate", options.timeout):
            confirmation.recovered = recover(pusher) or confirmation.recovered
            last = pusher.store.last()
            gathered = gather(pusher, last, follow=options.follow)
            lacking = online.lacking(gathered, last) if online else []
            if lacking:
                continue
            found = plan_survey(pusher, options, last, gathered, online)
            notes = [confirmation.recovered] if confirmation.recovered else []
            return _apply(pusher, options, found, online, notes, confirmation)


def _apply(
    pusher: Pusher,
    options: Options,
    found: Survey,
    online: OnlineCdes | None,
    notes: list[str],
    confirmation: Confirmation,
) -> ConsolidateResult:
    """Commit all of it but what is held."""
    guard = Guard(pusher, automatic=options.guard)
    guarded = confirmation.required(guard)
    found = guarded(found)
    guard.begin()
    announce_removals(pusher, found.plan)
    found, number = commit(pusher, options, found, online=online, guard=guarded)
    guard.end(found)
    failed = send_held_files(pusher, with_databases(pusher)) if guard.held else {}
    done = result(pusher, found, number, notes)
    return structs.replace(
        done,
        held=list(guard.held),
        removals=list(guard.made),
        problems=[*done.problems, *pusher.report(failed.values())],
        todo=(deploy_failures.first_steps(pusher) if number else []) or UNSET,
        retcode=1 if guard.undecided or failed else UNSET,
    )


def commit(
    pusher: Pusher,
    options: Options,
    found: Survey,
    *,
    online: OnlineCdes | None = None,
    guard: Callable[[Survey], Survey] = lambda found: found,
) -> tuple[Survey, int | None]:
    """Apply the plan; what was applied, and the number of the generation that is current now.

    Where missing workers are no error, one that answers but cannot stage its files is none either:
    it is planned again without it. ``guard`` gives what is applied of such a plan.
    """
    sender = Sender(pusher)
    while True:
        try:
            done = _commit(pusher, options, found, sender)
            clean.tidy(pusher)
            return done
        except (NodesMissing, NodesFailed) as exc:
            reasons = {**exc.facts.get("missing", {}), **exc.facts.get("failed", {})}
            without = _absent(pusher, options, sender, reasons)
            if not without:
                raise
        for problem in without.values():
            pusher.progress(f"continuing without {problem.node}: {problem.about}")
        gathered = found.gathered
        inventories = gathered.inventories
        left = {node: each for node, each in inventories.items() if node not in without}
        gathered = replace(gathered, inventories=left, absent={**gathered.absent, **without})
        found = guard(plan_survey(pusher, options, found.last, gathered, online))


def _absent(
    pusher: Pusher, options: Options, sender: Sender, reasons: Mapping[str, str]
) -> dict[str, Problem]:
    """The problems of workers without which it goes on; none if it cannot go on."""
    workers = {node.id for node in pusher.federation.workers}
    if missing_worker(pusher, options) == "fail" or not reasons.keys() <= workers:
        return {}
    return {node: sender.problem("WorkerFailed", node, why) for node, why in reasons.items()}


def _commit(
    pusher: Pusher, options: Options, found: Survey, sender: Sender
) -> tuple[Survey, int | None]:
    lagging: dict[str, Problem] = {}

    def may_lag(reasons: Mapping[str, str]) -> bool:
        # A node that serves data and is not enrolled counts as not mounted: its first commit
        # enrols it, and has to be finished.
        if reasons.keys() & set(found.to_enrol()):
            return False
        lagging.update(_absent(pusher, options, sender, reasons))
        return bool(lagging)

    generation = found.generation(pusher)
    blobs = found.blobs
    if generation is not None or found.plan.writes:
        clean.make_room(pusher, blobs, generation, replaced=found.replaced())
    coordinator.run(
        found.plan.writes,
        blobs,
        generation=generation,
        txn=uuid.uuid4().hex,
        actor=pusher.actor,
        when=pusher.now().isoformat(timespec="seconds"),
        send=sender,
        journal=Journal(pusher.state),
        store=pusher.store,
        enrol=found.to_enrol(),
        may_lag=may_lag,
    )
    if lagging:
        problems = (*found.plan.problems, *lagging.values())
        found = replace(found, plan=replace(found.plan, problems=problems))
    number = found.number if generation is None else generation.number
    if number is not None:
        inventories = found.gathered.inventories
        refused = events.record_files(pusher, found.plan.problems, inventories)
        plan, record = found.plan, generation or found.last
        recorded = record.files if record else {}
        open_problems.remember(pusher.state, number, plan.problems, plan.files, refused, recorded)
    if generation is not None:
        pusher.fire("consolidated", {"generation": generation.number})
        events.record_commit(pusher, generation)
    return found, number


def _interruption_notes(pusher: Pusher) -> list[str]:
    pending = Journal(pusher.state).pending()
    if pending is None:
        return []
    try:
        with pusher.store.lock(pusher.federation.name, "", wait=0):
            pending = Journal(pusher.state).pending()
    except Busy as busy:
        return [f"{busy.facts['holder']} is running: the plan may be outdated."]
    if pending is None:
        return ["Another command ended meanwhile: the plan may be outdated."]
    return [
        f"The run of {pending.actor} at {pending.when} was interrupted: "
        f"the next run that is not a dry run will {pending.todo} it."
    ]


def announce_removals(pusher: Pusher, plan: Plan) -> None:
    for pathology in (*plan.pathologies, *plan.gone):
        if pathology.removed:
            pusher.progress(f"removing from {pathology.name}: {', '.join(pathology.removed)}")


def plan_items(plan: Plan) -> list[PlanItem]:
    """What a commit of the plan would write."""
    return [write.plan_item for write in plan.writes]


def result(
    pusher: Pusher, found: Survey, number: int | None, notes: list[str]
) -> ConsolidateResult:
    """What ``mip.consolidate`` returns; ``number`` is the current generation."""
    plan = found.plan
    written = {(write.node, write.pathology) for write in plan.writes}
    ui = pusher.federation.ui
    return ConsolidateResult(
        federation=pusher.federation.name,
        generation=number,
        changed=found.changed,
        pathologies={
            pathology.name: PathologyResult(
                label=pathology.label,
                datasets={code: list(nodes) for code, nodes in pathology.datasets.items()},
                added=list(pathology.added),
                removed=list(pathology.removed),
                cde_source=pathology.cde_source,
                nodes={
                    node: "updated" if (node, pathology.name) in written else "unchanged"
                    for node in pathology.nodes
                },
            )
            for pathology in (*plan.pathologies, *plan.gone)
        },
        ui={} if ui is None else {ui.id: "updated" if (ui.id, None) in written else "unchanged"},
        workers={node: WorkerResult(**worker) for node, worker in plan.workers.items()},
        problems=pusher.report(plan.problems),
        notes=notes,
    )
