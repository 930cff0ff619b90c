"""dockerd on every host."""

from __future__ import annotations

import contextlib
import json

import docker

from tests.support.bed.layout import REGISTRY_PORT, HostSpec, Layout

SERVICE = {"name": "dockerd", "argv": ["/usr/sbin/dockerd"]}


def lay_out(layout: Layout, host: HostSpec, registry: HostSpec) -> None:
    """Two sockets: the usual one, and one that tests outside of the host use."""
    mirror = f"{registry.address}:{REGISTRY_PORT}"
    config = {
        "data-root": "/var/lib/docker",
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "hosts": ["unix:///run/docker.sock", "unix:///run/bed/docker.sock"],
        "cgroup-parent": f"/{layout.cgroup}/{host.name}",
        "shutdown-timeout": 3,
        "registry-mirrors": [f"http://{mirror}"],
        "insecure-registries": [mirror],
    }
    folder = layout.skeleton(host.name) / "etc/docker"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "daemon.json").write_text(json.dumps(config, indent=1))


def blank(client: docker.DockerClient) -> None:
    """Takes the engine out of its Swarm and removes what ran on it; images stay."""
    if client.info()["Swarm"]["LocalNodeState"] != "inactive":
        client.swarm.leave(force=True)
    for container in client.containers.list(all=True, ignore_removed=True):
        with contextlib.suppress(docker.errors.NotFound):  # the engine removes a Swarm's own
            container.remove(force=True)
    client.volumes.prune()
    client.networks.prune()
