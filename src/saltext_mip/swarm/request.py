"""What the pusher asks of the services, as the master node receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from saltext_mip.errors import Misuse

# an engine is registered some 60 s after its task runs, on a slow machine later
BACK = 300.0  # seconds that a component may take to serve, before the next one is replaced

Action = Literal[
    "enforce", "start", "stop", "restart", "remove", "restore_missing", "drain", "undrain"
]
ACTIONS: tuple[Action, ...] = get_args(Action)
ALL_SERVICES = "*"
DRAINED = "drained"  # the override of a node whose engine is stopped


class InvalidRequest(Misuse):
    """Invalid request for services: {message}. The pusher and this node need the same version."""


@dataclass(frozen=True)
class Target:
    """Services of one node: all of them, or the one of that short name.

    ``reason``: why, where it is another than the request's. ``cause`` identifies the cause of an
    automatic restart, which is done once for it; empty: an operator asks.
    """

    node: str
    service: str = ALL_SERVICES
    reason: str = ""
    cause: str = ""


@dataclass(frozen=True)
class ServiceRequest:
    """One action on the federation's services.

    action
        ``enforce`` makes services what is declared; ``start`` also ends an override; ``stop`` and
        ``remove`` set one; ``restart`` replaces tasks, one worker at a time; ``restore_missing``
        brings back services of which nothing runs and changes nothing that runs; ``drain`` stops
        the engines of nodes until ``undrain``
    targets
        the nodes, by minion id, to which the action is confined; ``None``: all. A ``restart`` of
        single services leaves everything else that runs as it is
    reason
        shown in the plan for what is restarted; recorded with a ``drain``
    until
        when a ``drain`` is to end, ISO 8601 in UTC; recorded with it
    keep_drained
        ``start`` and ``stop`` are of all nodes: those that are drained remain so
    actor
        who asks, recorded with an override
    swarm_ids
        the nodes' own ids in the Swarm by minion id, as far as the pusher knows them
    restore_removed
        ``enforce`` ends the override of removed services: an operator deploys them
    dry_run
        only return the plan
    """

    action: Action
    targets: tuple[Target, ...] | None = None
    reason: str = ""
    actor: str = ""
    swarm_ids: Mapping[str, str] | None = None
    restore_removed: bool = False
    dry_run: bool = False
    until: str = ""
    keep_drained: bool = False

    @classmethod
    def on_nodes(cls, action: Action, nodes: Any, **more: Any) -> ServiceRequest:
        """A request for all services of these nodes (minion ids); ``None``: of all nodes."""
        targets = None if nodes is None else tuple(Target(node) for node in nodes)
        return cls(action, targets, **more)

    @property
    def nodes(self) -> tuple[str, ...] | None:
        """The targets' minion ids, each once; ``None``: all nodes."""
        if self.targets is None:
            return None
        return tuple(dict.fromkeys(target.node for target in self.targets))

    @property
    def restores_only(self) -> bool:
        """Whether services that run and are not restarted stay as they are."""
        if self.action == "restart":
            return all(target.service != ALL_SERVICES for target in self.targets or ())
        return self.action == "restore_missing"

    @property
    def ends_services(self) -> bool:
        """Whether it only stops or removes."""
        return self.action in ("stop", "remove", "drain")

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        value = asdict(self)
        if self.targets is not None:
            value["targets"] = [asdict(target) for target in self.targets]
        for name in ("until", "keep_drained"):
            if not value[name]:
                del value[name]  # a node of an earlier version refuses keys that it does not know
        return value

    @classmethod
    def from_json(cls, value: Any) -> ServiceRequest:
        """What :meth:`to_json` returned; :class:`InvalidRequest` names what is wrong with it."""
        if not isinstance(value, Mapping):
            raise InvalidRequest("it must be a mapping")
        _check_keys("the request", value, cls)
        if value.get("action") not in ACTIONS:
            raise InvalidRequest(
                f"action {_text(value.get('action'))} is not one of {', '.join(ACTIONS)}"
            )
        for name in ("reason", "actor", "until"):
            _check(name, value, str, "text")
        for name in ("restore_removed", "dry_run", "keep_drained"):
            _check(name, value, bool, "true or false")
        swarm_ids = value.get("swarm_ids")
        if swarm_ids is not None and not (
            isinstance(swarm_ids, Mapping)
            and all(isinstance(each, str) for pair in swarm_ids.items() for each in pair)
        ):
            raise InvalidRequest("swarm_ids must be ids by minion id")
        targets = value.get("targets")
        if targets is not None and not isinstance(targets, list):
            raise InvalidRequest("targets must be a list")
        return cls(
            **{
                **value,
                "targets": None if targets is None else tuple(map(_target, targets)),
            }
        )


def _target(value: Any) -> Target:
    if not isinstance(value, Mapping):
        raise InvalidRequest("a target must be a mapping")
    _check_keys("a target", value, Target)
    for name in ("node", "service", "reason", "cause"):
        _check(f"targets: {name}", {f"targets: {name}": value.get(name, "")}, str, "text")
    if not value.get("node"):
        raise InvalidRequest("targets: node is missing")
    return Target(**value)


def _check_keys(what: str, value: Mapping[str, Any], of: type) -> None:
    unknown = sorted(map(str, set(value) - set(of.__dataclass_fields__)))  # type: ignore[attr-defined]
    if unknown:
        raise InvalidRequest(f"{what} has the unknown key {_text(unknown[0])}")


def _check(name: str, value: Mapping[str, Any], kind: type, must: str) -> None:
    if name in value and not isinstance(value[name], kind):
        raise InvalidRequest(f"{name} must be {must}")


def _text(value: Any) -> str:
    from saltext_mip.text import shown

    return repr(shown(str(value), 80))
