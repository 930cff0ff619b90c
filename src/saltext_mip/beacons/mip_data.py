"""
Tell the pusher that the data of this node has settled into something that it has not seen.

Files of pathologies that were added, changed, removed or renamed, a CDE that was edited by hand, a
data disk that went away or came back: once all of it was left alone for ``settle`` seconds (of the
pillar, ``reactor``), ``salt/beacon/<id>/mip_data/<federation>`` says 'look', and says it again ever
more rarely until the pusher has looked. What this project writes itself is no news. The beacon only
stats; what it remembers stands on disk.

The states ``mip.worker`` and ``mip.master`` install it. By hand:

.. code-block:: yaml

    beacons:
      mip_data:
        - interval: 5
"""

import time

from saltext_mip.bridge.pillar import plain
from saltext_mip.node import watch_data
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip_data"

# A look that takes long is done rarely: at most this part of a core's time goes to it.
SHARE = 0.002


def __virtual__():
    return __virtualname__


def validate(config):
    """
    The configuration is a list; nothing but ``interval`` means anything in it.
    """
    if not isinstance(config, list):
        return False, "The configuration of mip_data is a list."
    return True, "Valid."


def beacon(config):  # noqa: ARG001 - Salt gives it
    """
    Look, and say so where there is something that the pusher has not seen.
    """
    kept = __context__.get("mip_data")
    if kept is None:
        # made anew after a refresh of the pillar, which empties the context
        kept = __context__["mip_data"] = {
            "here": list(NodeContext.all(plain(__opts__["pillar"]), __opts__))
        }
    now = time.monotonic()
    if now < kept.get("next", 0.0):
        return []
    began = time.thread_time()
    found = [{"tag": here.federation.name} for here in kept["here"] if _news(here, now, kept)]
    kept["next"] = now + (time.thread_time() - began) / SHARE
    kept["last"] = now
    return found


def _news(here, now, kept):
    reactor = here.federation.settings["reactor"]
    clocks = watch_data.Timers(reactor["settle"], reactor["resync"], now - kept.get("last", now))
    return watch_data.must_report(here.data_path, here.state, clocks, time.time())
