"""
The pusher's hands on a node: questions and steps that the runner ``mip`` sends here.

People use the execution module ``mip``. These functions answer in packed form, take part in a
transaction, and go by nothing but this node's own pillar about where things are. ``declaration`` is
the pusher's digest of what a node goes by: where the node's pillar differs, the answer is
``{"stale_pillar": true}``, and the pusher has the pillar refreshed and asks again.
"""

from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext_mip import upgrade
from saltext_mip.errors import MipError
from saltext_mip.node import steps
from saltext_mip.node.here import Here
from saltext_mip.plain import plain

__virtualname__ = "mip_node"


def __virtual__():
    return __virtualname__


def inventory(federation, declaration, known=(), follow=False, settle=0.0):
    """
    What this node has: its inventory, its CDEs' contents (master), its ``pathologies.json`` (ui).

    federation
        The federation's name.
    declaration
        The pusher's digest of the declaration.
    known
        SHA-256 of contents that the pusher has already; these are not sent.
    follow
        The pusher acts on it: the beacon ``mip_data`` has no need to say it any more.
    settle
        With ``follow``: seconds for which files must have been left alone.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(
        steps.inventory, federation, declaration, known=known, follow=follow, settle=settle
    )


def verify(federation, declaration, parts):
    """
    Check this node's files against CDEs that are to come.

    parts
        Packed ``{pathology: CDE}``.

    Returns a packed value, page 0: the inventory, with what was found.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(steps.verify, federation, declaration, parts=parts)


def page(federation, declaration, sha256, number):
    """
    Page ``number`` of the packed value with that hash, which an earlier answer began.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(steps.page, federation, declaration, sha256=sha256, number=number)


def stage(federation, declaration, transaction, parts):
    """
    Write what is to come beside what it replaces; nothing is changed yet.

    transaction
        The transaction's id.
    parts
        Packed entries.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(steps.stage, federation, declaration, transaction=transaction, parts=parts)


def commit(federation, declaration, transaction):
    """
    Put all that was staged in its place. Again, it changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(steps.commit, federation, declaration, transaction=transaction)


def abort(federation, declaration, transaction):
    """
    Drop what was staged.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(steps.abort, federation, declaration, transaction=transaction)


def enrol(federation, declaration):
    """
    Take the data path as it is for the federation's: it carries ``.mip-data`` from now on.

    CLI Example:

    .. code-block:: bash

        salt-run mip.enable federation=fed1 node=fed1-wk-chuv
    """
    return _step(steps.enrol, federation, declaration)


def compile_databases(federation, declaration, pathologies=None, force=False, strict=False):
    """
    Compile what is stale, of all pathologies or of those named that are here.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1
    """
    return _step(
        steps.compile_databases,
        federation,
        declaration,
        pathologies=pathologies,
        force=force,
        strict=strict,
    )


def databases(federation, declaration, pathologies=None):
    """
    Tell of each database whether it is current, and why not.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1 dry_run=True
    """
    return _step(steps.databases, federation, declaration, pathologies=pathologies)


def host_keys(federation, declaration):
    """
    The public host keys of this machine's sshd, for the consoles of the pusher.

    CLI Example:

    .. code-block:: bash

        salt-run mip.check_nodes federation=fed1
    """
    return _step(steps.host_keys, federation, declaration)


def component_logs(federation, declaration, component=None, lines=10000, since=None):
    """
    The last lines of a component of this node, default: that of its role.

    component
        Such as ``exareme``.
    lines
        How many at the most.
    since
        Only later ones: ``10m``, ``2h``, or a date.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.logs federation=fed1 node=wk1
    """
    return _step(
        steps.component_logs, federation, declaration, component=component, lines=lines, since=since
    )


def _step(step, federation, declaration, **arguments):
    if mixed := upgrade.pending():
        raise CommandExecutionError(mixed)
    try:
        here = Here.as_declared(
            plain(__pillar__),
            federation,
            __opts__["id"],
            Path(__opts__["root_dir"]),
            declaration,
        )
        if here is None:
            return {"stale_pillar": True}
        return step(here, **arguments)
    except MipError as exc:
        raise CommandExecutionError(str(exc)) from None
    except OSError as exc:
        where = f": {exc.filename}" if exc.filename else ""
        raise CommandExecutionError(f"{exc.strerror or exc}{where}") from None
