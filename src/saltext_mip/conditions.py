"""Words of status: conditions as in Kubernetes, their reasons, and the two axes that sum them up.

A :class:`Condition` is one fact. ``since`` is when its ``status`` became what it is, so it changes
only when ``status`` does (:func:`settled`). Its reason is one of :data:`REASONS`, each with a hint:
what a person does about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Status = Literal["True", "False", "Unknown"]

# always there, in the order in which they are shown (RolesSynced where it is configured)
ALWAYS = (
    "Ready",
    "WorkersReachable",
    "DataValid",
    "Consolidated",
    "Compiled",
    "Deployed",
    "Served",
)
OPTIONAL = ("RolesSynced",)
# there only while they are true
WHILE_TRUE = ("Reconciling", "Suspended", "Held", "Stalled")
TYPES = (*ALWAYS, *OPTIONAL, *WHILE_TRUE)

# what each axis is made of
SYNC = ("Consolidated", "Compiled", "Deployed", "RolesSynced")
HEALTH = ("WorkersReachable", "DataValid", "Served")

REASONS: Mapping[str, str] = {
    # all is well: nothing to do
    "AsDeclared": "",
    "AllAnswer": "",
    "NoProblems": "",
    "UpToDate": "",
    "Serving": "",
    "Synced": "",
    # who is there
    "WorkerMissing": "Check the node's network, power and salt-minion; call its contact.",
    "WorkerFailed": "See what the node says, on the node itself: salt-call mip.datasets.",
    "NodeMissing": "Check the node's network, power and salt-minion.",
    "NodeDown": "Docker on the node does not answer the Swarm: check its network and dockerd.",
    "MountGone": "Mount the node's data disk, or mip.enable the node to take it as it is.",
    # data
    "DataProblems": "See problems: each names the file, the line and what to do.",
    "NeverConsolidated": "salt-run mip.consolidate",
    "DataChanged": "salt-run mip.refresh, or wait for the controller.",
    "NotDistributed": "salt-run mip.consolidate sends what is missing.",
    "DatabasesStale": "salt-run mip.compile, or wait for the controller.",
    "CompileFailed": "See problems, and mip-report-<pathology>.txt on the node.",
    # services
    "NoSwarm": "salt-run mip.deploy",
    "ServicesDiffer": "salt-run mip.deploy puts it right; dry_run=True says what it would do.",
    "ServiceDown": "See the service's error and the last lines of its log.",
    "ImagePullFailed": "Check the image's name in the pillar, and that its registry is reached.",
    "PortTaken": "Something else on the node has the port: stop it, or move it.",
    "MountMissing": "Make the folder, or mount the disk, that the service binds.",
    "Stopped": "An operator stopped it; salt-run mip.start starts it again.",
    "NotServing": "Give the engine a minute; then see salt-run mip.logs and the service's error.",
    "DatasetsDiffer": "salt-run mip.refresh restarts what must see the data.",
    "DockerUnavailable": "Check Docker on the node: systemctl status docker.",
    # the controller
    "Refreshing": "",
    "SuspendedByPerson": "salt-run mip.resume lets it go on.",
    "RolledBack": "salt-run mip.resume lets it follow the data again.",
    "ShrinkGuard": "See what would go; salt-run mip.approve lets it go.",
    "Failed": "See the message; salt-run mip.refresh tries again.",
    "Retrying": "It is tried again by itself.",
    # Keycloak
    "RolesDiffer": "salt-run mip.sync_roles",
    "KeycloakUnavailable": "Check keycloak in the pusher's pillar, and that the server answers.",
    # nobody knows
    "NotAsked": "",
    "NoAnswer": "The node that knows did not answer: check its network, power and salt-minion.",
}


@dataclass(frozen=True)
class Condition:
    """One fact of status. ``since`` is ISO 8601 in UTC; ``generation`` is what it is true of."""

    type: str
    status: Status
    reason: str
    message: str = ""
    since: str = ""
    generation: int | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"{self.type} is no type of condition")
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason} is no reason of a condition")

    @property
    def hint(self) -> str:
        return REASONS[self.reason]

    @property
    def good(self) -> bool:
        """Whether it asks for nothing; what is there only while true asks for a look."""
        return self.status == "True" and self.type not in ("Suspended", "Held", "Stalled")

    def shown(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "hint": self.hint,
            "since": self.since,
            "generation": self.generation,
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Condition:
        """What :meth:`shown` gave."""
        return cls(**{key: value[key] for key in cls.__dataclass_fields__})


def settled(
    before: Iterable[Condition], now: Iterable[Condition], when: str
) -> tuple[Condition, ...]:
    """``now`` with the ``since`` of ``before`` where the status is the same, else ``when``."""
    known = {condition.type: condition for condition in before}
    out = []
    for condition in now:
        old = known.get(condition.type)
        same = old is not None and old.status == condition.status and old.since
        out.append(replace(condition, since=old.since if old and same else when))
    return tuple(sorted(out, key=lambda condition: TYPES.index(condition.type)))


def ready(conditions: Iterable[Condition]) -> Condition:
    """The summary of the others: the first that is not good, by the order of the types."""
    others = sorted(
        (condition for condition in conditions if condition.type != "Ready"),
        key=lambda condition: TYPES.index(condition.type),
    )
    wrong = [condition for condition in others if not condition.good]
    first = next((c for c in wrong if c.status == "False"), wrong[0] if wrong else None)
    if first is None:
        return Condition("Ready", "True", "AsDeclared", "everything is as declared, and served")
    status: Status = "Unknown" if first.status == "Unknown" else "False"
    return Condition("Ready", status, first.reason, f"{first.type}: {first.message}")


def axes(conditions: Iterable[Condition]) -> tuple[str, str]:
    """``(sync, health)``: Synced|OutOfSync|Unknown, Healthy|Progressing|Degraded|Suspended|Unknown.

    The worst wins.
    """
    of = {condition.type: condition.status for condition in conditions}
    sync = _worst(of, SYNC, "OutOfSync", "Synced")
    health = _worst(of, HEALTH, "Degraded", "Healthy")
    if health != "Degraded" and "Suspended" in of:
        health = "Suspended"
    elif health != "Degraded" and "Reconciling" in of:
        health = "Progressing"
    return sync, health


def _worst(of: Mapping[str, str], types: Iterable[str], bad: str, good: str) -> str:
    states = [of[name] for name in types if name in of]
    if "False" in states:
        return bad
    return "Unknown" if "Unknown" in states or not states else good
