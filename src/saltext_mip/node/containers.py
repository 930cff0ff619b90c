"""The containers of this node, as its own Docker reports them; no other node is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saltext_mip.node.context import NodeContext
from saltext_mip.node.docker import connect, connected, docker_errors
from saltext_mip.swarm.components import (
    COMPOSE_SERVICE_LABEL,
    FEDERATION_LABEL,
    SWARM_SERVICE_LABEL,
    belongs,
)
from saltext_mip.text import shown

if TYPE_CHECKING:
    from saltext_mip.results import ContainerInfo


class LocalDocker:
    """This machine's Docker. ``client`` is one of the SDK's."""

    def __init__(self, client: Any) -> None:
        self.api = client.api

    def containers(self, component: str | None = None) -> list[dict[str, Any]]:
        """All containers, or those of the component, the newest first."""
        with docker_errors():
            found = self.api.containers(all=True)
        return sorted(
            (
                each
                for each in found
                if component is None or belongs(each.get("Labels") or {}, component)
            ),
            key=lambda container: container["Created"],
            reverse=True,
        )


def local_docker(timeout: float | None = 60.0) -> LocalDocker:
    """This machine's Docker, where it responds; ``timeout`` as of :func:`connect`."""
    return LocalDocker(connect(timeout))


def federation_containers(context: NodeContext) -> dict[str, dict[str, str]]:
    """``{service: {"image", "state", "status", "container"}}``: the newest container of each."""
    found: dict[str, dict[str, str]] = {}
    with connected() as client:
        label = f"{FEDERATION_LABEL}={context.federation.name}"
        for each in client.api.containers(all=True, filters={"label": label}):
            name = (each.get("Labels") or {}).get(SWARM_SERVICE_LABEL, each["Id"][:12])
            # the newest comes first
            found.setdefault(
                name,
                {
                    "image": each["Image"],
                    "state": each["State"],
                    "status": each["Status"],
                    "container": each["Id"][:12],
                },
            )
    return found


@dataclass(frozen=True)
class Container:
    """The newest container of a service on this node. ``status`` is Docker's text for people."""

    service: str
    id: str
    image: str
    state: str
    status: str
    swarm: bool = True

    @property
    def running(self) -> bool:
        return self.state == "running"

    def info(self, *, with_id: bool = False) -> ContainerInfo:
        """For a person."""
        from msgspec import UNSET  # a minion that loads this pays no import

        from saltext_mip.results import ContainerInfo

        return ContainerInfo(
            service=shown(self.service),
            state=shown(self.status),
            image=shown(self.image.partition("@")[0]),
            container=self.id[:12] if with_id else UNSET,
        )


def find_containers(docker: LocalDocker, component: str | None = None) -> tuple[Container, ...]:
    """The newest container of each service, by the service's name; of one component if named."""
    newest: dict[str, Mapping[str, Any]] = {}
    for each in docker.containers(component):
        labels = each.get("Labels") or {}
        service = labels.get(SWARM_SERVICE_LABEL) or labels.get(COMPOSE_SERVICE_LABEL)
        if service:
            newest.setdefault(service, each)
    return tuple(
        Container(
            service,
            each["Id"],
            each["Image"],
            each["State"],
            each["Status"],
            SWARM_SERVICE_LABEL in (each.get("Labels") or {}),
        )
        for service, each in sorted(newest.items())
    )


def restart_containers(docker: LocalDocker, chosen: tuple[Container, ...]) -> tuple[str, ...]:
    """Restart those that run; their services' names. The Swarm replaces a container that stops."""
    running = [each for each in chosen if each.running]
    for each in running:
        with docker_errors():
            (docker.api.stop if each.swarm else docker.api.restart)(each.id)
    return tuple(each.service for each in running)


def pull_images(
    docker: LocalDocker, chosen: tuple[Container, ...], progress: Callable[[str], None]
) -> tuple[str, ...]:
    """Pull the containers' images; the images' names."""
    images = tuple(dict.fromkeys(each.image.partition("@")[0] for each in chosen))
    for image in images:
        progress(image)
        name, _, tag = image.rpartition(":")
        with docker_errors():
            docker.api.pull(name or tag, tag=tag if name else "latest")
    return images
