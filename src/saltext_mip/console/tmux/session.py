"""The operator's tmux session, as a value: windows, panes, options. Nothing here calls tmux.

Window numbers and names are those that operators have known for years. A window keeps its number
whatever is declared: workers begin at 5 also where there is no ui.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from saltext_mip.console.ssh import Login
from saltext_mip.console.tmux.pane import NodePane
from saltext_mip.results import NodesResult, value_or

MARK = "@mip_federation"  # the user option that tells our sessions from others
MASTER, UI, FIRST_WORKER = 3, 4, 5  # windows
HISTORY = 100_000

OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "base-index": "0",
        "renumber-windows": "off",
        "history-limit": str(HISTORY),
        "prefix2": "C-j",
        "key-table": "root",
        "destroy-unattached": "off",
        "status": "on",
        "status-left-length": "70",
        "status-left": "#[fg=blue,bold] #S #[default]",
        "status-right-length": "60",
        "status-right": "#(whoami)@#h %Y-%m-%d %H:%M:%S ",
        "status-interval": "5",
    }
)
WINDOW_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "remain-on-exit": "on",
        "automatic-rename": "off",
        "allow-rename": "off",
        "synchronize-panes": "off",
        "window-status-format": "#I:#W#{?window_zoomed_flag,(Z),}#{?window_bell_flag,!,}",
        "window-status-current-format": "#[bold]#I:#W#{?window_zoomed_flag,(Z),}*#[default]",
    }
)
# Where tmux has it (3.3 and newer): no pane may send what tmux does not understand to the terminal.
NEWER_WINDOW_OPTIONS: Mapping[str, str] = MappingProxyType({"allow-passthrough": "off"})
TITLED: Mapping[str, str] = MappingProxyType(
    {"pane-border-status": "top", "pane-border-format": " #{@mip_pane} "}
)


@dataclass(frozen=True)
class Pane:
    """What runs in a pane; no ``argv``: the operator's shell. ``lines``: its height, if it has one.

    Of two words or more, so that tmux runs it as it is: one word it would hand to a shell.
    """

    title: str = ""
    argv: tuple[str, ...] = ()
    lines: int | None = None


@dataclass(frozen=True)
class Window:
    """``grid``: its panes stand in a grid, else one below the other."""

    index: int
    name: str
    panes: tuple[Pane, ...]
    grid: bool = False
    options: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Session:
    """``name`` as tmux takes it; ``federation`` is the mark by which it is found again."""

    name: str
    federation: str
    windows: tuple[Window, ...]
    options: Mapping[str, str] = field(default_factory=lambda: OPTIONS, hash=False)
    window_options: Mapping[str, str] = field(default_factory=lambda: WINDOW_OPTIONS, hash=False)


@dataclass(frozen=True)
class Program:
    """How our own programs are started in a pane: this Python, on this configuration of Salt."""

    python: str = sys.executable
    config: str | None = None

    def mip(self, *arguments: str) -> tuple[str, ...]:
        config = ("--config-dir", self.config) if self.config else ()
        return (self.python, "-m", "saltext_mip.console", *config, *arguments)

    def pane(self, of_node: NodePane) -> tuple[str, ...]:
        return (self.python, "-m", "saltext_mip.console.tmux.pane", of_node.to_argument())


def of(
    nodes: NodesResult,
    *,
    notes: Mapping[str, str] | None = None,
    program: Program | None = None,
    hint: str = "",
) -> Session:
    """The session of that federation. ``notes``: text about a node, by minion id.

    ``hint``: what to do where ssh does not connect.
    """
    program = program or Program()
    notes = notes or {}

    def shell(node: str) -> Pane:
        return Pane(node, program.pane(_node_pane(node, nodes, notes, hint)))

    def log(node: str) -> Pane:
        facts = nodes.nodes[node]
        of_node = replace(_node_pane(node, nodes, notes, hint), logs=facts.role)
        # in the border, since what the program says first is soon out of sight
        note = f" {notes[node]}" if node in notes else ""
        return Pane(f"{facts.short} {node}{note}", program.pane(of_node))

    def with_role(role: str) -> list[str]:
        return [node for node, facts in nodes.nodes.items() if facts.role == role]

    masters, uis, workers = map(with_role, ("master", "ui", "worker"))
    named = ("--federation", nodes.federation)
    windows = [
        Window(0, "bash", (Pane(),)),
        Window(1, "logs", tuple(map(log, masters + uis + workers)), grid=True, options=TITLED),
        Window(
            2,
            "deploy",
            (
                Pane("help", program.mip(*named, "tasks", "--shell")),
                Pane("status", program.mip(*named, "status", "--watch", "--problems"), lines=8),
            ),
        ),
    ]
    for first, named_nodes in ((MASTER, masters), (UI, uis), (FIRST_WORKER, workers)):
        windows += [
            Window(number, node, (shell(node),)) for number, node in enumerate(named_nodes, first)
        ]
    return Session(name_of(nodes.federation), nodes.federation, tuple(windows))


def name_of(federation: str) -> str:
    """tmux takes ``.`` and ``:`` for its own: in a session's name they are ``_``."""
    return re.sub(r"[.:]", "_", federation)


def _node_pane(node: str, nodes: NodesResult, notes: Mapping[str, str], hint: str) -> NodePane:
    login, facts = Login.to(node, nodes), nodes.nodes[node]
    return NodePane(
        title=f"{node} ({facts.short}, {facts.role}, {login.user}@{login.address})",
        note=notes.get(node, ""),
        login=login,
        folder=value_or(facts.data_path, None),
        federation=nodes.federation,
        hint=hint,
    )
