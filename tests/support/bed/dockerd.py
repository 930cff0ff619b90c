"""dockerd on every host."""

from __future__ import annotations

import json

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
