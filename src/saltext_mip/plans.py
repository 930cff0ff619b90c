"""What a plan is made of: one thing to do, and why.

A plan is a list of :class:`PlanItem` in the order of doing. It is what ``dry_run`` returns, what a
node reports that it did, and what tests compare. A planner that needs more to carry an item out
adds those facts in a subclass; :attr:`PlanItem.plan_item` is the item without them.
"""

from __future__ import annotations

from msgspec import Struct

NOTHING = "nothing"


class PlanItem(Struct, frozen=True, omit_defaults=True):
    """``action`` on ``thing``, on the node of that minion id where it is about one, and why.

    The action ``nothing`` says that the thing is as desired already.
    """

    action: str
    thing: str
    reason: str
    node: str = ""

    @property
    def plan_item(self) -> PlanItem:
        """The item alone, without the facts that a subclass adds: what is shown and sent."""
        return PlanItem(self.action, self.thing, self.reason, self.node)
