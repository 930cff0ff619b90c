"""Who restarts, in which order, and why: pure functions of what was observed.

An automatic restart has a *cause* that was observed: sources that changed, a keystore that lost
its keys, a master that started after a worker. A look that failed, or an answer that is not
understood, is none. Each cause has an id, so that it leads to one restart of an engine and not to
a loop (:func:`due`). Order: the keystore, the master until it is registered, the workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saltext_mip.federation import Federation
from saltext_mip.plans import PlanItem
from saltext_mip.swarm.components import MASTER, WORKER
from saltext_mip.swarm.engines.interface import Engine, Health, Sources

LOST = 45.0  # seconds after which an engine is in a keystore that runs, or was forgotten by it
REGISTERED = 15.0  # seconds in which a master that is registered reaches those that it knows


class RestartItem(PlanItem, frozen=True):
    """``restart`` of a component on a node, or ``forget`` of a keystore's key.

    ``cause`` identifies why, so that it is done once.
    """

    cause: str = ""


def restarts(
    engine: Engine,
    federation: Federation,
    before: Sources | None,
    after: Sources,
    *,
    first: Collection[str] = (),
) -> tuple[RestartItem, ...]:
    """Who restarts, in this order, after everything is compiled; and which keys go first.

    The master comes before the workers, which register with it. Of the workers, those whose
    datasets changed come first: they have what people wait for.
    """
    found = engine.restarts(federation, before, after)
    master = federation.master
    items = [RestartItem("forget", key, reason, master.id) for key, reason in found.keys.items()]
    if found.master:
        items.append(RestartItem("restart", MASTER, found.master, master.id, _cause(after.cdes)))
    changed = {
        node
        for node in found.workers
        if before is not None and before.datasets.get(node) != after.datasets.get(node)
    }
    order = sorted(found.workers, key=lambda node: node not in changed and node not in first)
    for node in order:
        cause = _cause([after.datasets.get(node, {}), after.cdes if found.master else {}])
        items.append(RestartItem("restart", WORKER, found.workers[node], node, cause))
    return tuple(items)


def _cause(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sources:{digest[:16]}"


@dataclass(frozen=True)
class EngineTask:
    """The task of a component that is up: of the keystore, the master or a worker.

    ``created`` orders tasks; ``age`` is in seconds.
    """

    service: str
    node: str
    hostname: str
    task: str
    created: str
    age: float
    addresses: tuple[str, ...] = ()

    def older_than(self, other: EngineTask) -> bool:
        return self.created <= other.created and self.age >= other.age


@dataclass(frozen=True)
class Engines:
    """The engines of a federation whose tasks are up, as the Swarm has them."""

    keystore: EngineTask | None = None
    master: EngineTask | None = None
    workers: tuple[EngineTask, ...] = field(default=())

    @property
    def may_have_lost(self) -> bool:
        """Whether an engine is older than what it registered with."""
        older = self.keystore and self.master and self.master.older_than(self.keystore)
        return bool(older) or any(
            worker.older_than(self.master) for worker in self.workers if self.master
        )

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Each engine's addresses in the overlay network, by hostname."""
        engines = (*([self.master] if self.master else []), *self.workers)
        return {engine.hostname: engine.addresses for engine in engines}


@dataclass(frozen=True)
class Restart:
    """One restart that is due: of a service by its name, its reason and its cause."""

    service: str
    node: str
    reason: str
    cause: str


def must_follow(
    engine: Engine,
    engines: Engines,
    keys: Mapping[str, str] | None,
    health: Health,
    *,
    registered: float | None,
    reached: Collection[str] = (),
) -> tuple[Restart, ...]:
    """Engines that lost what they registered with, and do not come back soon by themselves.

    ``keys`` are the keystore's, ``None`` where they could not be read; ``registered`` is for how
    many seconds the master's task is known to be registered; ``reached`` are the workers' tasks
    that this task of the master reached at some time: it knows them, and one that it does not
    reach at the moment is busy or cut off, not forgotten. A worker that is not registered yet is
    starting.
    """
    keystore, master = engines.keystore, engines.master
    if keys is None or keystore is None or master is None:
        return ()
    if not engine.registered(master.hostname, keys, {}):
        if keystore.age < LOST or not master.older_than(keystore):
            return ()
        why = "the keystore restarted and lost its key"
        lost = (master, *(worker for worker in engines.workers if worker.older_than(keystore)))
        return tuple(
            Restart(each.service, each.node, why, f"keystore:{keystore.task}") for each in lost
        )
    if registered is None or registered < REGISTERED or health.reached is None:
        return ()
    why = "the master restarted after it, and does not know it"
    return tuple(
        Restart(worker.service, worker.node, why, f"master:{master.task}")
        for worker in engines.workers
        if worker.older_than(master)
        and worker.task not in reached
        and worker.hostname not in health.reached
        and engine.worker_registered(worker.hostname, keys, engines.addresses)
    )


def due(
    restart: Restart, record: Mapping[str, Mapping[str, str]], tasks: Mapping[str, str]
) -> bool:
    """Whether a restart is not done yet: at most one for each engine and cause.

    ``record`` has the last restart of each service with the task that it replaced, ``tasks`` the
    task that runs now. A restart that was recorded and never took place is still due.
    """
    if not restart.cause:
        return True
    last = record.get(restart.service)
    if last is None or last.get("cause") != restart.cause:
        return True
    return last.get("task") == tasks.get(restart.service)


def recorded(
    record: Mapping[str, Mapping[str, str]],
    restarts_: Iterable[Restart],
    tasks: Mapping[str, str],
    when: str,
) -> dict[str, Mapping[str, str]]:
    """The record with these restarts, as they are about to be done."""
    new = {
        each.service: {
            "cause": each.cause,
            "reason": each.reason,
            "task": tasks.get(each.service, ""),
            "when": when,
        }
        for each in restarts_
        if each.cause
    }
    return {**record, **new}
