"""From desired and observed state to a plan, as data: an action, a thing, a reason.

A service's whole specification is compared, field by field. No label is trusted to tell a change,
since a change by hand leaves labels as they were. Nothing without our label is planned for: where
such a thing has a name or a port of ours, :func:`plan` raises
:class:`~saltext_mip.swarm.errors.NotOurs`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

from msgspec import structs

from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.secret import Secret
from saltext_mip.swarm.components import ENGINES, KEYSTORE, MASTER, SERVICE_LABEL, WORKER
from saltext_mip.swarm.errors import NetworkInUse, NotOurs
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import ENDED, Network, Observed, Running, Task
from saltext_mip.swarm.request import DRAINED

# the keystore forgets engines when it restarts, so they come after it; workers one at a time
ORDER = (KEYSTORE, MASTER, WORKER, "portalbackend_db", "create_dbs")
# who must register again when a component is replaced
_FOLLOWERS = (
    (KEYSTORE, ENGINES, "the keystore restarts and loses its keys"),
    (MASTER, (WORKER,), "it must register with the restarted master"),
)
# who and where a service is: compared by name, constraint and label
_IDENTITY = {"name", "short", "node", "hostname", "once"}
# what applies from the next replacement of the task on, and is no reason for one
_LATER = {"log"}
DATABASE = "portalbackend_db"
# passwords that the database keeps in its folder: the role's variable, and its default
KEPT_PASSWORDS = {
    (DATABASE, "POSTGRES_PASSWORD"): ("POSTGRES_USER", "postgres"),
    ("create_dbs", "PASSWORD4"): ("USER4", "portal"),
}
AS_DECLARED = "it matches the declaration"
_STOPPED = "an operator stopped it"
#: Whether a service that is not there was made with another value of that variable before.
Changed = Callable[[Service, str], bool]


def _nothing_known(_service: Service, _name: str) -> bool:
    return False


class ServiceItem(PlanItem, frozen=True):
    """``create``, ``update``, ``remove`` or ``restart`` a service, or ``nothing``.

    ``service`` is the desired one, ``running`` the observed one.
    """

    service: Service | None = None
    running: Running | None = None

    @property
    def replaces_task(self) -> bool:
        """Whether a container that runs goes for it."""
        if self.action == "nothing" or self.running is None or self.service is None:
            return False
        was, will = self.running.service, self.service
        if was.replicas == 0 or will.replicas == 0:
            return False
        kept = replace(was, labels=will.labels, replicas=will.replicas)
        return self.action == "restart" or bool(differences(will, kept))


class NetworkItem(PlanItem, frozen=True, kw_only=True):
    """``create`` or ``recreate`` the network, or ``nothing``; ``old`` is the id of the old one."""

    network: Network
    old: str | None = None

    @classmethod
    def of(
        cls,
        action: Literal["create", "recreate", "nothing"],
        network: Network,
        reason: str,
        old: str | None = None,
    ) -> NetworkItem:
        return cls(action, f"network {network.name}", reason, network=network, old=old)


def plan(
    desired: Sequence[Service],
    observed: Observed,
    *,
    overrides: Mapping[str, str] | None = None,
    nodes: Collection[str] | None = None,
    changed: Changed = _nothing_known,
) -> tuple[ServiceItem, ...]:
    """What makes the observed services the desired ones; :class:`NotOurs` on a conflict.

    ``overrides`` are operators' decisions by minion id: ``stopped``, ``removed``, or ``drained``
    (its engine is stopped). ``nodes`` are the minion ids to which the plan is confined. ``changed``
    tells of passwords that the database keeps whether they are others than when its service was
    there.
    """
    overrides = overrides or {}
    wanted = {}
    for service in desired:
        override = overrides.get(service.node)
        if override != "removed":
            stops = override == "stopped" or is_drained(service, override)
            wanted[service.name] = replace(service, replicas=0) if stops else service
    refuse_conflicts(wanted.values(), observed)
    items = []
    for name, service in wanted.items():
        running = observed.services.get(name)
        if running is None:
            notes = (
                f"{_alter_role(service, kept)}, if its data folder is still there"
                for kept in _kept(service)
                if changed(service, kept)
            )
            reason = "; ".join([*notes, "it does not exist"])
            items.append(ServiceItem("create", name, reason, service.node, service))
        elif reasons := differences(service, running.service):
            if is_drained(service, overrides.get(service.node)):
                reasons = ["an operator drained its node" if r == _STOPPED else r for r in reasons]
            reason = "; ".join([*_kept_passwords(service, running.service), *reasons])
            items.append(ServiceItem("update", name, reason, service.node, service, running))
        else:
            items.append(ServiceItem("nothing", name, AS_DECLARED, service.node, service, running))
    for name, running in observed.services.items():
        if running.ours and name not in wanted:
            node = running.service.node
            reason = "an operator removed it" if node in overrides else "it is not declared"
            items.append(ServiceItem("remove", name, reason, node, None, running))
    return tuple(
        sorted(
            (item for item in items if nodes is None or item.node in nodes or not item.node),
            key=_rank,
        )
    )


def is_drained(service: Service, override: str | None) -> bool:
    """Whether the service is an engine that its node's ``override`` keeps stopped."""
    return override == DRAINED and service.short in ENGINES


