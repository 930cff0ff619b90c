"""
The federation's services in the Swarm, their state, and the operator's session and logs.
"""

import sys

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.console.tmux import open as tmux_open
from saltext_mip.console.tmux.server import Tmux, inside
from saltext_mip.console.tmux.server import attach as attach_to
from saltext_mip.pusher import logs as operators_logs
from saltext_mip.pusher.services import deploy as deployment
from saltext_mip.pusher.services import lifecycle as moves
from saltext_mip.pusher.status import report as states_of

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
def deploy(federation=None, node=None, dry_run=False, timeout=300):
    """
    Apply the states of all nodes (Swarm, network, labels, services, beacons), and wait until the
    services serve.

    Again, with nothing changed, it changes nothing and replaces no task. What an operator stopped
    stays stopped; what was removed by ``mip.remove`` is made again. What is not ours is left alone:
    where it has a name, a port or a folder of ours, it is named, and nothing is done.

    federation
        The federation's name.

    node
        Only this node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation, and until all serve.

    Returns ``nodes`` ``{minion id: {"changed", "failed", "changes": {thing: "old -> new"}, "error",
    "findings"}}``, ``services`` ``{name: {"node", "image", "replicas": "1/1", "serving", "since",
    "error", "log"}}``, ``changed`` and ``problems``. Exit code 1 where a service did not come up;
    its ``error`` and the last lines of its ``log`` say why.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1 dry_run=True
        salt-run mip.deploy federation=fed1
        salt-run mip.deploy federation=fed1 node=wk1
    """
    with open_pusher(__opts__, federation) as pusher:
        return deployment.deploy(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def start(federation=None, node=None, dry_run=False, timeout=300):
    """
    Start the services of all nodes, or of one, that an operator stopped or removed.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation, and until it is so.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 when something is not as it should be.

    CLI Example:

    .. code-block:: bash

        salt-run mip.start federation=fed1 node=wk1
    """
    with open_pusher(__opts__, federation) as pusher:
        return moves.start(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def stop(federation=None, node=None, dry_run=False, timeout=300):
    """
    Stop the services of all nodes, or of one. Their definition stays, and they stay stopped,
    whatever states and reactors want, until ``mip.start``.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation, and until it is so.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 when something is not as it should be.

    CLI Example:

    .. code-block:: bash

        salt-run mip.stop federation=fed1 node=chuv
    """
    with open_pusher(__opts__, federation) as pusher:
        return moves.stop(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def restart(federation=None, node=None, dry_run=False, timeout=300):
    """
    Replace the tasks of all services, or of one node's. Workers go one at a time; engines follow
    a keystore that starts again. The declared state is 'running' throughout.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation, and until it is so.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 when something is not as it should be.

    CLI Example:

    .. code-block:: bash

        salt-run mip.restart federation=fed1 node=wk2
    """
    with open_pusher(__opts__, federation) as pusher:
        return moves.restart(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def remove(federation=None, node=None, dry_run=False, timeout=300):
    """
    Take the services away, all or one node's, until ``mip.start`` or ``mip.deploy``. Data, the
    Swarm and the network stay.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation, and until it is so.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 when something is not as it should be.

    CLI Example:

    .. code-block:: bash

        salt-run mip.remove federation=fed1 dry_run=True
    """
    with open_pusher(__opts__, federation) as pusher:
        return moves.remove(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def status(federation=None, check=False, timeout=30):
    """
    What is, against what is declared; what is wrong comes first. Useful too while half is down.

    federation
        The federation's name.

    check
        Exit with 1 where not all is well.

    timeout
        Seconds to wait for nodes.

    Returns ``ok``, ``sync`` (``Synced``, ``OutOfSync``, ``Unknown``), ``health`` (``Healthy``,
    ``Progressing``, ``Degraded``, ``Suspended``, ``Unknown``), ``conditions`` ``[{"type", "status",
    "reason", "message", "hint", "since", "generation"}]``, ``nodes``, ``services`` as
    ``mip.deploy``, ``pathologies`` ``{name: {"datasets", "compiled", "stale", "served"}}``,
    ``generation`` and ``problems``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
        salt-run mip.status federation=fed1 check=True --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return states_of.status(pusher, check=check, timeout=timeout)


@command
def logs(federation=None, node=None, component=None, lines=None, since=None):
    """
    The last lines that a node's component wrote, or that those of all enabled nodes did, merged by
    time. ``mip logs --follow`` shows them as they come.

    federation
        The federation's name.

    node
        A node: its minion id, short name, hospital or address; default: all that are enabled.

    component
        Such as ``exareme``; default: that of each node's role (``exareme-master``,
        ``portalbackend`` or ``exareme``).

    lines
        How many at the most; default: 10,000.

    since
        Only later ones: ``90s``, ``10m``, ``2h``, ``3d`` ago, or a date (UTC, ISO 8601).

    Returns ``nodes`` ``{minion id: {"short", "component", "lines" (how many came), "reason" (where
    none could)}}`` and ``lines`` ``[{"time", "node", "component", "text"}]``, with control
    characters escaped; exit code 1 when a node's log could not be had.

    CLI Example:

    .. code-block:: bash

        salt-run mip.logs federation=fed1 lines=50
        salt-run mip.logs federation=fed1 node=wk1 since=10m
    """
    with open_pusher(__opts__, federation) as pusher:
        return operators_logs.logs(pusher, node, component, lines, since)


@command
def tmux(federation=None, force=False, attach=True):
    """
    The operator's tmux session of the federation: made if it is not there, and attached to when
    this is run on a terminal. It is on the tmux server of whoever runs this.

    federation
        The federation's name.

    force
        Make it anew; whoever looks at the old one is taken along.

    attach
        False: only make it.

    Returns ``session`` (its name), ``changed`` (it was made), ``attached``, ``attach`` (the command
    that attaches) and ``windows`` ``[{"index", "name", "panes" (how many)}]``. An error where tmux
    is not installed, or has another session of that name.

    CLI Example:

    .. code-block:: bash

        salt-run mip.tmux federation=fed1
        salt-run mip.tmux federation=fed1 force=True
    """
    with open_pusher(__opts__, federation) as pusher:
        made = tmux_open.session(
            pusher,
            Tmux(),
            config=__opts__.get("config_dir"),
            force=force,
            inside=inside(),
        )
    terminal = __opts__.get("__cli") == "salt-run" and sys.stdin.isatty() and sys.stdout.isatty()
    attached = bool(attach and terminal and attach_to(made.attach) == 0)
    return {**made.value, "attached": attached}
