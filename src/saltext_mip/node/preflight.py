"""What a node needs before services can run on it, with the command that fixes what is missing."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from saltext_mip.data import data_path
from saltext_mip.errors import MipError
from saltext_mip.federation import Federation, Node
from saltext_mip.node import data_disk, docker, swarm_checks
from saltext_mip.node.context import NodeContext
from saltext_mip.storage import beneath
from saltext_mip.swarm.components import (
    COMPOSE_PROJECT_LABEL,
    FEDERATION_LABEL,
    SWARM_SERVICE_LABEL,
)
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.model import Service

LEAST_SPACE = 200 * 1024 * 1024  # bytes without which nothing is begun
LITTLE_SPACE = 2 * 1024 * 1024 * 1024
CLOCKS = 60.0  # seconds by which two clocks may differ
LISTENING = "0A"  # the state of a socket in /proc/net/tcp
SWARM_PORT = 2377
# of Linux' headers; Python has no names for them
_IP_MTU, _IPV6_MTU = 14, 24


@dataclass(frozen=True)
class PreflightIssue:
    """A problem of this node. ``fatal``: services would not run here; ``foreign``: because
    something that is not ours has what they need, and both together would do harm."""

    fatal: bool
    text: str
    foreign: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check(context: NodeContext, *, pusher_time: float | None = None) -> tuple[PreflightIssue, ...]:
    """All issues of this node. ``pusher_time`` is the pusher's clock, in epoch seconds."""
    return (
        *_clock(pusher_time),
        *_link(context),
        *_disk(context),
        *_docker(context),
    )


def _clock(pusher_time: float | None) -> Iterator[PreflightIssue]:
    if pusher_time is not None and abs(time.time() - pusher_time) > CLOCKS:
        off = time.time() - pusher_time
        yield PreflightIssue(
            False,
            f"the clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the pusher's: "
            "timedatectl set-ntp true",
        )


def _link(context: NodeContext) -> Iterator[PreflightIssue]:
    declared = context.federation.settings["swarm"]["network"]["mtu"]
    narrowest = narrowest_mtu(context.federation, context.node)
    if narrowest is not None and narrowest < declared:
        yield PreflightIssue(
            False,
            f"a link to the other nodes carries {narrowest} bytes, the network is made for "
            f"{declared}, and large answers would be lost. In the pillar: "
            f"swarm: {{network: {{mtu: {narrowest}}}}}",
        )


def narrowest_mtu(federation: Federation, node: Node) -> int | None:
    """The least MTU, in bytes, that this ``node``'s kernel knows of its paths to the others.

    Small packets pass a network that is made for a wider link, and large answers are lost in it,
    without an error anywhere. ``None`` where no path is known, such as to an unknown name.
    """
    master = federation.master
    others = federation.nodes if node == master else (master,)
    found = [
        mtu
        for other in others
        if other.address != node.address
        for mtu in _path_mtus(other.address)
    ]
    return min(found, default=None)


def _path_mtus(address: str) -> Iterator[int]:
    try:
        places = socket.getaddrinfo(address, SWARM_PORT, type=socket.SOCK_DGRAM)
    except OSError:  # a name that does not resolve: other checks report it
        return
    for family, kind, protocol, _, place in places:
        level, option = (
            (socket.IPPROTO_IPV6, _IPV6_MTU)
            if family == socket.AF_INET6
            else (socket.IPPROTO_IP, _IP_MTU)
        )
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(place)  # sends nothing
            except OSError:  # no route
                continue
            yield probe.getsockopt(level, option)


def _disk(context: NodeContext) -> Iterator[PreflightIssue]:
    if context.has_data:
        path = context.data_path
        try:
            data_disk.require(context)
            data_path.check(path, context.state, node=context.node.id)
        except data_path.NoDataPath:
            pass  # a new one; it is made
        except data_path.MountGone as exc:
            yield PreflightIssue(True, f"{exc} To mount it: mount {path}")
            return
        except MipError as exc:
            yield PreflightIssue(True, str(exc))
            return
        if path.is_dir() and path.stat().st_mode & 0o007:
            yield PreflightIssue(False, f"every user can read {path}: chmod o-rwx {path}")
    else:
        path = context.federation.ui_path
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        yield PreflightIssue(True, f"{there} is not writable: mount -o remount,rw {there}")
    free = shutil.disk_usage(there).free
    if free < LITTLE_SPACE:
        text = f"only {free // 1024**2} MiB are free at {there}: free some space (du -xh {there})"
        yield PreflightIssue(free < LEAST_SPACE, text)


