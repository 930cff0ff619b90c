"""The federation's session: made unless it is there, and the command that attaches to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from saltext_mip.console.tmux import session as sessions
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.nodes import list_nodes
from saltext_mip.results import NodeInfo, Override, TmuxResult, TmuxWindow
from saltext_mip.text import shown, when


class Terminal(Protocol):
    """A tmux server: :class:`saltext_mip.console.tmux.server.Tmux`."""

    def find(self, federation: str) -> str | None: ...
    def ensure(self, session: sessions.Session, *, force: bool) -> bool: ...
    def windows(self, federation: str) -> tuple[tuple[int, str, int], ...]: ...
    def attach_argv(self, federation: str, *, inside: bool) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Made:
    """The return of ``mip.tmux`` where nobody was attached, and the command that attaches."""

    value: TmuxResult
    attach: tuple[str, ...]


def session(
    pusher: Pusher, tmux: Terminal, *, config: str | None, force: bool, inside: bool
) -> Made:
    """Make the federation's session unless it is there; ``config``: Salt's folder, for panes."""
    wanted = sessions.of(
        pusher.federation,
        state=pusher.state,
        notes=notes(list_nodes(pusher).nodes),
        program=sessions.Program(config=config),
    )
    made = tmux.ensure(wanted, force=force)
    there = tmux.windows(pusher.federation.name)
    attach = tmux.attach_argv(pusher.federation.name, inside=inside)
    missing = sorted({window.name for window in wanted.windows} - {name for _, name, _ in there})
    value = TmuxResult(
        federation=pusher.federation.name,
        session=wanted.name,
        changed=made,
        attached=False,
        windows=[TmuxWindow(index=index, name=name, panes=panes) for index, name, panes in there],
        attach=f"tmux attach -t {wanted.name}",
        notes=[f"The session has no window for {', '.join(missing)}: force=True recreates it."]
        if missing
        else [],
    )
    return Made(value, attach)


def notes(nodes: Mapping[str, NodeInfo]) -> dict[str, str]:
    """Notes on nodes for their windows: that one is disabled, or does not respond."""
    found = {}
    for node, facts in nodes.items():
        parts = []
        if not facts.enabled:
            by = reason = ""
            if isinstance(facts.disabled, Override):
                by = f" by {facts.disabled.actor}"
                reason = f": {facts.disabled.reason}" if facts.disabled.reason else ""
            parts.append(f"This node is disabled{by}{reason}.")
        if facts.up is False:
            parts.append(f"No response since {when(str(facts.since))}.")
        if parts:
            found[node] = shown(" ".join(parts))
    return found
