"""
The nodes of a federation: list them, check their connection, enable, disable and drain them.
"""

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.pusher import nodes as pusher_nodes
from saltext_mip.pusher.services import drain as services_drain

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
    "up", "since" (up: when its minion started; not up: when that was first observed), "asked",
    "age" (seconds since it was asked), "uptime" (of its minion, then)}}``; ``notes`` on nodes whose
    host keys could not be had.

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


@command
def drain(federation=None, node=None, until=None, reason=None, dry_run=False, timeout=300):
    """
    Drain a node for maintenance: its engine stops, and its datasets remain listed as not available.

    The node still gets jobs: its data are consolidated and compiled. No refresh, deployment, state,
    or ``mip.start`` of all nodes starts the engine; ``mip.undrain`` and ``mip.start`` of this node
    do. With ``until`` the controller starts it by itself at that time, unless the federation is
    suspended.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address. The master's is drained without
        its keystore; no dataset is available then.

    until
        When it ends, in UTC (``2026-12-01 18:00``), or in how long (``45m``, ``2h``, ``1d``).
        Default: until ``mip.undrain``. Another call sets another time.

    reason
        Why; shown in the list of nodes and in the status.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and until the engine
        has stopped.

    Returns ``nodes`` as ``mip.nodes`` for this one, ``plan``, ``changed``, and ``notes``: which
    datasets are not available, and what ends it. An error if its services are stopped or removed.

    CLI Example:

    .. code-block:: bash

        salt-run mip.drain federation=fed1 node=wk2 until=2h reason='new memory'
        salt-run mip.drain federation=fed1 node=wk2 until='2026-12-01 18:00' dry_run=True
    """
    with open_pusher(__opts__, federation) as pusher:
        return services_drain.drain(
            pusher, node, until=until, reason=reason, dry_run=dry_run, timeout=timeout
        )


@command
def undrain(federation=None, node=None, dry_run=False, timeout=300):
    """
    Start the engine of a drained node, and wait until it serves.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and until it serves.

    Returns as ``mip.drain``; ``changed`` is false if the node is not drained. Exit code 1 if its
    engine does not serve.

    CLI Example:

    .. code-block:: bash

        salt-run mip.undrain federation=fed1 node=wk2
    """
    with open_pusher(__opts__, federation) as pusher:
        return services_drain.undrain(pusher, node, dry_run=dry_run, timeout=timeout)
