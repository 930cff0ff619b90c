"""From a :class:`~saltext_mip.console.tmux.session.Session` to the operator's own tmux server.

The only module that calls tmux, by libtmux. Whatever tmux answers to is named by tmux's ids, since
names may hold what tmux takes for part of a target.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from saltext_mip.console.tmux import keys, layout
from saltext_mip.console.tmux.session import MARK, Pane, Session, Window
from saltext_mip.errors import MipError, Refused

ASIDE = 32000  # an index for the window that a new session cannot be made without
SMALLEST = (80, 24)
LARGEST_CELL = (26, 4)  # what a pane of the logs wants, while it is made


class TmuxFailed(MipError):
    """tmux: {message}"""


class Tmux:
    """The tmux server that the command ``tmux`` talks to here."""

    def __init__(self) -> None:
        if shutil.which("tmux") is None:
            raise TmuxFailed("it is not installed here.")
        import libtmux

        self._server = libtmux.Server()

    def find(self, federation: str) -> str | None:
        """The id of that federation's session."""
        return next((id_ for id_, mark in self._sessions() if mark == federation), None)

    def ensure(self, session: Session, *, force: bool) -> bool:
        """Make the session unless it is there; whether it was made. With ``force`` recreated."""
        there = self.find(session.federation)
        if there is not None and not force:
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
            made = self._make(session)
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

    def _make(self, session: Session) -> str:
        width, height = _room(session)
        made, aside = self._ask(
            *("new-session", "-d", "-s", session.name, "-x", str(width), "-y", str(height)),
            *("-P", "-F", "#{session_id} #{window_id}"),
        )[0].split(" ")
        try:
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
            *("-P", "-F", "#{window_id} #{pane_id}", *first.argv),
        )[0].split(" ")
        self._set(id_, {**options, **window.options}, window=True)
        self._title(pane, first)
        for other in others:
            lines = ("-l", str(other.lines)) if other.lines else ()
            pane = self._ask(
                *("split-window", "-d", "-v", "-t", pane, *lines, "-P", "-F", "#{pane_id}"),
                *other.argv,
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

    def _set(self, target: str, options: Mapping[str, str], *, window: bool = False) -> None:
        for name, value in options.items():
            self._ask("set-option", *(("-w",) if window else ()), "-t", target, name, value)

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
            raise TmuxFailed(f"{arguments[0]}: {' '.join(done.stderr) or done.returncode}")
        return list(done.stdout)


def attach(argv: tuple[str, ...]) -> int:
    """Run it on this terminal until the person leaves; its exit code."""
    return subprocess.call(argv)  # noqa: S603 - made by attach_argv


def inside() -> bool:
    """Whether this runs in a pane of tmux."""
    return bool(os.environ.get("TMUX"))


def _room(session: Session) -> tuple[int, int]:
    """How large a window its panes are made in: this terminal, and no smaller than they need."""
    here = shutil.get_terminal_size(SMALLEST)
    most = max(len(window.panes) for window in session.windows)
    columns = layout.columns(most)
    width = max(here.columns, SMALLEST[0], len(columns) * LARGEST_CELL[0])
    height = max(here.lines, SMALLEST[1], max(columns) * LARGEST_CELL[1] + 1)
    return width, height
