"""
Functions that the runner ``mip`` calls on nodes: queries, and steps of its work.

People use the execution module ``mip``. These functions return packed values, take part in a
transaction, and know where things are from this node's own pillar only. ``declaration`` is the
pusher's digest of the declaration: where the node's pillar has another, the return is
``{"stale_pillar": true}``, and the pusher refreshes the pillar and repeats the call.
"""

from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext_mip.bridge import pillar, upgrade
from saltext_mip.bridge.execution import shaped_errors
from saltext_mip.node import jobs
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip_node"


def __virtual__():
    return __virtualname__


def inventory(federation, declaration, known=(), follow=False, settle=0.0):
    """
    This node's inventory, its CDEs' contents (master), its ``pathologies.json`` (ui).

    federation
        The federation's name.
    declaration
        The pusher's digest of the declaration.
    known
        SHA-256 of contents that the pusher has; these are not sent.
    follow
        The pusher acts on it: the beacon ``mip_data`` need not report that state.
    settle
        With ``follow``: seconds for which files must be unchanged.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(jobs.inventory, federation, declaration, known=known, follow=follow, settle=settle)


def verify(federation, declaration, parts):
    """
    Check this node's files against future CDEs.

    parts
        Packed ``{pathology: CDE}``.

    Returns a packed value, page 0: the inventory, with the problems found.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(jobs.verify, federation, declaration, parts=parts)


def page(federation, declaration, sha256, number):
    """
    Page ``number`` of the packed value with that hash, whose page 0 an earlier return was.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(jobs.page, federation, declaration, sha256=sha256, number=number)


def stage(federation, declaration, transaction, parts):
    """
    Write files beside those that they replace; nothing is changed yet.

    transaction
        The transaction's id.
    parts
        Packed entries.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(jobs.stage, federation, declaration, transaction=transaction, parts=parts)


def commit(federation, declaration, transaction):
    """
    Rename all staged files into place. Running it again changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(jobs.commit, federation, declaration, transaction=transaction)


def abort(federation, declaration, transaction):
    """
    Remove what was staged.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(jobs.abort, federation, declaration, transaction=transaction)


def enrol(federation, declaration):
    """
    Enrol the data path as it is: it carries ``.mip-data`` from now on.

    CLI Example:

    .. code-block:: bash

        salt-run mip.enable federation=fed1 node=fed1-wk-chuv
    """
    return _step(jobs.enrol, federation, declaration)


def compile_databases(federation, declaration, pathologies=None, force=False, strict=False):
    """
    Compile stale databases, of all pathologies or of those named that this node has.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1
    """
    how = {"pathologies": pathologies, "force": force, "strict": strict}
    return _step(jobs.compile_databases, federation, declaration, **how)


def databases(federation, declaration, pathologies=None):
    """
    Report of each database whether it is current, and why not.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1 dry_run=True
    """
    return _step(jobs.databases, federation, declaration, pathologies=pathologies)


def host_keys(federation, declaration):
    """
    The public host keys of this machine's sshd, for consoles on the pusher.

    CLI Example:

    .. code-block:: bash

        salt-run mip.check_nodes federation=fed1
    """
    return _step(jobs.host_keys, federation, declaration)


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
    which = {"component": component, "lines": lines, "since": since}
    return _step(jobs.component_logs, federation, declaration, **which)


def apply_states(federation, declaration, sls="mip", test=False):
    """
    Apply what the federation needs of this node (``salt://mip/``), and observe its place in the
    Swarm.

    sls
        What to apply.
    test
        Only report what would change.

    Returns ``{"states": [{"name", "result", "changes": {thing: [old, new]}, "comment"}], "swarm":
    {"state", "id", …}}``; of states only those that changed or failed.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """

    def step(context):
        states = jobs.changed_states(__salt__["state.apply"](sls, test=test, queue=True))
        __context__.pop("retcode", None)
        return {"states": states, "swarm": jobs.swarm_or_error(context, _pusher_key())}

    return _step(step, federation, declaration)


