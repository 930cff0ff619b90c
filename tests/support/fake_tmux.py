"""A tmux that makes what it is told to, and keeps it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from saltext_mip.console.tmux.session import Session


class FakeTmux:
    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.environment: Mapping[str, str] = MappingProxyType({})

    def find(self, federation: str) -> str | None:
        return "$1" if federation in self.sessions else None

    def ensure(self, session: Session, *, force: bool, environment: Mapping[str, str]) -> bool:
        self.environment = environment
        made = force or session.federation not in self.sessions
        if made:
            self.sessions[session.federation] = session
        return made

    def windows(self, federation: str) -> tuple[tuple[int, str, int], ...]:
        return tuple(
            (window.index, window.name, len(window.panes))
            for window in self.sessions[federation].windows
        )

    def attach_argv(self, federation: str, *, inside: bool) -> tuple[str, ...]:
        return ("tmux", "switch-client" if inside else "attach-session", "-t", "$1")
