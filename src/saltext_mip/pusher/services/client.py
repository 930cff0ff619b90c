"""Observe and change the federation's services through the master node, which manages the Swarm.

Callers hold the federation's lock; :func:`observe_services` needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from saltext_mip.errors import NodesFailed
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.answers import Answers, require, sanitize
from saltext_mip.pusher.context import Progress, Pusher
from saltext_mip.schemas.decoding import decode
from saltext_mip.swarm.engines.interface import Served
from saltext_mip.swarm.observed import NODE_DOWN
from saltext_mip.swarm.request import BACK, ServiceRequest
from saltext_mip.swarm.rollout import RestartItem

# texts in a task's error that waiting does not fix, and the condition's reason for them
PERMANENT_ERRORS = {
    "no such image": "ImagePullFailed",
    "pull access denied": "ImagePullFailed",
    "manifest unknown": "ImagePullFailed",
    "bind source path does not exist": "MountMissing",
    "invalid mount config": "MountMissing",
    "port is already allocated": "PortTaken",
    "host-mode port already in use": "PortTaken",
    "address already in use": "PortTaken",
}


Text = Annotated[str, Meta(max_length=1000)]


class ServiceState(Struct, frozen=True):
    """One service as the master node observes it.

    ``up`` says whether its task runs; ``None``: an operator stopped it. ``serving`` says whether it
    serves; ``None``: it is stopped, or it runs and that is not known. ``port_error`` is what its
    ports answer instead. ``task`` is the id of the task, ``log`` the last lines of one that does
    not run.
    """

    node: str
    short: str
    image: str
    replicas: Annotated[str, Meta(pattern="^[0-9]+/-?[0-9]+$")]
    up: bool | None
    serving: bool | None
    declared: bool
    since: str | None
    task: str | None
    once: bool
    task_running: bool
    state: str | None = None
    error: str | None = None
    port_error: Text | None = None
    log: (
        Annotated[tuple[Annotated[str, Meta(max_length=2000)], ...], Meta(max_length=20)] | None
    ) = None


class SwarmNode(Struct, frozen=True):
    """One entry of the Swarm's list of nodes."""

    id: Text
    availability: Text
    state: Text
    address: Text


class ServiceOverride(Struct, frozen=True):
    """What an operator did to the services of a node; ``until`` and ``reason`` if drained."""

    word: Literal["stopped", "removed", "drained"]
    actor: Text
    when: Annotated[str, Meta(max_length=100)]
    reason: Text = ""
    until: Annotated[str, Meta(max_length=100)] = ""


class SentServed(Struct, frozen=True):
    """What the engine serves, as the master node sends it."""

    active: list[str] | None
    datasets: dict[str, dict[str, list[str]]] | None
    error: Text
    unknown: bool


class SentRestart(Struct, frozen=True):
    """An engine that must restart, and for which cause."""

    thing: Text
    node: Text
    reason: Text
    cause: Text


class SentServices(Struct, frozen=True):
    """The answer of the master node about the federation's services."""

    swarm: Annotated[str, Meta(max_length=100)]
    swarm_error: Text
    cluster: Annotated[str, Meta(max_length=100)]
    refused: str | None
    ending: tuple[Text, ...]
    nodes: dict[str, SwarmNode]
    words: dict[str, ServiceOverride]
    plan: tuple[PlanItem, ...]
    served: SentServed
    services: dict[str, ServiceState]
    due: tuple[SentRestart, ...]
    stalled: tuple[Text, ...]


@dataclass(frozen=True)
class ServicesView:
    """The services as the master node observes them, safe to show. ``swarm``: it manages one;
    ``state``: what its Docker reports of it, ``state_error`` with which error.

    ``services`` by name, ``plan`` what differs from the declaration, ``overrides`` of operators by
    minion id, ``nodes`` the Swarm's entries by minion id; on the nodes ``ending`` a task still runs
    whose service is gone. ``due`` are engines that lost what they registered with and must restart;
    ``stalled`` those that did for the same cause, and are still not registered.
    """

    swarm: bool
    cluster: str
    services: Mapping[str, ServiceState]
    served: Served
    nodes: Mapping[str, SwarmNode] = field(default_factory=dict)
    overrides: Mapping[str, ServiceOverride] = field(default_factory=dict)
    plan: tuple[PlanItem, ...] = ()
    refused: str | None = None
    ending: tuple[str, ...] = ()
    due: tuple[RestartItem, ...] = ()
    stalled: tuple[str, ...] = ()
    state: str = "active"
    state_error: str = ""

    def down(self, node: str) -> bool:
        """Whether the Swarm does not reach that node."""
        return node in self.nodes and self.nodes[node].state == "down"

    def unknown(self) -> dict[str, str]:
        """Services that run, and of which it is not known whether they serve; and why."""
        return {
            name: "it runs; whether it serves is unknown"
            + _because(of.port_error or self.served.error)
            for name, of in self.services.items()
            if _is_unknown(of)
        }

    def silent(self) -> dict[str, str]:
        """Of services that run: which of their ports give no answer. Waiting changes nothing."""
        return {
            name: of.port_error
            for name, of in self.services.items()
            if _is_unknown(of) and of.port_error
        }

    def waiting(self, only: Sequence[str] | None = None) -> dict[str, str]:
        """The reason why a declared service does not serve, by name; on these nodes, or on all."""
        out = {}
        for name, of in self.services.items():
            if not of.declared or of.serving or of.up is None:
                continue
            if only is not None and of.node not in only:
                continue
            if _is_unknown(of) and of.port_error:
                continue
            if _is_unknown(of):
                out[name] = self.unknown()[name]
            elif of.up:
                why = of.port_error or self.served.error
                out[name] = f"it runs, but does not serve yet{_because(why)}"
            elif self.down(of.node):
                out[name] = NODE_DOWN
            else:
                out[name] = of.error or f"its task is {of.state or 'not there'}"
        return out


