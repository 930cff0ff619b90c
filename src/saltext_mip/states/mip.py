"""
States of a node of a federation: what is declared is enforced, and again changes nothing.

``states/mip`` of the package has SLS that use them; ``salt://mip/`` serves these as they are.
"""

from salt.exceptions import CommandExecutionError

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


def _words(what, names):
    return f"{what}: {', '.join(names)}." if names else ""


def _problem(pathology, of):
    rules = sorted(
        {(problem.get("file") or "the folder", problem["rule"]) for problem in of["problems"]}
    )
    listed = "; ".join(f"{file}: {rule}" for file, rule in rules)
    return f"{pathology}: {listed}. See mip-report-{pathology}.txt in the data path."