def _docker(context: NodeContext) -> Iterator[PreflightIssue]:
    desired = [
        service
        for service in desired_services(context.federation, whole=False)
        if service.node == context.node.id
    ]
    try:
        with docker.connected() as client:
            found = client.api.containers()
            yield from _old(context, found, desired)
            yield from _ports(context, found, desired)
            for fatal, text in swarm_checks.check(context, client):
                yield PreflightIssue(fatal, text)
    except MipError as exc:
        yield PreflightIssue(True, str(exc))


def _ours(context: NodeContext, container: dict[str, Any]) -> bool:
    return (container.get("Labels") or {}).get(FEDERATION_LABEL) == context.federation.name


def _old(
    context: NodeContext, found: list[dict[str, Any]], desired: list[Service]
) -> Iterator[PreflightIssue]:
    """Containers of an old installation: two databases on one folder, for example, lose data."""
    binds = {
        mount.source.rstrip("/")
        for service in desired
        for mount in service.mounts
        if not mount.read_only
    }
    for container in found:
        if _ours(context, container):
            continue
        name = _name(container)
        project = (container.get("Labels") or {}).get(COMPOSE_PROJECT_LABEL)
        same = sorted(
            binds & {mount.get("Source", "").rstrip("/") for mount in container["Mounts"]}
        )
        if same:
            fix = _down(project) if project else _stop(container)
            yield PreflightIssue(
                True,
                f"container {name}, which mip did not create, uses {', '.join(same)}: {fix}",
                foreign=True,
            )


def _ports(
    context: NodeContext, found: list[dict[str, Any]], desired: list[Service]
) -> Iterator[PreflightIssue]:
    wants = {port.published for service in desired for port in service.ports}
    holders: dict[int, str] = {}
    fixes: dict[int, str] = {}
    ours: set[int] = set()
    for container in found:
        for port in container["Ports"]:
            if "PublicPort" not in port:
                continue
            if _ours(context, container):
                ours.add(port["PublicPort"])
            else:
                holders[port["PublicPort"]] = _name(container)
                fixes[port["PublicPort"]] = _stop(container)
    listened = _listened()
    for port in sorted(wants - ours):
        if port in holders:
            name = holders[port]
            yield PreflightIssue(
                True,
                f"container {name}, which mip did not create, uses port {port}: {fixes[port]}",
                foreign=True,
            )
        elif port in listened:
            fix = f"find it with ss -ltnp 'sport = :{port}'"
            yield PreflightIssue(True, f"another program uses port {port}: {fix}", foreign=True)


def _name(container: dict[str, Any]) -> str:
    names = container.get("Names") or [container["Id"][:12]]
    return str(names[0]).lstrip("/")


def _down(project: str) -> str:
    return (
        f"docker compose -p {project} down (folders and volumes are kept; what is only inside its "
        "containers is lost)"
    )


def _stop(container: dict[str, Any]) -> str:
    """What ends it: a task of the Swarm would come back."""
    service = (container.get("Labels") or {}).get(SWARM_SERVICE_LABEL)
    if service:
        return (
            f"on the Swarm's manager, docker service rm {service} (folders and volumes are kept; "
            "the service's definition is lost: docker service inspect shows it)"
        )
    return f"docker stop {_name(container)} (everything is kept)"


def _listened() -> set[int]:
    """The TCP ports on which something listens in this network namespace."""
    found = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/self/net") / table
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == LISTENING:
                found.add(int(local.rpartition(":")[2], 16))
    return found


def folders(context: NodeContext, *, test: bool) -> list[str]:
    """Make the folders that services bind and that are not there; their paths.

    A new one has the owner, group and mode of its parent. A data path that was enrolled is never
    made: where it is missing, its disk is probably not mounted.
    """
    made = []
    for path in _needed(context):
        if path.is_dir():
            continue
        made.append(str(path))
        if not test:
            _make(path)
    return made


def _needed(context: NodeContext) -> Iterator[Path]:
    if context.has_data:
        data_disk.require(context)
        with suppress(data_path.NoDataPath):
            data_path.check(context.data_path, context.state, node=context.node.id)
        yield context.data_path
    for service in desired_services(context.federation, whole=False):
        if service.node == context.node.id and not context.has_data:
            yield from (Path(mount.source) for mount in service.mounts)


def _make(path: Path) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with beneath.file(folder).mkdir(0o700) as made:
            parent = made.parent.status()
            if os.geteuid() == 0:
                os.fchown(made.fd, parent.st_uid, parent.st_gid)
            os.fchmod(made.fd, parent.st_mode & 0o7777)
