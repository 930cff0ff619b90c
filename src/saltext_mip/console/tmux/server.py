"""From a :class:`~saltext_mip.console.tmux.session.Session` to the operator's own tmux server.

The only module that calls tmux, by libtmux. Whatever tmux answers to is named by tmux's ids, since
names may hold what tmux takes for part of a target.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from saltext_mip.console.tmux import keys, layout
from saltext_mip.console.tmux.session import (
    MARK,
    NEWER_WINDOW_OPTIONS,
    Pane,
    Session,
    Window,
)
from saltext_mip.errors import MipError, Refused
from saltext_mip.text import shown

ASIDE = 32000  # an index for the window that a new session cannot be made without
SMALLEST = (80, 24)
LARGEST_CELL = (26, 4)  # what a pane of the logs wants, while it is made
# Runs in a window until its options are set: its own program could end before, and the window too.
# Of two words and more, so that no default-shell and no default-command is asked.
HOLD = ("tail", "-f", "/dev/null")


class TmuxFailed(MipError):
    """tmux: {message}"""


NOTHING: Mapping[str, str] = MappingProxyType({})

# what tmux reports, and what it means
REASONS = (
    (
        re.compile("protocol version mismatch|server version is too old"),
        "its server on this machine is still of another version than the command. End your "
        "sessions in it (what runs in them is lost), then try again.",
    ),
    (
        re.compile("server exited unexpectedly|no server running"),
        "its server ended at once. Where tmux.conf has exit-unattached on, a session that nobody "
        "is attached to is not kept: remove that option. Else tmux new-session shows why.",
    ),
    (
        re.compile("(?:couldn't create|error creating|not a directory|unsafe permissions)"),
        "it cannot have its socket's folder: TMUX_TMPDIR (default /tmp) must be a folder that you "
        "can write to, and tmux-<user id> in it must be yours alone.",
    ),
    (
        re.compile("error connecting to .*Permission denied"),
        "its server on this machine is another user's: unset TMUX and TMUX_TMPDIR, or be that "
        "user.",
    ),
)


def reason(message: str) -> str:
    """What tmux reports in our words where it is known, else in its own."""
    return next((ours for pattern, ours in REASONS if pattern.search(message)), message)


class Tmux:
    """The tmux server that the command ``tmux`` talks to here."""

    def __init__(self) -> None:
        if shutil.which("tmux") is None:
            raise TmuxFailed("it is not installed here. Install the package tmux.")
        import libtmux

        self._server = libtmux.Server()

    def find(self, federation: str) -> str | None:
        """The id of that federation's session."""
        return next((id_ for id_, mark in self._sessions() if mark == federation), None)

    def ensure(
        self, session: Session, *, force: bool, environment: Mapping[str, str] = NOTHING
    ) -> bool:
        """Make the session unless it is there; whether it was made. With ``force`` recreated.

        ``environment``: for what is started in it from now on.
        """
        there = self.find(session.federation)
        if there is not None and not force:
            self._set_environment(there, environment)
            self._bind()
            return False
        taken = self._ask("list-sessions", "-F", "#{session_name}", empty=True)
        if there is None and session.name in taken:
            raise Refused(
                f"tmux has a session '{session.name}' that is not of federation "
                f"'{session.federation}': rename it (tmux rename-session) and try again."
            )
        # the old one goes when the new one stands: a person may be looking at it from within
        if there is not None:
            self._ask("rename-session", "-t", there, f"{session.name}-old")
        try:
            made = self._make(session, environment)
        except MipError:
            if there is not None:
                self._ask("rename-session", "-t", there, session.name)
            raise
        if there is not None:
            self._hand_over(there, made)
            self._ask("kill-session", "-t", there)
        self._bind()
        return True

    def windows(self, federation: str) -> tuple[tuple[int, str, int], ...]:
        """``(index, name, panes)`` of each window that there is."""
        session = self.find(federation)
        if session is None:
            return ()
        form = "#{window_index} #{window_panes} #{window_name}"
        lines = [
            line.split(" ", 2) for line in self._ask("list-windows", "-t", session, "-F", form)
        ]
        return tuple((int(index), name, int(panes)) for index, panes, name in lines)

    def attach_argv(self, federation: str, *, inside: bool) -> tuple[str, ...]:
        """The command that brings a person there; ``inside`` tmux it takes their client along."""
        session = self.find(federation)
        if session is None:
            raise TmuxFailed(f"there is no session of federation '{federation}'.")
        command = "switch-client" if inside else "attach-session"
        return ("tmux", command, "-t", session)

    # -- making

    def _make(self, session: Session, environment: Mapping[str, str]) -> str:
        width, height = _room(session)
        # in one: with destroy-unattached, tmux would destroy it before the next command
        made, aside = self._ask(
            *("new-session", "-d", "-s", session.name, "-x", str(width), "-y", str(height)),
            *("-P", "-F", "#{session_id} #{window_id}", *HOLD),
            *(";", "set-option", "destroy-unattached", "off"),
        )[0].split(" ")
        try:
            self._silence_hooks(made, "-g")
            self._ask("rename-session", "-t", made, session.name)  # a hook may have renamed it
            self._set_environment(made, environment)
            self._set(made, session.options)
            self._ask("move-window", "-s", aside, "-t", f"{made}:{ASIDE}")
            for window in session.windows:
                self._window(made, window, session.window_options)
            self._ask("kill-window", "-t", aside)
            self._ask("select-window", "-t", f"{made}:{session.windows[0].index}")
            # last: what is half made is nobody's
            self._ask("set-option", "-t", made, MARK, session.federation)
        except MipError:
            self._ask("kill-session", "-t", made)
            raise
        return made

    def _window(self, session: str, window: Window, options: Mapping[str, str]) -> None:
        first, *others = window.panes
        id_, pane = self._ask(
            *("new-window", "-d", "-t", f"{session}:{window.index}", "-n", window.name),
            *("-P", "-F", "#{window_id} #{pane_id}", *HOLD),
        )[0].split(" ")
        self._silence_hooks(id_, "-gw")
        self._set(id_, {**options, **window.options}, window=True)
        self._set(id_, NEWER_WINDOW_OPTIONS, window=True, quiet=True)
        self._ask("respawn-pane", "-k", "-t", pane, *(first.argv or _shell()))
        self._title(pane, first)
        for other in others:
            lines = ("-l", str(other.lines)) if other.lines else ()
            pane = self._ask(
                *("split-window", "-d", "-v", "-t", pane, *lines, "-P", "-F", "#{pane_id}"),
                *(other.argv or _shell()),
            )[0]
            self._title(pane, other)
            if window.grid:  # makes room for the next
                self._ask("select-layout", "-t", id_, "tiled")
        if window.grid and others:
            size = self._ask("display-message", "-p", "-t", id_, "#{window_width} #{window_height}")
            width, height = map(int, size[0].split(" "))
            self._ask("select-layout", "-t", id_, layout.layout(len(window.panes), width, height))

    def _title(self, pane: str, of: Pane) -> None:
        """In an option of ours: a program in the pane can change a pane's title."""
        self._ask("set-option", "-p", "-t", pane, "@mip_pane", of.title)

    def _set(
        self, target: str, options: Mapping[str, str], *, window: bool = False, quiet: bool = False
    ) -> None:
        """``quiet``: an option that this tmux does not know is left out."""
        flags = [*(["-w"] if window else []), *(["-q"] if quiet else [])]
        for name, value in options.items():
            self._ask("set-option", *flags, "-t", target, name, value)

    def _set_environment(self, session: str, environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            self._ask("set-environment", "-t", session, name, value)

    def _silence_hooks(self, target: str, scope: str) -> None:
        """Let nothing that the user has tmux do at its events happen to what we make."""
        window = ("-w",) if scope == "-gw" else ()
        for line in self._ask("show-hooks", scope, empty=True):
            name, is_set, _ = line.partition("[")
            if is_set:
                self._ask("set-hook", *window, "-t", target, name, "")

    def _bind(self) -> None:
        for key in keys.KEYS:
            listed = self._ask("list-keys", "-T", key.table, key.name, empty=True)
            if arguments := keys.binding(key, keys.bound(listed[0]) if listed else None):
                self._ask("bind-key", *arguments)

    def _hand_over(self, old: str, new: str) -> None:
        """Whoever looks at the old session looks at the new one."""
        for client in self._ask("list-clients", "-t", old, "-F", "#{client_name}", empty=True):
            self._ask("switch-client", "-c", client, "-t", new)

    # -- asking

    def _sessions(self) -> list[tuple[str, str]]:
        form = f"#{{session_id}} #{{{MARK}}}"
        lines = self._ask("list-sessions", "-F", form, empty=True)
        return [(id_, mark) for id_, _, mark in (line.partition(" ") for line in lines)]

    def _ask(self, *arguments: str, empty: bool = False) -> list[str]:
        """What tmux prints; with ``empty`` nothing where it has nothing or does not run."""
        done: Any = self._server.cmd(*arguments)
        if done.returncode or done.stderr:
            if empty:
                return []
            message = shown(" ".join(done.stderr)) or str(done.returncode)
            ours = reason(message)
            raise TmuxFailed(ours if ours != message else f"{arguments[0]}: {message}")
        return list(done.stdout)


def attach(argv: tuple[str, ...]) -> int:
    """Run it on this terminal until the person leaves; its exit code."""
    return subprocess.call(argv)  # noqa: S603 - made by attach_argv


def _shell() -> tuple[str, ...]:
    """The operator's login shell, whatever tmux is configured to start."""
    shell = os.environ.get("SHELL") or pwd.getpwuid(os.geteuid()).pw_shell
    return (shell if os.access(shell, os.X_OK) else "/bin/sh", "-l")


def _room(session: Session) -> tuple[int, int]:
    """How large a window its panes are made in: this terminal, and no smaller than they need."""
    here = shutil.get_terminal_size(SMALLEST)
    most = max(len(window.panes) for window in session.windows)
    columns = layout.columns(most)
    width = max(here.columns, SMALLEST[0], len(columns) * LARGEST_CELL[0])
    height = max(here.lines, SMALLEST[1], max(columns) * LARGEST_CELL[1] + 1)
    return width, height
