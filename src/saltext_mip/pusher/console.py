"""The operator's session and the nodes' logs, as the pusher gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from saltext_mip.console import session as sessions
from saltext_mip.console.screen import when
from saltext_mip.errors import Misuse
from saltext_mip.federation import Node
from saltext_mip.files import shown
from saltext_mip.node.logs import LIMIT, limit, moment
from saltext_mip.pusher.gather import words
from saltext_mip.pusher.members import listed
from saltext_mip.pusher.session import Pusher

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


class Terminal(Protocol):
    """A tmux server: :class:`saltext_mip.console.tmux.Tmux`."""

    def find(self, federation: str) -> str | None: ...
    def ensure(self, session: sessions.Session, *, force: bool) -> bool: ...
    def windows(self, federation: str) -> tuple[tuple[int, str, int], ...]: ...
    def attach_argv(self, federation: str, *, inside: bool) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Made:
    """The return of ``mip.tmux``, and the command that brings a person there."""

    value: dict[str, Any]
    attach: tuple[str, ...]


def session(
    pusher: Pusher, tmux: Terminal, *, config: str | None, force: bool, inside: bool
) -> Made:
    """Make the federation's session unless it is there; ``config``: Salt's folder, for panes."""
    wanted = sessions.of(
        pusher.federation,
        state=pusher.state,
        notes=notes(listed(pusher)["nodes"]),
        program=sessions.Program(config=config),
    )
    made = tmux.ensure(wanted, force=force)
    there = tmux.windows(pusher.federation.name)
    attach = tmux.attach_argv(pusher.federation.name, inside=inside)
    value: dict[str, Any] = {
        "federation": pusher.federation.name,
        "session": wanted.name,
        "changed": made,
        "windows": [{"index": index, "name": name, "panes": panes} for index, name, panes in there],
        "attach": f"tmux attach -t {wanted.name}",
        "notes": [],
    }
    named = {window.name for window in wanted.windows}
    if missing := sorted(named - {name for _, name, _ in there}):
        value["notes"] = [
            f"The session has no window for {', '.join(missing)}: force=True makes it anew."
        ]
    return Made(value, attach)


def notes(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What is to be said of nodes in their windows: that one is disabled, or did not answer."""
    found = {}
    for node, facts in nodes.items():
        said = []
        if not facts["enabled"]:
            why = facts.get("disabled") or {}
            by = f" by {why['actor']}" if why.get("actor") else ""
            reason = f": {why['reason']}" if why.get("reason") else ""
            said.append(f"This node is disabled{by}{reason}.")
        if facts["up"] is False:
            said.append(f"It has not answered since {when(str(facts['since']))}.")
        if said:
            found[node] = shown(" ".join(said))
    return found


def logs(
    pusher: Pusher, name: str | None, component: str | None, lines: Any, since: Any
) -> dict[str, Any]:
    """The last lines of a node's component, or of each enabled node's, merged by time."""
    most = LIMIT if lines is None else limit(lines)
    moment(since, pusher.now().timestamp())  # refused here, before anybody is asked
    if component is not None and not isinstance(component, str):
        raise Misuse("component= takes a component's name, such as exareme.")
    chosen = _chosen(pusher, name)
    answers = pusher.ask(
        "component_logs",
        [node.id for node in chosen],
        component=component,
        lines=most,
        since=None if since is None else str(since),
    )
    nodes: dict[str, dict[str, Any]] = {}
    merged: list[dict[str, str]] = []
    for node in chosen:
        why = answers.missing.get(node.id) or answers.failed.get(node.id)
        value: Any = answers.values.get(node.id)
        if why is None and not _sound(value):
            why = "its answer is not to be believed: these are no lines of a log"
        if why is not None:
            nodes[node.id] = {"short": node.short, "lines": 0, "reason": words(why)}
            continue
        which = shown(value["component"])
        nodes[node.id] = {
            "short": node.short,
            "component": which,
            "lines": len(value["lines"]),
        }
        merged += [
            {"time": time, "node": node.id, "component": which, "text": shown(text)}
            for time, text in value["lines"]
        ]
    merged.sort(key=lambda line: line["time"])
    failed = any("reason" in each for each in nodes.values())
    return {
        "federation": pusher.federation.name,
        "nodes": nodes,
        "lines": merged[-most:],
        **({"retcode": 1} if failed else {}),
    }


def _chosen(pusher: Pusher, name: str | None) -> tuple[Node, ...]:
    """A node that is named is asked also where it is disabled."""
    if name is not None:
        return (pusher.federation.node(name),)
    disabled = pusher.store.disabled()
    return tuple(node for node in pusher.federation.nodes if node.id not in disabled)


def _sound(value: Any) -> bool:
    """A node is believed only about itself, and only in this form."""
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
