"""
The federation's services in the Swarm, their state, and the operator's session and logs.
"""

import sys

from msgspec import structs

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.console.tmux import open as tmux_open
from saltext_mip.console.tmux import operator
from saltext_mip.console.tmux.server import Tmux
from saltext_mip.console.tmux.server import attach as attach_to
from saltext_mip.pusher import logs as pusher_logs
from saltext_mip.pusher.nodes import list_nodes
from saltext_mip.pusher.services import deploy as services_deploy
from saltext_mip.pusher.services import lifecycle
from saltext_mip.pusher.status import page as pusher_page
from saltext_mip.pusher.status import report

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
def deploy(federation=None, node=None, dry_run=False, timeout=300):
    """
    Apply the states of all nodes (Swarm, network, labels, services, beacons), and wait until the
    services serve.

    Running it again with nothing changed changes nothing and replaces no task. Services that an
    operator stopped stay stopped; those removed by ``mip.remove`` are created again. Foreign
    services are not changed: if one uses a name, a port or a folder of ours, deploy names it and
    does nothing.

    federation
        The federation's name.

    node
        Only this node: its minion id, short name, hospital or address.

    dry_run
        Return the plan, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and until all serve.

    Returns ``nodes`` ``{minion id: {"changed", "failed", "changes": {thing: "old -> new"}, "error",
    "findings"}}``, ``services`` ``{name: {"node", "image", "replicas": "1/1", "serving", "since",
    "error", "log"}}``, ``changed`` and ``problems``. Exit code 1 if a service did not start; see
    its ``error`` and the last lines of its ``log``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1 dry_run=True
        salt-run mip.deploy federation=fed1
        salt-run mip.deploy federation=fed1 node=wk1
    """
    with open_pusher(__opts__, federation) as pusher:
        return services_deploy.deploy(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def start(federation=None, node=None, dry_run=False, timeout=300):
    """
    Start the services of all nodes, or of one, that an operator stopped or removed.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and for the effect.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 if a service is not as requested.

    CLI Example:

    .. code-block:: bash

        salt-run mip.start federation=fed1 node=wk1
    """
    with open_pusher(__opts__, federation) as pusher:
        return lifecycle.start(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def stop(federation=None, node=None, dry_run=False, timeout=300):
    """
    Stop the services of all nodes, or of one. Their definition is kept, and they stay stopped until
    ``mip.start``; states and reactors do not start them.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and for the effect.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 if a service is not as requested.

    CLI Example:

    .. code-block:: bash

        salt-run mip.stop federation=fed1 node=chuv
    """
    with open_pusher(__opts__, federation) as pusher:
        return lifecycle.stop(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def restart(federation=None, node=None, dry_run=False, timeout=300):
    """
    Restart the services of all nodes, or of one, one worker at a time; engines follow a keystore
    that restarts. The declared state is 'running' throughout.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and for the effect.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 if a service is not as requested.

    CLI Example:

    .. code-block:: bash

        salt-run mip.restart federation=fed1 node=wk2
    """
    with open_pusher(__opts__, federation) as pusher:
        return lifecycle.restart(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def remove(federation=None, node=None, dry_run=False, timeout=300):
    """
    Remove the services of all nodes, or of one, until ``mip.start`` or ``mip.deploy``. Data, the
    Swarm and the network are kept.

    federation
        The federation's name.

    node
        Only those of this node: its minion id, short name, hospital or address.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock, and for the effect.

    Returns as ``mip.deploy``, without ``nodes``; exit code 1 if a service is not as requested.

    CLI Example:

    .. code-block:: bash

        salt-run mip.remove federation=fed1 dry_run=True
    """
    with open_pusher(__opts__, federation) as pusher:
        return lifecycle.remove(pusher, node=node, dry_run=dry_run, timeout=timeout)


@command
def status(federation=None, check=False, timeout=120):
    """
    Observed against desired state, problems first. Useful also while half of the nodes are down.

    federation
        The federation's name.

    check
        Exit with 1 unless Ready.

    timeout
        Seconds to wait for nodes. It waits less: a node that gives no sign of life is reported
        after about 20 seconds, later where nodes or the pusher are slow.

    Returns ``ok``, ``sync`` (``Synced``, ``OutOfSync``, ``Unknown``), ``health`` (``Healthy``,
    ``Progressing``, ``Degraded``, ``Suspended``, ``Unknown``), ``conditions`` ``[{"type", "status",
    "reason", "message", "hint", "since", "generation"}]``, ``nodes``, ``services`` as
    ``mip.deploy``, ``pathologies`` ``{name: {"datasets", "compiled", "stale", "served"}}``,
    ``usable`` (whether researchers can use it: ``portal``, ``backend``, ``datasets``), ``todo``,
    ``generation`` and ``problems``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
        salt-run mip.status federation=fed1 check=True --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return report.status(pusher, check=check, timeout=timeout)


@command
def page(federation=None, node=None, duration="30d"):
    """
    How to reach the status page, or with ``node`` a signed link to that node's part of it.

    A link shows the node's problems, datasets and services, and nothing of the others. The file
    ``watch/page.key`` of the federation's state signs links: removing it ends all of them.

    federation
        The federation's name. Its pillar declares ``page``.

    node
        A node: its minion id, short name, hospital or address.

    duration
        With ``node``: how long the link is valid, such as ``12h`` or ``30d``.

    Returns ``url`` (of the page, for the browser), ``tunnel`` (the ssh command to type on your
    machine first; absent where none is needed) and with ``node`` the ``link`` ``{"node", "url",
    "until"}``. An error if the pillar declares no page, if its settings are refused, or for a link
    if the page is on loopback only.

    CLI Example:

    .. code-block:: bash

        salt-run mip.page federation=fed1
        salt-run mip.page federation=fed1 node=wk2 duration=30d
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_page.page(pusher, node, duration)


@command
def logs(federation=None, node=None, component=None, lines=None, since=None):
    """
    The last log lines of a component on one node, or on all enabled nodes, merged by time.
    ``mip logs --follow`` follows them.

    federation
        The federation's name.

    node
        A node: its minion id, short name, hospital or address; default: all enabled nodes.

    component
        Such as ``exareme``; default: that of each node's role (``exareme-master``,
        ``portalbackend`` or ``exareme``).

    lines
        Maximum number; default: 10,000.

    since
        Only later ones: ``90s``, ``10m``, ``2h``, ``3d`` ago, or a date (UTC, ISO 8601).

    Returns ``nodes`` ``{minion id: {"short", "component", "lines" (how many came), "reason" (where
    none could)}}`` and ``lines`` ``[{"time", "node", "component", "text"}]``, with control
    characters escaped; exit code 1 if a node's log could not be read.

    CLI Example:

    .. code-block:: bash

        salt-run mip.logs federation=fed1 lines=50
        salt-run mip.logs federation=fed1 node=wk1 since=10m
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_logs.logs(pusher, node, component, lines, since)


@command
def tmux(federation=None, force=False, attach=True):
    """
    The operator's tmux session of the federation: created if needed, and attached if this runs on a
    terminal. It runs on the tmux server of the user who runs this; where the Salt master has a user
    of its own, use the command ``mip tmux``. Nodes whose ssh host keys are not known are asked.

    federation
        The federation's name.

    force
        Recreate it; clients attached to the old session are switched to the new one.

    attach
        False: only create it.

    Returns ``session`` (its name), ``changed`` (it was created), ``attached``, ``attach`` (the
    command that attaches) and ``windows`` ``[{"index", "name", "panes" (how many)}]``. An
    error if tmux is not installed, or has another session of that name.

    CLI Example:

    .. code-block:: bash

        salt-run mip.tmux federation=fed1
        salt-run mip.tmux federation=fed1 force=True
    """
    terminal = __opts__.get("__cli") == "salt-run" and sys.stdin.isatty() and sys.stdout.isatty()
    who = operator.here(terminal=bool(attach and terminal))
    server = Tmux()
    with open_pusher(__opts__, federation) as pusher:
        nodes = list_nodes(pusher, host_keys=True)
    config = __opts__.get("config_dir")
    made = tmux_open.session(nodes, server, who, config=config, force=force)
    attached = bool(attach and terminal and attach_to(made.attach) == 0)
    return structs.replace(made.value, attached=attached)
