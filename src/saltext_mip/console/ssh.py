"""How a shell on a node is reached: the argument list of ssh."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saltext_mip.results import NodesResult


@dataclass(frozen=True)
class Login:
    """Where and as whom; ``alias`` is the name under which ``known_hosts`` has the host's keys."""

    alias: str
    user: str
    address: str
    port: int
    known_hosts: str

    @classmethod
    def to(cls, node: str, nodes: NodesResult) -> Login:
        """To that node, by its minion id, as the pusher reaches it."""
        ssh = nodes.ssh
        return cls(node, ssh.user, nodes.nodes[node].address, ssh.port, ssh.known_hosts)

    def argv(self, remote: Sequence[str] = (), *, terminal: bool = True) -> tuple[str, ...]:
        """ssh's argument list; ``remote`` is quoted, since the other side is always a shell."""
        options = {
            "HostKeyAlias": self.alias,
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "VerifyHostKeyDNS": "no",
            # what an operator's own configuration allows elsewhere: a node gets no agent and no
            # forwarded port, and no connection to it is shared
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "ClearAllForwardings": "yes",
            "ControlPath": "none",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
        }
        stated = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        where = ["-p", str(self.port), "-l", self.user, "--", self.address]
        command = [shlex.join(remote)] if remote else []
        return ("ssh", "-tt" if terminal else "-T", *stated, *where, *command)


def in_folder(folder: str | None) -> tuple[str, ...]:
    """A login shell in that folder; where it cannot be entered the shell says so and comes."""
    if folder is None:
        return ()
    script = 'cd -- "$1"; exec "${SHELL:-/bin/sh}" -l'
    return ("/bin/sh", "-c", script, "sh", folder)
