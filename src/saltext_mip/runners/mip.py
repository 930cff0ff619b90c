"""
Operate federations of the Medical Informatics Platform from the pusher.

Every function takes ``federation`` (it may be left out if the pillar declares only one) and returns
one dict, with ``--out=json`` as exactly one JSON document on standard output; progress goes to
standard error. A failure is one error message and a non-zero exit code. If a part failed and the
rest was done, the dict reports it and carries ``retcode: 1``.

Functions that change something take ``dry_run=True``, which returns the plan and changes nothing,
and ``timeout`` (seconds): how long to wait for another command that holds the federation's lock.

``salt-run -d mip`` prints this page.
"""

from pathlib import Path

from saltext_mip.bridge.master import pillar_file_problems
from saltext_mip.bridge.pillar import declared
from saltext_mip.bridge.progress import terminal
from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import MipRunnerError, command
from saltext_mip.bridge.setup import pusher as pusher_setup
from saltext_mip.pusher import compile as pusher_compile
from saltext_mip.pusher import consolidate as pusher_consolidate
from saltext_mip.pusher.questions.label_review import LabelReview
from saltext_mip.pusher.survey import Options

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
    guard=False,
    yes=False,
    dry_run=False,
    timeout=300,
):
    """
    Gather the nodes' inventories, edit the CDEs, make ``pathologies.json`` and distribute them.

    Everything is staged on every node first and committed only when all have it. Running it again
    with nothing changed writes nothing on any node. An interrupted run is finished or undone first.

    federation
        The federation's name.

    online_cdes
        Take the CDEs from the data catalogue; if it has none, the master's.

    datacatalogue_protocol, datacatalogue_host
        Another catalogue than the pillar's: ``http`` or ``https``, and ``host`` or ``host:port``.

    review_dataset_labels
        Ask for the label of each pathology and dataset on the terminal; an empty answer keeps it.

    missing_worker
        What to do if a worker does not respond: ``fail`` (end with its name), ``skip`` (continue
        without its datasets) or ``keep`` (continue with those of its last generation).
        Default: the pillar's.

    strict
        Make any problem an error.

    guard
        Hold removals as an automatic refresh does: a pathology, a worker's last dataset, or more
        datasets than ``reactor: max_removed`` are kept until ``mip.approve``. Without it, a
        terminal is asked before these are removed; without a terminal they are removed.

    yes
        Make such changes without that question.

    dry_run
        Return the plan, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``federation``, ``generation`` (number), ``changed``, ``pathologies`` ``{name:
    {"datasets": {code: [minion id]}, "added", "removed", "cde_source", "nodes": {minion id:
    "updated"|"unchanged"}}}``, ``workers`` ``{minion id: {"status":
    "ok"|"missing"|"disabled"|"error", "datasets"}}``, ``held``, ``removals`` (what an automatic
    refresh would have held) and ``problems``. On failure one error and exit code 1; then nothing
    was changed, or the next run finishes it. Exit code 1 also if a change waits for a decision, and
    if the answer to the question was no: nothing was changed.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
        salt-run mip.consolidate federation=fed1 missing_worker=keep --out=json
        salt-run mip.consolidate federation=fed1 online_cdes=True dry_run=True
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_consolidate.consolidate(
            pusher,
            Options(
                online_cdes=online_cdes,
                datacatalogue_protocol=datacatalogue_protocol,
                datacatalogue_host=datacatalogue_host,
                review=_review(review_dataset_labels),
                missing_worker=missing_worker,
                strict=strict,
                guard=guard,
                confirm=None if yes else terminal(__opts__),
                dry_run=dry_run,
                timeout=timeout,
            ),
        )


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

    Only stale databases are compiled; every value is verified first. A file with errors keeps the
    rows of its last valid version; the other files are compiled.

    federation
        The federation's name.

    pathology
        One, several with commas between, or a list; default: all.

    node
        Only on this node (minion id, short name, hospital or address); needs ``pathology``.

    force
        Recompile everything.

    strict
        Warnings (enumerations, bounds, duplicate visits) exclude a file, as errors do.

    dry_run
        Return which databases are stale, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``nodes`` ``{minion id: {pathology: {"status": "compiled"|"current"|"failed", "reason",
    "rows", "datasets", "seconds", "files": {name: "compiled"|"kept"|"out"}, "problems"}}}``,
    ``changed`` and ``problems`` (of whole nodes). Exit code 1 if anything failed; the rest is
    compiled.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1
        salt-run mip.compile federation=fed1 pathology=dementia,tbi
        salt-run mip.compile federation=fed1 node=wk1 pathology=dementia force=True
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_compile.compile_federation(
            pusher,
            node=node,
            pathology=pathology,
            force=force,
            strict=strict,
            dry_run=dry_run,
            timeout=timeout,
        )


@command
def setup(dry_run=False):
    """
    Set up a fresh pusher: write a drop-in for the master's configuration, and the example pillar if
    there is none. Running it again changes nothing.

    The operator's own configuration is never switched off: if it has a key such as ``reactor``,
    ``todo`` lists what to add to it.

    dry_run
        Return the plan and change nothing.

    Returns ``changed``, ``wrote`` (paths), ``todo`` (manual steps), ``offers`` (optional steps, for
    the nodes), ``plan``. Exit code 1 if the
    master's user may not write a file: ``todo`` has the commands for root.

    CLI Example:

    .. code-block:: bash

        salt-run mip.setup dry_run=True
        salt-run mip.setup
    """
    readable = not any(pillar_file_problems(__opts__))
    found = declared(__opts__) if readable else None
    items = pusher_setup.plan(
        pusher_setup.inspect_master(
            __opts__,
            None if found is None else tuple(found),
            has_page=any("page" in each.settings for each in (found or {}).values()),
        )
    )
    applied = (
        pusher_setup.Applied()
        if dry_run
        else pusher_setup.apply(items, Path(__opts__["cachedir"]) / "mip-setup")
    )
    return pusher_setup.result(items, applied, dry_run=dry_run)


def _review(wanted):
    """The review of labels by the operator at the terminal; None if it is not wanted."""
    if not wanted:
        return None
    if (ask := terminal(__opts__)) is None:
        raise MipRunnerError("review_dataset_labels asks questions: run it on a terminal.")
    return LabelReview(ask)
