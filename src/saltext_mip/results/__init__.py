"""What each command of the runner returns: one type, from which all else is made.

The type gives the JSON (:func:`to_json`), reads it back with validation (:func:`parse`), gives the
JSON Schema (:func:`schema`) and the reference page (``docs/make_reference.py``). A key that is
``Absent`` is left out while it is not set; further keys in the JSON are ignored when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from saltext_mip.results.common import (
    Absent,
    Count,
    Facts,
    Planned,
    ReportedCondition,
    ReportedProblem,
    Result,
    value_or,
)
from saltext_mip.results.controller import (
    ChannelInfo,
    ConditionChange,
    ControllerResult,
    ControllerState,
    DecisionResult,
    Event,
    EventKind,
    EventsResult,
    LastRefresh,
    NotifyResult,
    PageLink,
    PageResult,
    RefreshResult,
    RefusedItem,
    SetupResult,
    SyncedRoles,
    SyncRolesResult,
    WakeResult,
)
from saltext_mip.results.data import (
    CleanResult,
    CodebookResult,
    CompileResult,
    ConsolidateResult,
    DatabaseResult,
    Databases,
    Decision,
    DiffResult,
    ExportedDataset,
    ExportedNode,
    ExportedPathology,
    GenerationSummary,
    HistoryResult,
    ListedDataset,
    NeededGeneration,
    PathologyResult,
    ReportedChange,
    RollbackResult,
    ShownDataset,
    ShownFile,
    ShowResult,
    UnavailableDataset,
    UnavailableNode,
    WorkerResult,
    is_built,
)
from saltext_mip.results.holds import Held, HoldDecision
from saltext_mip.results.local import (
    AcceptedFile,
    AskedCde,
    AskedHistory,
    CheckResult,
    ContainerInfo,
    Example,
    FoundProblem,
    HereResult,
    NodeCodebook,
    Requirement,
    RequirementsResult,
    Task,
    TasksResult,
    VersionsResult,
    WaitResult,
)
from saltext_mip.results.nodes import (
    CheckNodesResult,
    LogLine,
    LogsResult,
    MembershipResult,
    NodeInfo,
    NodeLog,
    NodesResult,
    Override,
    SshAccess,
    TmuxResult,
    TmuxWindow,
)
from saltext_mip.results.services import (
    DeployedNode,
    MemberInfo,
    Observed,
    PathologyStatus,
    PortalPart,
    ServiceInfo,
    ServicesResult,
    StatusResult,
    Usability,
    Usable,
    Versions,
)

__all__ = [
    "COMMANDS",
    "LOCAL",
    "VERSION",
    "Absent",
    "AcceptedFile",
    "AskedCde",
    "AskedHistory",
    "ChannelInfo",
    "CheckNodesResult",
    "CheckResult",
    "CleanResult",
    "CodebookResult",
    "CompileResult",
    "ConditionChange",
    "ConsolidateResult",
    "ContainerInfo",
    "ControllerResult",
    "ControllerState",
    "Count",
    "DatabaseResult",
    "Databases",
    "Decision",
    "DecisionResult",
    "DeployedNode",
    "DiffResult",
    "Event",
    "EventKind",
    "EventsResult",
    "Example",
    "ExportedDataset",
    "ExportedNode",
    "ExportedPathology",
    "Facts",
    "FoundProblem",
    "GenerationSummary",
    "Held",
    "HereResult",
    "HistoryResult",
    "HoldDecision",
    "LastRefresh",
    "ListedDataset",
    "LogLine",
    "LogsResult",
    "MemberInfo",
    "MembershipResult",
    "NeededGeneration",
    "NodeCodebook",
    "NodeInfo",
    "NodeLog",
    "NodesResult",
    "NotifyResult",
    "Observed",
    "Override",
    "PageLink",
    "PageResult",
    "PathologyResult",
    "PathologyStatus",
    "Planned",
    "PortalPart",
    "RefreshResult",
    "RefusedItem",
    "ReportedChange",
    "ReportedCondition",
    "ReportedProblem",
    "Requirement",
    "RequirementsResult",
    "Result",
    "RollbackResult",
    "ServiceInfo",
    "ServicesResult",
    "SetupResult",
    "ShowResult",
    "ShownDataset",
    "ShownFile",
    "SshAccess",
    "StatusResult",
    "SyncRolesResult",
    "SyncedRoles",
    "Task",
    "TasksResult",
    "TmuxResult",
    "TmuxWindow",
    "UnavailableDataset",
    "UnavailableNode",
    "Usability",
    "Usable",
    "Versions",
    "VersionsResult",
    "WaitResult",
    "WakeResult",
    "WorkerResult",
    "is_built",
    "parse",
    "schema",
    "to_json",
    "value_or",
]

VERSION = 1  # of the JSON: grows when a key goes or changes its meaning

#: The type that each runner function returns; ``export`` is the one that returns a list.
COMMANDS: Mapping[str, Any] = {
    "consolidate": ConsolidateResult,
    "export": list[ExportedPathology],
    "codebook": CodebookResult,
    "compile": CompileResult,
    "deploy": ServicesResult,
    "status": StatusResult,
    "start": ServicesResult,
    "stop": ServicesResult,
    "restart": ServicesResult,
    "remove": ServicesResult,
    "nodes": NodesResult,
    "check_nodes": CheckNodesResult,
    "enable": MembershipResult,
    "disable": MembershipResult,
    "drain": MembershipResult,
    "undrain": MembershipResult,
    "refresh": RefreshResult,
    "wake": WakeResult,
    "suspend": ControllerResult,
    "resume": ControllerResult,
    "approve": DecisionResult,
    "reject": DecisionResult,
    "sync_roles": SyncRolesResult,
    "history": HistoryResult,
    "diff": DiffResult,
    "rollback": RollbackResult,
    "show": ShowResult,
    "clean": CleanResult,
    "setup": SetupResult,
    "tmux": TmuxResult,
    "logs": LogsResult,
    "events": EventsResult,
    "notify": NotifyResult,
    "page": PageResult,
}

#: The type of what ``mip`` itself, or an execution function of a node, has a screen for.
LOCAL: Mapping[str, Any] = {
    "check": CheckResult,
    "check-required": RequirementsResult,
    "here": HereResult,
    "tasks": TasksResult,
    "version": VersionsResult,
    "wait": WaitResult,
}


def to_json(command: str, value: Any) -> Any:
    """``value``, which ``command`` returned, as JSON's own types: the form that leaves the program.

    An object gets ``command`` and ``schema`` first. What is in that form already is kept.
    """
    plain = msgspec.to_builtins(value)
    if isinstance(plain, Mapping):
        return {"command": command, "schema": VERSION, **plain}
    return plain


def parse(command: str, value: Any) -> Any:
    """The inverse of :func:`to_json`: the value of the command's type.

    Raises ``msgspec.ValidationError`` where it does not fit; its message names the key.
    """
    return msgspec.convert(value, COMMANDS[command] if command in COMMANDS else LOCAL[command])


@cache
def schema(command: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of what ``command`` returns."""
    (root,), definitions = msgspec.json.schema_components(
        [COMMANDS[command]], ref_template="#/$defs/{name}"
    )
    if "$ref" in root:
        root = definitions.pop(root["$ref"].rpartition("/")[2])
        root["properties"] = {
            "command": {"const": command},
            "schema": {"const": VERSION},
            **root["properties"],
        }
        root["required"] = ["command", "schema", *root["required"]]
        if "plan" in root["properties"] and "plan" not in root["required"]:
            root["dependentSchemas"] = {"dry_run": {"required": ["plan"]}}
    root["title"] = f"What mip.{command} returns"
    if definitions:
        root["$defs"] = definitions
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}
