"""This node's inventory, with the data path and database settings of its pillar."""

from __future__ import annotations

from saltext_mip.data.data_path import is_enrolled
from saltext_mip.data.inventory import collect as inventory
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.node import data_disk
from saltext_mip.node.context import NodeContext


def collect_inventory(context: NodeContext) -> Inventory:
    """The node's inventory, unmasked; updates the reports in the data path."""
    if data_disk.hangs(context):
        return _hanging(context)
    return inventory.collect(
        context.data_path,
        context.state,
        federation=context.federation.name,
        node=context.node.id,
        subjectcode=context.subjectcode,
        min_count=context.federation.min_count,
    )


def _hanging(context: NodeContext) -> Inventory:
    enrolled = is_enrolled(context.data_path, context.state)
    return Inventory(context.federation.name, context.node.id, "DataDiskHangs", enrolled=enrolled)
