"""Which declared services of the federation do not run, as the beacon on its master node asks.

What an operator stopped is not missed. Where nothing is deployed, or Docker does not answer within
a fraction of a second, there is nothing to tell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from saltext_mip.node.here import Here
from saltext_mip.node.watch import News, Seen, mark

TIMEOUT = 0.5  # seconds for one answer of Docker, in the minion's own loop
WATCHED = "services-watched.json"


def down(here: Here) -> tuple[str, ...]:
    """The names of services that should run and do not."""
    from saltext_mip.node import docker, services
    from saltext_mip.services.actual import look
    from saltext_mip.services.errors import DockerFailed, DockerUnavailable
    from saltext_mip.services.wanted import wanted

    try:
        with docker.connected(timeout=TIMEOUT) as client:
            actual = look(client, here.federation.name, now=datetime.now(UTC))
    except (DockerUnavailable, DockerFailed):
        return ()
    ours = {name: running for name, running in actual.services.items() if running.ours}
    if not ours:
        return ()
    words = services.words(here)
    return tuple(
        goal.name
        for goal in wanted(here.federation, whole=False)
        if goal.node not in words and not (goal.name in ours and ours[goal.name].up)
    )


def news(state: Path, names: tuple[str, ...], clocks: News, now: float) -> bool:
    """Whether the pusher should be told of them: once they are down for a while, and again ever
    more rarely as long as they are."""
    seen = Seen(mark(*names) if names else 0)
    return clocks.tell(state / WATCHED, seen, 0, now)
