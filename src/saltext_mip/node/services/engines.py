"""The engines as their master node observes them: what is proven, and what must restart.

Of each automatic restart its cause is recorded here, so that one cause leads to
one restart of an engine. What cannot be read, or is not understood, leads to none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import keystore
from saltext_mip.storage.state import ENGINE_RESTARTS, MASTER_REGISTERED, read_state, write_state
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.engines import ENGINE
from saltext_mip.swarm.engines.interface import Health, Served
from saltext_mip.swarm.errors import NotServing
from saltext_mip.swarm.observed import Observed
from saltext_mip.swarm.rollout import (
    Engines,
    EngineTask,
    Restart,
    due,
    must_follow,
    recorded,
)


@dataclass(frozen=True)
class EnginesView:
    """``due`` must restart, ``stalled`` did so for the same cause before and are still not
    registered: ``{service: when and why}``."""

    served: Served
    due: tuple[Restart, ...] = ()
    stalled: tuple[str, ...] = ()


def observe_engines(
    context: NodeContext, client: Any, observed: Observed, overridden: Collection[str] = ()
) -> EnginesView:
    """What the engines serve, and which must restart; not those of ``overridden`` nodes."""
    engines = running_engines(observed)
    if engines.keystore is None:
        return EnginesView(Served(error="the keystore does not run"))
    try:
        keys = keystore.read_keys(context, client)
    except NotServing as exc:
        return EnginesView(Served(error=f"the keystore: {exc}", unknown=True))
    if keys is None:
        return EnginesView(Served(error="the keystore does not respond"))
    health = ENGINE.health()
    served = ENGINE.prove(context.federation.master.hostname, keys, engines.addresses, health)
    followers = _followers(context, engines, keys, health, overridden)
    ready, stalled = only_due(context, followers, observed)
    record = read_restarts(context)
    return EnginesView(
        served,
        ready,
        tuple(
            f"{each.service}: {each.reason}; it restarted at {record[each.service]['when']}"
            for each in followers
            if each.service in stalled
        ),
    )


def engines_due(
    context: NodeContext,
    client: Any,
    observed: Observed,
    overridden: Collection[str] = (),
    *,
    timeout: float,
) -> tuple[str, ...]:
    """The engines that must restart, for a look that must not take long: by their services."""
    engines = running_engines(observed)
    if not engines.may_have_lost:
        return ()
    try:
        keys = keystore.read_keys(context, client)
    except NotServing:  # no evidence that an engine is lost
        return ()
    if keys is None:
        return ()
    followers = _followers(context, engines, keys, ENGINE.health(timeout=timeout), overridden)
    return tuple(each.service for each in only_due(context, followers, observed)[0])


def _followers(
    context: NodeContext,
    engines: Engines,
    keys: Mapping[str, str],
    health: Health,
    overridden: Collection[str],
) -> list[Restart]:
    registered, reached = _registered(context, engines, keys, health)
    found = must_follow(ENGINE, engines, keys, health, registered=registered, reached=reached)
    return [each for each in found if each.node not in overridden]


def running_engines(observed: Observed) -> Engines:
    """The tasks of our keystore and engines that are up."""
    found: dict[str, list[EngineTask]] = {KEYSTORE: [], MASTER: [], WORKER: []}
    for name, running in observed.services.items():
        service = running.service
        task = next((task for task in running.tasks if task.up), None)
        if running.ours and service.short in found and task is not None:
            found[service.short].append(
                EngineTask(
                    service=name,
                    node=service.node,
                    hostname=service.hostname,
                    task=task.id,
                    created=task.created,
                    age=task.age,
                    addresses=task.addresses,
                )
            )
    return Engines(
        next(iter(found[KEYSTORE]), None), next(iter(found[MASTER]), None), tuple(found[WORKER])
    )


def running_tasks(observed: Observed) -> dict[str, str]:
    """The newest task of each service of ours."""
    return {
        name: running.tasks[0].id
        for name, running in observed.services.items()
        if running.ours and running.tasks
    }


def read_restarts(context: NodeContext) -> dict[str, Mapping[str, str]]:
    """The last automatic restart of each service: ``{"cause", "reason", "task", "when"}``."""
    found: dict[str, Mapping[str, str]] = read_state(context.state / ENGINE_RESTARTS) or {}
    return found


def only_due(
    context: NodeContext, restarts: Iterable[Restart], observed: Observed
) -> tuple[tuple[Restart, ...], tuple[str, ...]]:
    """Those that are due, and the services that restarted before for the same cause."""
    record, tasks = read_restarts(context), running_tasks(observed)
    restarts = tuple(restarts)
    return (
        tuple(each for each in restarts if due(each, record, tasks)),
        tuple(each.service for each in restarts if not due(each, record, tasks)),
    )


def record_restarts(context: NodeContext, restarts: Iterable[Restart], observed: Observed) -> None:
    """Record restarts that are about to be done."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    before = read_restarts(context)
    after = recorded(before, restarts, running_tasks(observed), when)
    if after != before:
        write_state(context.state / ENGINE_RESTARTS, after)


def _registered(
    context: NodeContext, engines: Engines, keys: Mapping[str, str], health: Health
) -> tuple[float | None, frozenset[str]]:
    """For how many seconds the master's task is known to be registered (``None``: it is not), and
    the tasks of workers that it was ever seen to reach."""
    master = engines.master
    if master is None or not ENGINE.registered(master.hostname, keys, engines.addresses):
        return None, frozenset()
    now = datetime.now(UTC).timestamp()
    known = read_state(context.state / MASTER_REGISTERED) or {}
    if known.get("task") != master.task or known["since"] > now:
        known = {"task": master.task, "since": now}
    there = {worker.task for worker in engines.workers}
    seen = {worker.task for worker in engines.workers if worker.hostname in (health.reached or ())}
    reached = sorted((there & set(known.get("reached", ()))) | seen)
    after = {"task": master.task, "since": known["since"], "reached": reached}
    if after != known:
        write_state(context.state / MASTER_REGISTERED, after)
    return float(now - known["since"]), frozenset(reached)
