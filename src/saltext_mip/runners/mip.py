"""
Operate federations of the Medical Informatics Platform from the pusher.

Every function takes ``federation`` (it may be left out where the pillar declares one only) and
returns one dict, with ``--out=json`` as exactly one JSON document on standard output; progress goes
to standard error. A failure is one error for a person and a non-zero exit code; where a part failed
and the rest was done, the dict says so and carries ``retcode: 1``.

Those that change something take ``dry_run=True``, which returns the plan and changes nothing, and
``timeout`` (seconds): how long to wait for another command that holds the federation.

``salt-run -d mip`` prints this page.
"""

import functools
import inspect
import logging
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import salt.exceptions

from saltext_mip import setup as pusher_setup
from saltext_mip.console.tmux import Tmux, inside
from saltext_mip.console.tmux import attach as attach_to
from saltext_mip.controller.requests import Requests, addressed
from saltext_mip.edge import of_system
from saltext_mip.errors import MipError, Unexpected
from saltext_mip.federation import STATE_ROOT
from saltext_mip.files import shown
from saltext_mip.pusher import compile as compilation
from saltext_mip.pusher import console as operators
from saltext_mip.pusher import consolidate as consolidation
from saltext_mip.pusher import control, members, moves, past, roles
from saltext_mip.pusher import deploy as deployment
from saltext_mip.pusher import refresh as refreshing
from saltext_mip.pusher import status as states_of
from saltext_mip.pusher.open import declared, opened

log = logging.getLogger(__name__)

__virtualname__ = "mip"
__func_alias__ = {"compile_": "compile"}


class MipRunnerError(salt.exceptions.NotImplemented):
    """The one kind of exception that salt-run prints as one line, and exits with 1."""


def __virtual__():
    return __virtualname__


def _command(function):
    """Shape a function for salt-run: arguments checked, errors one line, a table by default."""
    signature = inspect.signature(function)
    name = function.__name__.rstrip("_")

    @functools.wraps(function)
    def call(*args, **kwargs):
        given = {key: value for key, value in kwargs.items() if not key.startswith("__")}
        try:
            bound = signature.bind(*args, **given)
        except TypeError as exc:
            known = ", ".join(signature.parameters)
            raise MipRunnerError(f"mip.{name}: {exc}. Its arguments: {known}.") from None
        for argument in _SECONDS & bound.arguments.keys():
            _check_seconds(name, argument, bound.arguments[argument])
        try:
            value = function(*bound.args, **bound.kwargs)
        except (MipError, salt.exceptions.SaltException) as exc:
            raise MipRunnerError("\n".join(map(shown, str(exc).split("\n")))) from None
        except (SystemExit, KeyboardInterrupt):
            raise MipRunnerError(f"mip.{name}: interrupted") from None
        except OSError as exc:
            raise MipRunnerError(f"mip.{name}: {of_system(exc)}") from None
        except Exception as exc:  # noqa: BLE001 - a TypeError's would be 'wrong arguments', exit 0
            told = Unexpected.of(exc)
            log.debug("%s\n%s", str(told), "\n".join(told.frames))
            raise MipRunnerError(f"mip.{name}: {told}") from None
        if isinstance(value, Mapping):
            value = {"command": name, "schema": 1, **value}
        return {"outputter": "mip", "data": value}

    # Salt would look through to the function, and refuse unknown arguments with exit code 0.
    del call.__wrapped__
    return call


_SECONDS = {"timeout", "served_within"}


def _check_seconds(name, argument, value):
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not good:
        raise MipRunnerError(f"mip.{name}: {argument} must be a number of seconds, 0 or more.")


