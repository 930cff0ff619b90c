"""The log of a component on this node: the lines that exist, and the lines to come.

Swarm replaces a container rather than restarting it, so a component's log is that of all its
containers, one after the other. Lines are shown with control characters escaped; their content is
the service's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saltext_mip.arguments import limit, moment
from saltext_mip.errors import NodeError
from saltext_mip.node.containers import LocalDocker
from saltext_mip.node.docker import docker_errors
from saltext_mip.text import shown

LONGEST = 8_192  # characters of a line
WAIT = 0.5  # seconds between two searches for a container


@dataclass(frozen=True)
class Line:
    """One line; ``time`` as Docker has it: UTC, with as many digits everywhere, so it sorts."""

    time: str
    text: str


@dataclass(frozen=True)
class Notice:
    """A message of the follower itself."""

    text: str


def read(docker: LocalDocker, component: str, lines: int, since: float | None) -> tuple[Line, ...]:
    """The last ``lines`` of all its containers that still exist, in the order of time.

    ``since``: only later ones, in epoch seconds.
    """
    found: list[Line] = []
    for container in docker.containers(component):
        left = lines - len(found)
        if left <= 0:
            break
        found += _stream(docker, container["Id"], follow=False, tail=left, since=since)
    return tuple(sorted(found, key=lambda line: line.time)[-lines:])


def component_log(
    docker: LocalDocker, component: str, lines: Any, since: Any, now: float
) -> dict[str, Any]:
    """``{"component", "containers", "lines": [[time, text]]}``, as ``mip.logs`` returns it.

    ``lines`` and ``since`` are arguments of a person, ``now`` is in epoch seconds.
    """
    start, most = moment(since, now), limit(lines)
    names = [shown(each["Names"][0].lstrip("/")) for each in docker.containers(component)]
    found = read(docker, component, most, start)
    return {
        "component": component,
        "containers": names,
        "lines": [[line.time, line.text] for line in found],
    }


def follow(
    connect: Callable[[], LocalDocker],
    component: str,
    *,
    lines: int,
    since: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line | Notice]:
    """The last lines, and then each as it comes, from one container to the next, for ever.

    Where Docker goes away, or no container exists, one notice reports it, and the follower waits.
    """
    last = ""
    first = True
    read_through: set[str] = set()
    reported = ""
    while True:
        try:
            docker = connect()
            if first:
                for line in read(docker, component, lines, since):
                    last = line.time
                    yield line
                first = False
            container = next(iter(docker.containers(component)), None)
            if container is None:
                state = f"no container of {component} on this node; waiting for one"
            elif container["Id"] in read_through and container["State"] != "running":
                state = f"{container['Names'][0].lstrip('/')} has ended; waiting for the next"
            else:
                state, reported = "", ""
                read_through.add(container["Id"])
                start = _seconds(last) if last else since
                for line in _stream(docker, container["Id"], follow=True, tail=None, since=start):
                    if line.time > last:
                        last = line.time
                        yield line
        except NodeError as exc:
            state = str(exc)
        if state and state != reported:
            reported = state
            yield Notice(shown(state))
        sleep(WAIT)


def _stream(
    docker: LocalDocker, container: str, *, follow: bool, tail: int | None, since: float | None
) -> Iterator[Line]:
    """A container's lines; with ``follow`` until it ends."""
    options: dict[str, Any] = {} if since is None else {"since": int(since)}
    with docker_errors():
        stream = docker.api.logs(
            container,
            stdout=True,
            stderr=True,
            stream=True,
            follow=follow,
            timestamps=True,
            tail="all" if tail is None else tail,
            **options,
        )
        rest = b""
        for chunk in stream:
            *whole, rest = (rest + chunk).split(b"\n")
            yield from map(parse_line, whole)
    if rest:
        yield parse_line(rest)


def parse_line(raw: bytes) -> Line:
    """``<time> <text>`` as Docker sends it."""
    when, _, text = raw.decode("utf-8", "replace").rstrip("\r").partition(" ")
    return Line(when, shown(text[: LONGEST + 1].expandtabs(4), LONGEST))


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()
