"""The services of the federation, on its master node: what is, what is wanted, and to do it.

The master node manages the Swarm, so every service is enforced from here. An operator's word, that
a node's services are stopped or removed, stands in ``stopped.json`` of our state here.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from saltext_mip.errors import Refused
from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.storage.lock import lock
from saltext_mip.storage.state import read_state, write_state
from saltext_mip.swarm import engine, membership
from saltext_mip.swarm import plan as plans
from saltext_mip.swarm.apply import apply
from saltext_mip.swarm.desired import Secrets, desired_services, secret_names
from saltext_mip.swarm.errors import (
    DockerFailed,
    DockerUnavailable,
    NetworkInUse,
    NotInSwarm,
    NotServing,
)
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import ALIVE, Observed, Running
from saltext_mip.swarm.observed import observe as look_at
from saltext_mip.swarm.request import BACK, LOST, ServiceRequest
from saltext_mip.text import shown

STOPPED = "stopped.json"


LOG_LINES = 5


LOG_TIMEOUT = 5


def read_overrides(here: NodeContext) -> dict[str, dict[str, str]]:
    """An operator's words by minion id: ``{"word": "stopped"|"removed", "actor", "when"}``."""
    found: dict[str, dict[str, str]] = read_state(here.state / STOPPED) or {}
    return found


def is_manager() -> bool:
    """Whether this node's Docker manages a Swarm."""
    with docker.connected(timeout=10) as client:
        return bool(membership.state(client)["ControlAvailable"])


