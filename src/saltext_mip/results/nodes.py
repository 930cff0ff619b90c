"""What the commands about nodes, their logs and the operator's session return."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct

from saltext_mip.plans import PlanItem
from saltext_mip.results.common import Absent, Facts, Moment, Natural, Planned, Result


class Override(Struct, frozen=True):
    """A decision of an operator: by whom, when, why; ``until`` when it is in force, if it ends."""

    actor: str
    when: str
    reason: str = ""
    until: str | None = None


class NodeInfo(Facts, kw_only=True, frozen=True):
    """One node, with what was known of it when it was asked last."""

    role: Literal["master", "ui", "worker"]
    short: str
    address: str
    hospital: Absent[str | None] = UNSET
    contact: Absent[str | None] = UNSET
    data_path: Absent[str | None] = UNSET
    enabled: bool
    up: Annotated[bool | None, Meta(description="null: it was not asked yet")]
    since: Annotated[
        Moment | None,
        Meta(
            description="up: when its minion started, if the node reports it (`uptime`), else when "
            "it was first observed; not up: when that was first observed"
        ),
    ]
    asked: Annotated[Absent[Moment], Meta(description="when it was asked last")] = UNSET
    age: Annotated[Absent[Natural], Meta(description="seconds since it was asked last")] = UNSET
    uptime: Annotated[
        Absent[Natural],
        Meta(description="seconds since its minion started, when it was asked last"),
    ] = UNSET
    reason: Absent[str] = UNSET
    disabled: Absent[Override] = UNSET
    drained: Absent[Override] = UNSET


class SshAccess(Facts, kw_only=True, frozen=True):
    """How a console reaches the nodes by ssh: the pillar's ``ssh``, and the file of host keys."""

    user: str
    port: int
    known_hosts: str


class NodesResult(Result, kw_only=True, frozen=True):
    """What ``mip.nodes`` returns: ``nodes`` by minion id."""

    federation: str
    nodes: dict[str, NodeInfo]
    ssh: SshAccess
    notes: Absent[list[str]] = UNSET


class CheckNodesResult(Result, kw_only=True, frozen=True):
    """What ``mip.check_nodes`` returns: ``nodes`` by minion id."""

    federation: str
    nodes: dict[str, NodeInfo]
    versions: Annotated[dict[str, str], Meta(description="of the extension, by minion id")]
    down: Absent[list[str]] = UNSET
    notes: Absent[list[str]] = UNSET


class MembershipResult(Planned, kw_only=True, frozen=True):
    """What ``mip.enable``, ``mip.disable``, ``mip.drain`` and ``mip.undrain`` return."""

    federation: str
    changed: bool
    nodes: dict[str, NodeInfo]
    plan: list[PlanItem]
    notes: Absent[list[str]] = UNSET


class NodeLog(Facts, kw_only=True, frozen=True):
    """How much of the log came from one node, or why none did."""

    short: str
    component: Absent[str] = UNSET
    lines: int
    reason: Absent[str] = UNSET


class LogLine(Facts, kw_only=True, frozen=True):
    """One line of a log."""

    time: str
    node: str
    component: str
    text: str


class LogsResult(Result, kw_only=True, frozen=True):
    """What ``mip.logs`` returns: lines of all nodes in the order of time."""

    federation: str
    nodes: dict[str, NodeLog]
    lines: list[LogLine]
    notes: Absent[list[str]] = UNSET


class TmuxWindow(Facts, kw_only=True, frozen=True):
    """One window of the session."""

    index: int
    name: str
    panes: Annotated[int, Meta(ge=1)]


class TmuxResult(Result, kw_only=True, frozen=True):
    """What ``mip.tmux`` returns."""

    federation: str
    session: str
    changed: bool
    attached: bool
    attach: Annotated[str, Meta(description="the command that attaches to the session")]
    windows: list[TmuxWindow]
    notes: Absent[list[str]] = UNSET
