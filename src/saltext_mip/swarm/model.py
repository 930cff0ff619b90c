"""One service of the Swarm as a value: the same type for the desired and the observed service.

A service's whole specification is compared. Settings without a field of their own (a limit, a user,
a health check that was set by hand) are in ``more`` by path, so that they differ, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from saltext_mip.secret import Secret

PLACE_LABEL = "name"  # of a node: its hostname

# a variable of such a name is never shown, wherever it was declared
SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Mount:
    """A bind: ``source`` on the node at ``target`` in the container."""

    target: str
    source: str
    read_only: bool = False
    propagation: str = ""
    kind: str = "bind"

    def __str__(self) -> str:
        more = [self.propagation, "ro" if self.read_only else "", self.kind]
        options = ",".join(each for each in more if each and each != "bind")
        return f"{self.source}:{self.target}{':' + options if options else ''}"


@dataclass(frozen=True, order=True)
class Port:
    """A port of the container, ``published`` on its node."""

    published: int
    target: int
    protocol: str = "tcp"
    mode: str = "host"

    def __str__(self) -> str:
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        mode = "" if self.mode == "host" else f" ({self.mode})"
        return f"{self.published}:{self.target}{suffix}{mode}"


@dataclass(frozen=True)
class Log:
    """Docker's driver for what a service's containers write, and its options."""

    driver: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Service:
    """One service. ``env`` values may be secret; ``memory`` is in bytes, 0: no limit.

    ``labels`` are the service's own, ``container_labels`` those of its containers. ``once``: it
    runs to its end, and again on failure. ``replicas`` is 0 while an operator stopped it. ``log``
    is ``None`` where the node's Docker decides.
    """

    name: str
    short: str
    node: str
    hostname: str
    image: str
    env: tuple[tuple[str, str | Secret], ...] = ()
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    aliases: tuple[str, ...] = ()
    network: str = ""
    endpoint_mode: str = "dnsrr"
    constraints: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    container_labels: tuple[tuple[str, str], ...] = ()
    memory: int = 0
    once: bool = False
    restart: str = "any"
    replicas: int = 1
    log: Log | None = None
    more: tuple[tuple[str, str], ...] = field(default=())
