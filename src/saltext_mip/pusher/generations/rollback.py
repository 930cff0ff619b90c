"""Restore a generation: its files on all nodes, as a new generation, and suspend."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import UNSET, structs

from saltext_mip.arguments import generation_number
from saltext_mip.data.consolidation import documents
from saltext_mip.errors import MipError
from saltext_mip.generations import rollback as planner
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher import events
from saltext_mip.pusher.compile import compile_databases, with_databases
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import gather
from saltext_mip.pusher.generations import clean
from saltext_mip.pusher.services import rollout
from saltext_mip.pusher.transfer import recover, sender
from saltext_mip.results import CompileResult, Override, RollbackResult
from saltext_mip.swarm.engines.interface import Datasets, expected
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal


def rollback(
    pusher: Pusher, number: int | None, *, dry_run: bool, timeout: float
) -> RollbackResult:
    """Restore a generation's files on all nodes, as a new generation, and suspend."""
    if dry_run:
        return _result(pusher, *_planned(pusher, number), dry_run=True)
    with pusher.locked("rollback", timeout):
        recovered = recover(pusher)
        old, plan = _planned(pusher, number)
        if plan.generation is not None:
            clean.make_room(pusher, plan.blobs, plan.generation, restored=old.number)
        with _suspended(pusher, planner.REASON.format(number=old.number)):
            coordinator.run(
                plan.writes,
                plan.blobs,
                generation=plan.generation,
                txn=uuid.uuid4().hex,
                actor=pusher.actor,
                when=_when(pusher),
                send=sender(pusher),
                journal=Journal(pusher.state),
                store=pusher.store,
            )
        if plan.generation is not None:
            pusher.fire("consolidated", {"generation": plan.generation.number})
            note = f"to generation {old.number}, and suspended"
            events.record_commit(pusher, plan.generation, note)
        result = _result(pusher, old, plan, dry_run=False)
        compiled = compile_databases(pusher, with_databases(pusher), tuple(old.cdes))
        uncompiled = {problem.node for problem in compiled.problems if problem.node}
        unlisted = _unlisted(pusher, compiled)
        served = rollout.serve(pusher, absent=uncompiled, unlisted=unlisted)
        return structs.replace(
            result,
            compile=compiled.nodes,
            restarted=list(served.restarted),
            served=served.proven,
            differences=list(served.differences),
            problems=compiled.problems,
            notes=[*([recovered] if recovered else []), *served.notes, *_notes(unlisted)],
            retcode=1 if compiled.retcode or served.proven is False else UNSET,
        )


def _unlisted(pusher: Pusher, compiled: CompileResult) -> Datasets:
    """Datasets that databases have and the restored generation does not list: their files are
    there."""
    last = pusher.store.last()
    listed = {} if last is None else expected(pusher.federation, last)
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for node, databases in compiled.nodes.items():
        host = pusher.federation.by_id(node).hostname
        for name, database in databases.items():
            for code in database.datasets or ():
                if host not in listed.get(name, {}).get(code, ()):
                    codes = found.setdefault(name, {})
                    codes[code] = (*codes.get(code, ()), host)
    return found


def _notes(unlisted: Datasets) -> Iterator[str]:
    for name, codes in unlisted.items():
        for code, hosts in codes.items():
            yield (
                f"Dataset {code} of {name} is listed no more, but its file is still on"
                f" {', '.join(hosts)}: engines still answer queries that name it. The hospital"
                " removes the file to take the data away."
            )


@contextmanager
def _suspended(pusher: Pusher, reason: str) -> Iterator[None]:
    """Suspend first: no automatic refresh may undo a rollback that a crash interrupted.

    If nothing was changed, the earlier override is restored.
    """
    before = pusher.store.suspended()
    pusher.store.suspend(Override(pusher.actor, _when(pusher), reason))
    try:
        yield
    except MipError:
        if Journal(pusher.state).pending() is None:
            pusher.store.resume()
            if before is not None:
                pusher.store.suspend(before)
        raise


def _planned(pusher: Pusher, number: int | None) -> tuple[Generation, planner.Rollback]:
    old = planner.target(pusher.store, None if number is None else generation_number(number))
    gathered = gather(pusher, pusher.store.last())
    plan = planner.plan(
        pusher.federation,
        pusher.store,
        old,
        cdes={
            node: {pathology.name: pathology.cde for pathology in inventory.pathologies}
            for node, inventory in gathered.inventories.items()
        },
        ui_sha256=gathered.ui_sha256,
        actor=pusher.actor,
        when=_when(pusher),
    )
    documents.check(plan.writes, plan.blobs)
    return old, plan


def _result(
    pusher: Pusher, old: Generation, plan: planner.Rollback, *, dry_run: bool
) -> RollbackResult:
    last = pusher.store.last()
    written = {write.node for write in plan.writes}
    return RollbackResult(
        federation=pusher.federation.name,
        generation=last.number if last else None,
        restored=old.number,
        changed=plan.generation is not None and not dry_run,
        nodes={
            node: "updated" if node in written else "unchanged" for node in pusher.federation.ids
        },
        plan=[write.plan_item for write in plan.writes],
        dry_run=dry_run or UNSET,
    )


def _when(pusher: Pusher) -> str:
    return pusher.now().isoformat(timespec="seconds")