@_command
def consolidate(
    federation=None,
    online_cdes=False,
    datacatalogue_protocol=None,
    datacatalogue_host=None,
    review_dataset_labels=False,
    missing_worker=None,
    strict=False,
    dry_run=False,
    timeout=300,
):
    """
    Gather what data is where, edit the CDEs, make ``pathologies.json`` and distribute all of it.

    Everything is staged on every node first and committed only when all have it. Run again with
    nothing changed, it writes nothing on any node. What a run that died left is finished or undone
    first.

    federation
        The federation's name.

    online_cdes
        Take the CDEs from the data catalogue; where it has none, the master's.

    datacatalogue_protocol, datacatalogue_host
        Another catalogue than the pillar's: ``http`` or ``https``, and ``host`` or ``host:port``.

    review_dataset_labels
        Ask for the label of each pathology and dataset on the terminal; an empty answer keeps it.

    missing_worker
        What to do when a worker does not answer: ``fail`` (end, naming it), ``skip`` (go on without
        its datasets) or ``keep`` (go on with those of its last generation). Default: the pillar's.

    strict
        Make any problem an error.

    dry_run
        Return what would be done, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``federation``, ``generation`` (number), ``changed``, ``pathologies`` ``{name:
    {"datasets": {code: [minion id]}, "added", "removed", "cde_source", "nodes": {minion id:
    "updated"|"unchanged"}}}``, ``workers`` ``{minion id: {"status":
    "ok"|"missing"|"disabled"|"error", "datasets"}}`` and ``problems``. An error of one line and
    exit code 1 where it could not be done; then nothing was changed, or the next run finishes it.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
        salt-run mip.consolidate federation=fed1 missing_worker=keep --out=json
        salt-run mip.consolidate federation=fed1 online_cdes=True dry_run=True
    """
    with opened(__opts__, federation) as pusher:
        return consolidation.consolidate(
            pusher,
            consolidation.Options(
                online_cdes=online_cdes,
                datacatalogue_protocol=datacatalogue_protocol,
                datacatalogue_host=datacatalogue_host,
                ask=_asking(review_dataset_labels),
                missing_worker=missing_worker,
                strict=strict,
                dry_run=dry_run,
                timeout=timeout,
            ),
        )


@_command
def export(federation=None):
    """
    The data structure of the federation as last consolidated: pathologies, nodes, datasets.

    federation
        The federation's name.

    Returns a list: ``[{"name": pathology, "nodes": [{"name": hostname, "datasets": [{"name":
    code}]}]}]``. An error where nothing was consolidated yet.

    CLI Example:

    .. code-block:: bash

        salt-run mip.export federation=fed1 --out=json
    """
    with opened(__opts__, federation) as pusher:
        return past.export(pusher)


@_command
def nodes(federation=None):
    """
    List the federation's nodes, with what was known of them at the last look. Asks no node.

    federation
        The federation's name.

    Returns ``nodes``: ``{minion id: {"role", "short", "address", "hospital", "contact", "enabled",
    "up" (null: never looked), "since"}}``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.nodes federation=fed1
    """
    with opened(__opts__, federation) as pusher:
        return members.listed(pusher)


@_command
def check_nodes(federation=None, node=None):
    """
    Check the connection to all nodes, or to one; a disabled node stays disabled.

    federation
        The federation's name.

    node
        A node: its minion id, short name (``wk1``), hospital or address.

    Returns as ``mip.nodes``, with a ``reason`` where a node is not up; exit code 1 when an enabled
    one is not.

    CLI Example:

    .. code-block:: bash

        salt-run mip.check_nodes federation=fed1
        salt-run mip.check_nodes federation=fed1 node=wk1
    """
    with opened(__opts__, federation) as pusher:
        return members.checked(pusher, node)


@_command
def enable(federation=None, node=None, dry_run=False, timeout=300):
    """
    Take a node into the federation's work, and its data path as it is now for the federation's.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``nodes`` as ``mip.nodes`` for this one, ``plan``, ``changed``; exit code 1 when the
    node could not be asked to enrol its data path.

    CLI Example:

    .. code-block:: bash

        salt-run mip.enable federation=fed1 node=chuv
    """
    with opened(__opts__, federation) as pusher, pusher.held("enable", timeout):
        return members.enable(pusher, node, dry_run=dry_run)


@_command
def disable(federation=None, node=None, reason=None, dry_run=False, timeout=300):
    """
    Take a node out of the federation's work until ``mip.enable``: it is asked for nothing, and its
    datasets leave at the next consolidation.

    federation
        The federation's name.

    node
        The node: its minion id, short name, hospital or address.

    reason
        Why, for whoever looks at the list of nodes.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``nodes`` as ``mip.nodes`` for this one, ``plan``, ``changed``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.disable federation=fed1 node=wk2 reason='disk is replaced'
    """
    with opened(__opts__, federation) as pusher, pusher.held("disable", timeout):
        return members.disable(pusher, node, reason, dry_run=dry_run)


