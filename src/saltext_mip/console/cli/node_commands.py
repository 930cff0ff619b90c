"""The command on a node: its own containers, by its own Docker, also while the pusher is away."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from saltext_mip import arguments
from saltext_mip.console.cli.context import Context
from saltext_mip.errors import Misuse, NodeError, Refused
from saltext_mip.node import containers
from saltext_mip.node import logs as node_logs
from saltext_mip.swarm.components import COMPONENTS
from saltext_mip.text import shown


def status(context: Context, given: Mapping[str, Any]) -> int:
    """What runs here; 1 where something does not."""
    found = containers.find_containers(containers.local_docker(), given.get("component"))
    value = {
        "command": "here",
        "containers": [each.to_json(full=bool(context.verbose)) for each in found],
    }
    context.show.value("here", value)
    return 0 if found and all(each.running for each in found) else 1


def restart(context: Context, given: Mapping[str, Any]) -> int:
    docker = containers.local_docker()
    return _done(context, "restarted", containers.restart_containers(docker, _some(docker, given)))


def pull(context: Context, given: Mapping[str, Any]) -> int:
    docker = containers.local_docker()
    with context.show.progress("pull") as progress:
        done = containers.pull_images(docker, _some(docker, given), progress)
    return _done(context, "pulled", done)


def elsewhere(context: Context, _: Mapping[str, Any]) -> int:
    """What a node cannot do by itself."""
    raise Refused(
        f"The Swarm runs the services here: {context.action.name} them on the pusher, with "
        f"mip service {context.action.name} --node <this node>."
    )


def logs(_: Context, given: Mapping[str, Any]) -> int:
    """A component's log; with ``--follow`` until interrupted."""
    lines = arguments.limit(given.get("lines", arguments.LIMIT))
    since = arguments.moment(given.get("since"), time.time())
    component = given.get("component") or _usual()
    if not given.get("follow"):
        docker = containers.local_docker()
        if not docker.containers(component):
            raise NodeError(f"There is no container of {shown(component)} here.")
        for line in node_logs.read(docker, component, lines, since):
            sys.stdout.write(f"{component} | {line.text}\n")
        return 0
    # ssh that goes, or a pane that is closed, end it as Ctrl-C does
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupted)
    try:
        for came in node_logs.follow(
            lambda: containers.local_docker(None), component, lines=lines, since=since
        ):
            mark = "|" if isinstance(came, node_logs.Line) else "--"
            sys.stdout.write(f"{shown(component)} {mark} {came.text}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


def _interrupted(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _usual() -> str:
    """The component of this node's role, told by what is here."""
    docker = containers.local_docker()
    for component in COMPONENTS.values():
        if docker.containers(component):
            return component
    here = ", ".join(shown(each.service) for each in containers.find_containers(docker)) or "none"
    usual = ", ".join(COMPONENTS.values())
    raise Misuse(f"None of {usual} is here: say which with --component. Services here: {here}.")


def _some(
    docker: containers.LocalDocker, given: Mapping[str, Any]
) -> tuple[containers.Container, ...]:
    found = containers.find_containers(docker, given.get("component"))
    if not found:
        raise NodeError("There is no such service here.")
    return found


def _done(context: Context, what: str, names: tuple[str, ...]) -> int:
    context.show.value("here", {"command": "here", what: list(names)})
    return 0
