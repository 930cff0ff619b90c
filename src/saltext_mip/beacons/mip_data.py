"""
Report to the pusher that the data of this node settled in a state that it has not seen.

Files of pathologies that were added, changed, removed or renamed, a CDE that was edited by hand, a
data disk that was unmounted or mounted: once all files are unchanged for ``settle`` seconds (of the
pillar, ``reactor``), ``salt/beacon/<id>/mip_data/<federation>`` wakes the controller, again and
again at growing intervals until the pusher has looked. Our own changes are not reported, nor is a
file that a program has open for writing. A process of its own looks at the files, and only stats:
a disk that does not respond delays nothing, and is reported as a change. The beacon's state is on
disk. With the beacon, the minion's main process has in memory what jobs of the pusher import, and a
job takes little more than ``test.ping``.

The states ``mip.worker`` and ``mip.master`` install it. By hand:

.. code-block:: yaml

    beacons:
      mip_data:
        - interval: 5
"""

import logging
import time

from saltext_mip.bridge.pillar import plain
from saltext_mip.node import reminders, watch_data
from saltext_mip.node.context import NodeContext
from saltext_mip.node.data_watcher import WATCHER

log = logging.getLogger(__name__)

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
        _preload()
        # recreated after a refresh of the pillar, which empties the context
        kept = __context__["mip_data"] = {
            "contexts": list(NodeContext.all(plain(__opts__["pillar"]), __opts__))
        }
    now = time.monotonic()
    if now < kept.get("next", 0.0):
        return []
    began = time.thread_time()
    try:
        seen = WATCHER.looks([(each.data_path, each.state) for each in kept["contexts"]])
        if seen is None:
            return []
        found = [
            {"tag": context.federation.name}
            for context in kept["contexts"]
            if context.data_path in seen.fingerprints and _report_due(context, now, kept, seen)
        ]
    except OSError as error:
        if kept.get("error") != str(error):
            log.warning("mip_data: the data cannot be watched now, and is tried again: %s", error)
        kept["error"] = str(error)
        return []
    kept["error"] = None
    kept["next"] = now + (time.thread_time() - began + seen.cpu) / SHARE
    kept["last"] = now
    return found


def _preload():
    """This process has what jobs need, which are forked from it: they import it no more."""
    try:
        from saltext_mip.node import jobs

        jobs.preload("saltext_mip.bridge.signed_answers")
    except ImportError as error:  # a job that needs it fails, and the pusher reports that
        log.warning("mip_data: jobs of this minion are slow, or fail: %s", error)


def _report_due(context, now, kept, seen):
    reactor = context.federation.settings["reactor"]
    timers = reminders.Timers(reactor["settle"], reactor["resync"], now - kept.get("last", now))
    observed = seen.fingerprints[context.data_path]
    return watch_data.report_due(context.state, observed, timers, time.time())
