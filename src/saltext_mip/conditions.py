"""Status: conditions as in Kubernetes, their reasons, and the two axes that summarise them.

A :class:`Condition` is one fact. ``since`` is when its ``status`` last changed (:func:`settled`).
Its reason is one of :data:`REASONS`, each with a hint: what an operator does about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from saltext_mip.rules import NODE_RULES, RULES

Status = Literal["True", "False", "Unknown"]
Sync = Literal["Synced", "OutOfSync", "Unknown"]
Health = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Unknown"]

# always there, in the order in which they are shown (the optional ones where they are configured)
ALWAYS = (
    "Ready",
    "StateWritable",
    "MasterConfigured",
    "WorkersReachable",
    "DataValid",
    "Consolidated",
    "Compiled",
    "Deployed",
    "Served",
)
OPTIONAL = ("ControllerRunning", "RolesSynced", "NoticesSent")
# there only while they are true
WHILE_TRUE = ("Reconciling", "Suspended", "Held", "Stalled", "ForgedAnswer")
TYPES = (*ALWAYS, *OPTIONAL, *WHILE_TRUE)

# what it means that a condition is as it should be; of those only there while true, what is true
MEANINGS: Mapping[str, str] = {
    "Ready": "Summary: everything below is as it should be.",
    "StateWritable": "The pusher can write its state in /var/lib/mip.",
    "MasterConfigured": "The Salt master has the settings that the federation needs.",
    "ControllerRunning": "The controller runs: automatic refreshes can happen.",
    "WorkersReachable": "Every enabled worker responds and can read its data.",
    "DataValid": "No file, CDE or dataset has an error.",
    "Consolidated": "The last generation matches the data that the workers have now.",
    "Compiled": "Every database is built from the present files and CDE.",
    "Deployed": "The services in Docker match the declaration.",
    "Served": "Every service runs, and the engine serves every dataset of the last generation.",
    "RolesSynced": "The roles and groups in Keycloak match the data structure.",
    "NoticesSent": "Every channel takes the notices that are sent to it.",
    "Reconciling": "A refresh runs now.",
    "Suspended": "Automatic refreshes are switched off.",
    "Held": "Changes of data wait for a decision; everything else continues.",
    "Stalled": "An automatic refresh failed and waits until something changes.",
    "ForgedAnswer": "In the last 24 hours a minion answered in the name of another node.",
}

# what each axis is made of
SYNC = ("Consolidated", "Compiled", "Deployed", "RolesSynced")
HEALTH = (
    "StateWritable",
    "MasterConfigured",
    "ControllerRunning",
    "WorkersReachable",
    "DataValid",
    "Served",
)

# the reasons of what an operator switched off: it is as it should be, and not all is served
STOPPED = "Stopped"
DRAINED = "Drained"
OFF = (STOPPED, DRAINED)

# of nodes with different reasons
_MIXED = ("WorkerMissing", "NodeMissing")

REASONS: Mapping[str, str] = {
    # healthy: nothing to do
    "AsDeclared": "",
    "AllAnswer": "",
    "NoProblems": "",
    "UpToDate": "",
    "Serving": "",
    "Synced": "",
    "Writable": "",
    "AsNeeded": "",
    "Running": "",
    "Delivered": "",
    # the pusher
    "StateNotWritable": "On the pusher: free space, mount the disk writable, or correct the owner, "
    "as the message says; df, mount and ls -ld show which.",
    "MasterSettings": "On the pusher, do what the message says.",
    "ControllerDown": "On the pusher: systemctl restart salt-master; see /var/log/salt/master.",
    # nodes
    "WorkerMissing": "See the problems: each node has its reason and what to do. Call its contact.",
    "WorkerFailed": "Run salt-call mip.datasets on the node to see its error.",
    "NodeMissing": "See the problems: each node has its reason and what to do.",
    **{name: rule.hint for name, rule in NODE_RULES.items() if name not in _MIXED},
    **{name: RULES[name].hint for name in ("InvalidAnswer", "NodeFailed")},
    "NodeDown": "The node's Docker does not respond to the Swarm: check its network and dockerd.",
    "MountGone": "Mount the data disk. If the disk is a new one: mip node enable --node NODE.",
    "NoDataPath": "Create the folder, mount its disk, or correct data_path in the pillar.",
    "Unreadable": "On the node: check the owner and mode of the data path, and its disk or server.",
    "TooManyFiles": "On the node: move files that are not needed out of the pathology's folder, or "
    "export several as one. Until then the pathology remains as in the last generation.",
    "DataDiskHangs": "On the node: mount shows the disk or server, dmesg its errors. The data "
    "remains as in the last generation until it responds.",
    "AnswersForged": "A minion of this Salt master answers in other nodes' names; the answers "
    "were ignored. See the manual, Security.",
    # data
    "DataProblems": "See the problems: each names the file, the line and what to do.",
    "NeverConsolidated": "Run mip data consolidate.",
    "NothingDeclared": "Put CDEs on the master and data files on the workers; then run"
    " mip data consolidate.",
    "DataChanged": "Run mip refresh, or wait for the controller.",
    "LabelsDiffer": "Run mip refresh, or wait for the controller; mip data consolidate --dry-run "
    "shows the plan.",
    "NotDistributed": "Run mip data consolidate to send what is missing.",
    "DatabasesStale": "Run mip data compile, or wait for the controller.",
    "CompileFailed": "See the problems, and mip-report-<pathology>.txt on the node.",
    # services
    "NoSwarm": "Run mip deploy.",
    "SwarmLocked": "On the master node: docker swarm unlock. It asks for the Swarm's unlock key.",
    "SwarmOfOthers": "On the master node, docker info names its managers. Correct the pillar's "
    "addresses; or, if the node has to leave that Swarm, ask its operators first.",
    "SwarmStarting": "Wait a minute; then on the master node: docker info shows what it waits for.",
    "SwarmFailed": "On the master node, see the error: docker info and journalctl -u docker.",
    "ServicesDiffer": "Run mip deploy to fix it; --dry-run shows the plan.",
    "DeployFailed": "Fix the cause that the message shows; then run mip deploy.",
    "DeployRefused": "Do what the message says first: until then mip deploy is refused too.",
    "ServiceDown": "See the service's error and the last lines of its log.",
    "ImagePullFailed": "Check the image's name in the pillar and the connection to its registry.",
    "PortTaken": "Another program on the node uses the port: stop it, or move it to another port.",
    "MountMissing": "Create the folder that the service binds, or mount its disk.",
    "Stopped": "An operator stopped it. Run mip start to start it.",
    "Drained": "An operator drained the node for maintenance. mip node undrain ends it.",
    "NotServing": "Wait a minute for the engine; then see its error and mip logs.",
    "PortRefused": "See mip logs. If the service's log has no error, the reload of a firewall may "
    "have removed Docker's rules: on its node, systemctl restart docker makes them again "
    "(containers restart, data is kept).",
    "PortSilent": "Check the firewall between the master node and the service's: the published "
    "port, and for the network 7946/tcp+udp and 4789/udp (swarm.data_path_port).",
    "MasterDisabled": "Run mip node enable --node ms to include the master node again.",
    "MasterFailed": "On the master node, fix the cause that the message shows.",
    "DatasetsDiffer": "Run mip refresh to restart what must see the data.",
    "EngineUnknown": "Check the engine's version and what else uses its port. No restart follows.",
    "NotServed": "It restarted once and is not serving: see the message and mip logs.",
    "DockerUnavailable": "Check Docker on the node: systemctl status docker.",
    # the controller
    "Refreshing": "",
    "SuspendedByPerson": "Run mip resume to resume automatic refreshes.",
    "RolledBack": "Run mip resume to resume automatic refreshes: the next one replaces the "
    "restored generation by what is on the nodes.",
    "ShrinkGuard": "Review it; then run mip approve to make the change, or mip reject to keep the "
    "data. All other changes are made.",
    "ChangeRejected": "Bring the data back at the hospital, or run mip approve for the dataset or "
    "the node.",
    "Failed": "See the message. Run mip refresh to retry.",
    "Retrying": "It is retried automatically.",
    # Keycloak
    "RolesDiffer": "Run mip sync-roles.",
    "KeycloakUnavailable": "Check keycloak in the pusher's pillar, and that the server responds.",
    # notices
    "ChannelFailed": "Correct the channel's url in the pusher's pillar, or wait for its server; "
    "then run mip notify test. Notices are kept and retried for a day.",
    # unknown
    "NotAsked": "",
    "NoAnswer": "The node did not respond: check its network, power and salt-minion.",
}


def severity(type_: str, status: str, reason: str = "") -> Literal["good", "warning", "bad"]:
    """How much a condition of that type, status and reason matters to a person."""
    if reason in OFF:
        return "warning"
    if type_ in WHILE_TRUE:
        return "warning" if status == "True" else "good"
    return "good" if status == "True" else "bad" if status == "False" else "warning"


@dataclass(frozen=True)
class Condition:
    """One fact of status. ``since`` is ISO 8601 in UTC; ``generation`` the one that it is about."""

    type: str
    status: Status
    reason: str
    message: str = ""
    since: str = ""
    generation: int | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"{self.type} is not a type of condition")
        if self.reason not in REASONS:
            raise ValueError(f"{self.reason} is not a reason of a condition")

    @property
    def hint(self) -> str:
        return REASONS[self.reason]

    @property
    def good(self) -> bool:
        """Whether it needs no attention. Work in progress needs none; a retry follows a failure."""
        if self.type == "Reconciling":
            return self.reason != "Retrying"
        return severity(self.type, self.status, self.reason) == "good"

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Condition:
        """A condition as it was stored."""
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


def ready(conditions: Iterable[Condition], but: str = "") -> Condition:
    """The summary of the others: the first that is not good, by the order of the types.

    ``but``: what does not work although all is as declared.
    """
    others = sorted(
        (condition for condition in conditions if condition.type != "Ready"),
        key=lambda condition: TYPES.index(condition.type),
    )
    wrong = [condition for condition in others if not condition.good]
    first = next((c for c in wrong if c.status == "False"), wrong[0] if wrong else None)
    if first is None:
        text = "all services match the declaration and are serving"
        return Condition("Ready", "True", "AsDeclared", "; ".join(filter(None, (text, but))))
    status: Status = "Unknown" if first.status == "Unknown" else "False"
    return Condition("Ready", status, first.reason, f"{first.type}: {first.message}")


def axes(conditions: Iterable[Condition]) -> tuple[Sync, Health]:
    """``(sync, health)``: Synced|OutOfSync|Unknown, Healthy|Progressing|Degraded|Suspended|Unknown.

    The worst wins. What an operator stopped is suspended, not degraded.
    """
    conditions = tuple(conditions)
    stopped = any(condition.reason in OFF for condition in conditions)
    of = {condition.type: condition.status for condition in conditions}
    sync = _worst(of, SYNC, "OutOfSync", "Synced")
    health = _worst(of, HEALTH, "Degraded", "Healthy")
    if health != "Degraded" and ("Suspended" in of or stopped):
        health = "Suspended"
    elif health != "Degraded" and "Reconciling" in of:
        health = "Progressing"
    return cast("Sync", sync), cast("Health", health)


def _worst(of: Mapping[str, str], types: Iterable[str], bad: str, good: str) -> str:
    states = [of[name] for name in types if name in of]
    if "False" in states:
        return bad
    return "Unknown" if "Unknown" in states or not states else good
