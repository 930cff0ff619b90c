"""Every action of ``mip``: on the pusher, and on a node. Each is defined beside its code."""

from __future__ import annotations

from saltext_mip.console.cli.action import Action
from saltext_mip.console.cli.commands import (
    data,
    federation,
    generations,
    nodes,
    on_node,
    pusher,
    services,
    watch,
)

ACTIONS: tuple[Action, ...] = (
    *data.ACTIONS,
    *services.ACTIONS,
    *nodes.ACTIONS,
    *federation.ACTIONS,
    *generations.ACTIONS,
    *watch.ACTIONS,
    *pusher.ACTIONS,
)
NODE_ACTIONS: tuple[Action, ...] = (*on_node.ACTIONS, *pusher.ANYWHERE)


def actions(*, pusher: bool) -> tuple[Action, ...]:
    """The actions of a machine of that kind."""
    return ACTIONS if pusher else NODE_ACTIONS
