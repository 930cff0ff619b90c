"""What a refresh could fix in the federation's services, as the beacon on its master node asks.

Declared services of which nothing runs, nodes that joined the Swarm and have no label yet, engines
that the keystore lost when it restarted after them. What an operator stopped is not reported.
Where nothing is deployed, or Docker does not respond within a fraction of a second, there is
nothing to report.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from saltext_mip.node.context import NodeContext
from saltext_mip.node.reminders import Fingerprint, Timers, mark
from saltext_mip.storage.state import SERVICES_REMINDER

if TYPE_CHECKING:
    from saltext_mip.swarm.model import Service
    from saltext_mip.swarm.observed import Observed

ENGINES_TIMEOUT = 2.0  # seconds for the keystore's answer, which runs a command
TIMEOUT = 0.5  # seconds for one answer of Docker, in the minion's own loop


def services_down(context: NodeContext) -> tuple[str, ...]:
    """The names of services that should run and do not, and of the other things to fix."""
    from saltext_mip.node import docker
    from saltext_mip.node.services import overrides
    from saltext_mip.swarm import membership
    from saltext_mip.swarm.desired import desired_services
    from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable
    from saltext_mip.swarm.observed import observe

    try:
        with docker.connected(timeout=TIMEOUT) as client:
            observed = observe(client, context.federation.name, now=datetime.now(UTC))
    except (DockerUnavailable, DockerFailed):
        return ()
    ours = {name: running for name, running in observed.services.items() if running.ours}
    if not ours:
        return ()
    overridden = overrides.read_overrides(context)
    desired = [
        service
        for service in desired_services(context.federation, whole=False)
        if not _is_off(service, overridden.get(service.node, {}).get("word"))
    ]
    members = membership.entries(context.federation, observed)
    found = [
        service.name
        for service in desired
        if not (ours[service.name].up if service.name in ours else service.node not in members)
    ]
    found += [
        entry.id for entry in membership.membership(context.federation, observed, whole=False)
    ]
    return (*found, *_engines_due(context, observed, overridden))


def _is_off(service: Service, override: str | None) -> bool:
    """Whether an operator switched it off."""
    from saltext_mip.swarm.plan import is_drained
    from saltext_mip.swarm.request import DRAINED

    return override is not None and (override != DRAINED or is_drained(service, override))


def _engines_due(
    context: NodeContext, observed: Observed, overridden: Collection[str]
) -> tuple[str, ...]:
    """The engines that lost their keystore or master and must restart."""
    from saltext_mip.node import docker
    from saltext_mip.node.services.engines import engines_due
    from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable

    try:
        with docker.connected(timeout=ENGINES_TIMEOUT) as client:
            return engines_due(context, client, observed, overridden, timeout=TIMEOUT)
    except (DockerUnavailable, DockerFailed):
        return ()


def report_due(state: Path, names: tuple[str, ...], timers: Timers, now: float) -> bool:
    """Whether to report them to the pusher now: once they are down for a while, and again at
    growing intervals."""
    observed = Fingerprint(mark(*names) if names else 0)
    return timers.report_due(state / SERVICES_REMINDER, observed, 0, now)
