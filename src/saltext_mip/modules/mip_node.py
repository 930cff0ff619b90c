"""
The pusher's hands on a node: questions and steps that the runner ``mip`` sends here.

People use the execution module ``mip``. These functions answer in packed form, take part in a
transaction, and go by nothing but this node's own pillar about where things are. ``declaration`` is
the pusher's digest of what a node goes by: where the node's pillar differs, the answer is
``{"stale_pillar": true}``, and the pusher has the pillar refreshed and asks again.
"""

from pathlib import Path

import salt.pillar
from salt.exceptions import CommandExecutionError

from saltext_mip.bridge import upgrade
from saltext_mip.bridge.execution import shaped_errors
from saltext_mip.bridge.pillar import plain
from saltext_mip.errors import MipError
from saltext_mip.node import jobs
from saltext_mip.node.context import NodeContext

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
    return _step(jobs.inventory, federation, declaration, known=known, follow=follow, settle=settle)


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
    return _step(jobs.verify, federation, declaration, parts=parts)


def page(federation, declaration, sha256, number):
    """
    Page ``number`` of the packed value with that hash, which an earlier answer began.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1 dry_run=True
    """
    return _step(jobs.page, federation, declaration, sha256=sha256, number=number)


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
    return _step(jobs.stage, federation, declaration, transaction=transaction, parts=parts)


def commit(federation, declaration, transaction):
    """
    Put all that was staged in its place. Again, it changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(jobs.commit, federation, declaration, transaction=transaction)


def abort(federation, declaration, transaction):
    """
    Drop what was staged.

    CLI Example:

    .. code-block:: bash

        salt-run mip.consolidate federation=fed1
    """
    return _step(jobs.abort, federation, declaration, transaction=transaction)


def enrol(federation, declaration):
    """
    Take the data path as it is for the federation's: it carries ``.mip-data`` from now on.

    CLI Example:

    .. code-block:: bash

        salt-run mip.enable federation=fed1 node=fed1-wk-chuv
    """
    return _step(jobs.enrol, federation, declaration)


def compile_databases(federation, declaration, pathologies=None, force=False, strict=False):
    """
    Compile what is stale, of all pathologies or of those named that are here.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.compile federation=fed1
    """
    return _step(
        jobs.compile_databases,
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
    return _step(jobs.databases, federation, declaration, pathologies=pathologies)


def host_keys(federation, declaration):
    """
    The public host keys of this machine's sshd, for the consoles of the pusher.

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
    return _step(
        jobs.component_logs, federation, declaration, component=component, lines=lines, since=since
    )


def apply_states(federation, declaration, sls="mip", test=False):
    """
    Apply what the federation needs of this node (``salt://mip/``), and look at its place in the
    Swarm.

    sls
        What to apply.
    test
        Only tell what would change.

    Returns ``{"states": [{"name", "result", "changes": {thing: [old, new]}, "comment"}], "swarm":
    {"state", "id", …}}``; of states only those that changed or failed.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """
    from saltext_mip.node import swarm

    def step(here):
        applied = __salt__["state.apply"](sls, test=test, queue=True)
        __context__.pop("retcode", None)
        return {
            "states": _applied(applied),
            "swarm": _docker(lambda: swarm.observe_membership(here, _pusher_key())),
        }

    return _step(step, federation, declaration)


def ready(federation, declaration, now=None):
    """
    What is amiss on this node before services can run on it, and its place in the Swarm; of the
    master also the join token, sealed for the pusher.

    now
        The pusher's clock, in epoch seconds.

    Returns ``{"findings": [{"fatal", "foreign", "text"}], "swarm": {"state", "id", "cluster",
    "error", "sealed"}}``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """
    from saltext_mip.node import preflight, swarm

    def step(here):
        return {
            "findings": [found.wire() for found in preflight.check(here, pusher_time=now)],
            "swarm": _docker(lambda: swarm.observe_membership(here, _pusher_key())),
        }

    return _step(step, federation, declaration)


def join_again(federation, declaration):
    """
    Leave a Swarm whose manager does not know this node, and join the federation's.

    CLI Example:

    .. code-block:: bash

        salt-run mip.deploy federation=fed1
    """
    from saltext_mip.node import swarm
    from saltext_mip.secret import Secret

    def step(here):
        handed = []

        def token():
            handed.append(True)
            found = _fresh_pillar(mip_swarm="out").get("mip", {}).get("secrets", {})
            text = found.get(here.federation.name, {}).get("join")
            return Secret(text) if text else None

        try:
            swarm.join(here, token, test=False, again=True)
        finally:
            if handed:
                _fresh_pillar()
        return swarm.observe_membership(here)

    return _step(step, federation, declaration)


