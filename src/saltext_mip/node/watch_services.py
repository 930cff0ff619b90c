"""What a refresh could mend of the federation's services, as the beacon on its master node asks.

Declared services of which nothing runs, a node that came to the Swarm and has no place in it yet,
engines that a keystore forgot which started after them. What an operator stopped is not missed.
Where nothing is deployed, or Docker does not answer within a fraction of a second, there is nothing
to tell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from saltext_mip.node.context import NodeContext
from saltext_mip.node.watch_data import Fingerprint, Timers, mark

TIMEOUT = 0.5  # seconds for one answer of Docker, in the minion's own loop
WATCHED = "services-watched.json"


def down(here: NodeContext) -> tuple[str, ...]:
    """The names of services that should run and do not, and of what else is amiss."""
    from saltext_mip.node import docker
    from saltext_mip.node.services import enforce
    from saltext_mip.swarm import engine, membership
    from saltext_mip.swarm.desired import desired_services
    from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable
    from saltext_mip.swarm.observed import observe

    try:
        with docker.connected(timeout=TIMEOUT) as client:
            actual = observe(client, here.federation.name, now=datetime.now(UTC))
    except (DockerUnavailable, DockerFailed):
        return ()
    ours = {name: running for name, running in actual.services.items() if running.ours}
    if not ours:
        return ()
    words = enforce.read_overrides(here)
    goals = [
        goal for goal in desired_services(here.federation, whole=False) if goal.node not in words
    ]
    there = membership.entries(here.federation, actual)
    found = [
        goal.name
        for goal in goals
        if not (ours[goal.name].up if goal.name in ours else goal.node not in there)
    ]
    found += [entry.id for entry in membership.membership(here.federation, actual, whole=False)]
    if older := enforce.older_than_keystore(goals, actual):
        served = engine.look(timeout=TIMEOUT)
        if served.active is not None:
            found += enforce.forgotten(here, older, served)
    return tuple(found)


def must_report(state: Path, names: tuple[str, ...], clocks: Timers, now: float) -> bool:
    """Whether the pusher should be told of them: once they are down for a while, and again ever
    more rarely as long as they are."""
    seen = Fingerprint(mark(*names) if names else 0)
    return clocks.tell(state / WATCHED, seen, 0, now)