def ready(federation, declaration, now=None):
    """
    Preflight: what services need and this node lacks, and its place in the Swarm; of the master
    also the join token, sealed for the pusher.

    now
        The pusher's clock, in epoch seconds.

    Returns ``{"findings": [{"fatal", "foreign", "text"}], "swarm": {"state", "id", "cluster",
    "error", "sealed"}}``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """
    key = _pusher_key()
    return _step(jobs.preflight_issues, federation, declaration, public_key=key, pusher_time=now)


def join_again(federation, declaration):
    """
    Leave a Swarm whose manager does not know this node, and join the federation's.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """
    from saltext_mip.node import swarm

    def step(context):
        with pillar.join_token(__opts__, __grains__, federation) as token:
            swarm.join(context, token, test=False, again=True)
        return swarm.observe_membership(context)

    return _step(step, federation, declaration)


def services(federation, declaration, swarm_ids=None, compile_pillar=True):
    """
    The federation's services, on its master node: what runs, what serves, what is not as declared.

    swarm_ids
        The nodes' own ids in the Swarm, by minion id.
    compile_pillar
        False: use the pillar in this minion's memory. The pusher, while it waits, has it refreshed
        once.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
    """
    from saltext_mip.node.services import status as services_status

    return _services(
        services_status.status, federation, declaration, compile_pillar, swarm_ids=swarm_ids
    )


def enforce(federation, declaration, request):
    """
    Start, stop, restart, remove or restore the federation's services, or make them what is
    declared, on its master node.

    request
        ``{"action", "targets", "reason", "actor", "swarm_ids", "restore_removed", "dry_run"}``.

    Returns a packed value, page 0: ``{"changed", "plan"}``. An invalid request is an error.

    CLI Example:

    .. code-block:: bash

        salt-run mip.restart federation=fed1 node=wk1
    """
    from saltext_mip.node.services import enforce as services_enforce
    from saltext_mip.swarm.request import ServiceRequest

    def work(context, secrets):
        return services_enforce.enforce(context, secrets, ServiceRequest.from_json(request))

    return _services(work, federation, declaration)


def forget(federation, declaration, keys):
    """
    Delete keys of the keystore, on the master node; returns those that existed.

    keys
        Such as ``data/<node>/<pathology>``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.refresh federation=fed1
    """
    from saltext_mip.node.services import keystore

    return _step(lambda here: keystore.delete_keys(here, keys), federation, declaration)


def status(federation, declaration):
    """
    What this node has, in short: its place in the Swarm, its data's fingerprints, its databases;
    of the master also the services.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
    """

    def step(context):
        master = context.node.role == "master"
        secrets = pillar.service_secrets(_compiled(), federation) if master else {}
        return jobs.node_status(context, secrets)

    return _step(step, federation, declaration)


def _services(work, federation, declaration, compile_pillar=True, **arguments):
    """``work(context, secrets)``, packed; with the pillar compiled now or that in memory."""
    compiled = _compiled() if compile_pillar else pillar.plain(__pillar__)
    secrets = pillar.service_secrets(compiled, federation)

    def step(context):
        return jobs.packed(context, work(context, secrets, **arguments))

    return _step(step, federation, declaration, compiled=compiled)


def _compiled():
    return pillar.compile_pillar(__opts__, __grains__)


def _pusher_key():
    """The Salt master's public key, as this minion knows it."""
    return (Path(__opts__["pki_dir"]) / "minion_master.pub").read_bytes()


def _step(step, federation, declaration, compiled=None, **arguments):
    if mixed := upgrade.pending():
        raise CommandExecutionError(mixed)
    with shaped_errors():
        context = NodeContext.as_declared(
            pillar.plain(__pillar__) if compiled is None else compiled,
            federation,
            __opts__["id"],
            Path(__opts__["root_dir"]),
            declaration,
        )
        return {"stale_pillar": True} if context is None else step(context, **arguments)
