"""The logs of the nodes' components, merged by time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from saltext_mip.arguments import LIMIT, limit, moment
from saltext_mip.errors import Misuse
from saltext_mip.federation import Node
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import LogLine, LogsResult, NodeLog
from saltext_mip.text import shown

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def logs(
    pusher: Pusher, name: str | None, component: str | None, lines: Any, since: Any
) -> LogsResult:
    """The last lines of a component on one node, or on all enabled nodes, merged by time."""
    most = LIMIT if lines is None else limit(lines)
    moment(since, pusher.now().timestamp())  # invalid arguments fail before any node is asked
    if component is not None and not isinstance(component, str):
        raise Misuse("component= takes a component's name, such as exareme.")
    chosen = _targets(pusher, name)
    answers = pusher.ask(
        "component_logs",
        [node.id for node in chosen],
        component=component,
        lines=most,
        since=None if since is None else str(since),
    )
    nodes: dict[str, NodeLog] = {}
    merged: list[LogLine] = []
    for node in chosen:
        why = answers.missing.get(node.id) or answers.failed.get(node.id)
        value: Any = answers.values.get(node.id)
        if why is None and not _is_valid(value):
            why = "invalid response: unexpected format of log lines"
        if why is not None:
            nodes[node.id] = NodeLog(short=node.short, lines=0, reason=sanitize(why))
            continue
        which = shown(value["component"])
        nodes[node.id] = NodeLog(short=node.short, component=which, lines=len(value["lines"]))
        merged += [
            LogLine(time=time, node=node.id, component=which, text=shown(text))
            for time, text in value["lines"]
        ]
    merged.sort(key=lambda line: line.time)
    return LogsResult(
        federation=pusher.federation.name,
        nodes=nodes,
        lines=merged[-most:],
        retcode=1 if any(each.reason for each in nodes.values()) else UNSET,
    )


def _targets(pusher: Pusher, name: str | None) -> tuple[Node, ...]:
    """The node of that name, even if disabled; else all enabled nodes."""
    if name is not None:
        return (pusher.federation.node(name),)
    disabled = pusher.store.disabled()
    return tuple(node for node in pusher.federation.nodes if node.id not in disabled)


def _is_valid(value: Any) -> bool:
    """Whether a node's answer has the expected format."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("component"), str)
        and isinstance(value.get("lines"), list)
        and all(
            isinstance(line, list)
            and len(line) == 2
            and isinstance(line[0], str)
            and isinstance(line[1], str)
            and STAMP.fullmatch(line[0])
            for line in value["lines"]
        )
    )
