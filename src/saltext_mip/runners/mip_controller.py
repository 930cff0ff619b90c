"""
Refresh a federation, control its controller, list events, and synchronise Keycloak's roles.
"""

from pathlib import Path

from saltext_mip.bridge.progress import terminal
from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.controller.requests import Requests, addressed
from saltext_mip.federation import STATE_ROOT
from saltext_mip.pusher import control, roles
from saltext_mip.pusher import events as pusher_events
from saltext_mip.pusher import refresh as pusher_refresh
from saltext_mip.pusher.holds import decide
from saltext_mip.pusher.status import notify as pusher_notify
from saltext_mip.results import WakeResult

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
def refresh(
    federation=None,
    wait=True,
    guard=False,
    yes=False,
    dry_run=False,
    timeout=300,
    served_within=300,
):
    """
    Consolidate, compile what is stale, restart what must see it, and check that it is served.

    The controller does this automatically after a change of data. It holds (``ShrinkGuard``) what
    would remove a pathology, a worker's last dataset, or more datasets than the pillar's
    ``reactor: max_removed``: these data are kept as they were, and everything else is done.
    ``mip.approve`` makes such changes, ``mip.reject`` keeps the data. This function asks on a
    terminal before it makes them; without a terminal it makes them, and lists them first. A change
    of rows alone restarts nothing.

    federation
        The federation's name.

    wait
        ``False``: leave a request for the controller and return at once. It holds removals.

    guard
        Hold removals as the controller does, until ``mip.approve``.

    yes
        Make such changes without a question.

    dry_run
        Return the plan, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    served_within
        Seconds to wait until the engine serves what was consolidated.

    Returns ``changed``, ``consolidate`` (as ``mip.consolidate``), ``compile`` (as ``mip.compile``),
    ``restarted`` (``[{"action", "thing", "node", "reason"}]``, restored services first),
    ``served`` (``true``, ``false`` with ``differences``, or null: unknown), ``held`` (changes that
    are not made), ``removals`` (those that the controller would have held), ``datasets`` (those of
    the generation, on each node, each with ``available`` and the reason if it is not),
    ``unavailable`` (those that no engine serves), ``problems``, ``conditions`` and ``last``. Exit
    code 1 if a change waits for a decision, a node did not compile, a database could not be built,
    something is not served, a dataset is not available, or the answer to the question was no:
    nothing was changed.

    CLI Example:

    .. code-block:: bash

        salt-run mip.refresh federation=fed1
        salt-run mip.refresh federation=fed1 wait=False
    """
    with open_pusher(__opts__, federation) as pusher:
        request = pusher_refresh.RefreshRequest(
            guard=guard or not wait,
            confirm=None if yes else terminal(__opts__),
            timeout=timeout,
            served_within=served_within,
        )
        if dry_run:
            return pusher_refresh.plan_refresh(pusher, request)
        if not wait:
            return pusher_refresh.request_refresh(pusher)
        return pusher_refresh.refresh(pusher, request)


@command
def wake(federation=None, tag=None):
    """
    Ask the controller to look again. Many requests make one look; looks are limited in rate.

    federation
        The federation's name.

    tag
        For reactors: an event's tag. It wakes the federation of that name, if it declares that
        node; no other data of the event is used.

    Returns ``changed`` (``False``: already requested), ``conditions`` and ``last``; with ``tag``
    only ``changed``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.wake federation=fed1
    """
    if tag is not None:
        # from a reactor: do not render pillar, do not ask minions
        left = [
            Requests(state).leave(request)
            for state, request in addressed(str(tag), Path(__opts__["root_dir"]) / STATE_ROOT)
        ]
        return WakeResult(changed=any(left))
    with open_pusher(__opts__, federation) as pusher:
        return control.wake(pusher)


@command
def suspend(federation=None, reason=None, duration=None, dry_run=False):
    """
    Suspend the controller: no automatic refresh until ``mip.resume``. Commands of an operator still
    run.

    federation
        The federation's name.

    reason
        Why; shown in the status.

    duration
        For how long: ``45m``, ``2h``, ``1d``, or seconds; default: until ``mip.resume``.

    dry_run
        Return the plan and change nothing.

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
    Resume the controller after ``mip.suspend`` or ``mip.rollback``: it looks at once.

    federation
        The federation's name.

    dry_run
        Return the plan and change nothing.

    Returns ``changed``, ``conditions`` and ``last``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.resume federation=fed1
    """
    with open_pusher(__opts__, federation) as pusher:
        return control.resume(pusher, dry_run=dry_run)


