"""
Report to the pusher that the data of this node settled in a state that it has not seen.

Files of pathologies that were added, changed, removed or renamed, a CDE that was edited by hand, a
data disk that was unmounted or mounted: once all files are unchanged for ``settle`` seconds (of the
pillar, ``reactor``), ``salt/beacon/<id>/mip_data/<federation>`` wakes the controller, again and
again at growing intervals until the pusher has looked. Our own changes are not reported. The beacon
only stats; its state is on disk.

The states ``mip.worker`` and ``mip.master`` install it. By hand:

.. code-block:: yaml

    beacons:
      mip_data:
        - interval: 5
"""

import time

from saltext_mip.bridge.pillar import plain
from saltext_mip.node import reminders, watch_data
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip_data"

# At most this part of a core's time goes to scans: the longer one takes, the rarer they are.
SHARE = 0.002


def __virtual__():
    return __virtualname__


def validate(config):
    """
    The configuration is a list; only ``interval`` has a meaning in it.
    """
    if not isinstance(config, list):
        return False, "The configuration of mip_data is a list."
    return True, "Valid."


def beacon(config):  # noqa: ARG001 - Salt gives it
    """
    Scan, and report a state that the pusher has not seen.
    """
    kept = __context__.get("mip_data")
    if kept is None:
        # recreated after a refresh of the pillar, which empties the context
        kept = __context__["mip_data"] = {
            "contexts": list(NodeContext.all(plain(__opts__["pillar"]), __opts__))
        }
    now = time.monotonic()
    if now < kept.get("next", 0.0):
        return []
    began = time.thread_time()
    found = [
        {"tag": context.federation.name}
        for context in kept["contexts"]
        if _report_due(context, now, kept)
    ]
    kept["next"] = now + (time.thread_time() - began) / SHARE
    kept["last"] = now
    return found


def _report_due(context, now, kept):
    reactor = context.federation.settings["reactor"]
    timers = reminders.Timers(reactor["settle"], reactor["resync"], now - kept.get("last", now))
    return watch_data.report_due(context.data_path, context.state, timers, time.time())
