"""The federation's keystore, on its master node: entries to delete, and engines that it lost.

The keystore keeps everything in memory. An engine announces itself when it starts, so one that is
older than the keystore is unknown to it until it restarts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.swarm.components import FEDERATION_LABEL, KEYSTORE, MASTER, SERVICE_LABEL, WORKER
from saltext_mip.swarm.engine import Served
from saltext_mip.swarm.errors import NotServing
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import Observed
from saltext_mip.swarm.plan import ServiceItem
from saltext_mip.swarm.request import LOST
from saltext_mip.text import shown


def older_than_keystore(desired: Sequence[Service], observed: Observed) -> list[Service]:
    """Engines that started before the keystore did, which had the time to register them."""
    keystore = next(
        (
            each
            for each in observed.services.values()
            if each.ours and each.service.short == KEYSTORE
        ),
        None,
    )
    task = next((task for task in keystore.tasks if task.up), None) if keystore else None
    if task is None or task.age < LOST:
        return []
    older = []
    for service in desired:
        running = observed.services.get(service.name)
        if running is None or service.short not in (MASTER, WORKER):
            continue
        mine = next((each for each in running.tasks if each.up), None)
        if mine is not None and mine.created <= task.created and mine.age >= task.age:
            older.append(service)
    return older


def forgotten(context: NodeContext, older: Sequence[Service], served: Served) -> list[str]:
    """Those of them, by name, that the keystore does not know."""
    return [service.name for service in older if not _is_known(context, service, served)]


def _is_known(context: NodeContext, service: Service, served: Served) -> bool:
    if service.short == WORKER:
        return served.active is not None and service.hostname in served.active
    return bool(served.active) or not context.federation.workers


def delete_keys(context: NodeContext, keys: Sequence[str]) -> list[str]:
    """Delete keys of the keystore; those that existed. :class:`NotServing` where it fails."""
    with docker.connected() as client:
        found = _containers(context, client)
        if not found:
            raise NotServing("the keystore is not running on this node")
        container = found[0]
        deleted = []
        for key in keys:
            code, _ = container.exec_run(["consul", "kv", "get", key])
            if code:
                continue
            _delete(container, key)
            deleted.append(key)
        return deleted


def delete_worker_keys(context: NodeContext, client: Any, done: Sequence[ServiceItem]) -> None:
    """Delete what workers announced whose services were removed; nothing else does."""
    removed = [each.running.service for each in done if each.action == "remove" and each.running]
    prefixes = [f"data/{each.hostname}/" for each in removed if each.short == WORKER]
    for container in _containers(context, client)[:1] if prefixes else ():
        for prefix in prefixes:
            _delete(container, prefix, "-recurse")


def _delete(container: Any, key: str, *options: str) -> None:
    code, output = container.exec_run(["consul", "kv", "delete", *options, key])
    if code:
        raise NotServing(f"the keystore did not delete {shown(key)}: {_last_line(output)}")


def _containers(context: NodeContext, client: Any) -> list[Any]:
    labels = [f"{FEDERATION_LABEL}={context.federation.name}", f"{SERVICE_LABEL}={KEYSTORE}"]
    found: list[Any] = client.containers.list(filters={"label": labels, "status": "running"})
    return found


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return shown(next((line for line in reversed(lines) if line.strip()), ""))[:200]
