"""Who opens the session, and on what: their terminal, their ssh agent behind sudo, their tmux.

The session is the person's. With sudo it is on root's tmux server, and has the agent of the person
who called sudo: sudo removes it from the environment, the processes before it still have it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saltext_mip.errors import Refused

AGENT = "SSH_AUTH_SOCK"
NO_AGENT = (
    "No ssh agent found behind sudo: start one (eval $(ssh-agent); ssh-add), then "
    f"sudo --preserve-env={AGENT} mip tmux --force."
)
PROC = Path("/proc")


@dataclass(frozen=True)
class Operator:
    """``environment`` is what the session's windows get; ``prefix`` comes before a tmux command.

    ``hint``: what to do where ssh does not connect. ``inside``: this runs in a pane of tmux.
    """

    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    hint: str = ""
    prefix: str = ""
    inside: bool = False


def here(
    *, terminal: bool, environ: Mapping[str, str] | None = None, proc: Path = PROC
) -> Operator:
    """The operator of this process; with ``terminal`` one that tmux can run on, else an error."""
    environ = os.environ if environ is None else environ
    inside = bool(environ.get("TMUX"))
    if terminal and not inside:  # inside, the terminal is that of the client, which is attached
        require_terminal(environ.get("TERM", ""))
    user = os.geteuid()
    if user != 0 and _owner(proc / str(os.getsid(0))) not in (user, None):
        raise Refused(
            "The session would be one of the Salt master's user, without your ssh key. "
            "Run: sudo mip tmux"
        )
    sudo = environ.get("SUDO_UID", "")
    behind_sudo = user == 0 and sudo.isdigit() and sudo != "0"
    agent = environ.get(AGENT) or (_agent_of(int(sudo), proc) if behind_sudo else None)
    return Operator(
        environment={AGENT: agent} if agent else {},
        hint="" if agent or not behind_sudo else NO_AGENT,
        prefix="sudo " if behind_sudo else "",
        inside=inside,
    )


def require_terminal(term: str) -> None:
    """Raise if tmux cannot draw on such a terminal."""
    try:
        import curses
    except ModuleNotFoundError:  # a Python without it: tmux itself looks
        return
    advice = "Run: TERM=xterm-256color mip tmux"
    if not term:
        raise Refused(
            f"tmux cannot run here: TERM, the kind of this terminal, is not set. {advice}"
        )
    try:
        curses.setupterm(term, 1)
    except curses.error:
        raise Refused(
            f"tmux cannot run here: this machine does not know the terminal '{term}' (TERM). "
            f"{advice}"
        ) from None
    if not (curses.tigetstr("clear") and curses.tigetstr("cup")):
        raise Refused(
            f"tmux cannot run here: a terminal '{term}' (TERM) cannot be cleared, or its cursor "
            "cannot be moved. Use another terminal, or mip status --watch and mip logs."
        )


def _agent_of(user: int, proc: Path) -> str | None:
    """The socket of that user's agent, from the processes that called this one."""
    for process in _ancestors(proc):
        if _owner(process) != user:
            continue
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        for each in environment.split(b"\0"):
            name, _, value = os.fsdecode(each).partition("=")
            if name == AGENT and _is_socket_of(user, Path(value)):
                return value
    return None


def _ancestors(proc: Path) -> Iterator[Path]:
    number = os.getppid()
    while number > 1:
        process = proc / str(number)
        yield process
        try:
            # the name before it is in brackets, and may hold any character
            fields = (process / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            return
        number = int(fields[1])


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _is_socket_of(user: int, path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == user
