"""Generations, looked back at: what is served, since when, what differs; and putting one back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from saltext_mip.errors import MipError, Misuse, Refused
from saltext_mip.generations import diff as difference
from saltext_mip.generations import rollback as back
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.overrides import Override
from saltext_mip.pusher import events
from saltext_mip.pusher.compile import compiled, with_databases
from saltext_mip.pusher.consolidate import Options, survey
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.gather import gather
from saltext_mip.pusher.services import rollout as serve
from saltext_mip.pusher.transfer import recover, sender
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.journal import Journal

NOW = "now"


def export(pusher: Pusher) -> Any:
    """The data structure of the last generation."""
    return last_generation(pusher).structure


def history(pusher: Pusher, dataset: str | None, limit: int) -> dict[str, Any]:
    """Generations as lines, the newest first; only those that touched ``dataset``, if given."""
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise Misuse("limit must be a number of generations, or 0 for all.")
    if dataset is not None:
        dataset = str(dataset)  # on Salt's command line digits are a number
    lines = []
    before: Generation | None = None
    for generation in pusher.store.history():
        line = difference.summary(generation, before)
        if dataset is None or _touches(before, generation, dataset):
            lines.append(line)
        before = generation
    lines.reverse()
    return {
        "federation": pusher.federation.name,
        "generations": lines[:limit] if limit else lines,
        "of": len(lines),
        **({} if dataset is None else {"dataset": dataset}),
    }


def diff(pusher: Pusher, a: int | None, b: int | None) -> dict[str, Any]:
    """``a`` against ``b``; against the last where ``b`` is left out; the last against now."""
    old: Generation | None
    new: Generation | None
    if a is None and b is not None:
        raise Misuse("b needs a: the generation to compare it with.")
    if a is None:
        found = survey(pusher, Options(missing_worker="keep"))
        old = found.last
        new = found.generation(pusher) or old
        names: tuple[Any, Any] = (found.number, NOW)
    else:
        old = pusher.store.load(_number(a))
        new = last_generation(pusher) if b is None else pusher.store.load(_number(b))
        names = (old.number, new.number)
    changes = difference.compare(old, new)
    return {
        "federation": pusher.federation.name,
        "a": names[0],
        "b": names[1],
        "same": not changes,
        "changes": [
            {
                "op": change.op,
                "thing": "/".join(change.field),
                "field": list(change.field),
                "old": change.old,
                "new": change.new,
            }
            for change in changes
        ],
    }


def rollback(
    pusher: Pusher, number: int | None, *, dry_run: bool, timeout: float
) -> dict[str, Any]:
    """Put a generation's files back on all nodes, as a new generation, and suspend."""
    if dry_run:
        return _result(pusher, *_planned(pusher, number), dry_run=True)
    with pusher.held("rollback", timeout):
        recovered = recover(pusher)
        old, plan = _planned(pusher, number)
        with _suspended(pusher, f"RolledBack: to generation {old.number}"):
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
            events.committed(pusher, plan.generation, note)
        result = _result(pusher, old, plan, dry_run=False)
        made = compiled(pusher, with_databases(pusher), tuple(old.cdes))
        lost = {problem["node"] for problem in made["problems"] if problem.get("node")}
        served = serve.serve(pusher, absent=lost)
        return result | {
            "compile": made["nodes"],
            "restarted": list(served.restarted),
            "served": served.proven,
            "differences": list(served.differences),
            "problems": made["problems"],
            "notes": [*([recovered] if recovered else []), *served.notes],
            **({"retcode": 1} if "retcode" in made or served.proven is False else {}),
        }


@contextmanager
def _suspended(pusher: Pusher, reason: str) -> Iterator[None]:
    """Suspend first: a rollback that a crash ends must not be undone by what is automatic.

    Where nothing was changed, what stood before stands again.
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


def _planned(pusher: Pusher, number: int | None) -> tuple[Generation, back.Rollback]:
    old = back.target(pusher.store, None if number is None else _number(number))
    gathered = gather(pusher, pusher.store.last())
    plan = back.plan(
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
    return old, plan


def _result(
    pusher: Pusher, old: Generation, plan: back.Rollback, *, dry_run: bool
) -> dict[str, Any]:
    last = pusher.store.last()
    written = {write.node for write in plan.writes}
    result: dict[str, Any] = {
        "federation": pusher.federation.name,
        "generation": last.number if last else None,
        "restored": old.number,
        "changed": plan.generation is not None and not dry_run,
        "nodes": {
            node: "updated" if node in written else "unchanged" for node in pusher.federation.ids
        },
        "plan": [
            {
                "action": "write",
                "thing": "pathologies.json"
                if write.kind == "pathologies"
                else f"{write.pathology}/CDEsMetadata.json",
                "node": write.node,
                "reason": write.reason,
            }
            for write in plan.writes
        ],
    }
    return result | {"dry_run": True} if dry_run else result


def _touches(before: Generation | None, generation: Generation, dataset: str) -> bool:
    """Whether the dataset came, went, moved or has other rows than before."""

    def facts(of: Generation | None) -> Any:
        if of is None:
            return []
        return [
            (node, pathology, file.name, file.sha256)
            for node, below in sorted(of.files.items())
            for pathology, files in sorted(below.items())
            for file in files
            if any(code == dataset for code, _ in file.datasets)
        ]

    return bool(facts(before) != facts(generation))


def last_generation(pusher: Pusher) -> Generation:
    """The generation that stands; :class:`Refused` before the first."""
    last = pusher.store.last()
    if last is None:
        raise Refused(
            f"Federation '{pusher.federation.name}' was not consolidated yet: "
            f"salt-run mip.consolidate federation={pusher.federation.name}."
        )
    return last


def _number(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Misuse(f"A generation is a number; see mip.history. Not one: {value!r:.40}.")


def _when(pusher: Pusher) -> str:
    return pusher.now().isoformat(timespec="seconds")
