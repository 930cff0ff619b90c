"""From wanted and actual to what is done, as data: an action, a thing, a reason.

Everything that a service's specification says is compared, field by field; no label is believed,
since a change by hand leaves labels as they were. Nothing without our label is planned for: where
such a thing has a name or a port of ours, :func:`plan` raises
:class:`~saltext_mip.swarm.errors.NotOurs`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from saltext_mip.secret import Secret
from saltext_mip.swarm.engine import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.errors import NetworkInUse, NotOurs
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import Network, Observed, Running

Action = Literal["create", "update", "remove", "restart", "nothing"]

# engines that forget everything with the keystore are made after it; workers one at a time
ORDER = (KEYSTORE, MASTER, WORKER, "portalbackend_db", "create_dbs")
# what says who and where a service is, and is compared by name, constraint and label
_IDENTITY = {"name", "short", "node", "hostname", "once"}


@dataclass(frozen=True)
class Item:
    """One thing to do. ``service`` is what it shall be, ``running`` what it is."""

    action: Action
    thing: str
    reason: str
    node: str
    service: Service | None = None
    running: Running | None = None

    def shown(self) -> dict[str, str]:
        return {
            "action": self.action,
            "thing": self.thing,
            "node": self.node,
            "reason": self.reason,
        }

    @property
    def replaces_task(self) -> bool:
        """Whether a container that runs goes for it."""
        if self.running is None or self.service is None:
            return False
        was, will = self.running.service, self.service
        if was.replicas == 0 or will.replicas == 0:
            return False
        kept = replace(was, labels=will.labels, replicas=will.replicas)
        return self.action == "restart" or bool(differences(will, kept))


@dataclass(frozen=True)
class NetworkItem:
    """``create`` or ``recreate`` the network, or ``nothing``."""

    action: Literal["create", "recreate", "nothing"]
    thing: str
    reason: str
    network: Network
    old: str | None = None

    def shown(self) -> dict[str, str]:
        return {"action": self.action, "thing": f"network {self.thing}", "reason": self.reason}


def plan(
    wanted: Sequence[Service],
    actual: Observed,
    *,
    words: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> tuple[Item, ...]:
    """What makes the one the other.

    ``words`` are an operator's, by minion id: ``stopped`` or ``removed``. ``only`` are the minion
    ids to which the plan is confined.
    """
    words = words or {}
    goals = {}
    for service in wanted:
        word = words.get(service.node)
        if word != "removed":
            goals[service.name] = replace(service, replicas=0) if word == "stopped" else service
    refuse_conflicts(goals.values(), actual)
    items = []
    for name, goal in goals.items():
        running = actual.services.get(name)
        if running is None:
            reason = "it is not there"
            items.append(Item("create", name, reason, goal.node, goal))
        elif reasons := differences(goal, running.service):
            items.append(Item("update", name, "; ".join(reasons), goal.node, goal, running))
        else:
            items.append(Item("nothing", name, "it is as declared", goal.node, goal, running))
    for name, running in actual.services.items():
        if running.ours and name not in goals:
            node = running.service.node
            reason = "an operator removed it" if node in words else "it is not declared"
            items.append(Item("remove", name, reason, node, None, running))
    return tuple(
        sorted(
            (item for item in items if only is None or item.node in only or not item.node),
            key=_rank,
        )
    )


def _rank(item: Item) -> tuple[int, int]:
    short = item.service.short if item.service else ""
    return (
        0 if item.action == "remove" else 1,
        ORDER.index(short) if short in ORDER else len(ORDER),
    )


def refuse_conflicts(goals: Iterable[Service], actual: Observed) -> None:
    """Raise where a service that is not ours has a name or a port of ours."""
    theirs = [running.service for running in actual.services.values() if not running.ours]
    trouble, names = [], set()
    for goal in goals:
        for other in theirs:
            same = _ports(goal) & _ports(other)
            if other.name == goal.name:
                trouble.append(f"service {other.name} has our name")
            elif same and other.hostname in ("", goal.hostname):
                ports = ", ".join(map(str, sorted(same)))
                trouble.append(f"service {other.name} has port {ports} of {goal.name}")
            else:
                continue
            names.add(other.name)
    if trouble:
        raise NotOurs("; ".join(trouble), command=f"docker service rm {' '.join(sorted(names))}")


def _ports(service: Service) -> set[int]:
    return {port.published for port in service.ports}


def differences(goal: Service, now: Service) -> list[str]:
    """Each field that is not as wanted, in a person's words; never a secret's value."""
    out: list[str] = []
    for each in fields(Service):
        if each.name in _IDENTITY:
            continue
        want, have = getattr(goal, each.name), getattr(now, each.name)
        if want != have:
            out += _describe(each.name, want, have)
    return out


def _describe(name: str, want: Any, have: Any) -> Iterator[str]:
    match name:
        case "env" | "labels" | "container_labels":
            what = {"env": "env", "labels": "label", "container_labels": "container's label"}[name]
            for key, old, new in _changes(dict(have), dict(want)):
                yield _variable(f"{what} {key}", old, new)
        case "more":
            for path, old, new in _changes(dict(have), dict(want)):
                yield _variable(path, old, new)
        case "mounts" | "ports" | "aliases" | "command" | "constraints":
            yield f"{name} differ: {_listed(have)} -> {_listed(want)}"
        case "memory":
            yield f"memory differs: {have or 'no limit'} -> {want or 'no limit'}"
        case "replicas":
            if want and have:
                yield f"replicas differ: {have} -> {want}"
            else:
                yield "it is stopped" if want else "an operator stopped it"
        case _:
            yield f"{name.replace('_', ' ')} differs: {have or 'none'} -> {want or 'none'}"


def _variable(what: str, old: Any, new: Any) -> str:
    if isinstance(old, Secret) or isinstance(new, Secret):
        return f"{what} differs"
    if old is None:
        return f"{what} is missing"
    if new is None:
        return f"{what} is not declared"
    return f"{what} differs: {old or 'empty'} -> {new or 'empty'}"


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key) or (key in old) != (key in new):
            yield key, old.get(key), new.get(key)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values)) or "none"


def with_restarts(items: Sequence[Item], lost: Mapping[str, str] | None = None) -> tuple[Item, ...]:
    """The plan with the engines that must start again because the keystore does.

    ``lost`` are further services to restart, and why, by name.
    """
    why = dict(lost or {})
    keystore = next((i for i in items if i.service and i.service.short == KEYSTORE), None)
    if keystore is not None and (keystore.action == "create" or keystore.replaces_task):
        for item in items:
            if item.service and item.service.short in (MASTER, WORKER):
                why.setdefault(item.thing, "the keystore starts again and forgets it")
    return tuple(
        replace(item, action="restart", reason=why[item.thing])
        if (item.action == "nothing" or (item.action == "update" and not item.replaces_task))
        and item.thing in why
        and item.service is not None
        and item.service.replicas
        else item
        for item in items
    )


def only_restoring(items: Iterable[Item], places: Collection[str]) -> tuple[Item, ...]:
    """Of a plan, what brings back a service of which nothing runs; none that runs is changed.

    ``places`` are the minion ids of nodes that are in the Swarm.
    """
    return tuple(
        item
        if _restores(item, places)
        else replace(item, action="nothing", reason="it is left to a deployment")
        for item in items
        if item.service is not None
    )


def _restores(item: Item, places: Collection[str]) -> bool:
    if item.service is None or item.service.replicas == 0:
        return False
    if item.running is None:
        return item.node in places
    return not item.running.up


def network_plan(wanted: Network, actual: Observed) -> NetworkItem:
    """The overlay network: made, or made anew where it differs and nothing uses it.

    :class:`~saltext_mip.swarm.errors.NetworkInUse` where something does.
    """
    now = actual.networks.get(wanted.name)
    if now is None:
        return NetworkItem("create", wanted.name, "it is not there", wanted)
    reasons = [
        f"{name} differs: {getattr(now, name)} -> {getattr(wanted, name)}"
        for name in ("driver", "subnet", "gateway", "encrypted", "mtu")
        if getattr(now, name) != getattr(wanted, name)
    ]
    if not reasons:
        return NetworkItem("nothing", wanted.name, "it is as declared", now)
    if now.used_by:
        raise NetworkInUse("; ".join(reasons), network=wanted.name, users=", ".join(now.used_by))
    return NetworkItem("recreate", wanted.name, "; ".join(reasons), wanted, now.id)


def desired_network(settings: Mapping[str, Any]) -> Network:
    """The network that the pillar declares (``swarm.network``)."""
    network = settings["network"]
    return Network(
        id="",
        name=network["name"],
        driver="overlay",
        subnet=network["subnet"],
        gateway=network["gateway"],
        encrypted=network["encrypted"],
        mtu=network["mtu"],
    )
