"""
The federation follows its data: refreshes, the controller's words, Keycloak's roles.
"""

from pathlib import Path

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.controller.requests import Requests, addressed
from saltext_mip.federation import STATE_ROOT
from saltext_mip.pusher import control, roles
from saltext_mip.pusher import events as happened
from saltext_mip.pusher import refresh as refreshing

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
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
    ``restarted`` (``[{"action", "thing", "node", "reason"}]``, what was brought back first),
    ``served`` (``true``, ``false`` with ``differences``, or null: nobody could say), ``held``,
    ``problems``, ``conditions`` and ``last``. Exit code 1 where it is held, a node did not compile
    or something is not served.

    CLI Example:

    .. code-block:: bash

        salt-run mip.refresh federation=fed1
        salt-run mip.refresh federation=fed1 wait=False
    """
    with open_pusher(__opts__, federation) as pusher:
        if dry_run:
            return refreshing.plan_refresh(pusher)
        if not wait:
            return refreshing.request_refresh(pusher)
        return refreshing.refresh(
            pusher, refreshing.RefreshRequest(timeout=timeout, served_within=served_within)
        )


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return control.wake(pusher)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return control.suspend(pusher, reason, duration, dry_run=dry_run)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return control.resume(pusher, dry_run=dry_run)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return control.approve(pusher, dry_run=dry_run)


@command
def events(federation=None, limit=20):
    """
    What happened lately, and what people said, the oldest first: generations, refreshes, failures,
    holds, words to the controller, nodes that went and came. Asks no node.

    federation
        The federation's name.

    limit
        How many at the most, the last ones; 0: all that are remembered (some thousands).

    Returns ``events``: ``[{"when" (UTC), "what", "actor", "about" (a node, or what else),
    "message", "generation", "number" (grows by one with each; 0: known from the history)}]``,
    ``of``: how many there are, and ``record``: the file on the pusher that has them.

    CLI Example:

    .. code-block:: bash

        salt-run mip.events federation=fed1
        salt-run mip.events federation=fed1 limit=0 --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return happened.events(pusher, limit)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return roles.sync_roles(
            pusher, dry_run=dry_run, prune=prune, copy_from=copy_from, timeout=timeout
        )
