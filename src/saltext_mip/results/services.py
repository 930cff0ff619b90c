"""What the commands about services, and the status of all, return."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta

from saltext_mip.conditions import Health, Sync
from saltext_mip.results.common import (
    Absent,
    Datasets,
    Facts,
    Moment,
    Natural,
    Planned,
    ReportedCondition,
    ReportedProblem,
    Result,
)
from saltext_mip.results.data import ListedDataset
from saltext_mip.results.nodes import NodeInfo


class ServiceInfo(Facts, kw_only=True, frozen=True):
    """One service as it is."""

    node: str
    image: str
    replicas: Annotated[
        str, Meta(pattern="^[0-9]+/-?[0-9]+$", description="running tasks / desired tasks")
    ]
    serving: Annotated[
        bool | None, Meta(description="null: an operator stopped it, or it is not known")
    ]
    since: Absent[str | None] = UNSET
    error: Absent[str] = UNSET
    state: Absent[str] = UNSET
    log: Absent[list[str]] = UNSET
    stopped: Absent[bool] = UNSET
    completed: Annotated[
        Absent[bool], Meta(description="a job that ends, such as create_dbs, and ended well")
    ] = UNSET
    undeclared: Absent[bool] = UNSET
    switched_off: Annotated[
        Absent[bool], Meta(description="the pillar switches it off: it is not deployed")
    ] = UNSET


class DeployedNode(Facts, kw_only=True, frozen=True):
    """What the states of one node changed, or would change."""

    changed: bool
    failed: bool
    changes: dict[str, str]
    error: Absent[str] = UNSET
    findings: list[str]


class ServicesResult(Planned, kw_only=True, frozen=True):
    """What ``mip.deploy``, ``start``, ``stop``, ``restart`` and ``remove`` return."""

    federation: str
    changed: bool
    nodes: dict[str, DeployedNode]
    services: dict[str, ServiceInfo]
    problems: list[ReportedProblem]
    notes: Absent[list[str]] = UNSET


class Versions(Facts, kw_only=True, frozen=True):
    """What runs on a node: ``unknown`` where it did not report a valid version."""

    mip: Annotated[str, Meta(description="of the extension")]
    salt: str
    docker: str


class MemberInfo(NodeInfo, kw_only=True, frozen=True):
    """One node in the status: with its state in the Swarm, and what it reported."""

    swarm: Annotated[str | None, Meta(description="null: it is not in the Swarm")]
    versions: Annotated[Absent[Versions], Meta(description="where it answered")] = UNSET
    free: Annotated[
        Absent[Natural],
        Meta(
            description="bytes free at its data path, or at the ui's `ui_path`, in steps of 16 MiB"
        ),
    ] = UNSET


class PathologyStatus(Facts, kw_only=True, frozen=True):
    """One pathology: its datasets, where it is compiled or stale, whether all of it is served."""

    datasets: Datasets
    compiled: list[str]
    stale: Annotated[dict[str, str], Meta(description="the reason by minion id")]
    served: Annotated[bool | None, Meta(description="null: the engine did not respond")]
    generation: int | None


class Observed(Facts, kw_only=True, frozen=True):
    """Which observation a status is."""

    at: Annotated[Moment, Meta(description="when it began")]
    seconds: Annotated[float, Meta(ge=0, description="how long it took")]
    next: Annotated[Moment, Meta(description="when the next one is due")]


Usable: TypeAlias = Literal["yes", "in part", "no", "unknown"]


class PortalPart(Facts, kw_only=True, frozen=True):
    """A service of the portal, and whether it answers at its port."""

    service: str
    address: Annotated[Absent[str], Meta(description="for the browser")] = UNSET
    answers: Annotated[bool | None, Meta(description="null: not known")]
    reason: Annotated[Absent[str], Meta(description="why it does not respond")] = UNSET


class Usability(Facts, kw_only=True, frozen=True):
    """Whether researchers can use the federation."""

    answer: Annotated[Usable, Meta(description="`in part`: some datasets are not available")]
    portal: PortalPart
    backend: PortalPart
    datasets: Annotated[list[ListedDataset], Meta(description="of the last generation")]


class StatusResult(Result, kw_only=True, frozen=True):
    """What ``mip.status`` returns."""

    federation: str
    ok: bool
    sync: Sync
    health: Health
    conditions: list[ReportedCondition]
    generation: int | None
    nodes: dict[str, MemberInfo]
    services: dict[str, ServiceInfo]
    pathologies: dict[str, PathologyStatus]
    usable: Absent[Usability] = UNSET
    todo: Annotated[Absent[list[str]], Meta(description="next steps, the first one first")] = UNSET
    problems: list[ReportedProblem]
    resolved: Annotated[
        Absent[list[ReportedProblem]],
        Meta(description="problems that are gone since less than a day, where the observer runs"),
    ] = UNSET
    notes: Absent[list[str]] = UNSET
    observed: Annotated[
        Absent[Observed], Meta(description="of the observer's; not set: observed now")
    ] = UNSET

    @property
    def observed_at(self) -> str:
        """When the observer's observation began; empty: observed now."""
        return "" if self.observed is UNSET else self.observed.at
