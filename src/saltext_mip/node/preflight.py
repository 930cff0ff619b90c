"""What a node needs before services can run on it, and the command that mends what is missing."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.data import data_path
from saltext_mip.errors import MipError
from saltext_mip.node import docker, links
from saltext_mip.node.context import NodeContext
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.model import FEDERATION_LABEL, Service

LEAST_SPACE = 200 * 1024 * 1024  # bytes without which nothing is begun
LITTLE_SPACE = 2 * 1024 * 1024 * 1024
CLOCKS = 60.0  # seconds by which two clocks may differ
COMPOSE = "com.docker.compose.project"
SWARM_SERVICE = "com.docker.swarm.service.name"
LISTENING = "0A"


@dataclass(frozen=True)
class PreflightIssue:
    """Something amiss. ``fatal``: services would not run here; ``foreign``: because something that
    is not ours has what they need, and beside it they would do harm."""

    fatal: bool
    text: str
    foreign: bool = False

    def wire(self) -> dict[str, Any]:
        return {"fatal": self.fatal, "foreign": self.foreign, "text": self.text}


def check(here: NodeContext, *, pusher_time: float | None = None) -> tuple[PreflightIssue, ...]:
    """Everything that is amiss on this node. ``pusher_time`` is the pusher's, in epoch seconds."""
    return (
        *_clock(pusher_time),
        *_link(here),
        *_disk(here),
        *_docker(here),
    )


def _clock(pusher_time: float | None) -> Iterator[PreflightIssue]:
    if pusher_time is not None and abs(time.time() - pusher_time) > CLOCKS:
        off = time.time() - pusher_time
        yield PreflightIssue(
            False,
            f"the clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the pusher's: "
            "timedatectl set-ntp true",
        )


def _link(here: NodeContext) -> Iterator[PreflightIssue]:
    declared = here.federation.settings["swarm"]["network"]["mtu"]
    narrowest = links.narrowest(here.federation, here.node)
    if narrowest is not None and narrowest < declared:
        yield PreflightIssue(
            False,
            f"a link to the other nodes carries {narrowest} bytes, the network is made for "
            f"{declared}, and large answers would get lost. In the pillar: "
            f"swarm: {{network: {{mtu: {narrowest}}}}}",
        )


def _disk(here: NodeContext) -> Iterator[PreflightIssue]:
    if here.has_data:
        path = here.data_path
        try:
            data_path.check(path, here.state, node=here.node.id)
        except data_path.NoDataPath:
            pass  # a new one; it is made
        except MipError as exc:
            yield PreflightIssue(True, f"{exc} To mount it: mount {path}")
            return
        if path.is_dir() and path.stat().st_mode & 0o007:
            yield PreflightIssue(False, f"everybody may look into {path}: chmod o-rwx {path}")
    else:
        path = here.federation.ui_path
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        yield PreflightIssue(True, f"{there} cannot be written to: mount -o remount,rw {there}")
    free = shutil.disk_usage(there).free
    if free < LITTLE_SPACE:
        said = f"only {free // 1024**2} MiB are free at {there}: make room (du -xh {there})"
        yield PreflightIssue(free < LEAST_SPACE, said)


def _docker(here: NodeContext) -> Iterator[PreflightIssue]:
    goals = [
        service
        for service in desired_services(here.federation, whole=False)
        if service.node == here.node.id
    ]
    try:
        with docker.connected(timeout=20) as client:
            found = client.api.containers()
            yield from _old(here, found, goals)
            yield from _ports(here, found, goals)
    except MipError as exc:
        yield PreflightIssue(True, str(exc))


def _ours(here: NodeContext, container: dict[str, Any]) -> bool:
    return (container.get("Labels") or {}).get(FEDERATION_LABEL) == here.federation.name


def _old(
    here: NodeContext, found: list[dict[str, Any]], goals: list[Service]
) -> Iterator[PreflightIssue]:
    """Containers of an old installation: such as two databases on one folder lose data."""
    binds = {
        mount.source.rstrip("/") for goal in goals for mount in goal.mounts if not mount.read_only
    }
    for container in found:
        if _ours(here, container):
            continue
        name = _name(container)
        project = (container.get("Labels") or {}).get(COMPOSE)
        same = sorted(
            binds & {mount.get("Source", "").rstrip("/") for mount in container["Mounts"]}
        )
        if same:
            mend = f"docker compose -p {project} down" if project else _stop(container)
            yield PreflightIssue(
                True,
                f"container {name}, which is not ours, uses {', '.join(same)}: {mend} "
                "(the data stay where they are)",
                foreign=True,
            )


def _ports(
    here: NodeContext, found: list[dict[str, Any]], goals: list[Service]
) -> Iterator[PreflightIssue]:
    wants = {port.published for goal in goals for port in goal.ports}
    holders: dict[int, str] = {}
    mends: dict[int, str] = {}
    ours: set[int] = set()
    for container in found:
        for port in container["Ports"]:
            if "PublicPort" not in port:
                continue
            if _ours(here, container):
                ours.add(port["PublicPort"])
            else:
                holders[port["PublicPort"]] = _name(container)
                mends[port["PublicPort"]] = _stop(container)
    listened = _listened()
    for port in sorted(wants - ours):
        if port in holders:
            name = holders[port]
            yield PreflightIssue(
                True,
                f"container {name}, which is not ours, has port {port}: {mends[port]}",
                foreign=True,
            )
        elif port in listened:
            mend = f"ss -ltnp 'sport = :{port}' tells what"
            yield PreflightIssue(True, f"something here has port {port}: {mend}", foreign=True)


def _name(container: dict[str, Any]) -> str:
    names = container.get("Names") or [container["Id"][:12]]
    return str(names[0]).lstrip("/")


def _stop(container: dict[str, Any]) -> str:
    """What ends it: a task of the Swarm would come back."""
    service = (container.get("Labels") or {}).get(SWARM_SERVICE)
    if service:
        return f"on the Swarm's manager, docker service rm {service}"
    return f"docker stop {_name(container)}"


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


def folders(here: NodeContext, *, test: bool) -> list[str]:
    """Make the folders that services bind and that are not there; their paths.

    A new one has the owner, group and mode of its parent. A data path that was enrolled is never
    made: where it is missing its disk is not mounted.
    """
    made = []
    for path in _needed(here):
        if path.is_dir():
            continue
        made.append(str(path))
        if not test:
            _make(path)
    return made


def _needed(here: NodeContext) -> Iterator[Path]:
    if here.has_data:
        with suppress(data_path.NoDataPath):
            data_path.check(here.data_path, here.state, node=here.node.id)
        yield here.data_path
    for service in desired_services(here.federation, whole=False):
        if service.node == here.node.id and not here.has_data:
            yield from (Path(mount.source) for mount in service.mounts)


def _make(path: Path) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        parent = folder.parent.stat()
        folder.mkdir()
        folder.chmod(parent.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(folder, parent.st_uid, parent.st_gid)
