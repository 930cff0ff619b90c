"""
Tell the pusher that a declared service of the federation does not run, on its master node.

A service that is down for ``settle`` seconds (of the pillar, ``reactor``), a node that joined the
Swarm and has no label there yet, or an engine that a keystore forgot which started after it, makes
``salt/beacon/<id>/mip_services/<federation>`` say 'look', and again ever more rarely as long as it
is so. What an operator stopped is not missed. Docker is given half a second to answer; where it
does not, or nothing is deployed, nothing is said.

The state ``mip.master`` installs it. By hand:

.. code-block:: yaml

    beacons:
      mip_services:
        - interval: 30
"""

import time

from saltext_mip.bridge.pillar import plain
from saltext_mip.node import watch_data, watch_services
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip_services"


def __virtual__():
    return __virtualname__


def validate(config):
    """
    The configuration is a list; nothing but ``interval`` means anything in it.
    """
    if not isinstance(config, list):
        return False, "The configuration of mip_services is a list."
    return True, "Valid."


def beacon(config):  # noqa: ARG001 - Salt gives it
    """
    Ask Docker, and say so where something is down that should run.
    """
    kept = __context__.get("mip_services")
    if kept is None:
        # made anew after a refresh of the pillar, which empties the context
        found = NodeContext.all(plain(__opts__["pillar"]), __opts__)
        kept = __context__["mip_services"] = [h for h in found if h.node.role == "master"]
    return [{"tag": here.federation.name} for here in kept if _news(here)]


def _news(here):
    reactor = here.federation.settings["reactor"]
    clocks = watch_data.Timers(reactor["settle"], reactor["resync"], 0.0)
    return watch_services.must_report(here.state, watch_services.down(here), clocks, time.time())
