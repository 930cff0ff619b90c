"""The services that run on this node, told by Docker alone: nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saltext_mip.node.logs import COMPOSE, SERVICE, Docker, answering, belongs
from saltext_mip.text import shown


@dataclass(frozen=True)
class Container:
    """One service's newest container here."""

    service: str
    id: str
    image: str
    state: str
    about: str
    swarm: bool = True

    @property
    def running(self) -> bool:
        return self.state == "running"

    def shown(self, *, full: bool = False) -> dict[str, str]:
        """For a person; ``full`` with the container's id."""
        facts = {
            "service": shown(self.service),
            "state": shown(self.about),
            "image": shown(self.image.partition("@")[0]),
        }
        return {**facts, "container": self.id[:12]} if full else facts


def find_containers(docker: Docker, component: str | None = None) -> tuple[Container, ...]:
    """One a service, by name; of that component only, where one is named."""
    with answering():
        there = docker.api.containers(all=True)
    newest: dict[str, Mapping[str, Any]] = {}
    for one in sorted(there, key=lambda one: one["Created"]):
        labels = one.get("Labels") or {}
        service = labels.get(SERVICE) or labels.get(COMPOSE)
        if service and (component is None or belongs(labels, component)):
            newest[service] = one
    return tuple(
        Container(
            service,
            one["Id"],
            one["Image"],
            one["State"],
            one["Status"],
            SERVICE in (one.get("Labels") or {}),
        )
        for service, one in sorted(newest.items())
    )


def restart_containers(docker: Docker, some: tuple[Container, ...]) -> tuple[str, ...]:
    """The services' names, of those that run. The Swarm starts another where one ends."""
    running = [one for one in some if one.running]
    for one in running:
        with answering():
            (docker.api.stop if one.swarm else docker.api.restart)(one.id)
    return tuple(one.service for one in running)


def pull_images(
    docker: Docker, some: tuple[Container, ...], progress: Callable[[str], None]
) -> tuple[str, ...]:
    """Fetch their images; the images' names."""
    images = tuple(dict.fromkeys(one.image.partition("@")[0] for one in some))
    for image in images:
        progress(image)
        name, _, tag = image.rpartition(":")
        with answering():
            docker.api.pull(name or tag, tag=tag if name else "latest")
    return images
