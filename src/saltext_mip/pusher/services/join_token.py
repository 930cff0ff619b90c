"""The Swarm's join token in the pusher's state (mode 0600), for nodes that are not in the Swarm."""

from __future__ import annotations

from pathlib import Path

from saltext_mip.secret import Secret
from saltext_mip.storage.state import JOIN, read_state, write_state


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
