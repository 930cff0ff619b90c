"""What a command that changes services returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services.client import ServicesView
from saltext_mip.swarm.engine import differences, expected


def services_result(
    pusher: Pusher, now: ServicesView, waiting: Mapping[str, str], *, changed: bool
) -> dict[str, Any]:
    """The result of a command that changes services, with empty ``nodes``.

    ``waiting``: why a service does not serve, by name.
    """
    value: dict[str, Any] = {
        "federation": pusher.federation.name,
        "changed": changed,
        "nodes": {},
        "services": {name: service_to_json(of) for name, of in now.services.items()},
        "problems": [
            Problem(
                "ServiceNotServing",
                node=now.services[name]["node"] or None,
                about=f"{name}: {why}",
            ).shown(_contact(pusher, now.services[name]["node"]))
            for name, why in sorted(waiting.items())
        ],
    }
    generation = pusher.store.last()
    if now.swarm and now.served.datasets is not None and generation is not None:
        wrong = differences(expected(pusher.federation, generation), now.served)
        if wrong and not waiting and not now.overrides:
            value["notes"] = [f"{text}: salt-run mip.refresh" for text in wrong[:5]]
    if waiting:
        value["retcode"] = 1
    return value


def _contact(pusher: Pusher, node_id: str) -> str | None:
    return next((node.contact for node in pusher.federation.nodes if node.id == node_id), None)


def service_to_json(of: Mapping[str, Any]) -> dict[str, Any]:
    """One service as commands return it."""
    keys = ("node", "image", "replicas", "serving", "since")
    out = {key: of[key] for key in keys}
    out |= {key: of[key] for key in ("error", "state", "log") if key in of}
    if of["up"] is None:
        out["stopped"] = True
    if not of["declared"]:
        out["undeclared"] = True
    return out
