"""The logs of the nodes' components, merged by time."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from saltext_mip.arguments import LIMIT, limit, moment
from saltext_mip.errors import BadAnswer, Misuse
from saltext_mip.federation import Node
from saltext_mip.pusher.answers import reasons, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import LogLine, LogsResult, NodeLog
from saltext_mip.schemas.decoding import decode
from saltext_mip.text import shown

Stamp = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$(?!\n)")
]


class SentLog(Struct, frozen=True):
    """The last lines of a component, as a node sends them: pairs of time (UTC) and text."""

    component: str
    lines: list[tuple[Stamp, str]]


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
        if node.id not in answers.values:
            why = reasons(answers).get(node.id, "no response")
            nodes[node.id] = NodeLog(short=node.short, lines=0, reason=why)
            continue
        try:
            sent = decode(SentLog, answers.values[node.id], node=node.id)
        except BadAnswer as exc:
            why = f"invalid response: {exc.facts['message']}"
            nodes[node.id] = NodeLog(short=node.short, lines=0, reason=sanitize(why))
            continue
        which = shown(sent.component)
        nodes[node.id] = NodeLog(short=node.short, component=which, lines=len(sent.lines))
        merged += [
            LogLine(time=time, node=node.id, component=which, text=shown(text))
            for time, text in sent.lines
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
