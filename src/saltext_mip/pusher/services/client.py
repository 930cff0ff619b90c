"""Observe and change the federation's services through the master node, which manages the Swarm.

Callers hold the federation's lock; :func:`observe_services` needs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct, ValidationError, convert, structs

from saltext_mip import schemas
from saltext_mip.errors import BadAnswer, NodesFailed
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.answers import Answers, require, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.swarm.engine import Served
from saltext_mip.swarm.observed import NODE_DOWN
from saltext_mip.swarm.request import BACK, ServiceRequest

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


@dataclass(frozen=True)
class ServicesView:
    """The services as the master node observed them. ``swarm``: it manages one.

    ``services`` by name (``schemas/services.json``), ``plan`` the differences from the declaration,
    ``overrides`` of operators by minion id, ``nodes`` the Swarm's entries by minion id. ``ending``
    are the nodes that still run tasks of a service that was removed.
    """

    swarm: bool
    cluster: str
    services: Mapping[str, Mapping[str, Any]]
    served: Served
    nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plan: tuple[PlanItem, ...] = ()
    refused: str | None = None
    ending: tuple[str, ...] = ()

    def waiting(self, only: Sequence[str] | None = None) -> dict[str, str]:
        """The reason why a declared service does not serve, by name; on these nodes, or on all."""
        out = {}
        for name, of in self.services.items():
            if not of["declared"] or of["serving"] or of["up"] is None:
                continue
            if only is not None and of["node"] not in only:
                continue
            if of["up"]:
                out[name] = f"it runs, but does not serve yet{_because(self.served.error)}"
            elif self.nodes.get(of["node"], {}).get("state") == "down":
                out[name] = NODE_DOWN
            else:
                out[name] = of.get("error") or f"its task is {of.get('state', 'not there')}"
        return out


class Enforced(Struct, frozen=True):
    """What the master node did, or would do: whether anything changed, and the plan."""

    plan: tuple[PlanItem, ...]
    changed: bool = False


def _because(error: str) -> str:
    return f" ({error})" if error else ""


def condition_reason(error: str) -> str | None:
    """The condition's reason for an error of a task that waiting does not fix."""
    text = error.lower()
    return next((reason for part, reason in PERMANENT_ERRORS.items() if part in text), None)


def observe_services(
    pusher: Pusher, swarm_ids: Mapping[str, str] | None = None, *, compile_pillar: bool = True
) -> ServicesView:
    """The services now. The master node must answer.

    ``swarm_ids``: by minion id, as the nodes report them. Without ``compile_pillar`` the node uses
    the pillar in its memory.
    """
    master = pusher.federation.master.id
    answers = pusher.ask("services", [master], swarm_ids=swarm_ids, compile_pillar=compile_pillar)
    _require_master(answers, master)
    return decode_services(master, answers.values[master])


def _require_master(answers: Answers, master: str) -> None:
    """Raise if the master failed, such as without a secret that only the pusher has."""
    why = answers.failed.get(master, "")
    if "is needed: there is no default" in why:
        raise NodesFailed(
            f"{sanitize(why)}. The pusher has it but does not hand it on: run salt-run "
            "mip.setup, then restart salt-master",
            nodes=master,
        )
    require(answers, [master])


def decode_services(master: str, value: Any) -> ServicesView:
    """The master node's answer, validated."""
    if first := schemas.first_error("services", value):
        raise BadAnswer(f"{first[0] or 'all of it'} {first[1]}", node=master)
    services = {
        sanitize(name): {key: _sanitized(each) for key, each in of.items()}
        for name, of in value["services"].items()
    }
    return ServicesView(
        swarm=value["swarm"] == "active" and bool(value["cluster"]),
        cluster=value["cluster"],
        services=services,
        served=Served.from_wire(value["served"]),
        nodes=value["nodes"],
        overrides=value["words"],
        plan=tuple(map(_plan_item, value["plan"])),
        refused=value["refused"] and sanitize(value["refused"]),
        ending=tuple(value["ending"]),
    )


def _sanitized(value: Any) -> Any:
    if isinstance(value, str):
        return sanitize(value)
    return [sanitize(each) for each in value] if isinstance(value, list) else value


def enforce(pusher: Pusher, request: ServiceRequest) -> Enforced:
    """Have the master node apply the request."""
    master = pusher.federation.master.id
    answers = pusher.ask(
        "enforce", [master], within=rolling_update_limit(pusher), request=request.to_json()
    )
    _require_master(answers, master)
    try:
        done = convert(answers.values[master], Enforced)
    except ValidationError as exc:
        raise BadAnswer(f"unexpected format of what it did: {exc}", node=master) from None
    return structs.replace(done, plan=tuple(map(_sanitized_item, done.plan)))


def _plan_item(value: Any) -> PlanItem:
    return _sanitized_item(convert(value, PlanItem))


def _sanitized_item(item: PlanItem) -> PlanItem:
    return PlanItem(*map(sanitize, (item.action, item.thing, item.reason, item.node)))


def rolling_update_limit(pusher: Pusher) -> float:
    """Seconds that it may take to replace all workers, one at a time."""
    return BACK * (len(pusher.federation.workers) + 2)


def restore_missing(pusher: Pusher, *, dry: bool = False) -> tuple[PlanItem, ...]:
    """Restore services that are missing, label nodes that joined, and restart engines that the
    keystore lost; returns the items of the plan. Running services and disabled nodes are not
    changed."""
    disabled = pusher.store.disabled()
    nodes = [node for node in pusher.federation.ids if node not in disabled]
    request = ServiceRequest.on_nodes("restore_missing", nodes, dry_run=dry)
    done = enforce(pusher, request).plan
    if done and not dry:
        pusher.progress(f"restored: {', '.join(item.thing for item in done)}")
    return done