def status(
    here: NodeContext, secrets: Secrets, told: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything that the pusher wants to know of the services. JSON; no secrets.

    ``{"swarm": state, "cluster", "nodes": {minion id: {"id", "state", "availability", "leftover"}},
    "services": {name: …}, "ending": [minion id], "served", "words", "plan", "refused"}``.
    """
    with docker.connected() as client:
        goals = desired_services(here.federation, secrets)
        actual = look_at(client, here.federation.name, secret_names(goals), now=_now())
        return _status(here, goals, actual, told)


def _status(
    here: NodeContext, goals: Sequence[Service], actual: Observed, told: Any
) -> dict[str, Any]:
    said = read_overrides(here)
    value: dict[str, Any] = {
        "swarm": actual.state if actual.manager or actual.state != "active" else "not a manager",
        "cluster": actual.cluster,
        "nodes": {},
        "services": {},
        "ending": list(actual.ending),
        "served": engine.Served(error="there is no Swarm").wire(),
        "words": said,
        "plan": [],
        "refused": None,
    }
    if not actual.manager:
        return value
    found = membership.entries(here.federation, actual, told)
    left = membership.membership(here.federation, actual, told)
    for node_id, entry in found.items():
        value["nodes"][node_id] = {
            "id": entry.id,
            "state": entry.state,
            "availability": entry.availability,
            "address": entry.address,
        }
    try:
        network = _network(here, actual)
        items = plans.plan(goals, actual, words=by_node(said))
        value["plan"] = [
            *(item.shown() for item in left),
            *([network.shown()] if network.action != "nothing" else []),
            *(item.shown() for item in items if item.action != "nothing"),
        ]
    except Refused as exc:
        value["refused"] = str(exc)
    served = engine.look()
    value["served"] = served.wire()
    names = [goal.name for goal in goals if said.get(goal.node, {}).get("word") != "removed"]
    ours = [name for name, running in actual.services.items() if running.ours]
    for name in dict.fromkeys([*names, *ours]):
        goal = next((goal for goal in goals if goal.name == name), None)
        value["services"][name] = _service_view(goal, actual.services.get(name), served)
    return value


def _network(
    here: NodeContext, actual: Observed, *, mend: bool = False, word: str = ""
) -> plans.NetworkItem:
    """To ``mend``, one that is there is as it is. One that differs and is in use holds up what
    makes services, not the word that ends them."""
    goal = plans.desired_network(here.federation.settings["swarm"])
    if mend:
        goal = actual.networks.get(goal.name, goal)
    try:
        return plans.network_plan(goal, actual)
    except NetworkInUse:
        if word not in ("stopped", "removed"):
            raise
        return plans.NetworkItem("nothing", goal.name, "in use", actual.networks[goal.name])


def _service_view(
    goal: Service | None, running: Running | None, served: engine.Served
) -> dict[str, Any]:
    service = running.service if running is not None else goal
    if service is None:
        raise ValueError("neither wanted nor there")
    up = running is not None and running.up
    task = running.tasks[0] if running is not None and running.tasks else None
    replicas = service.replicas if running is not None else 1
    out: dict[str, Any] = {
        "node": service.node,
        "short": service.short,
        "image": service.image,
        "replicas": f"{int(up and replicas != 0)}/{replicas}",
        "up": up if replicas else None,
        "serving": _serving(service, served) and up if replicas else None,
        "declared": goal is not None,
        "since": task.created if task is not None and up else None,
        "task": task.id if task is not None else None,
        "once": service.once,
        "task_running": running is not None
        and any(one.state in ALIVE for one in running.tasks if one.ready),
    }
    if replicas and not up and running is not None:
        if running.error:
            out["error"] = shown(running.error)
        out["state"] = task.state if task is not None else "no task"
        if lines := _log(running):
            out["log"] = lines
    return out


def _serving(service: Service, served: engine.Served) -> bool:
    match service.short:
        case engine.MASTER:
            return served.active is not None
        case engine.WORKER:
            return served.active is not None and service.hostname in served.active
        case _:
            return True


def _log(running: Running) -> list[str]:
    """The last lines that its last containers wrote, where their node can be asked."""
    if not any(task.container and task.ready for task in running.tasks[:2]):
        return []
    try:
        with docker.connected(timeout=LOG_TIMEOUT) as client:
            found = b"".join(
                client.api.service_logs(running.id, stdout=True, stderr=True, tail=LOG_LINES)
            )
    except (DockerFailed, DockerUnavailable) as exc:
        return [f"(its log cannot be had: {exc})"]
    lines = found.decode("utf-8", "replace").splitlines()
    return [shown(line)[:300] for line in lines if line.strip()][-LOG_LINES:]


def enforce(here: NodeContext, secrets: Secrets, wish: ServiceRequest) -> dict[str, Any]:
    """Make what is what is wanted; ``{"changed", "done": […], "plan": […]}``, as items."""
    with _locked(here), docker.connected() as client:
        goals = desired_services(here.federation, secrets)
        actual = look_at(client, here.federation.name, secret_names(goals), now=_now())
        if not actual.manager:
            raise NotInSwarm(state=actual.state)
        said = updated_overrides(here, wish)
        whole = wish.only is None
        left = membership.membership(here.federation, actual, wish.told, whole=whole)
        items = plans.plan(goals, actual, words=by_node(said), only=wish.only)
        if wish.mend:
            places = membership.entries(here.federation, actual, wish.told)
            items = plans.only_restoring(items, places)
        network = _network(here, actual, mend=wish.mend, word=wish.word)
        items = plans.with_restarts(items, _restarts(here, wish, goals, actual))
        todo = [
            *(item.shown() for item in left),
            *([network.shown()] if network.action != "nothing" else []),
            *(item.shown() for item in items if item.action != "nothing"),
        ]
        if wish.dry:
            return {"changed": False, "plan": todo}
        if wish.word and said != read_overrides(here):
            write_state(here.state / STOPPED, said)
        membership.keep(client, here.federation.name, left)
        ids = {name: each.id for name, each in actual.networks.items()}
        ids[network.thing] = membership.keep_network(client, network)
        back = _WaitUntilBack(here, client, engine.look().active or ())
        delete_worker_keys(here, client, apply(client, items, ids, back))
        return {"changed": bool(todo), "plan": todo}


def updated_overrides(here: NodeContext, wish: ServiceRequest) -> dict[str, dict[str, str]]:
    """The operator's words, the new one among them."""
    said = dict(read_overrides(here))
    if not wish.word:
        return said
    for node_id in wish.only if wish.only is not None else here.federation.ids:
        if wish.word == "started":
            said.pop(node_id, None)
        elif wish.word == "deployed":
            if said.get(node_id, {}).get("word") == "removed":
                said.pop(node_id)
        elif said.get(node_id, {}).get("word") != wish.word:
            when = _now().isoformat(timespec="seconds")
            said[node_id] = {"word": wish.word, "actor": wish.actor, "when": when}
    return said


def by_node(said: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {node_id: of["word"] for node_id, of in said.items()}


def _restarts(
    here: NodeContext, wish: ServiceRequest, goals: Sequence[Service], actual: Observed
) -> dict[str, str]:
    """Services to restart, by name, and why: asked for, or forgotten by a younger keystore."""
    asked = {
        goal.name: reason
        for short, node_id, reason in wish.restart
        for goal in goals
        if goal.node == node_id and not goal.once and short in (goal.short, "*")
    }
    forgot = "the keystore started after it, and does not know it"
    older = older_than_keystore(goals, actual)
    return dict.fromkeys(forgotten(here, older, engine.look()) if older else (), forgot) | asked


def older_than_keystore(goals: Sequence[Service], actual: Observed) -> list[Service]:
    """Engines that run since before the keystore does, and had time to be seen by it."""
    keystore = next(
        (r for r in actual.services.values() if r.ours and r.service.short == engine.KEYSTORE),
        None,
    )
    task = next((task for task in keystore.tasks if task.up), None) if keystore else None
    if task is None or task.age < LOST:
        return []
    older = []
    for goal in goals:
        running = actual.services.get(goal.name)
        if running is None or goal.short not in (engine.MASTER, engine.WORKER):
            continue
        mine = next((one for one in running.tasks if one.up), None)
        if mine is not None and mine.created <= task.created and mine.age >= task.age:
            older.append(goal)
    return older


def forgotten(here: NodeContext, older: Sequence[Service], served: engine.Served) -> list[str]:
    """Those of them, by name, that the keystore does not know."""
    return [goal.name for goal in older if not _known(here, goal, served)]


def _known(here: NodeContext, goal: Service, served: engine.Served) -> bool:
    if goal.short == engine.WORKER:
        return served.active is not None and goal.hostname in served.active
    return bool(served.active) or not here.federation.workers


class _WaitUntilBack:
    """Waits until what was replaced is back, and an engine that was active is active again."""

    def __init__(self, here: NodeContext, client: Any, active: Collection[str]) -> None:
        self._here = here
        self._client = client
        self._active = frozenset(active)

    def __call__(self, item: plans.Item) -> None:
        service = item.service
        if service is None or service.replicas == 0:
            return
        was_active = service.short == engine.WORKER and service.hostname in self._active
        old = {task.id for task in item.running.tasks} if item.running else set()
        deadline = time.monotonic() + BACK
        running = None
        while time.monotonic() < deadline:
            actual = look_at(self._client, self._here.federation.name, now=_now())
            running = actual.services.get(item.thing)
            if running is None:
                return  # somebody took it away meanwhile
            if not any(node.ready and node.place == service.hostname for node in actual.nodes):
                return  # its node is away: waiting does not bring it back
            fresh = replace(running, tasks=tuple(t for t in running.tasks if t.id not in old))
            if fresh.up and not (was_active and service.hostname not in _active_now()):
                return
            time.sleep(0.5)
        why = running.error if running else ""
        raise NotServing(
            f"{item.thing} did not come back within {BACK:.0f} s, so the rest was left as it is"
            f"{': ' + why if why else ''}"
        )


def _active_now() -> Collection[str]:
    return engine.look().active or ()


def delete_keys(here: NodeContext, keys: Sequence[str]) -> list[str]:
    """Delete keys of the keystore; those that were there."""
    with docker.connected() as client:
        container = _keystore(here, client)
        gone = []
        for key in keys:
            code, _ = container.exec_run(["consul", "kv", "get", key])
            if code:
                continue
            code, output = container.exec_run(["consul", "kv", "delete", key])
            if code:
                raise NotServing(f"the keystore did not delete {shown(key)}: {_last(output)}")
            gone.append(key)
        return gone


def delete_worker_keys(here: NodeContext, client: Any, done: Sequence[plans.Item]) -> None:
    """Delete what workers announced whose services went; nobody else does."""
    gone = [item.running.service for item in done if item.action == "remove" and item.running]
    prefixes = [f"data/{one.hostname}/" for one in gone if one.short == engine.WORKER]
    for container in _keystores(here, client)[:1] if prefixes else ():
        for prefix in prefixes:
            code, output = container.exec_run(["consul", "kv", "delete", "-recurse", prefix])
            if code:
                raise NotServing(f"the keystore did not delete {shown(prefix)}: {_last(output)}")


def _keystore(here: NodeContext, client: Any) -> Any:
    found = _keystores(here, client)
    if not found:
        raise NotServing("the keystore does not run here")
    return found[0]


def _keystores(here: NodeContext, client: Any) -> list[Any]:
    labels = [f"mip.federation={here.federation.name}", f"mip.service={engine.KEYSTORE}"]
    found: list[Any] = client.containers.list(filters={"label": labels, "status": "running"})
    return found


def _last(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return shown(next((line for line in reversed(lines) if line.strip()), ""))[:200]


@contextmanager
def _locked(here: NodeContext) -> Iterator[None]:
    """One at a time: a state that is applied by hand while a deployment goes on waits for it."""
    holder = "another run that enforces the services here"
    with lock(
        here.state / "services.lock", federation=here.federation.name, holder=holder, wait=300
    ):
        yield


def _now() -> datetime:
    return datetime.now(UTC)
