"""The federation's session: made unless it is there, and the command that attaches to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from saltext_mip.console.tmux import session as sessions
from saltext_mip.console.tmux.operator import Operator
from saltext_mip.results import NodesResult, Override, TmuxResult, TmuxWindow, value_or
from saltext_mip.text import shown, when


class Terminal(Protocol):
    """A tmux server: :class:`saltext_mip.console.tmux.server.Tmux`."""

    def find(self, federation: str) -> str | None: ...
    def ensure(
        self, session: sessions.Session, *, force: bool, environment: Mapping[str, str]
    ) -> bool: ...
    def windows(self, federation: str) -> tuple[tuple[int, str, int], ...]: ...
    def attach_argv(self, federation: str, *, inside: bool) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Made:
    """The return of ``mip.tmux`` where nobody was attached, and the command that attaches."""

    value: TmuxResult
    attach: tuple[str, ...]


def session(
    nodes: NodesResult, tmux: Terminal, operator: Operator, *, config: str | None, force: bool
) -> Made:
    """Make the federation's session unless it is there; ``config``: Salt's folder, for panes."""
    wanted = sessions.of(
        nodes,
        notes=notes(nodes),
        program=sessions.Program(config=config),
        hint=operator.hint,
    )
    made = tmux.ensure(wanted, force=force, environment=operator.environment)
    there = tmux.windows(nodes.federation)
    attach = tmux.attach_argv(nodes.federation, inside=operator.inside)
    missing = sorted({window.name for window in wanted.windows} - {name for _, name, _ in there})
    all_notes = [*value_or(nodes.notes, []), *([operator.hint] if operator.hint else [])]
    if missing:
        names = ", ".join(missing)
        all_notes.append(f"The session has no window for {names}: force=True recreates it.")
    value = TmuxResult(
        federation=nodes.federation,
        session=wanted.name,
        changed=made,
        attached=False,
        windows=[TmuxWindow(index=index, name=name, panes=panes) for index, name, panes in there],
        attach=f"{operator.prefix}tmux attach -t {wanted.name}",
        notes=all_notes,
    )
    return Made(value, attach)


def notes(nodes: NodesResult) -> dict[str, str]:
    """Notes on nodes for their windows: that one is disabled, or does not respond."""
    found = {}
    for node, facts in nodes.nodes.items():
        parts = []
        if not facts.enabled:
            by = reason = ""
            if isinstance(facts.disabled, Override):
                by = f" by {facts.disabled.actor}"
                reason = f": {facts.disabled.reason}" if facts.disabled.reason else ""
            parts.append(f"This node is disabled{by}{reason}.")
        if facts.up is False:
            parts.append(f"No response since {when(str(facts.since))}.")
        about = f"{node}: "
        parts += [
            f"{each.removeprefix(about)}."
            for each in value_or(nodes.notes, [])
            if each.startswith(about)
        ]
        if parts:
            found[node] = shown(" ".join(parts))
    return found
