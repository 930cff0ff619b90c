"""This node's inventory, with the data path and database settings of its pillar."""

from __future__ import annotations

from saltext_mip.data.inventory import collect as inventory
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.node.context import NodeContext


def collect_inventory(context: NodeContext) -> Inventory:
    """The node's inventory, unmasked; updates the reports in the data path."""
    return inventory.collect(
        context.data_path,
        context.state,
        federation=context.federation.name,
        node=context.node.id,
        subjectcode=context.subjectcode,
        min_count=context.federation.min_count,
    )