@command
def approve(
    federation=None,
    dataset=None,
    node=None,
    reason=None,
    wait=True,
    dry_run=False,
    timeout=300,
):
    """
    Approve held changes and make them: exactly those that are held now. A later change of the same
    data is held again.

    federation
        The federation's name.

    dataset
        Only the changes of this dataset, pathology, ``pathology/dataset``, or file; or of this
        node. Default: all that no operator rejected.

    node
        Only the changes of this node (minion id, short name, hospital or address).

    reason
        Why; recorded with the decision.

    wait
        ``False``: leave a request for the controller and return at once.

    dry_run
        Return what would be done and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``changed``, ``decided`` (the changes), ``refresh`` (as ``mip.refresh``), ``held`` (what
    is held after it), ``conditions`` and ``last``. An error if nothing of that is held; exit code 1
    if the refresh failed, or what was approved could not be done yet (its node is down): it is done
    by a later refresh.

    CLI Example:

    .. code-block:: bash

        salt-run mip.approve federation=fed1 dry_run=True
        salt-run mip.approve federation=fed1 dataset=edsd
        salt-run mip.approve federation=fed1
    """
    with open_pusher(__opts__, federation) as pusher:
        return decide.approve(
            pusher,
            dataset=_text(dataset),
            node=_text(node),
            reason=reason,
            wait=wait,
            dry_run=dry_run,
            timeout=timeout,
        )


@command
def reject(federation=None, dataset=None, node=None, reason=None, dry_run=False):
    """
    Reject held changes: the data are kept as they were, until they are back at the hospital or an
    operator runs ``mip.approve`` for them. No refresh makes these changes.

    federation
        The federation's name.

    dataset
        Only the changes of this dataset, pathology, ``pathology/dataset``, or file; or of this
        node. Default: all that are not decided.

    node
        Only the changes of this node (minion id, short name, hospital or address).

    reason
        Why; shown in the status.

    dry_run
        Return what would be decided and change nothing.

    Returns ``changed``, ``decided`` (the changes), ``held``, ``conditions`` and ``last``. An error
    if nothing of that is held.

    CLI Example:

    .. code-block:: bash

        salt-run mip.reject federation=fed1 dry_run=True
        salt-run mip.reject federation=fed1 dataset=edsd reason='the disk comes back on Monday'
    """
    with open_pusher(__opts__, federation) as pusher:
        return decide.reject(
            pusher, dataset=_text(dataset), node=_text(node), reason=reason, dry_run=dry_run
        )


@command
def notify(federation=None, test=False, channel=None):
    """
    List the channels of notices, or send a test message to them.

    federation
        The federation's name.

    test
        ``True``: send a test message now. Its notice has the number 0.

    channel
        With ``test``: only to this channel.

    Returns ``channels`` ``{name: {"kind", "conditions", "waiting", "delivered", "failed",
    "dropped", "last", "error", "sent"}}``, and ``notes`` on nodes whose contact gets no daily mail.
    No address is shown. Exit code 1 if a test message was not sent. An error if no channel is
    declared for a test, or not this one.

    CLI Example:

    .. code-block:: bash

        salt-run mip.notify federation=fed1
        salt-run mip.notify federation=fed1 test=True channel=oncall
    """
    with open_pusher(__opts__, federation) as pusher:
        if test:
            return pusher_notify.send_test(pusher, channel)
        return pusher_notify.list_channels(pusher)


@command
def events(federation=None, limit=20):
    """
    Recent events and operator actions, the oldest first: generations, refreshes, failures, holds,
    nodes that went down or came back. Asks no node.

    federation
        The federation's name.

    limit
        Maximum number, the last ones; 0: all that are recorded (some thousands).

    Returns ``events``: ``[{"when" (UTC), "what", "actor", "about" (a node, or what else),
    "message", "generation", "number" (grows by one with each; 0: known from the history)}]``,
    ``of``: how many there are, and ``record``: the file on the pusher that has them.

    CLI Example:

    .. code-block:: bash

        salt-run mip.events federation=fed1
        salt-run mip.events federation=fed1 limit=0 --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_events.events(pusher, limit)


@command
def sync_roles(federation=None, prune=False, copy_from=None, dry_run=False, timeout=300):
    """
    Synchronise Keycloak's client roles and groups with the last generation's data.

    Only differences are changed. A right that remains is never withdrawn in between, and no
    membership is lost. While the federation is suspended, no right is revoked.

    federation
        The federation's name. Its ``keycloak`` belongs in the pillar that only the pusher gets.

    prune
        Remove groups and roles of the client that match nothing any more (orphans), with their
        members; without it they are only listed, keep their members and give nothing.

    copy_from
        Another client of the realm, whose groups' members are added to ours; nobody is removed.

    dry_run
        Return the plan and change nothing.

    timeout
        Seconds to wait for another ``mip.sync_roles``. Other commands are not waited for, and
        do not wait.

    Returns ``created``, ``updated``, ``removed``, ``unchanged``, ``orphans`` (names), ``changed``,
    ``generation``, ``plan`` (``action``, ``thing``, ``reason``, in order), ``failed`` and
    ``problems``. Exit code 1 if the server refused a part; the rest is done.

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


def _text(name):
    """A name that looks like a number comes as one."""
    return None if name is None else str(name)