def _rank(item: ServiceItem) -> tuple[int, int]:
    short = item.service.short if item.service else ""
    return (
        0 if item.action == "remove" else 1,
        ORDER.index(short) if short in ORDER else len(ORDER),
    )


def _kept_passwords(service: Service, was: Service) -> Iterator[str]:
    """What to do by hand about a new password: the database reads the variable only when new."""
    want, have = dict(service.env), dict(was.env)
    for name in _kept(service):
        if name in have and want.get(name) != have[name]:
            yield _alter_role(service, name)


def _kept(service: Service) -> Iterator[str]:
    """The service's variables with passwords that the database keeps in its folder."""
    return (name for short, name in KEPT_PASSWORDS if short == service.short)


def _alter_role(service: Service, name: str) -> str:
    role_name, default = KEPT_PASSWORDS[service.short, name]
    role = dict(service.env).get(role_name, default)
    return (
        f"the database keeps the old password of {role}. On its node: docker exec -it "
        f"$(docker ps -qf label={SERVICE_LABEL}={DATABASE}) psql -p 5433 -U postgres, "
        f"there: ALTER ROLE {role} PASSWORD '<new>';"
    )


def refuse_conflicts(desired: Iterable[Service], observed: Observed) -> None:
    """Raise :class:`NotOurs` where a service that is not ours has a name or a port of ours."""
    foreign = [running.service for running in observed.services.values() if not running.ours]
    conflicts, names = [], set()
    for service in desired:
        for other in foreign:
            same = _ports(service) & _ports(other)
            if other.name == service.name:
                conflicts.append(f"service {other.name} uses a name of the federation")
            elif same and other.hostname in ("", service.hostname):
                ports = ", ".join(map(str, sorted(same)))
                conflicts.append(f"service {other.name} uses port {ports} of {service.name}")
            else:
                continue
            names.add(other.name)
    if conflicts:
        command = (
            f"docker service rm {' '.join(sorted(names))} (folders and volumes are kept; its "
            "definition is lost: docker service inspect shows it)"
        )
        raise NotOurs("; ".join(conflicts), command=command)


def _ports(service: Service) -> set[int]:
    return {port.published for port in service.ports}


def differences(desired: Service, observed: Service) -> list[str]:
    """A text for each field that differs; never a secret's value."""
    out: list[str] = []
    for each in fields(Service):
        if each.name in _IDENTITY | _LATER:
            continue
        want, have = getattr(desired, each.name), getattr(observed, each.name)
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
                yield "it is stopped" if want else _STOPPED
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


