"""The federation's keystore, on its master node: its keys, and those to delete.

The keystore keeps everything in memory. An engine registers when it starts, so one that is older
than the keystore is unknown to it until it restarts. Keys outlive the engines that wrote them.

Every machine in the federation's network may write keys. So what it answers is limited in size and
time, and has a type.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.swarm.components import (
    ENGINES,
    FEDERATION_LABEL,
    KEYSTORE,
    MASTER,
    SERVICE_LABEL,
    WORKER,
)
from saltext_mip.swarm.errors import NotServing
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.plan import ServiceItem
from saltext_mip.text import shown

MAX_SIZE = 16 << 20  # bytes of all keys and values
_MESSAGE = 64 << 10  # bytes of any other answer


class _Entry(msgspec.Struct, frozen=True):
    """One key as it is exported; its value is in base64."""

    key: str
    value: str | None = None


def read_keys(context: NodeContext, client: Any) -> dict[str, str] | None:
    """The keystore's keys and values; ``None`` where it does not run here or refuses.

    :class:`NotServing` where there is no whole answer in time.
    """
    for container in _containers(context, client)[:1]:
        command = ["consul", "kv", "export"]
        code, output = docker.run(client, container, command, max_size=MAX_SIZE)
        if code:
            return None
        try:
            return {
                entry.key: base64.b64decode(entry.value or "").decode("utf-8", "replace")
                for entry in msgspec.json.decode(output or b"[]", type=list[_Entry])
            }
        except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
            return None
    return None


def unregister(context: NodeContext, client: Any, services: Iterable[Service]) -> None:
    """Delete the keys by which engines are registered, before they restart: a key outlives its
    engine, and would prove nothing about the next one."""
    keys = []
    for service in services:
        if service.short == MASTER:
            keys.append(f"master/{service.hostname}")
        if service.short in ENGINES:
            keys.append(f"active_workers/{service.hostname}")
    for container in _containers(context, client)[:1]:
        for key in keys:
            try:
                _consul(client, container, "delete", key)
            except NotServing:
                return  # a keystore that hangs must not keep what would replace it from starting


def delete_keys(context: NodeContext, keys: Sequence[str]) -> list[str]:
    """Delete keys of the keystore; those that existed. :class:`NotServing` where it fails."""
    with docker.connected() as client:
        found = _containers(context, client)
        if not found:
            raise NotServing("the keystore is not running on this node")
        container = found[0]
        deleted = []
        for key in keys:
            code, _ = _consul(client, container, "get", key)
            if code:
                continue
            _delete(client, container, key)
            deleted.append(key)
        return deleted


def delete_worker_keys(context: NodeContext, client: Any, done: Sequence[ServiceItem]) -> None:
    """Delete what workers announced whose services were removed; nothing else does."""
    removed = [each.running.service for each in done if each.action == "remove" and each.running]
    prefixes = [f"data/{each.hostname}/" for each in removed if each.short == WORKER]
    for container in _containers(context, client)[:1] if prefixes else ():
        for prefix in prefixes:
            _delete(client, container, prefix, "-recurse")


def _delete(client: Any, container: Any, key: str, *options: str) -> None:
    code, output = _consul(client, container, "delete", *options, key)
    if code:
        raise NotServing(f"the keystore did not delete {shown(key)}: {_last_line(output)}")


def _consul(client: Any, container: Any, *arguments: str) -> tuple[int, bytes]:
    return docker.run(client, container, ["consul", "kv", *arguments], max_size=_MESSAGE)


def _containers(context: NodeContext, client: Any) -> list[Any]:
    labels = [f"{FEDERATION_LABEL}={context.federation.name}", f"{SERVICE_LABEL}={KEYSTORE}"]
    found: list[Any] = client.containers.list(filters={"label": labels, "status": "running"})
    return found


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    return shown(next((line for line in reversed(lines) if line.strip()), ""), 200)