@_command
def compile_(
    federation=None,
    pathology=None,
    node=None,
    force=False,
    strict=False,
    dry_run=False,
    timeout=300,
):
    """
    Compile CSV files and CDEs into the engine's databases, on master and workers at once.

    Only what is stale is compiled; every value is verified first. A file that is bad keeps the rows
    that it had when it was good, the others compile.

    federation
        The federation's name.

    pathology
        One, several with commas between, or a list; default: all.

    node
        Only on this node (minion id, short name, hospital or address); needs ``pathology``.

    force
        Read and compile everything again.

    strict
        Warnings (enumerations, bounds, doubled visits) keep a file out as errors do.

    dry_run
        Return which databases are stale, and why, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``nodes`` ``{minion id: {pathology: {"status": "compiled"|"current"|"failed", "reason",
    "rows", "datasets", "seconds", "files": {name: "compiled"|"kept"|"out"}, "problems"}}}``,
    ``changed`` and ``problems`` (of whole nodes). Exit code 1 when anything failed; the rest has
    still compiled.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1
        salt-run mip.compile federation=fed1 pathology=dementia,tbi
        salt-run mip.compile federation=fed1 node=wk1 pathology=dementia force=True
    """
    with opened(__opts__, federation) as pusher:
        return compilation.compile_federation(
            pusher,
            node=node,
            pathology=pathology,
            force=force,
            strict=strict,
            dry_run=dry_run,
            timeout=timeout,
        )


@_command
def history(federation=None, dataset=None, limit=20):
    """
    The federation's generations, the newest first.

    federation
        The federation's name.

    dataset
        Only those in which this dataset came, went or changed.

    limit
        How many at the most; 0: all.

    Returns ``generations``: ``[{"generation", "when" (UTC), "actor", "note", "added", "removed"
    (pairs of pathology and dataset), "wrote" (minion ids), "pending", "problems" (how many)}]``,
    and ``of``: how many there are.

    CLI Example:

    .. code-block:: bash

        salt-run mip.history federation=fed1
        salt-run mip.history federation=fed1 dataset=edsd limit=0
    """
    with opened(__opts__, federation) as pusher:
        return past.history(pusher, dataset, limit)


@_command
def diff(federation=None, a=None, b=None):
    """
    Compare two generations; or one with the last; or, without a number, what is now with the last.

    federation
        The federation's name.

    a, b
        Generation numbers.

    Returns ``a``, ``b`` (numbers, or ``"now"``), ``same`` and ``changes``: ``[{"op":
    "add"|"remove"|"change", "thing", "old", "new"}]``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.diff federation=fed1
        salt-run mip.diff federation=fed1 a=3 b=7
    """
    with opened(__opts__, federation) as pusher:
        return past.diff(pusher, a, b)


@_command
def rollback(federation=None, generation=None, dry_run=False, timeout=300):
    """
    Put the CDEs and ``pathologies.json`` of a generation back on all nodes, as a new generation.

    The federation is suspended with it (``RolledBack``): nothing automatic undoes it. A person's
    own ``mip.consolidate`` does.

    federation
        The federation's name.

    generation
        Its number; default: the one before the last.

    dry_run
        Return what would be written and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``generation`` (the new number), ``restored`` (the number), ``changed``, ``nodes``
    ``{minion id: "updated"|"unchanged"}``, ``plan``, ``compile`` (as ``nodes`` of ``mip.compile``)
    and ``problems``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.rollback federation=fed1 dry_run=True
        salt-run mip.rollback federation=fed1 generation=12
    """
    with opened(__opts__, federation) as pusher:
        return past.rollback(pusher, generation, dry_run=dry_run, timeout=timeout)


