"""Settings of the Salt master, and rights of its user, with which the program cannot work safely.

Each has what to do about it: for ``mip.setup``, ``mip check-required`` and the status.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saltext_mip.controller.loop import is_controlled
from saltext_mip.federation import STATE_ROOT
from saltext_mip.pusher.context import MasterProblem
from saltext_mip.pusher.status.pusher_state import probe
from saltext_mip.storage.state import DECLARED


def master_problems(opts: Mapping[str, Any]) -> tuple[MasterProblem, ...]:
    """All that the process finds which runs with these master ``opts``, as the master's user."""
    return (*job_cache_problems(opts), *pillar_file_problems(opts), *_state_owner(opts))


def has_controller(opts: Mapping[str, Any]) -> bool:
    """Whether the master is configured to run the controller."""
    return any("mip" in each for each in opts.get("engines") or () if isinstance(each, Mapping))


def state_problems(opts: Mapping[str, Any]) -> tuple[MasterProblem, ...]:
    """What the status has conditions of its own for: the state's disk, and the controller."""
    root = Path(opts["root_dir"]) / STATE_ROOT
    found = []
    try:
        probe(root)
    except OSError as exc:
        if root.exists():
            fix = f"make {root} writable for {_me()}: df {root}; mount; ls -ld {root}"
            message = f"{root} cannot be written: {exc.strerror}"
        else:  # Salt's packages have a master of its own user, which makes nothing in /var/lib
            fix = f"as root: install -d -m 0700 -o {_me()} {root}"
            message = f"{root} does not exist, and {_me()} cannot make it: {exc.strerror}"
        found.append(MasterProblem("StateNotWritable", fix, message))
    known = sorted(path for path in root.glob("*") if (path / DECLARED).is_file())
    without = [path.name for path in known if not is_controlled(path)]
    if has_controller(opts) and without:
        message = f"no controller runs for {', '.join(without)}"
        found.append(MasterProblem("ControllerDown", "systemctl restart salt-master", message))
    return tuple(found)


def recommendations(opts: Mapping[str, Any]) -> Iterator[MasterProblem]:
    """Settings with which the program works, and by which it is less safe."""
    if not opts.get("sign_pub_messages", True):
        conf = opts.get("conf_file", "the master's configuration")
        yield MasterProblem(
            "PublicationsUnsigned",
            f"set sign_pub_messages: True in {conf}, and restart salt-master",
            "sign_pub_messages is off: minions do not verify that a job comes from this master",
        )


def job_cache_problems(opts: Mapping[str, Any]) -> Iterator[MasterProblem]:
    """Settings by which answers do not arrive where they are read."""
    conf = opts.get("conf_file", "the master's configuration")
    if not opts.get("job_cache", True):
        yield MasterProblem(
            "JobCacheOff",
            f"set job_cache: True in {conf}, and restart salt-master",
            "job_cache is off: the nodes' responses are not stored, so no node seems to respond",
        )
    if outside := opts.get("ext_job_cache"):
        yield MasterProblem(
            "JobCacheElsewhere",
            f"remove ext_job_cache from {conf} (master_job_cache does the same on the pusher), and "
            "restart salt-master",
            f"ext_job_cache is {outside}: the nodes' responses bypass the pusher, so no node "
            "seems to respond",
        )


def pillar_file_problems(opts: Mapping[str, Any]) -> Iterator[MasterProblem]:
    """Pillar files that the master's user cannot read: Salt would leave them out, or fail."""
    for root in (opts.get("pillar_roots") or {}).get("base") or ():
        for path in sorted(Path(root).rglob("*.sls")):
            if not os.access(path, os.R_OK):
                yield MasterProblem(
                    "PillarUnreadable",
                    f"chown {opts.get('user') or 'root'} {path}",
                    f"{path} is not readable for {_me()}, the Salt master's user",
                )


def _state_owner(opts: Mapping[str, Any]) -> Iterator[MasterProblem]:
    """State of ours that belongs to another user, such as to root before the master had its own."""
    root = Path(opts["root_dir"]) / STATE_ROOT
    if not root.exists():
        return
    for path in (root, *sorted(root.iterdir() if os.access(root, os.R_OK | os.X_OK) else ())):
        owner = path.stat().st_uid
        if owner != os.geteuid() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            user = opts.get("user") or "root"
            yield MasterProblem(
                "StateOfAnotherUser",
                f"chown -R {user}: {root}",
                f"{path} is owned by {_name(owner)}, but the Salt master runs as {_me()}",
            )
            return


def _me() -> str:
    return _name(os.geteuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
