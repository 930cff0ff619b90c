"""
States of a node of a federation. Applying them again changes nothing.

The SLS files in ``states/mip`` of the package use them; ``salt://mip/`` serves these.
"""

from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext_mip.bridge import pillar
from saltext_mip.errors import MipError, Unexpected
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


def compiled(name, federation=None, pathology=None, force=False, strict=False):
    """
    The databases of this node are what their CSV files and CDEs make them.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    pathology
        One, several with commas between, or a list; default: all.

    force
        Compile also what is current.

    strict
        Warnings keep a file out as errors do.

    An invalid file keeps the rows that it had when it was valid; the state fails then, and its
    comment lists the rules.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.compiled test=True
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        stale = {
            found: of["reason"]
            for found, of in __salt__["mip.compiled"](pathology, federation).items()
            if force or not of["current"]
        }
        if __opts__["test"]:
            if stale:
                ret["result"] = None
                ret["changes"] = {
                    found: {"old": reason or "current", "new": "compiled"}
                    for found, reason in stale.items()
                }
            ret["comment"] = _list("Would be compiled", list(stale)) or "All databases are current."
            return ret
        done = __salt__["mip.compile"](pathology, federation, force=force, strict=strict)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    finally:
        # A state reports by its result what the functions above report by an exit code.
        __context__.pop("retcode", None)
    for found, of in done.items():
        if of["changed"]:
            ret["changes"][found] = {"old": of["reason"], "new": f"compiled, {of['rows']} rows"}
    failed = {found: of for found, of in done.items() if of["status"] == "failed"}
    if failed:
        ret["result"] = False
        ret["comment"] = "\n".join(_problem(found, of) for found, of in failed.items())
    else:
        ret["comment"] = _list("Compiled", list(ret["changes"])) or "All databases are current."
    return ret


def requirements(name, federation=None):
    """
    This node has what services need: Docker, the data disk, space, free ports.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    Changes nothing. The comment lists what is missing, with the command that fixes it.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.worker test=True
    """
    from saltext_mip.node import preflight

    def check(context):
        found = preflight.check(context)
        fatal = [finding.text for finding in found if finding.fatal]
        comment = "\n".join(fatal or [finding.text for finding in found])
        return not fatal, {}, comment or "All requirements are met."

    return _state(name, federation, check)


def folders(name, federation=None):
    """
    The folders that this node's services bind exist. A data disk that is not mounted is an error.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    A new folder gets the owner, group and mode of its parent; an existing one is not changed.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ui' state.apply mip.ui test=True
    """
    from saltext_mip.node import preflight

    def make(context):
        made = preflight.folders(context, test=__opts__["test"])
        changes = {path: {"old": "missing", "new": "created"} for path in made}
        return True, changes, _list("Created", made) or "All folders exist."

    return _state(name, federation, make)


def swarm_initialised(name, federation=None):
    """
    This node, the federation's master, manages its Swarm.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ms' state.apply mip.master test=True
    """
    from saltext_mip.node import swarm

    def initialise(context):
        reason = swarm.initialise(context, test=__opts__["test"])
        return True, _changed("swarm", reason, "initialised"), "This node manages the Swarm."

    return _state(name, federation, initialise)


def swarm_joined(name, federation=None):
    """
    This node is in the Swarm of its federation's master. One that the Swarm lost joins again.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    The join token comes in a pillar that is compiled for this only, with the grain ``mip_swarm:
    out``; afterwards the pillar is compiled without it, so that the Salt master's cache has none.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.worker
    """
    from saltext_mip.node import swarm

    def join(context):
        with pillar.join_token(__opts__, __grains__, context.federation.name) as token:
            cluster = pillar.swarm_id(pillar.plain(__pillar__), context.federation.name)
            reason = swarm.join(context, token, test=__opts__["test"], cluster=cluster)
        return True, _changed("swarm", reason, "joined"), "This node is in the Swarm."

    return _state(name, federation, join)


def services(name, federation=None):
    """
    All services of the federation match the declaration; enforced on its master node.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    Services, the network and the labels of the Swarm's nodes are compared field by field. What an
    operator stopped or removed by ``mip.stop`` and ``mip.remove`` stays so. Services
    that mip did not create are not changed.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ms' state.apply mip.master test=True
    """
    from saltext_mip.node.services import enforce as services_enforce
    from saltext_mip.node.services import status
    from saltext_mip.swarm.request import ServiceRequest

    def enforce(context):
        secrets = pillar.service_secrets(pillar.plain(__pillar__), context.federation.name)
        test = __opts__["test"]
        if test and not status.has_swarm():
            return True, {"swarm": {"old": "none", "new": "with every service"}}, ""
        done = services_enforce.enforce(context, secrets, ServiceRequest("enforce", dry_run=test))
        changes = {
            item["thing"]: {"old": item["reason"], "new": item["action"]} for item in done["plan"]
        }
        return True, changes, "All services match the declaration."

    return _state(name, federation, enforce)


def beacons(name, federation=None):
    """
    The beacons of this node are installed: ``mip_data`` where there is a data path, and on the
    federation's master ``mip_services``.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    They persist when the minion restarts. One that the pillar configures is not changed.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.beacons test=True
    """
    from saltext_mip.node import watch_data

    def install(context):
        have = __salt__["beacons.list"](return_yaml=False, include_pillar=False)
        pillars = __salt__["beacons.list"](return_yaml=False, include_opts=False)
        intervals = watch_data.beacon_intervals(context)
        changes = {}
        for beacon, interval in intervals.items():
            data = [{"interval": interval}]
            if beacon in pillars or have.get(beacon) == data:
                continue
            changes[beacon] = {"old": _interval(have.get(beacon)), "new": _interval(data)}
            if __opts__["test"]:
                continue
            done = __salt__[f"beacons.{'modify' if beacon in have else 'add'}"](beacon, data)
            if not done["result"]:
                return False, {}, str(done["comment"])
        if changes and not __opts__["test"]:
            saved = __salt__["beacons.save"]()
            if not saved["result"]:
                return False, {}, str(saved["comment"])
        return True, changes, _list("Installed", list(intervals)) or "This node needs no beacons."

    return _state(name, federation, install)


def _interval(data):
    facts = {key: value for each in data or () for key, value in dict(each).items()}
    return f"every {facts['interval']} s" if "interval" in facts else "missing"


def _state(name, federation, work):
    """The state's return of ``work(context)``, which returns ``(result, changes, comment)``."""
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        context = NodeContext.from_pillar(
            pillar.plain(__pillar__), federation, __opts__["id"], Path(__opts__["root_dir"])
        )
        ret["result"], ret["changes"], ret["comment"] = work(context)
    except (MipError, OSError) as exc:
        return {**ret, "result": False, "comment": str(exc)}
    except Exception as exc:  # noqa: BLE001 - Salt would show its message: maybe a secret
        return {**ret, "result": False, "comment": str(Unexpected.of(exc))}
    if ret["changes"] and ret["result"]:
        did = "Would change" if __opts__["test"] else "Changed"
        ret["comment"] = _list(did, list(ret["changes"]))
        ret["result"] = None if __opts__["test"] else True
    return ret


def _changed(what, reason, new):
    return {what: {"old": reason, "new": new}} if reason else {}


def _list(what, names):
    return f"{what}: {', '.join(names)}." if names else ""


def _problem(pathology, of):
    rules = sorted(
        {(problem.get("file") or "the folder", problem["rule"]) for problem in of["problems"]}
    )
    listed = "; ".join(f"{file}: {rule}" for file, rule in rules)
    return f"{pathology}: {listed}. See mip-report-{pathology}.txt in the data path."