def with_restarts(
    items: Sequence[ServiceItem], requested: Mapping[str, str] | None = None, *, follow: bool = True
) -> tuple[ServiceItem, ...]:
    """The plan with the services to restart: those ``requested``, by name with the reason, and with
    ``follow`` the engines that must register again because their keystore or master is replaced."""
    why = dict(requested or {})
    for short, followers, reason in _FOLLOWERS if follow else ():
        lead = next((i for i in items if i.service and i.service.short == short), None)
        if lead is None or not _is_replaced(lead, why):
            continue
        for item in items:
            if item.service and item.service.short in followers:
                why.setdefault(item.thing, reason)
    return tuple(
        structs.replace(item, action="restart", reason=why[item.thing])
        if (item.action == "nothing" or (item.action == "update" and not item.replaces_task))
        and item.thing in why
        and item.service is not None
        and item.service.replicas
        else item
        for item in items
    )


def _is_replaced(item: ServiceItem, restarts: Mapping[str, str]) -> bool:
    """Whether what registered with it must register again."""
    runs = item.service is not None and item.service.replicas
    if item.thing in restarts and runs:
        return True
    return item.action == "create" or item.replaces_task


def only_restoring(
    items: Iterable[ServiceItem], members: Collection[str]
) -> tuple[ServiceItem, ...]:
    """Of a plan, what brings back a service of which nothing runs; none that runs is changed.

    ``members`` are the minion ids of nodes that are in the Swarm. What was changed by hand and
    starts is left as it is, also while it waits for its keystore or master: only what fails with
    the change is put right.
    """
    items = tuple(items)
    leads = {
        item.service.short: item.running
        for item in items
        if item.service is not None and item.service.short in (KEYSTORE, MASTER)
    }
    return tuple(
        item
        if _restores(item, members, leads)
        else structs.replace(item, action="nothing", reason="changed at the next deployment")
        for item in items
        if item.service is not None
    )


def _restores(
    item: ServiceItem, members: Collection[str], leads: Mapping[str, Running | None]
) -> bool:
    if item.service is None or item.service.replicas == 0:
        return False
    if item.running is None:
        return item.node in members
    if item.running.up:
        return False
    comes = any(task.current and task.state not in ENDED for task in item.running.tasks)
    if item.running.service.replicas == 0 or not comes:
        return True
    return any(
        task.current and task.failed and _is_own_failure(item.service, task, leads)
        for task in item.running.tasks
    )


def _is_own_failure(service: Service, task: Task, leads: Mapping[str, Running | None]) -> bool:
    """Whether the task began after all that its engine registers with was up."""
    for short, followers, _ in _FOLLOWERS:
        if service.short not in followers:
            continue
        lead = leads.get(short)
        since = [each.created for each in lead.tasks if each.up] if lead is not None else []
        if not since or task.created < max(since):
            return False
    return True


def network_plan(desired: Network, observed: Observed) -> NetworkItem:
    """The overlay network: created, or recreated where it differs and nothing uses it.

    :class:`~saltext_mip.swarm.errors.NetworkInUse` where something does.
    """
    now = observed.networks.get(desired.name)
    if now is None:
        return NetworkItem.of("create", desired, "it does not exist")
    reasons = [
        f"{name} differs: {getattr(now, name)} -> {getattr(desired, name)}"
        for name in ("driver", "subnet", "gateway", "encrypted", "mtu")
        if getattr(now, name) != getattr(desired, name)
    ]
    if not reasons:
        return NetworkItem.of("nothing", now, AS_DECLARED)
    if now.used_by:
        raise NetworkInUse("; ".join(reasons), network=desired.name, users=", ".join(now.used_by))
    return NetworkItem.of("recreate", desired, "; ".join(reasons), now.id)


def plan_items(
    nodes: Iterable[PlanItem], network: NetworkItem, services: Iterable[ServiceItem]
) -> list[PlanItem]:
    """A plan as commands return it: what is done to the Swarm's nodes, its network, services."""
    items = [each.plan_item for each in (*nodes, network, *services)]
    return [item for item in items if item.action != NOTHING]


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
