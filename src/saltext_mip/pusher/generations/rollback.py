"""Restore a generation: its files on all nodes, as a new generation, and suspend."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec import UNSET, structs

from saltext_mip.arguments import generation_number
from saltext_mip.data.consolidation import documents, manifest
from saltext_mip.errors import MipError
from saltext_mip.generations import diff as difference
from saltext_mip.generations import rollback as planner
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher import events
from saltext_mip.pusher.compile import compile_databases, with_databases
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import Gathered, gather
from saltext_mip.pusher.generations import clean
from saltext_mip.pusher.generations.history import facts
from saltext_mip.pusher.services import availability, rollout
from saltext_mip.pusher.transfer import Sender, recover
from saltext_mip.results import (
    CompileResult,
    ListedDataset,
    Override,
    RollbackResult,
    UnavailableDataset,
    value_or,
)
from saltext_mip.swarm.engines.interface import Datasets, expected
from saltext_mip.text import shown
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal


def rollback(
    pusher: Pusher,
    number: int | None,
    *,
    reason: str | None = None,
    dry_run: bool,
    timeout: float,
) -> RollbackResult:
    """Restore a generation's files on all nodes, as a new generation, and suspend.

    Then compile, restart what must see it, and compare with what is on the nodes.
    """
    if dry_run:
        return _result(pusher, _plan(pusher, number), dry_run=True)
    with pusher.locked("rollback", timeout):
        recovered = recover(pusher)
        planned = _plan(pusher, number)
        old, plan = planned.old, planned.rollback
        if plan.generation is not None:
            clean.make_room(
                pusher,
                {**plan.blobs, **planned.replaced},
                plan.generation,
                replaced=planned.replaced,
                restored=old.number,
            )
        why = planner.REASON.format(number=old.number) + (f": {reason}" if reason else "")
        pusher.progress(f"restoring generation {old.number}: {len(plan.writes)} files differ")
        with _suspended(pusher, why):
            coordinator.run(
                plan.writes,
                {**plan.blobs, **planned.replaced},
                generation=plan.generation,
                txn=uuid.uuid4().hex,
                actor=pusher.actor,
                when=_when(pusher),
                send=Sender(pusher),
                journal=Journal(pusher.state),
                store=pusher.store,
            )
        if plan.generation is not None:
            pusher.fire("consolidated", {"generation": plan.generation.number})
            note = f"to generation {old.number}, and suspended" + (f": {reason}" if reason else "")
            events.record_commit(pusher, plan.generation, note)
        result = _result(pusher, planned, dry_run=False)
        nodes = [node for node in with_databases(pusher) if node.id not in planned.gathered.absent]
        compiled = compile_databases(pusher, nodes, _pathologies(plan, old))
        uncompiled = {problem.node for problem in compiled.problems if problem.node}
        unlisted = _unlisted(pusher, compiled)
        served = rollout.serve(
            pusher,
            absent={*uncompiled, *planned.gathered.absent},
            lost=availability.unbuilt(pusher.store.last(), compiled),
            unlisted=unlisted,
            without_data={
                (each.node, each.pathology, each.dataset) for each in planned.unavailable
            },
        )
        differing = _differing(pusher)
        incomplete = compiled.problems or not availability.all_built(compiled)
        failed = incomplete or served.proven is False or served.unknown or differing
        unknown = [f"What is served is unknown: {served.unknown}"] if served.unknown else []
        return structs.replace(
            result,
            compile=compiled.nodes,
            restarted=list(served.restarted),
            served=served.proven,
            differences=[*differing, *served.differences],
            datasets=_datasets(planned, served.datasets) or UNSET,
            problems=compiled.problems,
            notes=[
                *([recovered] if recovered else []),
                *value_or(result.notes, []),
                *served.notes,
                *unknown,
                *_notes(unlisted),
            ],
            retcode=1 if failed else UNSET,
        )


def _datasets(planned: _Planned, served: Sequence[ListedDataset]) -> list[ListedDataset]:
    """Those that were waited for, then those of which only the names came back."""
    found = availability.with_nodes(served, planned.gathered.absent)
    lacking = [
        ListedDataset(
            pathology=each.pathology,
            dataset=each.dataset,
            node=each.node,
            available=False,
            reason=each.reason,
        )
        for each in planned.unavailable
    ]
    names = {(each.pathology, each.dataset, each.node) for each in lacking}
    there = [each for each in found if (each.pathology, each.dataset, each.node) not in names]
    return [*there, *lacking] if found else []


@dataclass(frozen=True)
class _Planned:
    """The generation to restore, the plan, and what it was made from.

    ``replaced``: the master's CDEs that are replaced; the pusher keeps them. ``unavailable``:
    datasets that are listed again and whose data are not there.
    """

    old: Generation
    rollback: planner.Rollback
    gathered: Gathered
    replaced: Mapping[str, bytes]
    unavailable: tuple[UnavailableDataset, ...]


def _pathologies(plan: planner.Rollback, old: Generation) -> tuple[str, ...]:
    """Those whose databases follow from the restored CDEs."""
    written = {write.pathology for write in plan.writes if write.pathology is not None}
    return tuple(sorted({*old.cdes, *written}))


def _unavailable(old: Generation, gathered: Gathered) -> Iterator[UnavailableDataset]:
    """Datasets that the generation lists, and whose files are gone from the node, or the node."""
    for name, codes in old.pathologies.items():
        for code, nodes in codes.items():
            for node in nodes:
                if why := _why_unavailable(old, gathered, name, code, node):
                    yield UnavailableDataset(pathology=name, dataset=code, node=node, reason=why)


def _why_unavailable(
    old: Generation, gathered: Gathered, name: str, code: str, node: str
) -> str | None:
    if node in gathered.disabled:
        return "the node is disabled"
    if node in gathered.absent:
        problem = gathered.absent[node]
        return problem.definition.text.rstrip(".") + (
            f" ({problem.about})" if problem.about else ""
        )
    inventory = gathered.inventories.get(node)
    if inventory is None:
        return "the node is not declared any more"
    record = manifest.record_of(inventory, name)
    if record is not None and record.unknown is not None:
        return None  # nothing is known of its files, and what was compiled of them is kept
    files = record.files if record else ()
    then = [
        file.name
        for file in old.files.get(node, {}).get(name, ())
        if any(code == each for each, _ in file.datasets)
    ]
    if any(file.name in then or code in dict(file.datasets) for file in files):
        return None
    return f"not found: {', '.join(map(shown, then)) or 'its files'}"


def _differing(pusher: Pusher) -> list[str]:
    """Files on nodes that are not those of the last generation, after they were restored."""
    last = pusher.store.last()
    if last is None:
        return []
    pusher.progress("comparing with what is on the nodes")
    return [
        f"{node}: {file} is not that of generation {last.number}"
        for node, file, _, _ in difference.on_nodes(last, *facts(pusher, gather(pusher, last)))
    ]


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
                f"Dataset {code} of {name} is no longer listed, but its file is still on"
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


def _plan(pusher: Pusher, number: int | None) -> _Planned:
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
    overwritten = {write.replaces for write in plan.writes}
    found = {hashlib.sha256(each).hexdigest(): each for each in gathered.cdes.values()}
    replaced = {sha256: each for sha256, each in found.items() if sha256 in overwritten}
    return _Planned(old, plan, gathered, replaced, tuple(_unavailable(old, gathered)))


def _result(pusher: Pusher, planned: _Planned, *, dry_run: bool) -> RollbackResult:
    old, plan = planned.old, planned.rollback
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
        unavailable=list(planned.unavailable) or UNSET,
        notes=list(_absent(planned.gathered)) or UNSET,
        dry_run=dry_run or UNSET,
    )


def _absent(gathered: Gathered) -> Iterator[str]:
    for node in sorted({*gathered.absent, *gathered.disabled}):
        yield (
            f"{node} keeps the files that it has ({_why_absent(gathered, node)}): run mip.rollback"
            " again when it takes part again."
        )


def _why_absent(gathered: Gathered, node: str) -> str:
    if node in gathered.disabled:
        return "the node is disabled"
    problem = gathered.absent[node]
    return problem.definition.text.rstrip(".") + (f": {problem.about}" if problem.about else "")


def _when(pusher: Pusher) -> str:
    return pusher.now().isoformat(timespec="seconds")
