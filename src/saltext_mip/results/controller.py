"""What the commands to and about the controller return: refreshes, overrides, roles, events."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta

from saltext_mip.conditions import Status
from saltext_mip.plans import PlanItem
from saltext_mip.results.common import (
    Absent,
    Facts,
    GenerationNumber,
    Moment,
    Natural,
    Planned,
    ReportedCondition,
    ReportedProblem,
    Result,
)
from saltext_mip.results.data import (
    ConsolidateResult,
    Databases,
    ListedDataset,
    UnavailableDataset,
)
from saltext_mip.results.holds import Held


class LastRefresh(Facts, kw_only=True, frozen=True):
    """How the last refresh ended, since when it ends so, and when it is tried next."""

    attempts: Natural
    next: str | None
    ended: Absent[Literal["done", "held", "temporary", "permanent", "died"]] = UNSET
    actor: Absent[str] = UNSET
    when: Absent[str] = UNSET
    since: Absent[str] = UNSET
    reason: Absent[str] = UNSET
    message: Absent[str] = UNSET


class ControllerState(Facts, kw_only=True, frozen=True):
    """What the controller reports of itself."""

    conditions: list[ReportedCondition]
    held: list[Held]
    last: LastRefresh


class ControllerResult(Planned, kw_only=True, frozen=True):
    """What ``mip.suspend`` and ``resume`` return."""

    federation: str
    changed: bool
    conditions: list[ReportedCondition]
    held: list[Held]
    last: LastRefresh


class WakeResult(Planned, kw_only=True, frozen=True):
    """What ``mip.wake`` returns; with ``tag`` only ``changed``."""

    federation: Absent[str] = UNSET
    changed: bool
    conditions: Absent[list[ReportedCondition]] = UNSET
    held: Absent[list[Held]] = UNSET
    last: Absent[LastRefresh] = UNSET


class RefreshResult(Planned, kw_only=True, frozen=True):
    """What ``mip.refresh`` returns."""

    federation: str
    generation: Absent[GenerationNumber | None] = UNSET
    changed: bool
    requested: Annotated[
        Absent[bool], Meta(description="the controller was requested to do it (wait=False)")
    ] = UNSET
    consolidate: ConsolidateResult | None
    compile: Databases
    restarted: list[PlanItem]
    served: Annotated[bool | None, Meta(description="null: no engine could be asked")]
    differences: Absent[list[str]] = UNSET
    unavailable: Annotated[
        Absent[list[UnavailableDataset]],
        Meta(description="datasets that the generation lists and no engine serves"),
    ] = UNSET
    datasets: Annotated[
        Absent[list[ListedDataset]],
        Meta(description="of the generation; absent: no services are deployed, or are stopped"),
    ] = UNSET
    problems: list[ReportedProblem]
    notes: Absent[list[str]] = UNSET
    conditions: list[ReportedCondition]
    held: Annotated[list[Held], Meta(description="changes that are not made")]
    removals: Annotated[
        Absent[list[Held]],
        Meta(description="changes that are made, and that an automatic refresh would hold"),
    ] = UNSET
    last: LastRefresh


class DecisionResult(Planned, kw_only=True, frozen=True):
    """What ``mip.approve`` and ``reject`` return."""

    federation: str
    changed: bool
    decided: Annotated[list[Held], Meta(description="the changes that the decision is about")]
    refresh: Annotated[RefreshResult | None, Meta(description="that made what was approved")]
    conditions: list[ReportedCondition]
    held: list[Held]
    last: LastRefresh


class RefusedItem(Facts, kw_only=True, frozen=True):
    """An item of the plan that Keycloak refused."""

    action: str
    thing: str
    message: str


class SyncedRoles(Planned, kw_only=True, frozen=True):
    """What was changed in one client of Keycloak; the lists hold names of roles and groups."""

    client: Absent[str] = UNSET
    changed: bool
    created: list[str]
    updated: list[str]
    removed: list[str]
    unchanged: list[str]
    orphans: list[str]
    failed: list[RefusedItem]
    problems: list[ReportedProblem]
    plan: list[PlanItem]
    writes: Annotated[Absent[Natural], Meta(description="requests for a change")] = UNSET


class SyncRolesResult(SyncedRoles, kw_only=True, frozen=True):
    """What ``mip.sync_roles`` returns."""

    federation: str
    generation: GenerationNumber
    notes: Absent[list[str]] = UNSET


EventKind = Literal[
    "consolidated",
    "compiled",
    "deployed",
    "refreshed",
    "held",
    "removing",
    "failed",
    "recovered",
    "rolledback",
    "refused",
    "fixed",
    "labels",
    "cleaned",
    "suspended",
    "resumed",
    "approved",
    "rejected",
    "released",
    "disabled",
    "enabled",
    "drained",
    "undrained",
    "started",
    "stopped",
    "restarted",
    "removed",
    "roles",
    "missing",
    "back",
    "forged",
    "condition",
]


class Event(Facts, kw_only=True, frozen=True):
    """One event; ``number`` grows by one with each (0: it is in no log)."""

    when: Moment
    what: EventKind
    actor: str
    about: Annotated[str, Meta(description="a node, or what else it is about")]
    message: str
    generation: GenerationNumber | None
    number: Natural

    @classmethod
    def of(
        cls,
        when: str,
        what: EventKind,
        actor: str = "",
        about: str = "",
        message: str = "",
        generation: int | None = None,
    ) -> Event:
        """An event that is in no log yet."""
        return cls(
            when=when,
            what=what,
            actor=actor,
            about=about,
            message=message,
            generation=generation,
            number=0,
        )


class ConditionChange(Facts, kw_only=True, frozen=True):
    """A condition whose status or reason changed: the data of the event ``mip/<fed>/condition``."""

    federation: str
    type: str
    status: Status
    reason: Annotated[str, Meta(description="empty: it is true no longer")]
    was_status: Annotated[Status | None, Meta(description="null: nothing was known")]
    was_reason: str | None

    @property
    def text(self) -> str:
        """The change as a line of ``mip events``."""
        now = f"{self.status} {self.reason}".strip()
        before = f"{self.was_status} {self.was_reason}".strip() if self.was_status else "not known"
        return f"{now}, was {before}"


class ChannelInfo(Facts, kw_only=True, frozen=True):
    """One channel of notices; its address is not shown."""

    kind: Annotated[str, Meta(description="the scheme of its address")]
    conditions: Annotated[list[str], Meta(description="the types that it reports")]
    waiting: Annotated[Natural, Meta(description="notices that are to be sent")]
    delivered: Natural
    failed: Annotated[Natural, Meta(description="attempts")]
    dropped: Annotated[Natural, Meta(description="notices that no attempt of a day delivered")]
    last: Annotated[Moment | None, Meta(description="when a notice was delivered last")]
    error: Annotated[str, Meta(description="of the last attempt; empty: it was delivered")]
    sent: Annotated[bool | None, Meta(description="of a test; null: none was sent")]


class NotifyResult(Result, kw_only=True, frozen=True):
    """What ``mip.notify`` returns: the channels by their names."""

    federation: str
    channels: dict[str, ChannelInfo]
    notes: Absent[list[str]] = UNSET


class PageLink(Facts, kw_only=True, frozen=True):
    """A signed link to one node's part of the status page."""

    node: str
    url: str
    until: Moment


class PageResult(Result, kw_only=True, frozen=True):
    """What ``mip.page`` returns."""

    federation: str
    url: Annotated[str, Meta(description="the federation's page, for the browser")]
    tunnel: Annotated[
        Absent[str],
        Meta(description="the ssh command to type on your machine first; absent: none is needed"),
    ] = UNSET
    link: Absent[PageLink] = UNSET


class EventsResult(Result, kw_only=True, frozen=True):
    """What ``mip.events`` returns: recent events, the oldest first."""

    federation: str
    events: list[Event]
    of: Natural
    record: Annotated[Absent[str], Meta(description="the file on the pusher that holds them")] = (
        UNSET
    )


class SetupResult(Result, kw_only=True, frozen=True):
    """What ``mip.setup`` returns."""

    changed: bool
    wrote: Annotated[list[str], Meta(description="paths")]
    todo: Annotated[list[str], Meta(description="steps that are left to the operator")]
    offers: Absent[Annotated[list[str], Meta(description="optional steps")]] = UNSET
    plan: list[PlanItem]
    dry_run: Absent[bool] = UNSET
