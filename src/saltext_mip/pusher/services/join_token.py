"""The Swarm's join token in the pusher's state (mode 0600), for nodes that are not in the Swarm.

A token that a node was given is replaced as soon as the node has joined, and when a node is
disabled: what was copied of it joins nothing to the Swarm later.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from msgspec import Struct

from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.sealing import JOIN_PURPOSE, Binding
from saltext_mip.secret import Secret
from saltext_mip.storage.state import JOIN, JOIN_USED, read_state, write_state

JOINING = 600.0  # seconds that a node may take to join with the token that it was given


class SentMembership(Struct, frozen=True):
    """A node's place in the Swarm; ``sealed``: the join token, sealed for the pusher's key."""

    state: str = ""
    id: str = ""
    cluster: str = ""
    sealed: str | None = None

    @property
    def swarm_id(self) -> str | None:
        return self.id if self.id.isalnum() else None


def token(state: Path) -> Secret | None:
    """The token; ``None`` if there is none yet."""
    value = read_state(state / JOIN)
    return Secret(value["token"]) if value else None


def cluster(state: Path) -> str | None:
    """The id of the Swarm that the token is for."""
    value = read_state(state / JOIN)
    return str(value["cluster"]) if value else None


def keep(state: Path, secret: Secret, cluster_id: str) -> bool:
    """Store the token; whether it changed."""
    return write_state(state / JOIN, {"token": secret.reveal(), "cluster": cluster_id})


def keep_sealed(pusher: Pusher, swarm: SentMembership) -> bool:
    """Open and store the join token that the master sealed; whether there is a Swarm."""
    if swarm.sealed is None or not swarm.cluster:
        return False
    binding = Binding(pusher.federation.name, pusher.federation.master.id, JOIN_PURPOSE)
    keep(pusher.state, pusher.unseal(swarm.sealed, binding), swarm.cluster)
    return True


def hand_out(state: Path) -> Secret | None:
    """The token for a node, recorded as used first; ``None`` if there is none yet."""
    found = token(state)
    if found is not None:
        mark_used(state)
    return found


def mark_used(state: Path) -> None:
    """Record that the token of now is to be replaced."""
    write_state(state / JOIN_USED, {"sha256": _digest(token(state)), "at": int(time.time())})


def used(state: Path, *, for_seconds: float = 0.0) -> bool:
    """Whether the token of now is to be replaced: it was given to a node so long ago."""
    value, found = read_state(state / JOIN_USED), token(state)
    if found is None or value is None or value["sha256"] != _digest(found):
        return False
    return bool(time.time() - value["at"] >= for_seconds)


def rotate(pusher: Pusher) -> str | None:
    """Have the master replace the token, and store the new one; why that failed, or ``None``.

    Where it failed, the next deployment or refresh does it.
    """
    mark_used(pusher.state)
    master = pusher.federation.master.id
    pusher.progress("rotating the join token")
    answers = pusher.ask("rotate_join_token", [master]).decoded(SentMembership)
    if master in answers.values and keep_sealed(pusher, answers.values[master]):
        return None
    why = {**answers.missing, **answers.failed}.get(master, "its Docker manages no Swarm")
    return (
        f"{master}: the Swarm's join token was not rotated: {sanitize(why)}. "
        "salt-run mip.deploy rotates it."
    )


def _digest(found: Secret | None) -> str:
    return "" if found is None else hashlib.sha256(found.reveal().encode()).hexdigest()
