"""
Report to the pusher that a declared service of the federation does not run, on its master node.

A service that is down for ``settle`` seconds (of the pillar, ``reactor``), a node that joined the
Swarm and has no label there yet, or an engine that the keystore lost when it restarted:
``salt/beacon/<id>/mip_services/<federation>`` wakes the controller, again and again at growing
intervals as long as it lasts. What an operator stopped is not reported. Docker has half a second to
respond; where it does not, or nothing is deployed, nothing is reported.

The state ``mip.master`` installs it. By hand:

.. code-block:: yaml

    beacons:
      mip_services:
        - interval: 30
"""

import time

from saltext_mip.bridge.pillar import plain
from saltext_mip.node import reminders, watch_services
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip_services"


def __virtual__():
    return __virtualname__


def validate(config):
    """
    The configuration is a list; only ``interval`` has a meaning in it.
    """
    if not isinstance(config, list):
        return False, "The configuration of mip_services is a list."
    return True, "Valid."


def beacon(config):  # noqa: ARG001 - Salt gives it
    """
    Ask Docker, and report services that should run and do not.
    """
    kept = __context__.get("mip_services")
    if kept is None:
        # recreated after a refresh of the pillar, which empties the context
        found = NodeContext.all(plain(__opts__["pillar"]), __opts__)
        kept = __context__["mip_services"] = [h for h in found if h.node.role == "master"]
    return [{"tag": context.federation.name} for context in kept if _report_due(context)]


def _report_due(context):
    reactor = context.federation.settings["reactor"]
    timers = reminders.Timers(reactor["settle"], reactor["resync"], 0.0)
    return watch_services.report_due(
        context.state, watch_services.services_down(context), timers, time.time()
    )
