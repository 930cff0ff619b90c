"""A component's log on this node: the lines that there are, and the lines that come.

Swarm replaces a container rather than starting it again, so a component's log is that of all its
containers, one after the other. Lines are shown with control characters escaped; what a service
writes is its own affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saltext_mip.arguments import limit, moment
from saltext_mip.errors import NodeError
from saltext_mip.text import shown

LONGEST = 8_192  # characters of a line


WAIT = 0.5  # seconds between two looks for a container


COMPONENTS: Mapping[str, str] = {
    "master": "exareme-master",
    "ui": "portalbackend",
    "worker": "exareme",
}


SERVICE = "com.docker.swarm.service.name"


COMPOSE = "com.docker.compose.service"  # an installation that is not in the Swarm yet


@dataclass(frozen=True)
class Line:
    """One line; ``time`` as Docker has it: UTC, with as many digits everywhere, so it sorts."""

    time: str
    text: str


@dataclass(frozen=True)
class Notice:
    """What the follower itself has to say."""

    text: str


class Docker:
    """The few things that are asked of Docker. ``client`` is one of the SDK's."""

    def __init__(self, client: Any) -> None:
        self.api = client.api

    def containers(self, component: str) -> list[dict[str, Any]]:
        """Those of the component, the newest first."""
        with answering():
            there = self.api.containers(all=True)
        found = [one for one in there if belongs(one.get("Labels") or {}, component)]
        return sorted(found, key=lambda container: container["Created"], reverse=True)

    def lines(
        self, container: str, *, follow: bool, tail: int | None, since: float | None
    ) -> Iterator[Line]:
        """Its lines; with ``follow`` until it ends."""
        options: dict[str, Any] = {} if since is None else {"since": int(since)}
        with answering():
            stream = self.api.logs(
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
                yield from map(parsed, whole)
        if rest:
            yield parsed(rest)


def connected(timeout: float | None = 60) -> Docker:
    """This machine's Docker; NodeError where it does not answer.

    ``timeout`` in seconds; None for a follower, since a component may be silent for days.
    """
    import docker

    with answering():
        client = docker.from_env(timeout=timeout)
        client.ping()
    return Docker(client)


@contextmanager
def answering() -> Iterator[None]:
    """All that can go wrong on the way to Docker, as NodeError."""
    import docker
    import requests
    import urllib3

    from saltext_mip.node.docker import cause

    trouble = (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    )
    try:
        yield
    except trouble as exc:
        raise NodeError(f"Docker does not answer here: {cause(exc)}") from None


def belongs(labels: Mapping[str, str], component: str) -> bool:
    """Whether a container's labels say that it is of this component; names are compared whole."""
    service = labels.get(SERVICE, "")
    # a node's services are <hostname>_<component>, the ui's have no hostname before them
    return component in (service, labels.get(COMPOSE)) or service.endswith(f"_{component}")


def parsed(raw: bytes) -> Line:
    """``<time> <text>`` as Docker sends it."""
    when, _, text = raw.decode("utf-8", "replace").rstrip("\r").partition(" ")
    text = shown(text.expandtabs(4))
    return Line(when, text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def read(docker: Docker, component: str, lines: int, since: float | None) -> tuple[Line, ...]:
    """The last ``lines`` of all its containers that are still there, in the order of time."""
    found: list[Line] = []
    for container in docker.containers(component):
        left = lines - len(found)
        if left <= 0:
            break
        found += docker.lines(container["Id"], follow=False, tail=left, since=since)
    return tuple(sorted(found, key=lambda line: line.time)[-lines:])


def component_log(
    docker: Docker, component: str, lines: Any, since: Any, now: float
) -> dict[str, Any]:
    """What ``mip.logs`` of a node returns."""
    start, most = moment(since, now), limit(lines)
    names = [shown(each["Names"][0].lstrip("/")) for each in docker.containers(component)]
    found = read(docker, component, most, start)
    return {
        "component": component,
        "containers": names,
        "lines": [[line.time, line.text] for line in found],
    }


def follow(
    connect: Callable[[], Docker],
    component: str,
    *,
    lines: int,
    since: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line | Notice]:
    """The last lines, and then each as it comes, from one container to the next, for ever.

    Where Docker goes away, or there is no container, it says so once and waits.
    """
    last = ""
    first = True
    read_through: set[str] = set()
    said = ""
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
                state = f"there is no container of {component} here; waiting for one"
            elif container["Id"] in read_through and container["State"] != "running":
                state = f"{container['Names'][0].lstrip('/')} has ended; waiting for the next"
            else:
                state, said = "", ""
                read_through.add(container["Id"])
                start = _seconds(last) if last else since
                for line in docker.lines(container["Id"], follow=True, tail=None, since=start):
                    if line.time > last:
                        last = line.time
                        yield line
        except NodeError as exc:
            state = str(exc)
        if state and state != said:
            said = state
            yield Notice(shown(state))
        sleep(WAIT)


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()
