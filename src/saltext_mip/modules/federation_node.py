"""
Functions that the runner ``mip`` calls on nodes: queries, and steps of its work.

People use the execution module ``mip``. An entry such as ``mip.*`` of ``publisher_acl`` or
``external_auth`` is a regular expression that is matched from the start of a function's name: it
allows nothing of this module, whose name begins otherwise.

These functions return packed values, take part in a transaction, and know where things are from
this node's own pillar only. ``declaration`` is the pusher's digest of the declaration: where the
node's pillar has another, the return is ``{"stale_pillar": true}``, and the pusher refreshes the
pillar and repeats the call.

Each function has a further argument ``nonce``, and returns a page of a packed value that is signed
with this minion's key over the federation, the function, the minion id, the nonce and the value; an
error too. The pusher takes nothing else as this node's answer.
"""

from pathlib import Path

import salt.utils.minion

from saltext_mip.bridge import pillar
from saltext_mip.bridge.execution import minion_uptime
from saltext_mip.bridge.signed_answers import signed
from saltext_mip.node import jobs
from saltext_mip.node.context import NodeContext

__virtualname__ = "federation_node"


def __virtual__():
    return __virtualname__


def _signed(function):
    return signed(function, lambda: __opts__)


@_signed
def running(federation, declaration, jids):  # noqa: ARG001
    """
    Whether this node runs one of these jobs (their ids) now.

    Called by all functions of the runner while they wait.
    """
    return any(each["jid"] in jids for each in salt.utils.minion.running(__opts__))


@_signed
def refresh_pillar(federation, declaration):  # noqa: ARG001
    """
    Refresh the pillar in this minion's memory; whether it was.

    Called by all functions of the runner, where the node's pillar differs from the pusher's.
    """
    return __salt__["saltutil.refresh_pillar"](wait=True)


@_signed
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

    Called by ``mip.consolidate``.
    """
    return _step(jobs.inventory, federation, declaration, known=known, follow=follow, settle=settle)


@_signed
def verify(federation, declaration, parts, **published):
    """
    Check this node's files against future CDEs, which are recorded here (``mip.history``).

    parts
        Packed ``{pathology: CDE}``.

    Returns a packed value, page 0: the inventory, with the problems found.

    Called by ``mip.consolidate``.
    """
    job = str(published.get("__pub_jid", ""))
    return _step(jobs.verify, federation, declaration, parts=parts, job=job)


@_signed
def page(federation, declaration, sha256, number):
    """
    Page ``number`` of the packed value with that hash, whose page 0 an earlier return was.

    Called by all functions of the runner, where an answer is large.
    """
    return _step(jobs.page, federation, declaration, sha256=sha256, number=number)


@_signed
def stage(federation, declaration, transaction, parts):
    """
    Write files beside those that they replace; nothing is changed yet.

    transaction
        The transaction's id.
    parts
        Packed entries.

    Called by ``mip.consolidate``.
    """
    return _step(jobs.stage, federation, declaration, transaction=transaction, parts=parts)


@_signed
def commit(federation, declaration, transaction):
    """
    Rename all staged files into place. Running it again changes nothing.

    Called by ``mip.consolidate``.
    """
    return _step(jobs.commit, federation, declaration, transaction=transaction)


@_signed
def abort(federation, declaration, transaction):
    """
    Remove what was staged.

    Called by ``mip.consolidate``.
    """
    return _step(jobs.abort, federation, declaration, transaction=transaction)


@_signed
def enrol(federation, declaration):
    """
    Enrol the data path as it is: it carries ``.mip-data`` from now on.

    Called by ``mip.enable``.
    """
    return _step(jobs.enrol, federation, declaration)


@_signed
def compile_databases(federation, declaration, pathologies=None, force=False, strict=False):
    """
    Compile stale databases, of all pathologies or of those named that this node has.

    Returns a packed value, page 0.

    Called by ``mip.compile``.
    """
    how = {"pathologies": pathologies, "force": force, "strict": strict}
    return _step(jobs.compile_databases, federation, declaration, **how)


@_signed
def hold_files(federation, declaration, parts):
    """
    Have databases keep files as they were while a change waits. Called by ``mip.compile``.
    """
    return _step(jobs.hold_files, federation, declaration, parts=parts)


@_signed
def databases(federation, declaration, pathologies=None):
    """
    Report of each database whether it is current, and why not.

    Returns a packed value, page 0.

    Called by ``mip.compile``.
    """
    return _step(jobs.databases, federation, declaration, pathologies=pathologies)


@_signed
def host_keys(federation, declaration):
    """
    The public host keys of this machine's sshd (``keys``), and its minion's ``uptime`` in seconds.

    Called by ``mip.check_nodes``.
    """
    return _step(jobs.host_keys, federation, declaration)


@_signed
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

    Called by ``mip.logs``.
    """
    which = {"component": component, "lines": lines, "since": since}
    return _step(jobs.component_logs, federation, declaration, **which)


