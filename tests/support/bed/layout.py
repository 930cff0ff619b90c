"""Where everything of a bed is: names, addresses, folders, and nothing that acts.

    <root>/bed.json               what was asked for; there as long as a bed is
    <root>/hosts/<host>/disk/     what the host keeps when its power goes, by path
    <root>/hosts/<host>/skeleton/ what is laid over the machine's files at each start
    <root>/hosts/<host>/run/      /run/bed inside: init's state, Docker's second socket

The root has a short path, since a socket's may not exceed 107 bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]

NETWORK = "10.77.0"
PREFIX_LENGTH = 24

PUSHER = "pusher"
FEDERATION = "fed1"
REGISTRY_PORT = 5000

# What a host has of its own, also after its power was off.
KEPT = (
    "/data",
    "/etc/salt",
    "/home",
    "/opt/mip-deployment",
    "/root",
    "/srv",
    "/var/cache/salt",
    "/var/lib/docker",
    "/var/lib/mip",
    "/var/log",
)


class BedUnavailable(Exception):
    """This machine cannot have a bed; the message says what is missing, in one line."""


@dataclass(frozen=True)
class HostSpec:
    """One host: `role` is pusher, master, ui or worker."""

    name: str
    role: str
    number: int

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    @property
    def hardware_address(self) -> str:
        """Fixed, so that the others still reach a host whose power was off for a moment."""
        return f"02:4d:49:50:00:{self.number:02x}"


def federation_hosts(workers: int, federation: str = FEDERATION) -> tuple[HostSpec, ...]:
    """The pusher, the master, the ui and `workers` workers, in this order."""
    if not 1 <= workers <= 200:
        raise ValueError(f"a bed has 1 to 200 workers, not {workers}")
    return (
        HostSpec(PUSHER, "pusher", 2),
        HostSpec(f"{federation}-ms", "master", 10),
        HostSpec(f"{federation}-ui", "ui", 11),
        *(
            HostSpec(f"{federation}-wk-h{index}", "worker", 20 + index)
            for index in range(1, workers + 1)
        ),
    )


@dataclass(frozen=True)
class Layout:
    """The folders of the bed below `root`."""

    root: Path

    @classmethod
    def default(cls) -> Layout:
        return cls(Path(os.environ.get("MIP_BED_ROOT") or "/var/lib/mip-bed"))

    @property
    def description(self) -> Path:
        return self.root / "bed.json"

    @property
    def mount_point(self) -> Path:
        """An empty folder: each host builds its root file system over it, unseen by others."""
        return self.root / "mnt"

    @property
    def cgroup(self) -> str:
        """The control group that all containers of the bed are in."""
        return self.root.name

    def host(self, name: str) -> Path:
        return self.root / "hosts" / name

    def disk(self, name: str) -> Path:
        return self.host(name) / "disk"

    def skeleton(self, name: str) -> Path:
        return self.host(name) / "skeleton"

    def run(self, name: str) -> Path:
        return self.host(name) / "run"

    def docker_socket(self, name: str) -> Path:
        return self.run(name) / "docker.sock"

    def outside(self, name: str, path: str) -> Path:
        """Where a host's kept `path` lies on the machine; ValueError if it isn't kept."""
        for kept in KEPT:
            if path == kept or path.startswith(kept + "/"):
                return self.disk(name) / path.lstrip("/")
        raise ValueError(f"{path} is not kept by a host; kept are {', '.join(KEPT)}")


def cache_folder() -> Path:
    """What is made once and used by every bed: images, a Keycloak."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "saltext-mip"
