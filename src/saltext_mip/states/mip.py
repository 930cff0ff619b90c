"""
States of a node of a federation: what is declared is enforced, and again changes nothing.

``states/mip`` of the package has SLS that use them; ``salt://mip/`` serves these as they are.
"""

from pathlib import Path

import salt.pillar
from salt.exceptions import CommandExecutionError

from saltext_mip.bridge.pillar import plain
from saltext_mip.errors import MipError, Unexpected
from saltext_mip.node.context import NodeContext
from saltext_mip.secret import Secret

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

    A file that is bad keeps the rows that it had when it was good; the state has failed then, and
    its comment says what is wrong.

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
            ret["comment"] = _words("Would be compiled", list(stale)) or "Everything is current."
            return ret
        done = __salt__["mip.compile"](pathology, federation, force=force, strict=strict)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    finally:
        # What the functions above tell a person by an exit code, a state tells by its result.
        __context__.pop("retcode", None)
    for found, of in done.items():
        if of["changed"]:
            ret["changes"][found] = {"old": of["reason"], "new": f"compiled, {of['rows']} rows"}
    failed = {found: of for found, of in done.items() if of["status"] == "failed"}
    if failed:
        ret["result"] = False
        ret["comment"] = "\n".join(_problem(found, of) for found, of in failed.items())
    else:
        ret["comment"] = _words("Compiled", list(ret["changes"])) or "Everything is current."
    return ret


def requirements(name, federation=None):
    """
    This node has what services need: Docker, its disk with room, free ports, nothing in the way.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    Changes nothing. What is missing is named with the command that mends it.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.worker test=True
    """
    from saltext_mip.node import preflight

    def check(here):
        found = preflight.check(here)
        fatal = [finding.text for finding in found if finding.fatal]
        comment = "\n".join(fatal or [finding.text for finding in found])
        return not fatal, {}, comment or "Everything that is needed is there."

    return _state(name, federation, check)


def folders(name, federation=None):
    """
    The folders that this node's services bind are there; a disk that is not mounted is no folder.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    A new folder has the owner, group and mode of its parent; one that is there is left as it is.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ui' state.apply mip.ui test=True
    """
    from saltext_mip.node import preflight

    def make(here):
        made = preflight.folders(here, test=__opts__["test"])
        changes = {path: {"old": "not there", "new": "made"} for path in made}
        return True, changes, _words("Made", made) or "All folders are there."

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

    def initialise(here):
        reason = swarm.initialise(here, test=__opts__["test"])
        return True, _changed("swarm", reason, "initialised"), "This node manages the Swarm."

    return _state(name, federation, initialise)


def swarm_joined(name, federation=None):
    """
    This node is in the Swarm of its federation's master. One that the Swarm has lost joins again.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    The join token comes in a pillar that is compiled for this alone, with the grain ``mip_swarm:
    out``; right after, it is compiled without, so that the Salt master's cache has it no more.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.worker
    """
    from saltext_mip.node import swarm

    def join(here):
        handed = []

        def token():
            handed.append(True)
            found = _compiled(mip_swarm="out").get("mip", {}).get("secrets", {})
            text = found.get(here.federation.name, {}).get("join")
            return Secret(text) if text else None

        try:
            reason = swarm.join(here, token, test=__opts__["test"])
        finally:
            if handed:
                _compiled()
        return True, _changed("swarm", reason, "joined"), "This node is in the Swarm."

    return _state(name, federation, join)


def services(name, federation=None):
    """
    Every service of the federation is as it is declared; enforced on its master node.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    Services, the network and the labels of the Swarm's nodes are compared field by field. What an
    operator stopped or removed by ``mip.stop`` and ``mip.remove`` stays so. What is not ours is not
    touched.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ms' state.apply mip.master test=True
    """
    from saltext_mip.node.services import enforce as own_enforce
    from saltext_mip.swarm import request

    def enforce(here):
        secrets = plain(__pillar__).get("mip", {}).get("secrets", {})
        env = secrets.get(here.federation.name, {}).get("env", {})
        if __opts__["test"] and not own_enforce.is_manager():
            return True, {"swarm": {"old": "none", "new": "with every service"}}, ""
        done = own_enforce.enforce(here, env, request.ServiceRequest(dry=__opts__["test"]))
        changes = {
            item["thing"]: {"old": item["reason"], "new": item["action"]} for item in done["plan"]
        }
        return True, changes, "Every service is as declared."

    return _state(name, federation, enforce)


def beacons(name, federation=None):
    """
    The beacons of this node are installed: ``mip_data`` where there is a data path, and on the
    federation's master ``mip_services``.

    name
        Anything; the state's name.

    federation
        The federation's name; may be left out where the node's pillar declares one only.

    They stay through a restart of the minion. One that the pillar configures is left to it.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' state.apply mip.beacons test=True
    """
    from saltext_mip.node import watch_data

    def install(here):
        have = __salt__["beacons.list"](return_yaml=False, include_pillar=False)
        pillars = __salt__["beacons.list"](return_yaml=False, include_opts=False)
        wanted = watch_data.beacons(here)
        changes = {}
        for beacon, interval in wanted.items():
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
        return True, changes, _words("Installed", list(wanted)) or "It needs none."

    return _state(name, federation, install)


def _interval(data):
    facts = {key: value for each in data or () for key, value in dict(each).items()}
    return f"every {facts['interval']} s" if "interval" in facts else "not there"


def _state(name, federation, work):
    """``work(here)`` gives ``(result, changes, comment)``; with changes under test: None."""
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        here = NodeContext.from_pillar(
            plain(__pillar__), federation, __opts__["id"], Path(__opts__["root_dir"])
        )
        ret["result"], ret["changes"], ret["comment"] = work(here)
    except (MipError, OSError) as exc:
        return {**ret, "result": False, "comment": str(exc)}
    except Exception as exc:  # noqa: BLE001 - Salt would tell its words: maybe a secret
        return {**ret, "result": False, "comment": str(Unexpected.of(exc))}
    if ret["changes"] and ret["result"]:
        did = "Would change" if __opts__["test"] else "Changed"
        ret["comment"] = _words(did, list(ret["changes"]))
        ret["result"] = None if __opts__["test"] else True
    return ret


def _changed(what, reason, new):
    return {what: {"old": reason, "new": new}} if reason else {}


def _compiled(**grains):
    """This node's pillar, compiled anew with these grains; nothing of it stays in memory."""
    return plain(
        salt.pillar.get_pillar(
            __opts__, {**dict(__grains__), **grains}, __opts__["id"], __opts__.get("saltenv")
        ).compile_pillar()
    )


def _words(what, names):
    return f"{what}: {', '.join(names)}." if names else ""


def _problem(pathology, of):
    rules = sorted(
        {(problem.get("file") or "the folder", problem["rule"]) for problem in of["problems"]}
    )
    listed = "; ".join(f"{file}: {rule}" for file, rule in rules)
    return f"{pathology}: {listed}. See mip-report-{pathology}.txt in the data path."