@_signed
def apply_states(federation, declaration, test=False):
    """
    Apply what the federation needs of this node (``salt://mip/init.sls``, nothing else), and
    observe its place in the Swarm.

    test
        Only report what would change.

    Returns a packed value, page 0: ``{"states": [{"name", "result", "changes": {thing: [old,
    new]}, "comment"}], "swarm": {"state", "id", …}}``; of states only those that changed or failed.

    Called by ``mip.deploy``.
    """

    def step(context):
        states = jobs.changed_states(__salt__["state.apply"]("mip", test=test, queue=True))
        __context__.pop("retcode", None)
        swarm = jobs.swarm_or_error(context, _pusher_key())
        return jobs.packed(context, {"states": states, "swarm": swarm})

    return _step(step, federation, declaration)


@_signed
def ready(federation, declaration, now=None):
    """
    Preflight: what services need and this node lacks, and its place in the Swarm; of the master
    also the join token, sealed for the pusher.

    now
        The pusher's clock, in epoch seconds.

    Returns ``{"findings": [{"fatal", "foreign", "text"}], "swarm": {"state", "id", "cluster",
    "error", "sealed"}}``.

    Called by ``mip.deploy``.
    """
    key = _pusher_key()
    return _step(jobs.preflight_issues, federation, declaration, public_key=key, pusher_time=now)


@_signed
def join_again(federation, declaration):
    """
    Leave a Swarm whose manager does not know this node, and join the federation's.

    Called by ``mip.deploy``.
    """
    from saltext_mip.node import swarm

    def step(context):
        with pillar.join_token(__opts__, __grains__, federation) as token:
            cluster = pillar.swarm_id(pillar.plain(__pillar__), federation)
            swarm.join(context, token, test=False, again=True, cluster=cluster)
        return swarm.observe_membership(context)

    return _step(step, federation, declaration)


@_signed
def rotate_join_token(federation, declaration):
    """
    Replace the Swarm's join token, on its master node.

    Returns ``{"state", "id", "cluster", "error", "sealed"}``: the new token is sealed for the
    pusher.

    Called by ``mip.disable`` and ``mip.deploy``.
    """
    from saltext_mip.node import swarm

    key = _pusher_key()
    return _step(lambda context: swarm.rotate_token(context, key), federation, declaration)


@_signed
def services(federation, declaration, swarm_ids=None, compile_pillar=True):
    """
    The federation's services, on its master node: what runs, what serves, what is not as declared.

    swarm_ids
        The nodes' own ids in the Swarm, by minion id.
    compile_pillar
        False: use the pillar in this minion's memory. The pusher, while it waits, has it refreshed
        once.

    Returns a packed value, page 0.

    Called by ``mip.status``.
    """
    from saltext_mip.node.services import status as services_status

    return _services(
        services_status.status, federation, declaration, compile_pillar, swarm_ids=swarm_ids
    )


@_signed
def enforce(federation, declaration, request):
    """
    Start, stop, restart, remove or restore the federation's services, or make them what is
    declared, on its master node.

    request
        ``{"action", "targets", "reason", "actor", "swarm_ids", "restore_removed", "dry_run"}``.

    Returns a packed value, page 0: ``{"changed", "plan"}``. An invalid request is an error.

    Called by ``mip.restart``.
    """
    from saltext_mip.node.services import enforce as services_enforce
    from saltext_mip.swarm.request import ServiceRequest

    def work(context, secrets):
        return services_enforce.enforce(context, secrets, ServiceRequest.from_json(request))

    return _services(work, federation, declaration)


@_signed
def forget(federation, declaration, keys):
    """
    Delete keys of the keystore, on the master node; returns those that existed.

    keys
        Such as ``data/<node>/<pathology>``.

    Called by ``mip.refresh``.
    """
    from saltext_mip.node.services import keystore

    return _step(lambda here: keystore.delete_keys(here, keys), federation, declaration)


@_signed
def status(federation, declaration):
    """
    What this node has, in short: its place in the Swarm, its data's fingerprints, its databases;
    of the master also the services.

    Returns a packed value, page 0.

    Called by ``mip.status``.
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
    context = NodeContext.as_declared(
        pillar.plain(__pillar__) if compiled is None else compiled,
        federation,
        __opts__["id"],
        Path(__opts__["root_dir"]),
        declaration,
        minion_uptime(__opts__),
        __grains__.get("saltversion"),
    )
    return {"stale_pillar": True} if context is None else step(context, **arguments)