class Enforced(Struct, frozen=True):
    """What the master node did, or would do: whether anything changed, and the plan. ``already``
    are services that restarted before for the cause that is given."""

    plan: tuple[PlanItem, ...]
    changed: bool = False
    already: tuple[str, ...] = ()


def _is_unknown(of: ServiceState) -> bool:
    return bool(of.declared and of.up and of.serving is None)


def _because(error: str) -> str:
    return f" ({error})" if error else ""


def condition_reason(error: str) -> str | None:
    """The condition's reason for an error of a task that waiting does not fix."""
    text = error.lower()
    return next((reason for part, reason in PERMANENT_ERRORS.items() if part in text), None)


def observe_services(
    pusher: Pusher,
    swarm_ids: Mapping[str, str] | None = None,
    *,
    compile_pillar: bool = True,
    within: float | None = None,
    progress: Progress | None = None,
) -> ServicesView:
    """The services now. The master node must answer, ``within`` so many seconds.

    ``swarm_ids``: by minion id, as the nodes report them. Without ``compile_pillar`` the node uses
    the pillar in its memory.
    """
    master = pusher.federation.master.id
    answers = pusher.ask(
        "services",
        [master],
        within=within,
        progress=progress,
        swarm_ids=swarm_ids,
        compile_pillar=compile_pillar,
    )
    _require_master(answers, master)
    return decode_services(master, answers.values[master])


def _require_master(answers: Answers, master: str) -> None:
    """Raise if the master failed, such as without a secret that only the pusher has."""
    why = answers.failed.get(master, "")
    if "is needed: there is no default" in why:
        raise NodesFailed(
            f"{sanitize(why)}. The pusher has it but does not send it to the node: run salt-run "
            "mip.setup, then restart salt-master",
            nodes=master,
        )
    require(answers, [master])


def decode_services(master: str, value: Any) -> ServicesView:
    """The master node's answer, validated."""
    sent = decode(SentServices, value, node=master)
    return ServicesView(
        swarm=sent.swarm == "active" and bool(sent.cluster),
        cluster=sent.cluster,
        services={sanitize(name): _sanitized(of) for name, of in sent.services.items()},
        served=Served.from_wire(structs.asdict(sent.served)),
        nodes=sent.nodes,
        overrides=sent.words,
        plan=tuple(map(_sanitized_item, sent.plan)),
        refused=sent.refused and sanitize(sent.refused),
        ending=sent.ending,
        due=tuple(
            RestartItem("restart", each.thing, sanitize(each.reason), each.node, each.cause)
            for each in sent.due
        ),
        stalled=tuple(map(sanitize, sent.stalled)),
        state=sanitize(sent.swarm),
        state_error=sanitize(sent.swarm_error),
    )


def _sanitized(service: ServiceState) -> ServiceState:
    texts = {key: sanitize(of) for key, of in _texts(service)}
    log = None if service.log is None else tuple(map(sanitize, service.log))
    return structs.replace(service, **texts, log=log)


def _texts(service: ServiceState) -> Iterator[tuple[str, str]]:
    for key, value in structs.asdict(service).items():
        if isinstance(value, str):
            yield key, value


def enforce(
    pusher: Pusher, request: ServiceRequest, *, progress: Progress | None = None
) -> Enforced:
    """Have the master node apply the request; ``progress`` is called while it does."""
    master = pusher.federation.master.id
    answers = pusher.ask(
        "enforce",
        [master],
        within=rolling_update_limit(pusher),
        progress=progress,
        request=request.to_json(),
    )
    _require_master(answers, master)
    done = decode(Enforced, answers.values[master], node=master)
    return structs.replace(
        done,
        plan=tuple(map(_sanitized_item, done.plan)),
        already=tuple(map(sanitize, done.already)),
    )


def _sanitized_item(item: PlanItem) -> PlanItem:
    return PlanItem(*map(sanitize, (item.action, item.thing, item.reason, item.node)))


def rolling_update_limit(pusher: Pusher) -> float:
    """Seconds that it may take to replace all workers, one at a time."""
    return BACK * (len(pusher.federation.workers) + 2)


def restore_missing(pusher: Pusher, *, dry: bool = False) -> tuple[PlanItem, ...]:
    """Restore services that are missing and label nodes that joined; returns the items of the plan.
    Running services and disabled nodes are not changed."""
    disabled = pusher.store.disabled()
    nodes = [node for node in pusher.federation.ids if node not in disabled]
    request = ServiceRequest.on_nodes("restore_missing", nodes, dry_run=dry)
    done = enforce(pusher, request).plan
    if done and not dry:
        pusher.progress(f"restored: {', '.join(item.thing for item in done)}")
    return done
