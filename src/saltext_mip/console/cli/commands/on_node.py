"""The actions on a node: its own containers, through its own Docker, also without the pusher.

The docker SDK is imported with the first call, so that help and completion do not wait for it.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

from saltext_mip import arguments
from saltext_mip.console.cli.action import COMPONENT, LOG_OPTIONS, Arguments, action
from saltext_mip.console.cli.commands import data
from saltext_mip.console.cli.context import Context
from saltext_mip.errors import Misuse, NodeError, Refused
from saltext_mip.results import HereResult
from saltext_mip.swarm.components import COMPONENTS
from saltext_mip.text import shown

if TYPE_CHECKING:
    from saltext_mip.node.containers import Container, LocalDocker

GROUP = "Services of this node"


def status(context: Context, given: Arguments) -> int:
    """1 unless all containers run."""
    from saltext_mip.node.containers import find_containers, local_docker

    found = find_containers(local_docker(), given.get("component"))
    containers = [each.info(with_id=bool(context.verbose)) for each in found]
    context.display.value("here", HereResult(containers=containers))
    return 0 if found and all(each.running for each in found) else 1


def restart(context: Context, given: Arguments) -> int:
    from saltext_mip.node.containers import local_docker, restart_containers

    docker = local_docker()
    restarted = restart_containers(docker, _chosen(docker, given))
    context.display.value("here", HereResult(restarted=list(restarted)))
    return 0


def pull(context: Context, given: Arguments) -> int:
    from saltext_mip.node.containers import local_docker, pull_images

    docker = local_docker()
    with context.display.progress("pull") as progress:
        pulled = pull_images(docker, _chosen(docker, given), progress)
    context.display.value("here", HereResult(pulled=list(pulled)))
    return 0


def on_pusher(context: Context, _: Arguments) -> int:
    """What the Swarm would undo if a node did it."""
    verb = context.action.name
    raise Refused(
        f"The Swarm runs the services here: {verb} them on the pusher, with "
        f"mip service {verb} --node <this node>."
    )


def logs(_: Context, given: Arguments) -> int:
    """The last lines; with ``--follow`` also new ones, until interrupted."""
    from saltext_mip.node import logs as node_logs
    from saltext_mip.node.containers import local_docker

    lines = arguments.limit(given.get("lines", arguments.LIMIT))
    since = arguments.moment(given.get("since"), time.time())
    component = given.get("component") or _main_component(local_docker())
    if not given.get("follow"):
        docker = local_docker()
        if not docker.containers(component):
            raise NodeError(f"No container of {shown(component)} found on this node.")
        for line in node_logs.read(docker, component, lines, since):
            sys.stdout.write(f"{component} | {line.text}\n")
        return 0
    # an ssh connection or a pane that closes ends it as Ctrl-C does
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        for event in node_logs.follow(
            lambda: local_docker(None), component, lines=lines, since=since
        ):
            mark = "|" if isinstance(event, node_logs.Line) else "--"
            sys.stdout.write(f"{shown(component)} {mark} {event.text}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


def _main_component(docker: LocalDocker) -> str:
    """The component of this node's role, recognised by its container."""
    from saltext_mip.node.containers import find_containers

    for component in COMPONENTS.values():
        if docker.containers(component):
            return component
    services = ", ".join(shown(each.service) for each in find_containers(docker)) or "none"
    usual = ", ".join(COMPONENTS.values())
    raise Misuse(
        f"No container of {usual} found on this node: name a component with --component. "
        f"Services on this node: {services}."
    )


def _chosen(docker: LocalDocker, given: Arguments) -> tuple[Container, ...]:
    from saltext_mip.node.containers import find_containers

    found = find_containers(docker, given.get("component"))
    if not found:
        raise NodeError("Service not found on this node.")
    return found


ACTIONS = (
    *action(
        "status",
        help="show the services on this node",
        group=GROUP,
        options=(COMPONENT,),
        handler=status,
    ),
    *(
        one
        for verb in ("start", "stop")
        for one in action(
            verb, help="show the command for it on the pusher", group=GROUP, handler=on_pusher
        )
    ),
    *action(
        "restart",
        help="restart the containers of this node's services",
        group=GROUP,
        options=(COMPONENT,),
        handler=restart,
    ),
    *action(
        "pull",
        help="pull the images of this node's services",
        group=GROUP,
        options=(COMPONENT,),
        handler=pull,
    ),
    *action(
        "logs", help="show the log of a component", group=GROUP, options=LOG_OPTIONS, handler=logs
    ),
    *action("check", group="Data of this node", **data.CHECK),
    *action("codebook", group="Data of this node", **data.CODEBOOK),
)