@_command
def sync_roles(federation=None, prune=False, copy_from=None, dry_run=False, timeout=300):
    """
    Bring Keycloak's client roles and groups in step with the last generation's data.

    Only what differs is touched; nobody loses a right that they keep, not even for a moment, and no
    membership is ever lost. While the federation is suspended, no right is taken away.

    federation
        The federation's name. Its ``keycloak`` stands in the pillar that only the pusher gets.

    prune
        Remove groups and roles of the client that match nothing any more (orphans), with their
        members; without it they are only listed, keep their members and give nothing.

    copy_from
        Another client of the realm, whose groups' members are added to ours; nobody is removed.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    Returns ``created``, ``updated``, ``removed``, ``unchanged``, ``orphans`` (names), ``changed``,
    ``generation``, ``plan`` (``action``, ``thing``, ``reason``, in order), ``failed`` and
    ``problems``. Exit code 1 where the server refused a part; the rest is done.

    CLI Example:

    .. code-block:: bash

        salt-run mip.sync_roles federation=fed1 dry_run=True
        salt-run mip.sync_roles federation=fed1
        salt-run mip.sync_roles federation=fed1 copy_from=old-client
    """
    with opened(__opts__, federation) as pusher:
        return roles.sync_roles(
            pusher, dry_run=dry_run, prune=prune, copy_from=copy_from, timeout=timeout
        )


@_command
def setup(dry_run=False):
    """
    Put a fresh pusher to work: one drop-in for the master's configuration, and where there is no
    pillar, the example. Again, it changes nothing.

    What the operator configured is never switched off: where a key of theirs, such as ``reactor``,
    stands in the way, ``todo`` says what to add to it.

    dry_run
        Return what would be done and change nothing.

    Returns ``changed``, ``wrote`` (paths), ``todo`` (what is left to a person), ``plan``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.setup dry_run=True
        salt-run mip.setup
    """
    items = pusher_setup.plan(pusher_setup.look(__opts__, tuple(declared(__opts__))))
    result = pusher_setup.result(items, [] if dry_run else pusher_setup.apply(items))
    return {**result, "dry_run": True} if dry_run else result


@_command
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
    with opened(__opts__, federation) as pusher:
        return operators.logs(pusher, node, component, lines, since)


@_command
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
    with opened(__opts__, federation) as pusher:
        made = operators.session(
            pusher,
            Tmux(),
            config=__opts__.get("config_dir"),
            force=force,
            inside=inside(),
        )
    terminal = __opts__.get("__cli") == "salt-run" and sys.stdin.isatty() and sys.stdout.isatty()
    attached = bool(attach and terminal and attach_to(made.attach) == 0)
    return {**made.value, "attached": attached}


@_command
def refresh(federation=None, wait=True, dry_run=False, timeout=300, served_within=120):
    """
    Consolidate, compile what is stale, restart what must see it, and prove that it is served.

    The controller does this by itself when data changed. It is held (``ShrinkGuard``) where it
    would take away a pathology, a worker's last dataset, or more datasets than the pillar's
    ``reactor: max_removed``; ``mip.approve`` lets it go. Rows alone restart nothing.

    federation
        The federation's name.

    wait
        ``False``: ask the controller for it, and return at once.

    dry_run
        Return what would be done, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation.

    served_within
        Seconds to wait until the engine serves what was consolidated.

    Returns ``changed``, ``consolidate`` (as ``mip.consolidate``), ``compile`` (as ``mip.compile``),
    ``restarted`` (``[{"action", "thing", "node", "reason"}]``), ``served`` (``true``, ``false``
    with ``differences``, or null: nobody could say), ``held``, ``problems``, ``conditions`` and
    ``last``. Exit code 1 where it is held, a node did not compile or something is not served.

    CLI Example:

    .. code-block:: bash

        salt-run mip.refresh federation=fed1
        salt-run mip.refresh federation=fed1 wait=False
    """
    with opened(__opts__, federation) as pusher:
        if dry_run:
            return refreshing.planned(pusher)
        if not wait:
            return refreshing.wanted(pusher)
        return refreshing.refresh(
            pusher, refreshing.Wish(timeout=timeout, served_within=served_within)
        )


