"""dockerd on every host."""

from __future__ import annotations

import json
import shutil

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


def forget(layout: Layout, name: str) -> None:
    """Removes, of a host that is off, what its engine knows but for its images.

    Leaving a Swarm by the book leaves dockerd 20.10 now and then with the gossip's port in use
    or with an interface of the old overlay: then the next Swarm's names don't resolve there.
    """
    for state in ("containers", "network", "swarm", "volumes"):
        folder = layout.outside(name, f"/var/lib/docker/{state}")
        if folder.exists():
            shutil.rmtree(folder)
