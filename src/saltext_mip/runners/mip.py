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

import sys
from pathlib import Path

from saltext_mip.bridge import setup as pusher_setup
from saltext_mip.bridge.pillar import declared
from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import MipRunnerError, command
from saltext_mip.pusher import compile as compilation
from saltext_mip.pusher import consolidate as consolidation
from saltext_mip.pusher import history as past_history
from saltext_mip.pusher import nodes as members
from saltext_mip.pusher import rollback as past_rollback

__virtualname__ = "mip"
__func_alias__ = {"compile_": "compile"}


def __virtual__():
    return __virtualname__


@command
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
    with open_pusher(__opts__, federation) as pusher:
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


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return past_history.export(pusher)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return members.list_nodes(pusher)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return members.check_nodes(pusher, node)


@command
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
    with open_pusher(__opts__, federation) as pusher, pusher.locked("enable", timeout):
        return members.enable(pusher, node, dry_run=dry_run)


@command
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
    with open_pusher(__opts__, federation) as pusher, pusher.locked("disable", timeout):
        return members.disable(pusher, node, reason, dry_run=dry_run)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return compilation.compile_federation(
            pusher,
            node=node,
            pathology=pathology,
            force=force,
            strict=strict,
            dry_run=dry_run,
            timeout=timeout,
        )


@command
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
    ``of``: how many there are, and ``dataset`` where one was named.

    CLI Example:

    .. code-block:: bash

        salt-run mip.history federation=fed1
        salt-run mip.history federation=fed1 dataset=edsd limit=0
    """
    with open_pusher(__opts__, federation) as pusher:
        return past_history.history(pusher, dataset, limit)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return past_history.diff(pusher, a, b)


@command
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
    with open_pusher(__opts__, federation) as pusher:
        return past_rollback.rollback(pusher, generation, dry_run=dry_run, timeout=timeout)


@command
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
    items = pusher_setup.plan(pusher_setup.inspect_master(__opts__, tuple(declared(__opts__))))
    result = pusher_setup.result(items, [] if dry_run else pusher_setup.apply(items))
    return {**result, "dry_run": True} if dry_run else result


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
    with (
        terminal.open("w", encoding="utf-8") as out,
        terminal.open(encoding="utf-8", errors="surrogateescape") as typed,
    ):
        out.write(prompt)
        out.flush()
        answer = typed.readline()
    if not answer:
        raise MipRunnerError("mip.consolidate: the terminal is gone; nothing was changed.")
    return answer.strip()
