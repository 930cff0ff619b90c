"""Errors of Docker and its Swarm, as messages for a person.

::

    DockerUnavailable    Docker does not respond, or is too old (temporary)
    DockerFailed         Docker refused what was asked of it
    NotInSwarm           this node is not the manager that the operation needs
    StillJoining         Docker tries to join a Swarm (temporary)
    NotOurs              something that is not ours has our name or port
    NetworkInUse         the network differs, and something uses it
    NetworkHeld          tasks of services that are gone still use the network (temporary)
    NotServing           the services did not come up in time (temporary)
"""

from __future__ import annotations

from saltext_mip.errors import NodeError, Refused

# by what Docker reports of its Swarm; never to leave it: a manager that leaves loses its services
SWARM_FIXES = {
    "inactive": "On the pusher: salt-run mip.deploy.",
    "locked": "Unlock it with its key: docker swarm unlock.",
    "not a manager": "docker info names the managers of the Swarm that it is in.",
    "starting": "docker info shows when Docker has loaded the Swarm; "
    "journalctl -u docker shows why not.",
}


class DockerUnavailable(NodeError):
    """Docker does not respond: {message}. See: systemctl status docker."""

    permanent = False


class DockerFailed(NodeError):
    """Docker returned an error: {message}"""

    permanent = False


class NotInSwarm(Refused):
    """This node does not manage a Swarm ({state}). {fix}"""

    def __init__(self, state: str, fix: str | None = None, error: str = "") -> None:
        known = SWARM_FIXES.get(state, "See its error: docker info, journalctl -u docker.")
        found = f"{state}: {error}" if error and error != state else state
        super().__init__(state=found, fix=known if fix is None else f"{fix}.")
        self.permanent = state != "starting"


class StillJoining(NodeError):
    """Docker is still trying to join the Swarm of {managers}{because}. {fix}"""

    permanent = False

    def __init__(self, *, managers: str, error: str = "") -> None:
        super().__init__(
            managers=managers,
            because=f" ({error})" if error else "",
            fix=f"Port 2377/tcp of {managers} must be reachable from this node. Docker retries: "
            "docker info shows when it has joined.",
        )


class NotOurs(Refused):
    """{message}. mip did not create it and keeps it. To remove it, then deploy: {command}"""


class NetworkInUse(Refused):
    """Network {network}: {message}; {users} use it. First: salt-run mip.remove, then mip.deploy."""


class NetworkHeld(NodeError):
    """Network {network} cannot be recreated: {users} still use it. {fix}"""

    permanent = False


class NotServing(NodeError):
    """{message}"""

    permanent = False
