"""
The generations of a federation: list them, show and compare them, restore one, remove old ones.
"""

from saltext_mip.bridge.pusher import open_pusher
from saltext_mip.bridge.runner import command
from saltext_mip.pusher.generations import clean as pusher_clean
from saltext_mip.pusher.generations import history as pusher_history
from saltext_mip.pusher.generations import rollback as pusher_rollback
from saltext_mip.pusher.generations import show as pusher_show

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


@command
def export(federation=None):
    """
    The data structure of the federation as last consolidated: pathologies, nodes, datasets.

    federation
        The federation's name.

    Returns a list: ``[{"name": pathology, "nodes": [{"name": hostname, "datasets": [{"name":
    code}]}]}]``. An error if nothing was consolidated yet.

    CLI Example:

    .. code-block:: bash

        salt-run mip.export federation=fed1 --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_history.export(pusher)


@command
def codebook(pathology, federation=None, separator="comma"):
    """
    A pathology's CDE as last consolidated, as tables for a spreadsheet.

    pathology
        The pathology.

    federation
        The federation's name.

    separator
        Of the codebook: ``comma``, ``semicolon`` or ``tab``; the template always has commas.

    Returns ``federation``, ``pathology``, ``codebook`` and ``template``: two CSV texts. The
    codebook has a row for each variable: column, label, type, allowed codes with labels, minimum,
    maximum, unit and description; the template has the header of a data file.

    CLI Example:

    .. code-block:: bash

        salt-run mip.codebook dementia federation=fed1 --out=json
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_history.codebook(pusher, str(pathology), separator)


@command
def history(federation=None, dataset=None, limit=20):
    """
    The federation's generations, the newest first.

    federation
        The federation's name.

    dataset
        Only those that added, removed or changed this dataset.

    limit
        Maximum number; 0: all.

    Returns ``generations``: ``[{"generation", "when" (UTC), "actor", "note", "added", "removed"
    (pairs of pathology and dataset), "wrote" (minion ids), "pending", "problems" (how many)}]``,
    ``of``: how many there are, ``dataset`` if one was given, and ``removed``: how many were removed
    to limit disk use. What the generation after a removed one added and removed is not known: it
    has ``before_removed``, and is not listed for a ``dataset``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.history federation=fed1
        salt-run mip.history federation=fed1 dataset=edsd limit=0
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_history.history(pusher, dataset, limit)


@command
def diff(federation=None, a=None, b=None):
    """
    Compare two generations; or one with the last; or the last with what is on the nodes now.

    federation
        The federation's name.

    a, b
        Generation numbers.

    Returns ``a``, ``b`` (numbers, or ``"now"``), ``same`` and ``changes``: ``[{"op":
    "add"|"remove"|"change", "thing", "old", "new"}]``. Compared with what is on the nodes, files
    there that are not the generation's are ``nodes/<minion id>/<file>``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.diff federation=fed1
        salt-run mip.diff federation=fed1 a=3 b=7
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_history.diff(pusher, a, b)


@command
def show(federation=None, generation=None, at=None):
    """
    One generation: who made it, when and why, its datasets by node, its problems, files changed.

    federation
        The federation's name.

    generation
        Its number; default: the last one.

    at
        A moment in UTC (``2026-11-28 14:00``, or ``2h``, ``3d`` ago) instead of a number: the
        generation that was current then, and which nodes were not available, as far as
        ``mip.events`` goes back.

    Returns ``generation``, ``when``, ``actor``, ``note``, ``approved`` (``{"actor", "when",
    "message"}``), ``replaced`` and ``until`` (the next generation, and when), ``added``,
    ``removed``, ``datasets`` (``[{"pathology", "dataset", "nodes", "unavailable"}]``), ``files``
    (size, SHA-256 and rows of each), ``wrote``, ``pending`` and ``problems``; with ``at`` also
    ``unavailable`` and ``suspended``. An error if nothing is recorded of that moment.

    CLI Example:

    .. code-block:: bash

        salt-run mip.show federation=fed1 generation=3
        salt-run mip.show federation=fed1 at='2026-11-28 14:00'
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_show.show(pusher, generation, at)


@command
def rollback(federation=None, generation=None, reason=None, dry_run=False, timeout=300):
    """
    Restore the CDEs and ``pathologies.json`` of a generation on all nodes, as a new generation.

    Also the CDEs of pathologies that had no datasets in it. Databases are compiled again, engines
    that must see it restart, and the files on the nodes are compared with the generation. The
    federation is suspended (``RolledBack``), so that no automatic refresh undoes it. An operator's
    own ``mip.consolidate`` does.

    Hospitals' data files are not restored: a dataset whose file is gone is listed again and not
    available (``unavailable``).

    federation
        The federation's name.

    generation
        Its number; default: the one before the last.

    reason
        Why; shown to other operators as long as the federation is suspended.

    dry_run
        Return what would be written and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``generation`` (the new number), ``restored`` (the number), ``changed``, ``nodes``
    ``{minion id: "updated"|"unchanged"}``, ``plan``, ``unavailable`` (``[{"pathology", "dataset",
    "node", "reason"}]``), ``compile`` (as ``nodes`` of ``mip.compile``), ``served``,
    ``differences`` and ``problems``. Exit code 1 if a database was not compiled, or a node or an
    engine does not have what was restored.

    CLI Example:

    .. code-block:: bash

        salt-run mip.rollback federation=fed1 dry_run=True
        salt-run mip.rollback federation=fed1 generation=12
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_rollback.rollback(
            pusher, generation, reason=reason, dry_run=dry_run, timeout=timeout
        )


@command
def clean(federation=None, keep=None, dry_run=False, timeout=300):
    """
    Remove old generations and contents that are not needed from the pusher's disk.

    Each consolidation does that by itself, within the limits of the pillar (``generations``). Kept
    are always: the last two generations, the one that the last rollback restored, and what a run
    that was interrupted needs. Files on the nodes are not touched.

    federation
        The federation's name.

    keep
        How many of the newest generations to keep, 2 or more; default: the pillar's
        ``generations.keep``.

    dry_run
        Return what would be removed, with reasons, and change nothing.

    timeout
        Seconds to wait for another command that holds the federation's lock.

    Returns ``changed``, ``kept`` and ``removed`` (generation numbers), ``contents`` (how many CDEs
    and ``pathologies.json``), ``needed`` (``[{"generation", "reason"}]``: kept whatever the limits
    are), ``freed``, ``used`` and ``quota`` (bytes), and ``plan`` in a dry run.

    CLI Example:

    .. code-block:: bash

        salt-run mip.clean federation=fed1 dry_run=True
        salt-run mip.clean federation=fed1 keep=50
    """
    with open_pusher(__opts__, federation) as pusher:
        return pusher_clean.clean(pusher, keep, dry_run=dry_run, timeout=timeout)