def services(federation, declaration, told=None, compile_pillar=True):
    """
    The federation's services, on its master node: what is, what serves, what is not as declared.

    told
        Swarm node ids by minion id.
    compile_pillar
        False: use the pillar in this minion's memory. The pusher, while it waits, has it refreshed
        once.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
    """
    from saltext_mip.node.services import enforce as own_enforce

    return _services(
        lambda here, env: own_enforce.status(here, env, told),
        federation,
        declaration,
        compile_pillar=compile_pillar,
    )


def enforce(federation, declaration, wish):
    """
    Make the federation's services what is wanted, on its master node.

    wish
        ``{"only", "told", "restart", "word", "actor", "dry"}``.

    Returns a packed value, page 0: ``{"changed", "plan"}``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.restart federation=fed1 node=wk1
    """
    from saltext_mip.node.services import enforce as own_enforce
    from saltext_mip.swarm import request

    return _services(
        lambda here, env: own_enforce.enforce(here, env, request.ServiceRequest.from_wire(wish)),
        federation,
        declaration,
    )


def forget(federation, declaration, keys):
    """
    Delete keys of the keystore, on the master node; those that were there.

    keys
        Such as ``data/<node>/<pathology>``.

    CLI Example:

    .. code-block:: bash

        salt-run mip.refresh federation=fed1
    """
    from saltext_mip.node.services import enforce as own_enforce

    return _step(lambda here: own_enforce.delete_keys(here, keys), federation, declaration)


def status(federation, declaration):
    """
    What this node has, briefly: its place in the Swarm, its data's fingerprints, its databases; the
    master also the services.

    Returns a packed value, page 0.

    CLI Example:

    .. code-block:: bash

        salt-run mip.status federation=fed1
    """
    from saltext_mip.node import overview, swarm
    from saltext_mip.node.services import enforce as own_enforce

    def step(here):
        seen = overview.overview(here)
        seen["swarm"] = _docker(lambda: swarm.observe_membership(here))
        if here.node.role == "master":
            pillar = _fresh_pillar()
            env = pillar.get("mip", {}).get("secrets", {}).get(federation, {}).get("env", {})
            try:
                seen["services"] = own_enforce.status(here, env)
            except MipError as exc:
                seen["services_error"] = str(exc)
        return jobs.packed(here, seen)

    return _step(step, federation, declaration)


def _services(work, federation, declaration, compile_pillar=True):
    """``work(here, secret environment)`` with a pillar that is compiled now, or that in memory."""
    pillar = _fresh_pillar() if compile_pillar else plain(__pillar__)
    env = pillar.get("mip", {}).get("secrets", {}).get(federation, {}).get("env", {})
    return _step(
        lambda here: jobs.packed(here, work(here, env)), federation, declaration, pillar=pillar
    )


def _fresh_pillar(**grains):
    return plain(
        salt.pillar.get_pillar(
            __opts__, {**dict(__grains__), **grains}, __opts__["id"], __opts__.get("saltenv")
        ).compile_pillar()
    )


def _pusher_key():
    """The Salt master's public key, as this minion knows it."""
    return (Path(__opts__["pki_dir"]) / "minion_master.pub").read_bytes()


def _docker(look):
    """What Docker says, or why it says nothing: the rest is still an answer."""
    try:
        return look()
    except MipError as exc:
        return {"state": "unknown", "id": "", "cluster": "", "error": str(exc)}


def _applied(found):
    if not isinstance(found, dict):
        return [{"name": "states", "result": False, "changes": {}, "comment": str(found)}]
    out = []
    for tag, of in sorted(found.items(), key=lambda item: item[1].get("__run_num__", 0)):
        if of["result"] is True and not of["changes"]:
            continue
        changes = {
            str(thing): [str(each.get("old", "")), str(each.get("new", ""))]
            if isinstance(each, dict)
            else ["", "changed"]
            for thing, each in of["changes"].items()
        }
        name = of.get("__id__") or tag
        out.append(
            {"name": name, "result": of["result"], "changes": changes, "comment": of["comment"]}
        )
    return out


def _step(step, federation, declaration, pillar=None, **arguments):
    if mixed := upgrade.pending():
        raise CommandExecutionError(mixed)
    with shaped_errors():
        here = NodeContext.as_declared(
            plain(__pillar__) if pillar is None else pillar,
            federation,
            __opts__["id"],
            Path(__opts__["root_dir"]),
            declaration,
        )
        return {"stale_pillar": True} if here is None else step(here, **arguments)
