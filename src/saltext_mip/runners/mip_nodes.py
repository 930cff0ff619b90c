"""
The nodes of a federation: list them, check their connection, enable and disable them.
"""

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.pusher import nodes as pusher_nodes

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
def nodes(federation=None, host_keys=None):
    """
    List the federation's nodes, with what was last observed of each, and how long ago.

    It asks only nodes that were never asked, and with ``host_keys`` those whose keys are not known.

    federation
        The federation's name.

    host_keys
        Ask the nodes whose ssh host keys are not known yet, and record them for shells on nodes:
        ``True`` for all nodes, or one node's name.

    Returns ``nodes``: ``{minion id: {"role", "short", "address", "hospital", "contact", "enabled",
    "up", "since" (when that changed), "asked", "age" (seconds since it was asked)}}``; ``notes`` on
    nodes whose host keys could not be had.

    CLI Example:

    .. code-block:: bash

        salt-run mip.nodes federation=fed1
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_nodes.list_nodes(pusher, host_keys=host_keys)


@command
def check_nodes(federation=None, node=None):
    """
    Check the connection to all nodes, or to one; a disabled node stays disabled.

    federation
        The federation's name.

    node
        A node: its minion id, short name (``wk1``), hospital or address.

    Returns as ``mip.nodes``, with a ``reason`` if a node is not up; exit code 1 if an enabled node
    is not up.

    CLI Example:

    .. code-block:: bash

        salt-run mip.check_nodes federation=fed1
        salt-run mip.check_nodes federation=fed1 node=wk1
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_nodes.check_nodes(pusher, node)


@command
def enable(federation=None, node=None, dry_run=False, timeout=300):
    """
    Enable a node: it takes part in the federation's work again, and its data path is enrolled as it
    is now.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``nodes`` as ``mip.nodes`` for this one, ``plan``, ``changed``; exit code 1 if its data
    path could not be enrolled.

    CLI Example:

    .. code-block:: bash

        salt-run mip.enable federation=fed1 node=chuv
    """
    with open_pusher(__opts__, federation) as pusher, pusher.locked("enable", timeout):
        return pusher_nodes.enable(pusher, node, dry_run=dry_run)


@command
def disable(federation=None, node=None, reason=None, dry_run=False, timeout=300):
    """
    Disable a node until ``mip.enable``: it gets no jobs, and the next consolidation removes its
    datasets.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address.

    reason
        Why; shown in the list of nodes.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Where there is a Swarm, its join token is replaced: a copy that the node has is of no use to it.

    Returns ``nodes`` as ``mip.nodes`` for this one, ``plan``, ``changed``; exit code 1 and
    ``notes`` if the token could not be replaced.

    CLI Example:

    .. code-block:: bash

        salt-run mip.disable federation=fed1 node=wk2 reason='disk is replaced'
    """
    with open_pusher(__opts__, federation) as pusher, pusher.locked("disable", timeout):
        return pusher_nodes.disable(pusher, node, reason, dry_run=dry_run)