@_command
def wake(federation=None, tag=None):
    """
    Let the controller look again. Many of these make one look, and looks are limited in rate.

    federation
        The federation's name.

    tag
        For reactions: an event's tag. It wakes the federation that it is about, if one of that name
        is declared with that node; nothing else of the event counts.

    Returns ``changed`` (``False``: it was asked already), ``conditions`` and ``last``; with ``tag``
    only ``changed``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.wake federation=fed1
    """
    if tag is not None:
        # a reaction: no pillar is rendered, no minion asked
        left = [
            Requests(state).leave(request)
            for state, request in addressed(str(tag), Path(__opts__["root_dir"]) / STATE_ROOT)
        ]
        return {"changed": any(left)}
    with opened(__opts__, federation) as pusher:
        return control.wake(pusher)


@_command
def suspend(federation=None, reason=None, duration=None, dry_run=False):
    """
    Switch the controller off: nothing is done by itself until ``mip.resume``. What a person
    commands is done.

    federation
        The federation's name.

    reason
        Why, for whoever looks at the status.

    duration
        For how long: ``45m``, ``2h``, ``1d``, or seconds; default: until ``mip.resume``.

    dry_run
        Return what would be done and change nothing.

    Returns ``changed``, ``conditions`` (among them ``Suspended``) and ``last``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.suspend federation=fed1 reason='the disks of wk2 are moved' duration=2h
    """
    with opened(__opts__, federation) as pusher:
        return control.suspend(pusher, reason, duration, dry_run=dry_run)


@_command
def resume(federation=None, dry_run=False):
    """
    Switch the controller on again, after ``mip.suspend`` or ``mip.rollback``: it looks at once.

    federation
        The federation's name.

    dry_run
        Return what would be done and change nothing.

    Returns ``changed``, ``conditions`` and ``last``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.resume federation=fed1
    """
    with opened(__opts__, federation) as pusher:
        return control.resume(pusher, dry_run=dry_run)


@_command
def approve(federation=None, dry_run=False):
    """
    Let what is held go: exactly that. Where the data changed since, it is held again.

    federation
        The federation's name.

    dry_run
        Return what would go and change nothing.

    Returns ``changed``, ``conditions`` and ``last``. The controller carries it out;
    ``mip.refresh`` does so at once. An error where nothing is held.

    CLI Example:

    .. code-block:: bash

        salt-run mip.approve federation=fed1 dry_run=True
        salt-run mip.approve federation=fed1
    """
    with opened(__opts__, federation) as pusher:
        return control.approve(pusher, dry_run=dry_run)


@_command
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
    with opened(__opts__, federation) as pusher:
        return deployment.deploy(pusher, node=node, dry_run=dry_run, timeout=timeout)


@_command
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
    with opened(__opts__, federation) as pusher:
        return moves.start(pusher, node=node, dry_run=dry_run, timeout=timeout)


@_command
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
    with opened(__opts__, federation) as pusher:
        return moves.stop(pusher, node=node, dry_run=dry_run, timeout=timeout)


@_command
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
    with opened(__opts__, federation) as pusher:
        return moves.restart(pusher, node=node, dry_run=dry_run, timeout=timeout)


@_command
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
    with opened(__opts__, federation) as pusher:
        return moves.remove(pusher, node=node, dry_run=dry_run, timeout=timeout)


@_command
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
    with opened(__opts__, federation) as pusher:
        return states_of.status(pusher, check=check, timeout=timeout)


def _asking(wanted):
    """How to ask the person at the terminal; None where nothing is to be asked."""
    if not wanted:
        return None
    if __opts__.get("__cli") != "salt-run" or not sys.stdin.isatty():
        raise MipRunnerError(
            "review_dataset_labels asks questions: run it with salt-run on a terminal."
        )
    return _ask


def _ask(prompt):
    """On the terminal itself: standard output is for the result alone."""
    terminal = Path("/dev/tty")
    with terminal.open("w", encoding="utf-8") as out, terminal.open(encoding="utf-8") as typed:
        out.write(prompt)
        out.flush()
        answer = typed.readline()
    if not answer:
        raise MipRunnerError("mip.consolidate: the terminal is gone; nothing was changed.")
    return answer.strip()
